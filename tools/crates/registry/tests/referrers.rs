//! What refers to an image, in registries with a list of it and without, honest and not.

mod server;

use std::sync::{Arc, Mutex};

use serde_json::{json, Value};
use server::store::{registry, Store};
use server::{quick, repository, Reply, Server};
use verbatim_digest::Digest;
use verbatim_oci::attached::{artifact, referrers_tag, CosignTag, EMPTY_CONFIG};
use verbatim_oci::gather::{gather, Gathered};
use verbatim_oci::{Descriptor, ErrorKind, MediaType, Named};
use verbatim_registry::{Client, Image, Inputs, PushOptions, Remote, Repository, Tagged, Target};

const KIND: &str = "application/vnd.example.note";

/// What the notes are about: an image of nothing.
fn subject() -> (Descriptor, Vec<u8>) {
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "config": Descriptor::of(MediaType::OCI_CONFIG, EMPTY_CONFIG),
        "layers": [],
    });
    let bytes = manifest.to_string().into_bytes();
    (Descriptor::of(MediaType::OCI_MANIFEST, &bytes), bytes)
}

fn inputs(notes: &[&str]) -> Inputs {
    let mut inputs = Inputs::default();
    inputs.add_document(EMPTY_CONFIG.to_vec());
    for note in notes {
        inputs.add_document(note.as_bytes().to_vec());
    }
    inputs
}

fn note(text: &str, about: &Descriptor) -> Vec<u8> {
    let blob = Descriptor::of(MediaType::new(KIND), text.as_bytes());
    artifact(KIND, blob, about, []).unwrap()
}

fn target(server: &Server) -> Target {
    format!("{}:v1", repository(server)).parse().unwrap()
}

/// Push a note about something.
async fn push(server: &Server, text: &str, about: &Descriptor) -> Digest {
    let bytes = note(text, about);
    let digest = Digest::of(&bytes);
    let to = target(server).sibling(digest).unwrap();
    let image = Image::new(to, Named::new(&bytes, "note"), &inputs(&[text]), "note").unwrap();
    let client = Client::new(quick()).unwrap();
    let pushed = client.push(vec![image], &PushOptions::default()).await;
    assert!(pushed.unwrap()[0].is_right());
    digest
}

async fn push_image(server: &Server) -> Descriptor {
    let (descriptor, bytes) = subject();
    let image = Image::new(target(server), Named::new(&bytes, "m"), &inputs(&[]), "m").unwrap();
    let client = Client::new(quick()).unwrap();
    client
        .push(vec![image], &PushOptions::default())
        .await
        .unwrap();
    descriptor
}

/// Everything about the image that the server has.
async fn gathered(server: &Server) -> Result<Gathered, verbatim_oci::Error> {
    let client = Client::new(quick()).unwrap();
    let repository: Repository = repository(server);
    let handle = tokio::runtime::Handle::current();
    let remote = Remote::new(client, repository, handle);
    let (descriptor, bytes) = subject();
    tokio::task::spawn_blocking(move || gather(&remote, descriptor, bytes, true, 4))
        .await
        .unwrap()
}

fn found(gathered: &Gathered) -> Vec<Digest> {
    let mut all: Vec<_> = gathered.trees.iter().map(|t| t.root.digest).collect();
    all.sort_unstable();
    all
}

fn sorted(mut all: Vec<Digest>) -> Vec<Digest> {
    all.sort_unstable();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn referrers_of_referrers_are_found_with_a_list_and_without() {
    for lists in [true, false] {
        let (server, store) = registry(|_, _| None);
        store.lock().unwrap().lists = lists;
        let image = push_image(&server).await;
        let first = push(&server, "first", &image).await;
        let of_first = Descriptor::of(MediaType::OCI_MANIFEST, &note("first", &image));
        let second = push(&server, "second", &of_first).await;
        // Once more changes nothing.
        let before = store.lock().unwrap().manifests.clone();
        assert_eq!(push(&server, "first", &image).await, first);
        assert_eq!(store.lock().unwrap().manifests, before);
        let tag = referrers_tag(&image.digest);
        assert_eq!(before.contains_key(&tag), !lists);
        let all = gathered(&server).await.unwrap();
        assert_eq!(found(&all), sorted(vec![image.digest, first, second]));
        assert_eq!(all.left_out, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_others_overwrite_is_added_again() {
    // Whoever writes the index of referrers, somebody else has read it before and writes theirs.
    let theirs = Arc::new(Mutex::new(0));
    let (_, manifest) = subject();
    let tag = referrers_tag(&Digest::of(&manifest));
    let (tag_there, times) = (tag.clone(), Arc::clone(&theirs));
    let (server, store) = registry(move |store: &mut Store, request| {
        if request.method != "PUT" || !request.path.ends_with(&tag_there) {
            return None;
        }
        let mut times = times.lock().unwrap();
        *times += 1;
        if *times > 2 {
            return None;
        }
        let entry = json!({"mediaType": MediaType::OCI_MANIFEST, "digest": Digest::of(&[*times as u8]), "size": 1, "x-theirs": *times});
        let before = store
            .manifests
            .get(&tag_there)
            .cloned()
            .unwrap_or_else(|| br#"{"schemaVersion":2,"manifests":[]}"#.to_vec());
        let mut index: Value = serde_json::from_slice(&before).unwrap();
        index["manifests"].as_array_mut().unwrap().push(entry);
        store
            .manifests
            .insert(tag_there.clone(), index.to_string().into_bytes());
        Some(Reply::status(201))
    });
    let image = push_image(&server).await;
    let mine = push(&server, "mine", &image).await;
    assert_eq!(*theirs.lock().unwrap(), 3);
    let index = store.lock().unwrap().manifests[&tag].clone();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let entries = index["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 3);
    assert_eq!(
        (&entries[0]["x-theirs"], &entries[1]["x-theirs"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(entries[2]["digest"], json!(mine));
    assert_eq!(entries[2]["artifactType"], KIND);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_at_once_lose_nothing() {
    let (server, _store) = registry(|_, _| None);
    let image = push_image(&server).await;
    let server = Arc::new(server);
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let (server, image) = (Arc::clone(&server), image.clone());
            tokio::spawn(async move { push(&server, &format!("note {number}"), &image).await })
        })
        .collect();
    let mut all = vec![image.digest];
    for task in tasks {
        all.push(task.await.unwrap());
    }
    assert_eq!(found(&gathered(&server).await.unwrap()), sorted(all));
}

#[tokio::test(flavor = "multi_thread")]
async fn cosigns_tags_grow_and_drop_nothing() {
    let (server, store) = registry(|_, _| None);
    let image = push_image(&server).await;
    let layer =
        |text: &str| Descriptor::of(MediaType::new(MediaType::DSSE_ENVELOPE), text.as_bytes());
    let client = Client::new(quick()).unwrap();
    let tag = CosignTag::Attestations;
    for text in ["a", "b", "a"] {
        let new = verbatim_oci::attached::with_layers(None, &[layer(text)])
            .unwrap()
            .unwrap();
        let mut inputs = inputs(&[text]);
        inputs.add_document(new.config);
        let tagged = Tagged {
            subject: image.digest,
            tag,
            manifest: new.manifest,
        };
        client
            .push_with_tagged(
                Vec::new(),
                &target(&server),
                &[tagged],
                &inputs,
                &PushOptions::default(),
            )
            .await
            .unwrap();
    }
    let manifest = store.lock().unwrap().manifests[&tag.tag(&image.digest)].clone();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let digests: Vec<_> = manifest["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["digest"].clone())
        .collect();
    assert_eq!(
        digests,
        [json!(layer("a").digest), json!(layer("b").digest)]
    );
    let all = gathered(&server).await.unwrap();
    assert_eq!(all.trees.len(), 2);
    assert!(all.blobs.contains(&layer("a").digest) && all.blobs.contains(&layer("b").digest));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_at_once_grow_one_tag_and_all_are_right() {
    let (server, store) = registry(|_, _| None);
    let image = push_image(&server).await;
    let to = target(&server);
    let texts = ["a", "b", "c", "d", "e"];
    let layer =
        |text: &str| Descriptor::of(MediaType::new(MediaType::DSSE_ENVELOPE), text.as_bytes());
    let tasks = texts.map(|text| {
        let new = verbatim_oci::attached::with_layers(None, &[layer(text)]);
        let new = new.unwrap().unwrap();
        let mut inputs = inputs(&[text]);
        inputs.add_document(new.config);
        let tagged = Tagged {
            subject: image.digest,
            tag: CosignTag::Attestations,
            manifest: new.manifest,
        };
        let to = to.clone();
        tokio::spawn(async move {
            let client = Client::new(quick()).unwrap();
            let options = PushOptions::default();
            client
                .push_with_tagged(Vec::new(), &to, &[tagged], &inputs, &options)
                .await
                .unwrap()
        })
    });
    for task in tasks {
        // What others added behind it is no fault of it.
        let pushed = task.await.unwrap();
        assert!(!pushed.is_empty() && pushed.iter().all(|one| one.is_right()));
    }
    let tag = CosignTag::Attestations.tag(&image.digest);
    let manifest = store.lock().unwrap().manifests[&tag].clone();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    let there = |text: &str| {
        layers
            .iter()
            .any(|l| l["digest"] == json!(layer(text).digest))
    };
    assert!(layers.len() == texts.len() && texts.iter().all(|text| there(text)));
}

/// The image, and a list of referrers that a test writes.
fn lying(
    list: impl Fn(&str) -> Option<Value> + Send + Sync + 'static,
    documents: Vec<Vec<u8>>,
) -> Server {
    Server::start(move |request| {
        let last = request.path.rsplit('/').next().unwrap_or_default();
        if request.path.contains("/referrers/") {
            let entries = list(last).unwrap_or_else(|| json!([]));
            let index = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries});
            return Reply::ok(index.to_string());
        }
        let document = documents
            .iter()
            .find(|bytes| Digest::of(bytes).to_string() == last);
        document.map_or(Reply::status(404), |bytes| Reply::ok(bytes.clone()))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_about_something_else_is_left_out() {
    let (image, _) = subject();
    let other = Descriptor::of(MediaType::OCI_MANIFEST, b"another image");
    let documents = vec![note("stranger", &other), subject().1];
    let entries: Vec<Descriptor> = documents
        .iter()
        .map(|bytes| Descriptor::of(MediaType::OCI_MANIFEST, bytes))
        .chain([Descriptor::of(MediaType::new("text/plain"), b"x")])
        .collect();
    let expected: Vec<Digest> = entries.iter().map(|entry| entry.digest).collect();
    let server = lying(move |_| Some(json!(entries)), documents);
    let all = gathered(&server).await.unwrap();
    assert_eq!(found(&all), [image.digest]);
    let left_out: Vec<Digest> = all
        .left_out
        .iter()
        .map(|left_out| left_out.digest)
        .collect();
    assert_eq!(left_out, expected);
    assert!(
        all.left_out[0].why.contains(&other.digest.to_string()),
        "{:?}",
        all.left_out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn circles_end_and_sizes_that_lie_are_refused() {
    let (image, _) = subject();
    let honest = note("n", &image);
    let entry = Descriptor::of(MediaType::OCI_MANIFEST, &honest);
    // Everything refers to everything.
    let circle = json!([entry, image]);
    let server = lying(
        move |_| Some(circle.clone()),
        vec![honest.clone(), subject().1],
    );
    let all = gathered(&server).await.unwrap();
    assert_eq!(found(&all), sorted(vec![image.digest, entry.digest]));
    for size in [0, entry.size - 1, entry.size + 1, u64::MAX] {
        let lie = Descriptor {
            size,
            ..entry.clone()
        };
        let server = lying(move |_| Some(json!([lie])), vec![honest.clone()]);
        let error = gathered(&server).await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Mismatch | ErrorKind::Limit),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_end_is_refused() {
    let (image, _) = subject();
    let entries: Vec<Descriptor> = (0..10_001u32)
        .map(|n| Descriptor::of(MediaType::OCI_MANIFEST, &note(&n.to_string(), &image)))
        .collect();
    let index =
        json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries})
            .to_string();
    let server = Server::start(move |_| Reply::ok(index.clone()));
    let error = gathered(&server).await.unwrap_err();
    assert!(error.to_string().contains("10000"), "{error}");
}
