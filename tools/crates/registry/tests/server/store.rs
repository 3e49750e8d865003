//! A registry in memory that works, but for what a test makes of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use verbatim_digest::Digest;

use super::{Reply, Request, Server};

/// What a registry must remember.
#[derive(Default)]
pub struct Store {
    pub uploads: BTreeMap<String, Vec<u8>>,
    pub blobs: BTreeMap<String, Vec<u8>>,
    pub manifests: BTreeMap<String, Vec<u8>>,
    pub next: usize,
    /// Whether it lists referrers by itself.
    pub lists: bool,
}

impl Store {
    /// Do what a request asks for, as a registry that works.
    pub fn serve(&mut self, request: &Request) -> Reply {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let last = path.rsplit('/').next().unwrap_or_default().to_owned();
        let range = |data: &Vec<u8>| format!("0-{}", data.len().saturating_sub(1));
        match request.method.as_str() {
            "GET" if self.blobs.contains_key(&last) => Reply::ok(self.blobs[&last].clone()),
            "GET" if self.lists && path.contains("/referrers/") => Reply::ok(self.referrers(&last)),
            "HEAD" if self.blobs.contains_key(&last) => Reply::status(200),
            "GET" if path.contains("/manifests/") => match self.manifests.get(&last) {
                Some(data) => Reply::ok(data.clone()),
                None => Reply::status(404),
            },
            "PUT" if path.contains("/manifests/") => {
                self.manifests.insert(last, request.body.clone());
                let digest = Digest::of(&request.body).to_string();
                self.manifests.insert(digest, request.body.clone());
                match self.lists {
                    true => Reply::status(201).header("OCI-Subject", "yes"),
                    false => Reply::status(201),
                }
            }
            "POST" => {
                self.next += 1;
                let upload = format!("/upload/{}", self.next);
                self.uploads.insert(upload.clone(), Vec::new());
                Reply::status(202).header("Location", &upload)
            }
            "GET" if self.uploads.contains_key(path) => Reply::status(204)
                .header("Location", path)
                .header("Range", &range(&self.uploads[path])),
            "PATCH" if self.uploads.contains_key(path) => {
                let data = self.uploads.get_mut(path).unwrap();
                let start = format!("{}-", data.len());
                if !request.header("content-range").unwrap().starts_with(&start) {
                    return Reply::status(416);
                }
                data.extend_from_slice(&request.body);
                Reply::status(202)
                    .header("Location", path)
                    .header("Range", &range(data))
            }
            "PUT" if self.uploads.contains_key(path) => {
                let mut data = self.uploads.remove(path).unwrap();
                data.extend_from_slice(&request.body);
                let digest = Digest::of(&data).to_string();
                if !query.contains(&digest.replace(':', "%3A")) {
                    return Reply::status(400);
                }
                self.blobs.insert(digest, data);
                Reply::status(201)
            }
            _ => Reply::status(404),
        }
    }
}

impl Store {
    /// The index of what refers to a digest.
    fn referrers(&self, subject: &str) -> Vec<u8> {
        let entries: Vec<_> = self
            .manifests
            .iter()
            .filter(|(name, _)| name.starts_with("sha256:"))
            .filter_map(|(digest, bytes)| {
                let document: serde_json::Value = serde_json::from_slice(bytes).ok()?;
                (document["subject"]["digest"] == subject).then(|| {
                    serde_json::json!({
                        "mediaType": document["mediaType"],
                        "digest": digest,
                        "size": bytes.len(),
                        "artifactType": document["artifactType"],
                    })
                })
            })
            .collect();
        serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": entries,
        })
        .to_string()
        .into_bytes()
    }
}

/// A registry where `fault` may answer before the registry does.
pub fn registry(
    fault: impl Fn(&mut Store, &Request) -> Option<Reply> + Send + Sync + 'static,
) -> (Server, Arc<Mutex<Store>>) {
    let store: Arc<Mutex<Store>> = Arc::default();
    let shared = Arc::clone(&store);
    let server = Server::start(move |request| {
        let mut store = shared.lock().unwrap();
        match fault(&mut store, request) {
            Some(reply) => reply,
            None => store.serve(request),
        }
    });
    (server, store)
}
