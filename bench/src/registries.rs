//! What `verify`, `push` and the sums of many images cost, beside crane and skopeo and a registry of their own on loopback.
//!
//! docker-registry serves from a folder and caches nothing, so it can be emptied before each push by removing that folder. It runs
//! on the same cores as who is measured, whoever that is.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};

use crate::cases::{Case, Runner};
use crate::measure::runner;

/// How the names of these cases begin.
pub const PREFIX: &str = "registry: ";

/// Two registries that serve until this is dropped: one is filled once, the other emptied before each push.
#[derive(Debug)]
pub struct Registries(Vec<Child>);

impl Drop for Registries {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Start the registries, and make and publish the images.
pub fn start(verbatim: &Path, work: &Path) -> Result<Registries> {
    let mut all = Registries(Vec::new());
    for name in ["published", "empty"] {
        let folder = work.join(name);
        std::fs::create_dir_all(&folder)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = folder.join("config.yml");
        std::fs::write(&config, configuration(&folder, address))?;
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("docker-registry, which these cases need, cannot be started")?;
        all.0.push(child);
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            ensure!(
                began.elapsed() < Duration::from_secs(20),
                "docker-registry does not answer"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        std::fs::write(work.join(format!("{name}.host")), address.to_string())?;
    }
    crate::report::progress("making and publishing images");
    let status = Command::new("bash")
        .args(["-o", "pipefail", "-ec", PREPARE])
        .current_dir(work)
        .env("V", verbatim)
        .stdin(Stdio::null())
        .status()?;
    ensure!(status.success(), "the images cannot be made or published");
    Ok(all)
}

fn configuration(folder: &Path, address: SocketAddr) -> String {
    let mut text = String::new();
    let _ = write!(
        text,
        "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    rootdirectory: {}\n  \
         maintenance:\n    uploadpurging:\n      enabled: false\nhttp:\n  addr: {address}\n  secret: of-a-benchmark\n",
        folder.join("data").display()
    );
    text
}

/// Layers of 16 MB and 4 MB that all share and one of 100 kB each, bytes that do not compress and are the same each time; 200 images of one small
/// layer; the documents of 1,000 images, without any layer.
const PREPARE: &str = r#"
noise() { openssl enc -aes-128-ctr -nosalt -pbkdf2 -pass pass:"$1" </dev/zero 2>/dev/null | head -c "$2" || true; }
if [ ! -e images ]; then
  rm -rf images.partial; mkdir -p images.partial/trees images.partial/docs; cd images.partial
  layer() { mkdir trees/$1; noise $1 $2 >trees/$1/$1; $V layer --compression=gzip -o $1.tar.gz --metadata=$1.json trees/$1; }
  layer base 16000000; layer middle 4000000
  for n in $(seq 20); do
    layer own$n 100000
    $V image -o push$n --platform=linux/amd64 --layer=base.tar.gz --layer=middle.tar.gz --layer=own$n.tar.gz --entrypoint=/own$n >/dev/null
  done
  for n in $(seq 200); do
    $V image -o verify$n --platform=linux/amd64 --layer=own$((n % 20 + 1)).tar.gz --env=N=$n >/dev/null
  done
  mkdir sums; for n in $(seq 1000); do
    $V image --platform=linux/amd64 --layer=base.json --layer=middle.json --layer=own$((n % 20 + 1)).json --env=N=$n \
      --manifest=sums/m$n.json --config=sums/c$n.json --metadata=sums/d$n.json
    printf -- '--record={"reference":{"registry":"registry.example.com","prefix":"acme","name":"app%d","tag":"v1"},"kind":"image","manifest":"images/sums/m%d.json","config":"images/sums/c%d.json","metadata":"images/sums/d%d.json"}\n' $n $n $n $n >>sums.args
  done
  cd ..; mv images.partial images
fi
host=$(cat published.host); rm -f verify.args push.args
for n in $(seq 200); do echo "--image=$host/acme/app$((n % 20)):v$n=images/verify$n"; done >verify.args
$V sums create @verify.args -o published.sha256
$V push @verify.args --sums published.sha256 >/dev/null
cut -c67- published.sha256 >published.references
head -n 1 published.sha256 >attested.sha256
cut -c67- attested.sha256 >attested.reference
if [ ! -e release.pub ]; then
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out release.key 2>/dev/null
  $V attest provenance attested.sha256 --builder=https://example.com/ci --uri=https://example.com/acme/app.git --target=//:app --bazel-version=7.7.1 \
    --commit=a85e5c99b80a6036084608313547138cb490083a --tree=b85e5c99b80a6036084608313547138cb490083a -o statement.json
  $V attest sign statement.json --key=release.key -o statement.intoto.jsonl
  openssl pkey -in release.key -pubout -out release.pub
fi
$V attest attach "$(cat attested.reference)" statement.intoto.jsonl >/dev/null
host=$(cat empty.host)
for n in $(seq 20); do echo "--image=$host/acme/app$n:v1=images/push$n"; done >push.args
for n in $(seq 20); do echo "--image=$host/acme/app:v$n=images/push$n"; done >push-tags.args
"#;

/// The cases.
pub fn cases(verbatim: &Path) -> Vec<Case> {
    let v = verbatim.display().to_string();
    let mut cases = Vec::new();
    let mut add = |name: &str, runners: Vec<Runner>| {
        cases.push(Case {
            name: format!("{PREFIX}{name}"),
            tree: None,
            runners,
        });
    };
    add(
        "verify 200 references",
        vec![
            runner("verbatim verify", &[&v], format!("{v} verify published.sha256 >out/blob")),
            runner(
                "crane digest, in a loop",
                &["crane"],
                "while read -r sum name; do [ \"$(crane digest $name)\" = sha256:$sum ]; done <published.sha256".into(),
            ),
            runner(
                "skopeo inspect, on all cores",
                &["skopeo"],
                "xargs -P $(nproc) -I{} skopeo inspect --tls-verify=false --no-tags --format '{{.Digest}}' docker://{} <published.references".into(),
            ),
            runner(
                "skopeo inspect --raw | sha256sum, on all cores",
                &["skopeo", "sha256sum"],
                "xargs -P $(nproc) -I{} sh -c 'skopeo inspect --tls-verify=false --raw docker://{} | sha256sum' <published.references".into(),
            ),
        ],
    );
    // A process for each, as a pipeline starts one for each image that it is about to run.
    let ten_times = |command: &str| format!("for _ in $(seq 10); do {command} $(cat attested.reference) >out/blob; done");
    add(
        "verify the provenance of an image, ten times",
        vec![
            runner(
                "verbatim attest verify",
                &[&v],
                ten_times(&format!("{v} attest verify --key=release.pub --type=slsaprovenance1")),
            ),
            runner(
                "cosign verify-attestation",
                &["cosign"],
                ten_times("HOME=$PWD cosign verify-attestation --key=release.pub --type=slsaprovenance1 --insecure-ignore-tlog --allow-http-registry"),
            ),
        ],
    );
    let emptied = |runner: Runner| Runner {
        before: Some("rm -rf empty/data".into()),
        ..runner
    };
    for (name, args, images) in [
        ("push 20 images to 20 repositories", "push.args", 20),
        ("push 20 images to one repository", "push-tags.args", 20),
        ("push one image", "push.args", 1),
    ] {
        // The same list for all: `--image=REFERENCE=LAYOUT` a line.
        let each = |command: &str| {
            format!("head -n {images} {args} | while IFS== read -r _ reference layout; do {command}; done")
        };
        add(
            name,
            vec![
                emptied(runner(
                    "verbatim push",
                    &[&v],
                    format!("head -n {images} {args} >out/args; {v} push @out/args"),
                )),
                emptied(runner(
                    "crane push, in a loop",
                    &["crane"],
                    each("crane push $layout $reference"),
                )),
            ],
        );
    }
    add(
        "container_sums of 1,000 images",
        vec![
            runner(
                "verbatim sums create",
                &[&v],
                format!("{v} sums create @images/sums.args -o out/blob"),
            ),
            runner(
                "limit: sha256sum of the manifests",
                &["sha256sum"],
                "sha256sum images/sums/m*.json >out/digests".into(),
            ),
        ],
    );
    cases
}
