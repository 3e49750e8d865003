//! What `diff` costs, beside diffoscope, and beside a bare sha256 of both sides: the least that says whether they differ.
//!
//! A difference is what all of these are to find, so that exit code 1 is right.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{ensure, Result};

use crate::cases::{Case, Runner};
use crate::measure::runner;
use crate::trees::Tree;

/// How the names of these cases begin.
pub const PREFIX: &str = "diff: ";

/// Make what is compared, once.
pub fn make(verbatim: &Path, work: &Path) -> Result<()> {
    crate::report::progress("making archives and images that differ");
    let status = Command::new("bash")
        .args(["-o", "pipefail", "-ec", PREPARE])
        .current_dir(work)
        .env("V", verbatim)
        .stdin(Stdio::null())
        .status()?;
    ensure!(status.success(), "what is compared cannot be made");
    Ok(())
}

/// 3,000 files of text and noise, 107 MB, one line of one of them differs: as archives, as images with gzip layers and as `docker save` has them.
/// The root file system with 24 files changed, 700 MB. An image of 1 GB, twice.
const PREPARE: &str = r#"
noise() { openssl enc -aes-128-ctr -nosalt -pbkdf2 -pass pass:"$1" </dev/zero 2>/dev/null | head -c "$2" || true; }
archive() { tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$2" -C "$1" .; }
layer() { $V layer --compression=$1 -o $2 --metadata=$3.json $4; }
[ ! -e diff ] || exit 0
rm -rf diff.partial; mkdir -p diff.partial/t; cd diff.partial
for n in $(seq 60); do mkdir t/$n; for m in $(seq 50); do
  if [ $((m % 2)) = 0 ]; then noise $n-$m 36000 >t/$n/$m.bin; else seq $((n * m)) $((n * m + 5200)) >t/$n/$m.txt; fi
done; done
archive t a.tar; sed -i '1000s/.*/another line/' t/30/25.txt; archive t b.tar
mkdir s; noise shared 20000000 >s/shared; layer gzip shared.tar.gz shared s
for x in a b; do
  mkdir t$x; tar -C t$x -xf $x.tar; layer gzip i$x.tar.gz i$x t$x
  $V image -o i$x --platform=linux/amd64 --layer=shared.tar.gz --layer=i$x.tar.gz >/dev/null
  skopeo copy -q oci:i$x docker-archive:d$x.tar:x:v1
done
cp -r ../root r; noise more 170000000 >r/more
archive r ra.tar; find r -type f -size -40k -name '*.h' | LC_ALL=C sort | awk 'NR % 40 == 0' | head -n 24 | while read -r f; do echo changed >>"$f"; done; archive r rb.tar
mkdir g; noise big 1000000000 >g/big; layer none g.tar g g
$V image -o ga --platform=linux/amd64 --layer=g.tar >/dev/null; cp -r ga gb
rm -rf t s g r *.json; cd ..; mv diff.partial diff
"#;

/// The cases.
pub fn cases(verbatim: &Path) -> Vec<Case> {
    let v = verbatim.display().to_string();
    let pair = |name: &str, a: &str, b: &str, mut runners: Vec<Runner>| {
        let ours = format!("{v} diff diff/{a} diff/{b} >out/report || [ $? = 1 ]");
        runners.insert(0, runner("verbatim diff", &[&v], ours));
        Case {
            name: format!("{PREFIX}{name}"),
            // What is compared is made from it.
            tree: Some(Tree::Root),
            runners,
        }
    };
    let hash = |a: &str, b: &str| {
        runner(
            "limit: sha256sum of both",
            &["sha256sum"],
            format!("sha256sum diff/{a} diff/{b} >out/digests"),
        )
    };
    let diffoscope = |a: &str, b: &str| {
        runner(
            "diffoscope",
            &["diffoscope"],
            format!("diffoscope --no-progress --text out/report diff/{a} diff/{b} || [ $? = 1 ]"),
        )
    };
    let unpack = |a: &str, b: &str| {
        runner(
            "limit: gzip -dc | sha256sum of both layers",
            &["gzip", "sha256sum"],
            format!("for f in diff/{a} diff/{b}; do gzip -dc $f | sha256sum >>out/digests; done"),
        )
    };
    vec![
        pair(
            "two archives of 3,000 files and 107 MB, one text differs",
            "a.tar",
            "b.tar",
            vec![diffoscope("a.tar", "b.tar"), hash("a.tar", "b.tar")],
        ),
        pair(
            "the same archive twice",
            "a.tar",
            "a.tar",
            vec![hash("a.tar", "a.tar")],
        ),
        pair(
            "the same as folders",
            "ta",
            "tb",
            vec![
                runner(
                    "diff -r",
                    &["diff"],
                    "diff -rq diff/ta diff/tb >out/report || [ $? = 1 ]".into(),
                ),
                runner(
                    "limit: sha256sum of both",
                    &["sha256sum"],
                    "find diff/ta diff/tb -type f -print0 | xargs -0 sha256sum >out/digests".into(),
                ),
            ],
        ),
        pair(
            "layouts with gzip layers",
            "ia",
            "ib",
            vec![unpack("ia.tar.gz", "ib.tar.gz")],
        ),
        pair(
            "docker save archives",
            "da.tar",
            "db.tar",
            vec![diffoscope("da.tar", "db.tar"), hash("da.tar", "db.tar")],
        ),
        pair(
            "two root file systems of 700 MB, 24 files differ",
            "ra.tar",
            "rb.tar",
            vec![hash("ra.tar", "rb.tar")],
        ),
        pair(
            "two equal layouts of 1 GB",
            "ga",
            "gb",
            vec![runner(
                "limit: sha256sum of their documents",
                &["sha256sum"],
                "find diff/ga diff/gb -type f -size -64k -print0 | xargs -0 sha256sum >out/digests"
                    .into(),
            )],
        ),
    ]
}
