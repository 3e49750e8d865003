//! What is measured against what. Every command is written out, so that anybody can run it by hand.

use std::path::Path;

use crate::measure::runner;
use crate::trees::Tree;

/// One command of a case.
#[derive(Debug)]
pub struct Runner {
    /// Whose.
    pub name: String,
    /// Programs it needs, by name or path.
    pub needs: Vec<String>,
    /// Run before each measured run, not counted: to put inputs back that are changed in place.
    pub before: Option<String>,
    /// For bash, in the work folder; where there is an output, it writes `out/blob`, or a layout `out/oci`.
    pub script: String,
}

/// Our command and its peers on the same input.
#[derive(Debug)]
pub struct Case {
    /// Short, unique.
    pub name: String,
    /// The tree it needs.
    pub tree: Option<Tree>,
    /// Ours first.
    pub runners: Vec<Runner>,
}

/// The trees that these cases need, each once.
pub fn trees(cases: &[Case]) -> Vec<Tree> {
    let mut trees: Vec<_> = cases.iter().filter_map(|c| c.tree).collect();
    trees.sort();
    trees.dedup();
    trees
}

/// All cases.
pub fn all(verbatim: &Path, bench: &Path, extra: &[(&str, &str)]) -> Vec<Case> {
    let v = verbatim.display().to_string();
    let b = bench.display().to_string();
    let mut cases = Vec::new();
    for tree in [Tree::Root, Tree::Small, Tree::Many, Tree::Big] {
        let t = tree.name();
        let tar = format!(
            "tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C {t} -cf - ."
        );
        let ours = |compression: &str, out: &str| {
            runner(
                "verbatim",
                &[&v],
                format!("{v} layer --compression={compression} -o {out} {t}"),
            )
        };
        // Each peer must make what ours makes: the blob, its digest, and the digest of the tar inside.
        let piped = |name: &str, needs: &[&str], compress: &str| {
            let mut all = vec!["tar", "sha256sum", "tee"];
            all.extend(needs);
            runner(
                name,
                &all,
                format!("{tar} | tee >(sha256sum >out/diff_id) | {compress} | tee out/blob | sha256sum >out/digest"),
            )
        };
        let others = |compression: &str, out: &str, into: &mut Vec<Runner>| {
            for (name, command) in extra {
                into.push(runner(
                    name,
                    &[],
                    command
                        .replace("{tree}", t)
                        .replace("{out}", out)
                        .replace("{compression}", compression),
                ));
            }
        };

        let mut hashed = vec![
            ours("none", "/dev/null"),
            runner(
                "tar | sha256sum",
                &["tar", "sha256sum"],
                format!("{tar} | sha256sum"),
            ),
        ];
        hashed.push(Runner {
            before: Some(format!(
                "[ -e {t}.tar ] || {tar} >{t}.tar; cat {t}.tar >/dev/null"
            )),
            ..runner("limit: bare sha256", &[&b], format!("{b} hash {t}.tar"))
        });
        cases.push(Case {
            name: format!("{t}: uncompressed, hashed only"),
            tree: Some(tree),
            runners: hashed,
        });

        let mut file = vec![
            ours("none", "out/blob"),
            runner(
                "tar | tee | sha256sum",
                &["tar", "tee", "sha256sum"],
                format!("{tar} | tee out/blob | sha256sum >out/digest"),
            ),
            runner(
                "bsdtar | tee | sha256sum",
                &["bsdtar", "tee", "sha256sum"],
                format!("bsdtar -C {t} -cf - . | tee out/blob | sha256sum >out/digest"),
            ),
            Runner {
                before: Some(format!(
                    "[ -e {t}.tar ] || {tar} >{t}.tar; cat {t}.tar >/dev/null"
                )),
                ..runner(
                    "limit: sha256, then write",
                    &[&b],
                    format!("{b} hash {t}.tar; {b} write {t}.tar out/blob"),
                )
            },
        ];
        file.extend(chunkah(tree, ""));
        others("none", "out/blob", &mut file);
        cases.push(Case {
            name: format!("{t}: uncompressed, to a file"),
            tree: Some(tree),
            runners: file,
        });

        let mut gzip = vec![
            ours("gzip", "out/blob"),
            piped("tar | gzip -6", &["gzip"], "gzip -n6"),
            piped("tar | pigz -6", &["pigz"], "pigz -n6"),
            skopeo(t, "gzip"),
        ];
        gzip.extend(chunkah(tree, " --compressed"));
        others("gzip", "out/blob", &mut gzip);
        cases.push(Case {
            name: format!("{t}: gzip"),
            tree: Some(tree),
            runners: gzip,
        });

        let mut zstd = vec![
            ours("zstd", "out/blob"),
            piped("tar | zstd -3 -T2", &["zstd"], "zstd -q -3 -T2"),
            skopeo(t, "zstd"),
        ];
        others("zstd", "out/blob", &mut zstd);
        cases.push(Case {
            name: format!("{t}: zstd"),
            tree: Some(tree),
            runners: zstd,
        });
    }

    cases.push(Case {
        name: "small: sums of files".into(),
        tree: Some(Tree::Small),
        runners: vec![
            runner(
                "verbatim",
                &[&v],
                format!("{v} sums create --files small -o out/blob"),
            ),
            runner(
                "xargs -P2 -n4000 sha256sum",
                &["xargs", "sha256sum", "find"],
                "find small -type f -print0 | xargs -0 -P2 -n4000 sha256sum >out/blob".into(),
            ),
        ],
    });

    let fresh = |into: &str| Some(format!("rm -rf {into} && cp -r in-file {into}"));
    cases.push(Case {
        name: "in-file: normalise in place".into(),
        tree: Some(Tree::InFile),
        runners: vec![
            Runner {
                before: fresh("ours"),
                ..runner(
                    "verbatim",
                    &[&v],
                    format!("{v} normalize --in-place --mtime=1000000000 ours/*"),
                )
            },
            Runner {
                before: fresh("theirs"),
                ..runner(
                    "strip-nondeterminism",
                    &["strip-nondeterminism"],
                    "strip-nondeterminism -T 1000000000 theirs/*".into(),
                )
            },
            Runner {
                before: fresh("theirs"),
                ..runner(
                    "add-determinism -j2",
                    &["add-det"],
                    "SOURCE_DATE_EPOCH=1000000000 add-det -j2 theirs/*".into(),
                )
            },
        ],
    });

    let layout = format!(
        "[ -e layout ] || {{ {v} layer --compression=gzip -o layer.tar.gz root && {v} image --layer=layer.tar.gz \
         --platform=linux/amd64 -o layout && rm layer.tar.gz; }}; cat layout/blobs/sha256/* >/dev/null"
    );
    cases.push(Case {
        name: "root: deep check of a gzip layer".into(),
        tree: Some(Tree::Root),
        runners: vec![
            Runner {
                before: Some(layout.clone()),
                ..runner("verbatim", &[&v], format!("{v} layout check layout"))
            },
            Runner {
                before: Some(format!("{layout}; [ -e image.tar ] || skopeo --insecure-policy copy -q oci:layout docker-archive:image.tar:check:1")),
                ..runner("crane validate", &["crane", "skopeo"], "crane validate --tarball image.tar".into())
            },
            Runner {
                before: Some(layout),
                ..runner(
                    "gzip -dc | sha256sum, beside sha256sum",
                    &["gzip", "sha256sum"],
                    "blob=$(ls -S layout/blobs/sha256/* | head -1); sha256sum $blob & gzip -dc $blob | sha256sum; wait".into(),
                )
            },
        ],
    });
    cases
}

/// Chunkah makes an image of up to 64 layers, two of them at a time, and its layout is the output. It knows no zstd, and
/// refuses a tree in which it finds neither packages nor large files, as those of small files are.
fn chunkah(tree: Tree, flag: &str) -> Option<Runner> {
    matches!(tree, Tree::Root | Tree::Big).then(|| {
        runner(
            "chunkah (an image of up to 64 layers)",
            &["chunkah"],
            format!(
                "chunkah build --rootfs {} --skip-special-files{flag} -o oci:out/oci",
                tree.name()
            ),
        )
    })
}

/// Skopeo starts from a finished tar in a layout, which is not counted; ours starts from files.
fn skopeo(tree: &str, format: &str) -> Runner {
    let before = format!(
        "[ -e {tree}.oci ] || {{ [ -e {tree}.tar ] || tar --sort=name -C {tree} -cf {tree}.tar .; umoci init --layout {tree}.oci; \
         umoci new --image {tree}.oci:t; umoci raw add-layer --image {tree}.oci:t {tree}.tar; \
         skopeo --insecure-policy copy -q --dest-decompress oci:{tree}.oci:t dir:{tree}.dir; }}; cat {tree}.dir/* >/dev/null"
    );
    Runner {
        before: Some(before),
        ..runner(
            &format!("skopeo to {format} (from a finished tar)"),
            &["skopeo", "umoci"],
            format!(
                "skopeo --insecure-policy copy -q --dest-compress --dest-compress-format {format} dir:{tree}.dir oci:out/oci"
            ),
        )
    }
}
