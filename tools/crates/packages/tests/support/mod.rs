//! Small repositories of Debian's form, signed as the test wants.

mod tars;

use std::io::Write;
use std::path::PathBuf;

use pgp::composed::{ArmorOptions, CleartextSignedMessage, Deserializable, SignedSecretKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::types::{KeyDetails, Password, Timestamp};
use verbatim_digest::Digest;
use verbatim_net::Client;
use verbatim_packages::fetch::{Cache, Fetcher};
use verbatim_packages::install::{self, Wanted};
use verbatim_packages::places::Places;
use verbatim_packages::{Lock, Manifest, Moment, Result};

pub use tars::{tar, File};

/// The moment at which everything is judged.
pub const NOW: &str = "2026-11-01T00:00:00Z";
/// The date of indexes that say no other.
pub const DATE: &str = "Sat, 31 Oct 2026 00:00:00 UTC";

/// The public keys that manifests name.
const KEYS: [(&str, &str); 2] = [
    ("signer.asc", include_str!("../../testdata/keys/signer.asc")),
    (
        "expired.asc",
        include_str!("../../testdata/keys/expired.asc"),
    ),
];

/// A secret key by its name.
fn secret(name: &str) -> &'static str {
    match name {
        "signer" => include_str!("../../testdata/keys/signer.secret.asc"),
        "expired" => include_str!("../../testdata/keys/expired.secret.asc"),
        _ => include_str!("../../testdata/keys/other.secret.asc"),
    }
}

/// A `.deb`, whose archives are not compressed.
pub fn deb(control: &str, scripts: &[File<'_>], files: &[File<'_>]) -> Vec<u8> {
    let mut controls = vec![("./control", control.as_bytes())];
    controls.extend(scripts);
    let mut out = b"!<arch>\n".to_vec();
    for (name, content) in [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar", tar(&controls)),
        ("data.tar", tar(files)),
    ] {
        writeln!(
            out,
            "{name:16}{:<12}{:<6}{:<6}{:<8}{:<10}`",
            0,
            0,
            0,
            100644,
            content.len()
        )
        .unwrap();
        out.extend(&content);
        if content.len() % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

/// A repository that is put together.
pub struct Repository {
    pub folder: tempfile::TempDir,
    index: String,
    /// More lines of `Release`, before its list.
    pub release: String,
    pub signer: &'static str,
}

impl Repository {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            index: String::new(),
            release: format!("Date: {DATE}\n"),
            signer: "signer",
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("repo").join(name)
    }

    pub fn write(&self, name: &str, data: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, data).unwrap();
    }

    /// Add a package of the architecture amd64; `fields` are more lines of its `control`.
    pub fn package(&mut self, name: &str, fields: &str, scripts: &[File<'_>], files: &[File<'_>]) {
        let version = if fields.contains("Version: ") {
            ""
        } else {
            "Version: 1\n"
        };
        let control = format!(
            "Package: {name}\n{version}Architecture: amd64\nMaintainer: A <a@example.com>\n{fields}Description: {name}\n"
        );
        let data = deb(&control, scripts, files);
        let path = format!("pool/{name}.deb");
        self.write(&path, &data);
        self.index.push_str(&format!(
            "{control}Filename: {path}\nSize: {}\nSHA256: {}\n\n",
            data.len(),
            Digest::of(&data).hex()
        ));
    }

    /// Write the indexes and sign them.
    pub fn publish(&self) {
        let index = self.index.clone().into_bytes();
        self.publish_index("Packages", &index, &index);
    }

    /// Write an index under this name, whose digest is that of `claimed`.
    pub fn publish_index(&self, name: &str, index: &[u8], claimed: &[u8]) {
        self.write(&format!("dists/stable/main/binary-amd64/{name}"), index);
        let release = format!(
            "{}Architectures: amd64\nSHA256:\n {} {} main/binary-amd64/{name}\n",
            self.release,
            Digest::of(claimed).hex(),
            claimed.len()
        );
        let signed = sign(&release, self.signer);
        self.write("dists/stable/InRelease", signed.as_bytes());
    }

    /// A manifest for this repository.
    pub fn manifest(&self, packages: &[&str]) -> Manifest {
        for (name, key) in KEYS {
            std::fs::write(self.folder.path().join(name), key).unwrap();
        }
        let text = format!(
            "format = \"deb\"\narchitectures = [\"amd64\"]\npackages = {packages:?}\n\
             [[source]]\nname = \"test\"\nurl = \"repo\"\nsuite = \"stable\"\ncomponents = [\"main\"]\n\
             keys = [\"signer.asc\", \"expired.asc\"]\nsnapshot = \"{NOW}\"\n"
        );
        let path = self.folder.path().join("image.toml");
        std::fs::write(&path, text).unwrap();
        Manifest::read(&path).unwrap()
    }

    /// Choose packages.
    pub fn lock(&self, packages: &[&str], old: Option<&Lock>) -> Result<Lock> {
        let manifest = self.manifest(packages);
        // Whatever the clock says: the source stands for a moment.
        let now = Moment::from_seconds(0);
        verbatim_packages::choose(&manifest, &self.places(), &fetcher(), now, old)
    }

    pub fn places(&self) -> Places {
        Places::new(self.folder.path())
    }

    /// Install what was locked: the layer as a tar archive.
    pub fn install(&self, lock: &Lock, threads: usize, status_d: bool) -> Result<Vec<u8>> {
        use verbatim_archive::{Builder, Compression, Defaults, Encoding};
        let cache = Cache::open(None, self.folder.path())?;
        let wanted = Wanted {
            architecture: None,
            cache: cache.path(),
            threads,
            status_d,
        };
        let builder = Builder::new(Defaults::default(), self.folder.path());
        let layer = install::install(lock, &self.places(), &fetcher(), &wanted, builder)?;
        let mut out = Vec::new();
        layer.write(
            Encoding::new(Compression::None, None)?,
            threads,
            &mut out,
            &|_| {},
        )?;
        Ok(out)
    }
}

pub fn fetcher() -> Fetcher {
    Fetcher::new(Client::new(verbatim_net::Options::default()).unwrap()).unwrap()
}

/// A message of the cleartext framework.
pub fn sign(text: &str, signer: &str) -> String {
    let (key, _) = SignedSecretKey::from_string(secret(signer)).unwrap();
    let key = key.primary_key;
    let mut config =
        SignatureConfig::v4(SignatureType::Text, key.algorithm(), HashAlgorithm::Sha512);
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::SignatureCreationTime(Timestamp::from_secs(
            1_790_000_000,
        )))
        .unwrap(),
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint())).unwrap(),
    ];
    CleartextSignedMessage::new(text, config, &key, &Password::empty())
        .unwrap()
        .to_armored_string(ArmorOptions::default())
        .unwrap()
}
