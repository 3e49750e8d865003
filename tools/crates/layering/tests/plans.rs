//! Plans of small root file systems: what shares a layer, what stays, and what is unpacked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use verbatim_archive::{Builder, Compression, Contents, Defaults, Encoding, Item, Layer, Wish};
use verbatim_components::Inventory;
use verbatim_layering::{layers, picture, Budget, Grouping, Part, Parts, Plan, Report};
use verbatim_oci::{LayerMetadata, MediaType};

/// Packages with their versions and the sizes of their files.
type Packages<'a> = [(&'a str, &'a str, usize)];

/// A root of Debian's packages, each with a program, a link and a second name; and what is nobody's.
fn root(packages: &Packages<'_>, own: &str) -> Arc<Contents> {
    let mut builder = Builder::new(Defaults::default(), std::env::temp_dir());
    builder.create_parents(true);
    let mut item = |path: &str, item: Item, mode: Option<u32>| {
        let wish = Wish {
            mode,
            ..Wish::default()
        };
        builder.item(path.as_bytes(), item, &wish, "test").unwrap();
    };
    let bytes = |text: &str| Item::Bytes(text.as_bytes().to_vec());
    let mut status = String::new();
    for (name, version, size) in packages {
        let content: Vec<u8> = format!("{name} {version}\n").into_bytes();
        let content = content.iter().copied().cycle().take(*size).collect();
        item(
            &format!("usr/bin/{name}"),
            Item::Bytes(content),
            Some(0o755),
        );
        item(
            &format!("usr/share/{name}/data"),
            Item::HardLink(format!("usr/bin/{name}").into()),
            None,
        );
        item(
            &format!("usr/share/{name}.d/link"),
            Item::Symlink(b"../x".to_vec()),
            None,
        );
        item(&format!("var/cache/{name}"), Item::Directory, Some(0o700));
        status += &format!("Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n");
        let list = format!("/.\n/usr/bin/{name}\n/usr/share/{name}\n/usr/share/{name}/data\n/usr/share/{name}.d/link\n/var/cache/{name}\n");
        item(
            &format!("var/lib/dpkg/info/{name}.list"),
            bytes(&list),
            None,
        );
    }
    item("var/lib/dpkg/status", bytes(&status), None);
    item("srv/app", bytes(own), None);
    item("srv", Item::Directory, Some(0o750));
    Arc::new(builder.contents().unwrap())
}

/// What a release consists of.
struct Release {
    contents: Arc<Contents>,
    parts: Parts,
    grouping: Grouping,
    plan: Plan,
    blobs: Vec<Vec<u8>>,
}

impl Release {
    fn of(contents: Arc<Contents>, previous: Option<&Self>, limit: usize, threads: usize) -> Self {
        let inventory = Inventory::read(&*contents, &[]).unwrap();
        assert_eq!(inventory.unread, []);
        let parts = Parts::of(&contents, &inventory).unwrap();
        let budget = Budget {
            layers: limit,
            largest: 1 << 30,
        };
        let grouping = layers(&parts, previous.map(|one| &one.plan), budget);
        let (mut blobs, mut metadata) = (Vec::new(), Vec::new());
        for members in &grouping.layers {
            let (blob, one) = written(&parts.layer(&contents, members), threads);
            blobs.push(blob);
            metadata.push(one);
        }
        let plan = grouping.plan(&parts, budget, metadata);
        let json = plan.to_json().unwrap();
        assert_eq!(Plan::parse(&json, "plan.json").unwrap(), plan);
        Self {
            contents,
            parts,
            grouping,
            plan,
            blobs,
        }
    }

    /// The keys of each layer.
    fn keys(&self) -> Vec<Vec<&str>> {
        let keys = |layer: &Vec<usize>| layer.iter().map(|&at| &*self.parts[at].key).collect();
        self.grouping.layers.iter().map(keys).collect()
    }
}

fn written(layer: &Layer, threads: usize) -> (Vec<u8>, LayerMetadata) {
    let mut blob = Vec::new();
    let encoding = Encoding::new(Compression::None, None).unwrap();
    let summary = layer.write(encoding, threads, &mut blob, &|_| {}).unwrap();
    let size = summary.size;
    let (digest, diff_id) = (summary.digest, summary.diff_id);
    let metadata = LayerMetadata::new(
        MediaType::OCI_LAYER,
        digest,
        size,
        diff_id,
        Some(size),
        None,
    );
    (blob, metadata)
}

/// What is there once layers are unpacked in their order, by another reader of tar: of each path its
/// kind, its attributes, and its content or target. Names of one file have one number.
fn unpacked(blobs: &[Vec<u8>]) -> BTreeMap<Vec<u8>, String> {
    let mut tree: BTreeMap<Vec<u8>, String> = BTreeMap::new();
    let mut names: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for blob in blobs {
        for entry in tar::Archive::new(&blob[..]).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut path = entry.path_bytes().into_owned();
            if path.ends_with(b"/") {
                path.pop();
            }
            let header = entry.header().clone();
            let about = format!(
                "{:o} {} {} {}",
                header.mode().unwrap(),
                header.uid().unwrap(),
                header.gid().unwrap(),
                header.mtime().unwrap()
            );
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
            let text = match header.entry_type() {
                tar::EntryType::Directory => format!("folder {about}"),
                tar::EntryType::Link => {
                    let target = entry.link_name_bytes().unwrap().into_owned();
                    let first = names.get(&target).unwrap_or(&target).clone();
                    // Its target is there by now.
                    let text = tree[&first].clone();
                    names.insert(path.clone(), first);
                    text
                }
                tar::EntryType::Symlink => format!("link {about} {:?}", entry.link_name_bytes()),
                _ => {
                    names.remove(&path);
                    format!("file {about} {}", verbatim_digest::Digest::of(&content))
                }
            };
            tree.insert(path, text);
        }
    }
    for (name, first) in names {
        let text = format!("{} and {}", tree[&first], String::from_utf8_lossy(&first));
        tree.insert(name, text);
    }
    tree
}

/// Every part in one layer, no more layers than there may be, and the tree is that of one layer.
fn check(release: &Release, limit: usize) {
    let all: Vec<usize> = release.grouping.layers.concat();
    let each: BTreeSet<usize> = all.iter().copied().collect();
    assert_eq!(
        (all.len(), each.len()),
        (release.parts.len(), release.parts.len())
    );
    assert!(
        release.grouping.layers.len() <= limit,
        "{:?}",
        release.keys()
    );
    let everything: Vec<usize> = (0..release.parts.len()).collect();
    let single = written(&release.parts.layer(&release.contents, &everything), 1);
    let of_all = written(&release.contents.select(|_, _| true), 1);
    assert_eq!(single, of_all);
    assert_eq!(unpacked(&release.blobs), unpacked(&[single.0]));
}

const PACKAGES: &Packages<'_> = &[
    ("base", "1", 900_000),
    ("big", "1", 5_000_000),
    ("curl", "7", 300_000),
    ("libc6", "2.36", 2_000_000),
    ("tiny", "1", 10),
    ("tiny2", "1", 20),
    ("zlib", "1.3", 150_000),
];

#[test]
fn layers_are_the_tree_whatever_their_number() {
    for limit in [1, 2, 3, 5, 8, 20, 127] {
        let release = Release::of(root(PACKAGES, "own"), None, limit, 2);
        check(&release, limit);
        let again = Release::of(root(PACKAGES, "own"), None, limit, 1);
        assert_eq!(release.plan, again.plan);
    }
    let few = Release::of(root(PACKAGES, "own"), None, 3, 1);
    // The list of packages changes with each of them, and is small: it lies at the top.
    assert!(few.keys()[2].contains(&"database/deb"), "{:?}", few.keys());
    assert!(
        !few.keys()[2].contains(&"deb/big:amd64"),
        "{:?}",
        few.keys()
    );
    // What is small gains nothing from a layer of its own.
    let many = Release::of(root(PACKAGES, "own"), None, 100, 1);
    assert!(many
        .keys()
        .iter()
        .any(|keys| keys.contains(&"deb/tiny:amd64") && keys.len() > 1));
    assert!(
        many.keys().contains(&vec!["deb/big:amd64"]),
        "{:?}",
        many.keys()
    );
}

#[test]
fn what_did_not_change_keeps_its_layer() {
    for limit in [2, 4, 6, 12] {
        let first = Release::of(root(PACKAGES, "own"), None, limit, 1);
        let same = Release::of(root(PACKAGES, "own"), Some(&first), limit, 1);
        assert_eq!(same.blobs, first.blobs);
        assert_eq!(Report::of(&same.plan, Some(&first.plan)).new_bytes, 0);
        let mut packages = PACKAGES.to_vec();
        packages[2].1 = "8";
        let second = Release::of(root(&packages, "own"), Some(&first), limit, 1);
        check(&second, limit);
        for (keys, blob) in first.keys().iter().zip(&first.blobs) {
            let touched = keys
                .iter()
                .any(|key| key.contains("curl") || key.contains("database"));
            assert_eq!(second.blobs.contains(blob), !touched, "{limit} {keys:?}");
        }
        let curl = |release: &Release| {
            let components = release.plan.components();
            let curl = components
                .iter()
                .find(|c| c.key == "deb/curl:amd64")
                .unwrap();
            (curl.version.clone(), curl.seen, curl.changed)
        };
        assert_eq!(curl(&first), ("7".to_owned(), 0, 0));
        assert_eq!(curl(&second), ("8".to_owned(), 1, 1));
        let report = Report::of(&second.plan, Some(&first.plan));
        let changed: Vec<_> = report.changes.iter().map(|c| &*c.component).collect();
        assert_eq!(changed, ["database/deb", "deb/curl:amd64"]);
        let text = report.to_text();
        assert!(text.contains("  changed  deb/curl:amd64 7 → 8\n"), "{text}");
        let svg = picture(&second.plan, Some(&first.plan));
        assert!(svg.starts_with("<svg ") && svg.contains("deb/big:amd64"));
        // Packages come and go.
        packages.remove(0);
        packages.push(("zzz", "1", 4000));
        let third = Release::of(root(&packages, "other"), Some(&second), limit, 1);
        check(&third, limit);
        for (keys, blob) in second.keys().iter().zip(&second.blobs) {
            let words = ["base", "database", "srv"];
            let touched = keys
                .iter()
                .any(|key| words.iter().any(|word| key.contains(word)));
            if limit > 4 || touched {
                assert_eq!(third.blobs.contains(blob), !touched, "{limit} {keys:?}");
            }
        }
        // Fewer layers than before.
        let fewer = Release::of(root(&packages, "other"), Some(&third), 1, 1);
        check(&fewer, 1);
    }
}

#[test]
fn white_outs_lie_below_what_they_would_remove() {
    let mut builder = Builder::new(Defaults::default(), std::env::temp_dir());
    builder.create_parents(true);
    let mut add = |path: &str, content: &[u8]| {
        let item = Item::Bytes(content.to_vec());
        builder
            .item(path.as_bytes(), item, &Wish::default(), "test")
            .unwrap();
    };
    add("a/.wh..wh..opq", b"");
    add("a/b", &[7; 100_000]);
    add("z/.wh.c", b"");
    add("z/c", &[8; 100_000]);
    let contents = Arc::new(builder.contents().unwrap());
    let release = Release::of(Arc::clone(&contents), None, 10, 1);
    assert_eq!(
        release.keys(),
        [vec!["white-outs"], vec!["unowned/a"], vec!["unowned/z"]]
    );
    check(&Release::of(contents, None, 1, 1), 1);
}

#[test]
fn very_many_parts_are_put_together() {
    let names: Vec<String> = (0..2000).map(|n| format!("p{n:04}")).collect();
    let packages: Vec<_> = names
        .iter()
        .map(|name| (&**name, "1", 64 * name.len()))
        .collect();
    let release = Release::of(root(&packages, "own"), None, 30, 1);
    assert!(release.grouping.layers.len() <= 30);
    assert_eq!(release.grouping.layers.concat().len(), release.parts.len());
}

#[test]
fn plans_that_contradict_themselves_are_refused() {
    let release = Release::of(root(PACKAGES, "own"), None, 3, 1);
    let good = String::from_utf8(release.plan.to_json().unwrap()).unwrap();
    for (from, to, place) in [
        ("verbatim.plan/1", "verbatim.plan/2", "/schema"),
        ("\"layer\":0", "\"layer\":9", "/layer"),
        ("\"seen\":0", "\"sean\":0", "sean"),
        ("\"changed\":0", "\"changed\":1", "/changed"),
        ("deb/big:amd64", "zzz", "/key"),
    ] {
        assert!(good.contains(from), "{from}");
        let error = Plan::parse(good.replacen(from, to, 1).as_bytes(), "plan.json").unwrap_err();
        assert!(error.to_string().contains(place), "{error}");
    }
    let part: &Part = &release.parts[0];
    assert_eq!(part.key, "database/deb");
}
