//! What databases and metadata say, from trees that are made here.

use std::io::Write;

use verbatim_archive::{Builder, Contents, Defaults, Glob, Item, Wish};
use verbatim_components::{Algorithm, Checksum, Component, Declared, Inventory, Role};

/// A tree: of each path its content, or its target after `-> `; `*` in front of a path makes a program.
fn tree(files: &[(&str, &[u8])]) -> Contents {
    let mut builder = Builder::new(Defaults::default(), std::env::temp_dir());
    builder.create_parents(true);
    for (path, content) in files {
        let item = match content.strip_prefix(b"-> ") {
            Some(target) => Item::Symlink(target.to_vec()),
            None => Item::Bytes(content.to_vec()),
        };
        let wish = Wish {
            mode: path.starts_with('*').then_some(0o755),
            ..Wish::default()
        };
        let path = path.trim_start_matches('*');
        builder.item(path.as_bytes(), item, &wish, "test").unwrap();
    }
    builder.contents().unwrap()
}

fn read(files: &[(&str, &[u8])]) -> Inventory {
    let inventory = Inventory::read(&tree(files), &[]).unwrap();
    assert_eq!(inventory.unread, []);
    inventory
}

fn shown(component: Option<&Component>) -> String {
    component.map_or("nobody".to_owned(), |component| {
        format!(
            "{} {} {}",
            component.kind, component.name, component.version
        )
    })
}

/// Whose each of these paths is.
fn owners(inventory: &Inventory, expected: &[(&str, &str)]) {
    for (path, owner) in expected {
        assert_eq!(shown(inventory.owner(path.as_bytes())), *owner, "{path}");
    }
}

fn checksum(inventory: &Inventory, path: &str) -> Option<String> {
    let claims = inventory.claims_on(path.as_bytes());
    Some(claims.first()?.checksum.as_ref()?.to_string())
}

const DEBIAN: &[u8] = b"PRETTY_NAME=\"Debian GNU/Linux 12\"\nVERSION_ID=\"12\"\nID=debian\n";

#[test]
fn dpkg_in_a_merged_usr() {
    let status = b"Package: dash\nStatus: install ok installed\nArchitecture: amd64\nSource: dash-src (0.5-1)\nVersion: 1:0.5.12-2+b1\nConffiles:\n /etc/dash.conf 00000000000000000000000000000001\n /etc/gone 00000000000000000000000000000002 obsolete\n\nPackage: libx\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nVersion: 1\n\nPackage: old\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\nPackage: diverter\nStatus: install ok installed\nArchitecture: all\nVersion: 2\n";
    let inventory = read(&[
        ("bin", b"-> usr/bin"),
        ("lib", b"-> usr/lib"),
        ("etc/os-release", b"-> ../usr/lib/os-release"),
        ("usr/lib/os-release", DEBIAN),
        ("*usr/bin/dash", b"dash"),
        ("*usr/bin/dash.real", b"diverted"),
        ("usr/lib/libx.so.1", b"x"),
        ("usr/lib/python3/a.py", b"a"),
        ("usr/lib/python3/__pycache__/a.cpython-311.pyc", b"a"),
        ("usr/lib/python3/__pycache__/b.cpython-311.pyc", b"b"),
        ("etc/dash.conf", b"c"),
        ("srv/own", b"c"),
        ("var/lib/dpkg/status", status),
        ("var/lib/dpkg/diversions", b"/bin/ls\n/bin/dash.real\ndiverter\n"),
        ("var/lib/dpkg/info/dash.list", b"/.\n/bin\n/bin/dash\n/bin/ls\n/etc\n/etc/dash.conf\n/usr\n/usr/missing\n"),
        ("var/lib/dpkg/info/dash.md5sums", b"0000000000000000000000000000000a  bin/dash\n0000000000000000000000000000000b  usr/missing\n"),
        ("var/lib/dpkg/info/dash.extra.list", b""),
        ("var/lib/dpkg/info/libx:amd64.list", b"/lib\n/lib/libx.so.1\n/usr/lib/python3\n/usr/lib/python3/a.py\n"),
        ("var/lib/dpkg/info/diverter.list", b"/.\n"),
    ]);
    assert_eq!(inventory.components.len(), 3);
    let system = inventory.system.as_ref().unwrap();
    assert_eq!(
        (&*system.id, system.version.as_deref()),
        ("debian", Some("12"))
    );
    owners(
        &inventory,
        &[
            ("usr/bin/dash", "deb dash 1:0.5.12-2+b1"),
            ("usr/bin/dash.real", "deb dash 1:0.5.12-2+b1"),
            ("usr/bin/ls", "nobody"),
            ("bin", "nobody"),
            ("etc/dash.conf", "deb dash 1:0.5.12-2+b1"),
            ("usr/lib/libx.so.1", "deb libx 1"),
            (
                "usr/lib/python3/__pycache__/a.cpython-311.pyc",
                "deb libx 1",
            ),
            ("usr/lib/python3/__pycache__/b.cpython-311.pyc", "nobody"),
            ("var/lib/dpkg/info/dash.list", "deb dash 1:0.5.12-2+b1"),
            ("var/lib/dpkg/info/dash.extra.list", "nobody"),
            ("var/lib/dpkg/info/libx:amd64.list", "deb libx 1"),
            ("var/lib/dpkg/status", "nobody"),
            ("srv/own", "nobody"),
        ],
    );
    assert_eq!(
        checksum(&inventory, "usr/bin/dash").unwrap(),
        "md5:0000000000000000000000000000000a"
    );
    assert_eq!(
        checksum(&inventory, "etc/dash.conf").unwrap(),
        "md5:00000000000000000000000000000001"
    );
    // What is claimed need not be there.
    assert!(checksum(&inventory, "usr/missing").is_some());
    let dash = &inventory.components[0];
    assert_eq!(
        dash.purl.as_deref(),
        Some("pkg:deb/debian/dash@1:0.5.12-2%2Bb1?arch=amd64&distro=debian-12")
    );
    let source = dash.source.as_ref().unwrap();
    assert_eq!(
        (&*source.name, source.version.as_deref()),
        ("dash-src", Some("0.5-1"))
    );
    let roles: Vec<_> = inventory.claims_of(0).map(|claim| claim.role).collect();
    assert_eq!(
        roles.iter().filter(|role| **role == Role::Config).count(),
        1
    );
    assert_eq!(
        roles.len(),
        inventory
            .claims()
            .iter()
            .filter(|c| c.component == 0)
            .count()
    );
}

#[test]
fn images_without_dpkg() {
    let inventory = read(&[
        ("usr/lib/os-release", DEBIAN),
        ("usr/lib/libz.so.1", b"-> libz.so.1.3"),
        ("usr/lib/libz.so.1.3", b"z"),
        ("usr/lib/other", b"-> nowhere"),
        (
            "var/lib/dpkg/status.d/zlib1g",
            b"Package: zlib1g\nSource: zlib\nVersion: 1:1.3\nArchitecture: arm64\n",
        ),
        (
            "var/lib/dpkg/status.d/zlib1g.md5sums",
            b"0000000000000000000000000000000a  usr/lib/libz.so.1.3\n",
        ),
    ]);
    owners(
        &inventory,
        &[
            ("usr/lib/libz.so.1.3", "deb zlib1g 1:1.3"),
            ("usr/lib/libz.so.1", "deb zlib1g 1:1.3"),
            ("usr/lib/other", "nobody"),
            ("var/lib/dpkg/status.d/zlib1g.md5sums", "deb zlib1g 1:1.3"),
        ],
    );
}

#[test]
fn what_rpm_wrote() {
    let database = include_bytes!("../testdata/rpmdb.sqlite");
    let inventory = read(&[
        ("etc/os-release", b"ID=\"rhel\"\nVERSION_ID=\"9.4\"\n"),
        ("var/lib/rpm", b"-> ../../usr/lib/sysimage/rpm"),
        ("usr/lib/sysimage/rpm/rpmdb.sqlite", database),
        ("opt/rpm-file-attrs/normal", b"normal"),
    ]);
    owners(
        &inventory,
        &[
            ("usr/bin/rpm-basic", "rpm rpm-basic 1:2.3.4-5.el9"),
            ("var/log/rpm-basic/basic.log", "rpm rpm-basic 1:2.3.4-5.el9"),
            ("opt/rpm-file-attrs/normal", "rpm rpm-file-attrs 1.0-1"),
        ],
    );
    assert_eq!(
        checksum(&inventory, "usr/bin/rpm-basic").unwrap(),
        "sha256:d799d56d3b1e42f9b1e485614802adc2712d91427864b1af23849996847b4f97"
    );
    assert_eq!(checksum(&inventory, "usr/lib/rpm-basic"), None);
    let role = |path: &str| inventory.claims_on(path.as_bytes())[0].role;
    assert_eq!(role("var/log/rpm-basic/basic.log"), Role::Ghost);
    assert_eq!(role("opt/rpm-file-attrs/config_noreplace"), Role::Config);
    let basic = &inventory.components[0];
    assert_eq!(
        basic.purl.as_deref(),
        Some("pkg:rpm/redhat/rpm-basic@2.3.4-5.el9?arch=noarch&distro=rhel-9.4&epoch=1")
    );
    assert_eq!(basic.license.as_deref(), Some("MPL-2.0"));
    assert_eq!(basic.source.as_ref().unwrap().name, "rpm-basic");
    // 11 and 26 files, as `rpm -ql` lists them.
    let count = |at| inventory.claims_of(at).len();
    assert_eq!((count(0), count(1)), (11, 26));
}

#[test]
fn a_damaged_database_is_told() {
    let whole = include_bytes!("../testdata/rpmdb.sqlite");
    for end in (0..whole.len()).step_by(509) {
        let tree = tree(&[("var/lib/rpm/rpmdb.sqlite", &whole[..end])]);
        let inventory = Inventory::read(&tree, &[]).unwrap();
        assert_eq!(inventory.unread.len(), 1, "{end}");
    }
    for at in (0..whole.len()).step_by(97) {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 0x55;
        let tree = tree(&[("var/lib/rpm/rpmdb.sqlite", &bytes)]);
        Inventory::read(&tree, &[]).unwrap();
    }
    let tree = tree(&[
        ("var/lib/rpm/Packages", b"old"),
        ("var/lib/dpkg/status", b"Package: a\nno field\n"),
    ]);
    let inventory = Inventory::read(&tree, &[]).unwrap();
    let paths: Vec<_> = inventory
        .unread
        .iter()
        .map(|unread| &unread.path[..])
        .collect();
    assert_eq!(
        paths,
        [&b"var/lib/dpkg/status"[..], b"var/lib/rpm/Packages"]
    );
}

#[test]
fn apk_lists_names_below_folders() {
    let installed = b"C:Q1gpCJlK+nuj1BmKhsWSQjwBpaaF8=\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl-src\nF:lib\nR:libc.musl.so\na:0:0:777\nZ:Q117g9VGtqHJVxNFvWSAT61sF0ZQQ=\nR:ld.so\nZ:Q17yJ3JFNypA4mxhJJr0ou6CzsJVI=\nF:usr/empty\n\nP:b\nV:2\nF:\nR:at-the-root\n\n";
    let inventory = read(&[
        ("lib/apk/db/installed", installed),
        ("etc/os-release", b"ID=alpine\nVERSION_ID=3.18.0\n"),
    ]);
    owners(
        &inventory,
        &[
            ("lib/libc.musl.so", "apk musl 1.2.4-r2"),
            ("lib/ld.so", "apk musl 1.2.4-r2"),
            ("usr/empty", "apk musl 1.2.4-r2"),
            ("at-the-root", "apk b 2"),
        ],
    );
    let sha1 = Checksum::of_hex(Algorithm::Sha1, b"ef2277245372a40e26c61249af4a2ee82cec2552");
    assert_eq!(inventory.claims_on(b"lib/ld.so")[0].checksum, sha1);
    let musl = &inventory.components[1];
    assert_eq!(
        musl.purl.as_deref(),
        Some("pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.18.0")
    );
    assert_eq!(musl.license.as_deref(), Some("MIT"));
}

#[test]
fn python_and_npm() {
    let site = "usr/lib/python3.11/site-packages";
    let at = |rest: &str| format!("{site}/{rest}");
    let record = b"../../../bin/tool,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\r\na_b/__init__.py,,\r\nA_B-1.2.dist-info/RECORD,,\r\n";
    let inventory = read(&[
        (
            &at("A_B-1.2.dist-info/METADATA"),
            b"Metadata-Version: 2.1\nName: A_B\nVersion: 1.2\nLicense: MIT\n\nName: no\n",
        ),
        (&at("A_B-1.2.dist-info/RECORD"), record),
        (&at("A_B-1.2.dist-info/licenses/x"), b""),
        (&at("a_b/__init__.py"), b""),
        (&at("a_b/__pycache__/__init__.cpython-311.pyc"), b""),
        (&at("old.egg-info"), b"Name: old\nVersion: 3\n"),
        ("usr/bin/tool", b""),
        (
            "app/node_modules/x/package.json",
            br#"{"name":"x","version":"1.0.0","license":{"type":"ISC"}}"#,
        ),
        (
            "app/node_modules/x/lib/package.json",
            br#"{"type":"module"}"#,
        ),
        (
            "app/node_modules/x/node_modules/@s/y/package.json",
            br#"{"name":"@s/Y","version":"2.0.0"}"#,
        ),
        ("app/node_modules/x/node_modules/@s/y/y.js", b""),
        ("app/node_modules/.bin/x", b"-> ../x/lib/x.js"),
        ("app/index.js", b""),
    ]);
    owners(
        &inventory,
        &[
            ("usr/bin/tool", "python A_B 1.2"),
            (&at("A_B-1.2.dist-info/licenses/x"), "python A_B 1.2"),
            (
                &at("a_b/__pycache__/__init__.cpython-311.pyc"),
                "python A_B 1.2",
            ),
            (&at("old.egg-info"), "python old 3"),
            ("app/node_modules/x/lib/package.json", "npm x 1.0.0"),
            (
                "app/node_modules/x/node_modules/@s/y/y.js",
                "npm @s/Y 2.0.0",
            ),
            ("app/index.js", "nobody"),
        ],
    );
    let purls: Vec<_> = inventory
        .components
        .iter()
        .filter_map(|c| c.purl.as_deref())
        .collect();
    assert_eq!(
        purls,
        [
            "pkg:pypi/a-b@1.2",
            "pkg:pypi/old@3",
            "pkg:npm/%40s/y@2.0.0",
            "pkg:npm/x@1.0.0"
        ]
    );
    assert_eq!(
        checksum(&inventory, "usr/bin/tool").unwrap(),
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

/// A program of 64 bits with sections of these names.
fn program(sections: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut names = b"\0.shstrtab\0".to_vec();
    let mut body: Vec<u8> = Vec::new();
    let mut headers = vec![[0_u64; 4]];
    for (name, content) in sections {
        let at = 64 + body.len() as u64;
        headers.push([names.len() as u64, 1, at, content.len() as u64]);
        names.extend(name.bytes().chain([0]));
        body.extend(content);
    }
    headers.push([1, 3, 64 + body.len() as u64, names.len() as u64]);
    body.extend(&names);
    let mut data = b"\x7fELF\x02\x01\x01".to_vec();
    data.resize(40, 0);
    data.extend((64 + body.len() as u64).to_le_bytes());
    data.resize(58, 0);
    for n in [64, headers.len() as u16, headers.len() as u16 - 1] {
        data.extend(n.to_le_bytes());
    }
    data.extend(body);
    for [name, kind, at, size] in headers {
        data.extend([(name as u32).to_le_bytes(), (kind as u32).to_le_bytes()].concat());
        data.extend([0; 16]);
        data.extend([at.to_le_bytes(), size.to_le_bytes()].concat());
        data.extend([0; 24]);
    }
    data
}

/// The record that Go's linker writes.
fn build_info(list: &str) -> Vec<u8> {
    use verbatim_formats::go::{END, INLINE, MAGIC, START};
    let length = |n: usize| vec![n as u8 | 0x80, (n >> 7) as u8 & 0x7f];
    let mut data = [MAGIC, &[8, INLINE], &[0; 16]].concat();
    data.extend(length(8));
    data.extend(b"go1.22.1");
    data.extend(length(list.len() + 32));
    data.extend([START, list.as_bytes(), END].concat());
    data
}

#[test]
fn programs_tell_of_their_modules() {
    let list = "path\texample.com/App/cmd\nmod\texample.com/App\t(devel)\t\ndep\tgithub.com/a/B\tv1.0.0\th1:x\ndep\texample.com/c\tv2.0.0\t\n=>\texample.com/d\tv3.0.0\n";
    let go = program(&[(".note", vec![1, 2]), (".go.buildinfo", build_info(list))]);
    let audit = br#"{"packages":[{"name":"app","version":"0.1.0","source":"local","root":true},{"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"},{"name":"serde","version":"1.0.200","source":"crates.io"}]}"#;
    let mut zlib = Vec::new();
    {
        // Stored, which any reader of zlib takes.
        zlib.extend([0x78, 0x01, 1]);
        zlib.extend((audit.len() as u16).to_le_bytes());
        zlib.extend((!(audit.len() as u16)).to_le_bytes());
        zlib.write_all(audit).unwrap();
        let (mut a, mut b) = (1_u32, 0_u32);
        for &byte in audit {
            a = (a + u32::from(byte)) % 65521;
            b = (b + a) % 65521;
        }
        zlib.extend((b << 16 | a).to_be_bytes());
    }
    let rust = program(&[(".dep-v0", zlib)]);
    let inventory = read(&[
        ("*usr/bin/app", &go),
        ("*usr/bin/tool", &rust),
        ("usr/bin/data", &go),
        ("*usr/bin/short", b"\x7fELF"),
    ]);
    owners(
        &inventory,
        &[
            ("usr/bin/app", "go example.com/App "),
            ("usr/bin/tool", "cargo app 0.1.0"),
            ("usr/bin/data", "nobody"),
        ],
    );
    let purls: Vec<_> = inventory
        .components
        .iter()
        .filter_map(|c| c.purl.as_deref())
        .collect();
    assert_eq!(
        purls,
        [
            "pkg:cargo/app@0.1.0",
            "pkg:cargo/serde@1.0.200",
            "pkg:golang/example.com/app",
            "pkg:golang/example.com/d@v3.0.0",
            "pkg:golang/github.com/a/b@v1.0.0",
            "pkg:golang/stdlib@1.22.1",
        ]
    );
    let linked = inventory.claims_on(b"usr/bin/app").iter();
    assert_eq!(linked.filter(|claim| claim.role == Role::Linked).count(), 3);
}

#[test]
fn people_and_builders_say_more() {
    let mut builder = Builder::new(Defaults::default(), std::env::temp_dir());
    builder.create_parents(true);
    let mut add = |component: Option<&str>, path: &str, content: &[u8]| {
        builder.component(component);
        let item = Item::Bytes(content.to_vec());
        builder
            .item(path.as_bytes(), item, &Wish::default(), "test")
            .unwrap();
    };
    add(Some("a"), "usr/share/a/link", b"");
    add(Some("//app:layer"), "app/one", b"");
    add(Some("//app:layer"), "app/two", b"");
    add(None, "other", b"");
    add(
        None,
        "var/lib/dpkg/status",
        b"Package: a\nStatus: install ok installed\nVersion: 1\n",
    );
    let declared = [Declared {
        name: "model".to_owned(),
        version: Some("7".to_owned()),
        paths: vec![Glob::new("/app/t*", "test").unwrap()],
    }];
    let inventory = Inventory::read(&builder.contents().unwrap(), &declared).unwrap();
    owners(
        &inventory,
        &[
            ("usr/share/a/link", "deb a 1"),
            ("app/one", "bazel //app:layer "),
            ("app/two", "declared model 7"),
            ("other", "nobody"),
        ],
    );
}
