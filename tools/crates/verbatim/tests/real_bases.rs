//! Bases that move on: a real registry, a file that pins, a release that stands on what is pinned.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use verbatim_testbed::{output, Kind, Registry};

struct Workspace(tempfile::TempDir);

impl Workspace {
    fn path(&self) -> &Path {
        self.0.path()
    }

    fn verbatim(&self, arguments: &[&str]) -> Output {
        output(
            Command::new(env!("CARGO_BIN_EXE_verbatim"))
                .current_dir(self.path())
                .env_remove("DOCKER_CONFIG")
                .args(arguments),
        )
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.verbatim(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A layout with one layer of one file, on a base or on nothing; its digest.
    fn image(&self, name: &str, text: &str, base: &[&str]) -> String {
        let files = self.path().join("files");
        std::fs::create_dir_all(&files).unwrap();
        std::fs::write(files.join("file"), text).unwrap();
        let layer = format!("{name}.tar.gz");
        self.done(&["layer", "files", "-o", &layer]);
        let layer = format!("--layer={layer}");
        let mut arguments = vec!["image", "--platform=linux/amd64", &layer, "-o", name];
        arguments.extend(base);
        self.done(&arguments).trim().to_owned()
    }
}

#[test]
fn a_base_that_moves_on_is_told_and_pinned_again() {
    let registry = Registry::start(Kind::Plain);
    let at = Workspace(tempfile::tempdir().unwrap());
    let first = at.image("first", "of the base", &[]);
    at.image("app", "of the app", &["--base=first"]);
    at.image("other", "of nobody's base", &[]);
    let (base, app) = (
        registry.reference("acme/base"),
        registry.reference("acme/app:v1"),
    );
    let other = registry.reference("acme/other:v1");
    let tagged = format!("{base}:v1");
    at.done(&["push", "first", &tagged]);
    at.done(&["push", "app", &app]);
    at.done(&["push", "other", &other]);
    at.done(&[
        "sums",
        "create",
        &format!("--image={app}=app"),
        &format!("--image={other}=other"),
        "-o",
        "release.sha256",
    ]);
    let module = |digest: &str| {
        format!(
            "images.pull(\n    name = \"base\",\n    digest = \"{digest}\",  # of the spring\n    image = \"{base}\",\n    tag = \"v1\",\n)\n"
        )
    };
    let file = at.path().join("MODULE.bazel");
    std::fs::write(&file, module(&first)).unwrap();

    let told = at.done(&["bases"]);
    assert!(
        told.contains(&tagged) && told.ends_with("\n1 current\n"),
        "{told}"
    );
    let told = at.done(&["verify", "release.sha256", "--bases=MODULE.bazel"]);
    assert!(
        told.contains("the base is what its tag stands for"),
        "{told}"
    );

    let second = at.image("second", "of the base, mended", &[]);
    at.done(&["push", "second", &tagged]);
    let told = at.verbatim(&["bases", "--sums=release.sha256", "--format=json"]);
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(
        (&told["schema"], &told["verdict"]),
        (&"verbatim.bases/1".into(), &"moved".into())
    );
    let one = &told["bases"][0];
    assert_eq!(
        (one["pinned"].as_str(), one["now"].as_str()),
        (Some(&*first), Some(&*second))
    );
    assert_eq!(one["images"], serde_json::json!([app]), "{one}");
    // What was released is what it was: the verdict stays, and the base is told.
    let told = at.done(&["verify", "release.sha256", "--bases=MODULE.bazel"]);
    assert!(
        told.contains(&format!(
            "the base base has moved on: {tagged} was {first} and is {second}; {app} stands on it"
        )),
        "{told}"
    );

    let told = at.done(&["bases", "--update"]);
    assert!(told.ends_with("\n1 updated\n"), "{told}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), module(&second));
    let told = at.done(&["bases", "MODULE.bazel", "--sums", "release.sha256"]);
    assert!(
        told.contains("no image of the release stands on it"),
        "{told}"
    );
}

#[test]
fn what_is_not_known_is_never_current() {
    let registry = Registry::start(Kind::Plain);
    let at = Workspace(tempfile::tempdir().unwrap());
    let digest = at.image("first", "of the base", &[]);
    let base = registry.reference("acme/base");
    at.done(&["push", "first", &format!("{base}:v1")]);
    let pull = |arguments: &str| format!("images.pull(name = \"base\", {arguments})\n");
    for (text, code, what) in [
        (
            pull(&format!("image = \"{base}\", digest = \"{digest}\"")),
            3,
            "has no `tag`",
        ),
        (
            pull(&format!("image = \"{base}\", tag = \"v1\"")),
            3,
            "has no `digest`",
        ),
        (
            pull(&format!(
                "image = \"{base}\", digest = \"{digest}\", tag = \"v2\""
            )),
            3,
            "1 unchecked",
        ),
        (
            pull("image = \"127.0.0.1:1/x\", digest = DIGEST"),
            2,
            "MODULE.bazel:1: `digest` is not written as a string",
        ),
        ("module(name = \"x\")\n".to_owned(), 2, "pins no image"),
    ] {
        std::fs::write(at.path().join("MODULE.bazel"), &text).unwrap();
        for arguments in [&["bases"][..], &["bases", "--update"]] {
            let told = at.verbatim(arguments);
            let all = [&told.stdout[..], &told.stderr].concat();
            let all = String::from_utf8(all).unwrap();
            assert_eq!(told.status.code(), Some(code), "{text}: {all}");
            assert!(all.contains(what), "{text}: {all}");
            assert_eq!(
                std::fs::read_to_string(at.path().join("MODULE.bazel")).unwrap(),
                text
            );
        }
    }
    let told = at.verbatim(&["bases", "--name=other", "absent"]);
    assert_eq!(told.status.code(), Some(2), "{told:?}");
}
