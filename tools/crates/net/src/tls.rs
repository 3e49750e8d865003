//! Whom TLS trusts, and as whom it speaks.
//!
//! The machine's bundle of certificate authorities, or, where it has none, Mozilla's, which
//! is built in; further ones by `--ca`; and for one host what `certs.d/HOST` holds, as
//! Docker and Podman have it: `*.crt` are authorities, `NAME.cert` with `NAME.key` is the
//! client's own certificate.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use verbatim_foreign::printable_path;

use crate::error::Error;
use crate::host::HostPort;

/// Where systems keep their bundle.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];
const MAX_FILE: u64 = 16 << 20;

/// The TLS configurations of a client, one for each host that needs its own.
#[derive(Debug)]
pub(crate) struct Tls {
    /// Those that the user named.
    named: Vec<CertificateDer<'static>>,
    folders: Vec<PathBuf>,
    /// Made when the first host speaks TLS: the bundle of a system is not small.
    shared: OnceLock<Result<Shared, Error>>,
    own: Mutex<HashMap<String, Arc<ClientConfig>>>,
}

#[derive(Debug)]
struct Shared {
    roots: RootCertStore,
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Trust the system and these files.
    pub(crate) fn new(ca_files: &[PathBuf], folders: Vec<PathBuf>) -> Result<Self, Error> {
        let mut named = Vec::new();
        for file in ca_files {
            // Whether they can be trusted is said now, and not when a host needs them.
            add(&mut RootCertStore::empty(), file)?;
            named.extend(certificates(file)?);
        }
        Ok(Self {
            named,
            folders,
            shared: OnceLock::new(),
            own: Mutex::default(),
        })
    }

    fn shared(&self) -> Result<&Shared, Error> {
        let made = self.shared.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            match system_bundle()? {
                Some(bundle) => {
                    // One certificate that cannot be read must not take the others with it.
                    for certificate in CertificateDer::pem_slice_iter(&bundle).flatten() {
                        let _ = roots.add(certificate);
                    }
                }
                None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            }
            for certificate in &self.named {
                let _ = roots.add(certificate.clone());
            }
            let config = Arc::new(config(roots.clone(), None)?);
            Ok(Shared { roots, config })
        });
        made.as_ref().map_err(Clone::clone)
    }

    /// Whether `certs.d` has a folder for a host: then it is one that speaks TLS.
    pub(crate) fn knows(&self, host: &HostPort) -> bool {
        self.folder_of(host).is_some()
    }

    fn folder_of(&self, host: &HostPort) -> Option<PathBuf> {
        self.folders
            .iter()
            .map(|folder| folder.join(host.to_string()))
            .find(|folder| folder.is_dir())
    }

    /// The configuration for a host.
    pub(crate) fn of(&self, host: &HostPort) -> Result<Arc<ClientConfig>, Error> {
        let Some(folder) = self.folder_of(host) else {
            return Ok(Arc::clone(&self.shared()?.config));
        };
        let name = host.to_string();
        if let Some(config) = lock(&self.own).get(&name) {
            return Ok(Arc::clone(config));
        }
        let made = Arc::new(self.read_folder(&folder)?);
        lock(&self.own).insert(name, Arc::clone(&made));
        Ok(made)
    }

    fn read_folder(&self, folder: &Path) -> Result<ClientConfig, Error> {
        let mut roots = self.shared()?.roots.clone();
        let mut client = None;
        let mut files: Vec<PathBuf> = fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
            .map_err(|e| unreadable(folder, &e))?;
        files.sort();
        for file in files {
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => add(&mut roots, &file)?,
                Some("cert") if client.is_none() => {
                    let key = file.with_extension("key");
                    let chain = certificates(&file)?;
                    let data = read(&key)?;
                    let key = PrivateKeyDer::from_pem_slice(&data).map_err(|_| {
                        Error::Options(format!(
                            "{}: holds no private key in PEM form",
                            printable_path(&key)
                        ))
                    })?;
                    client = Some((chain, key));
                }
                _ => {}
            }
        }
        config(roots, client)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Where Docker and Podman look for certificates of one host, the user's own first.
pub(crate) fn certificate_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(home) = std::env::var_os("HOME").filter(|home| !home.is_empty()) {
        let home = PathBuf::from(home);
        folders.push(home.join(".config/containers/certs.d"));
        folders.push(home.join(".docker/certs.d"));
    }
    folders.push("/etc/containers/certs.d".into());
    folders.push("/etc/docker/certs.d".into());
    folders
}

/// The machine's bundle: what `SSL_CERT_FILE` names, else the usual places.
fn system_bundle() -> Result<Option<Vec<u8>>, Error> {
    if let Some(file) = std::env::var_os("SSL_CERT_FILE").filter(|file| !file.is_empty()) {
        return read(Path::new(&file)).map(Some);
    }
    for file in BUNDLES {
        let path = Path::new(file);
        if path.is_file() {
            return read(path).map(Some);
        }
    }
    Ok(None)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::Options(format!("{} cannot be read: {error}", printable_path(path)))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    crate::files::read(path, MAX_FILE).map_err(|e| unreadable(path, &e))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let data = read(path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&data).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(Error::Options(format!(
            "{}: holds no certificate in PEM form",
            printable_path(path)
        ))),
    }
}

fn add(roots: &mut RootCertStore, path: &Path) -> Result<(), Error> {
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|e| {
            Error::Options(format!(
                "{}: holds a certificate that cannot be trusted: {e}",
                printable_path(path)
            ))
        })?;
    }
    Ok(())
}

type Client = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn config(roots: RootCertStore, client: Option<Client>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let failed = |e: rustls::Error| Error::Options(format!("TLS cannot be set up: {e}"));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_root_certificates(roots);
    let mut config = match client {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(failed)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
