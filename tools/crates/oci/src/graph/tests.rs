use std::collections::BTreeMap;

use super::*;

/// Documents by their digests, as any source has them.
#[derive(Default)]
struct Source(BTreeMap<Digest, Vec<u8>>);

impl Source {
    fn add(&mut self, media_type: MediaType, text: String) -> Descriptor {
        let descriptor = Descriptor::of(media_type, text.as_bytes());
        self.0.insert(descriptor.digest, text.into_bytes());
        descriptor
    }

    fn manifest(&mut self, name: &str) -> Descriptor {
        let config = serde_json::to_string(&Descriptor::of(MediaType::OCI_CONFIG, b"{}")).unwrap();
        let text = format!(
            r#"{{"schemaVersion":2,"config":{config},"layers":[],"annotations":{{"name":"{name}"}}}}"#
        );
        self.add(MediaType::OCI_MANIFEST, text)
    }

    fn index(&mut self, entries: &[&Descriptor]) -> Descriptor {
        let entries = serde_json::to_string(entries).unwrap();
        let text = format!(r#"{{"schemaVersion":2,"manifests":{entries}}}"#);
        self.add(MediaType::OCI_INDEX, text)
    }

    /// Walk one by one; gives the documents in the order in which they were met.
    fn walk(&self, root: &Descriptor) -> Result<(Walk, Vec<Digest>)> {
        let mut walk = Walk::new(Link::root(root.clone(), "root"), usize::MAX);
        let mut met = Vec::new();
        while let Some(link) = walk.next() {
            let link = link?;
            if link.is_document() {
                met.push(link.descriptor.digest);
                walk.enter(&link, &self.0[&link.descriptor.digest], "document")?;
            }
        }
        Ok((walk, met))
    }
}

#[test]
fn each_document_once_one_by_one_or_level_by_level() {
    let mut source = Source::default();
    let (a, b) = (source.manifest("a"), source.manifest("b"));
    let other = Descriptor::of(MediaType::new("application/x"), b"x");
    let inner = source.index(&[&a, &b]);
    let root = source.index(&[&a, &other, &inner, &inner]);
    let (_, met) = source.walk(&root).unwrap();
    assert_eq!(met, [root.digest, a.digest, inner.digest, b.digest]);

    let mut walk = Walk::new(Link::root(root.clone(), "root"), usize::MAX);
    let mut levels = Vec::new();
    loop {
        let level = walk.level().unwrap();
        if level.is_empty() {
            break;
        }
        for link in level.iter().filter(|link| link.is_document()) {
            let bytes = &source.0[&link.descriptor.digest];
            walk.enter(link, bytes, "document").unwrap();
        }
        levels.push(level.len());
    }
    assert_eq!(levels, [1, 3, 1]);
}

#[test]
fn children_come_before_those_that_name_them() {
    let mut source = Source::default();
    let leaf = source.manifest("leaf");
    let d = source.index(&[&leaf]);
    let b = source.index(&[&d]);
    // `c` names `b`, which was met before it.
    let c = source.index(&[&b, &leaf]);
    let root = source.index(&[&b, &c]);
    let (walk, _) = source.walk(&root).unwrap();
    let order = walk.children_first();
    let at = |descriptor: &Descriptor| {
        order
            .iter()
            .position(|digest| *digest == descriptor.digest)
            .unwrap()
    };
    assert_eq!(order.len(), 5);
    assert!(at(&leaf) < at(&d) && at(&d) < at(&b) && at(&b) < at(&c) && at(&c) < at(&root));
}

#[test]
fn a_chain_that_is_met_from_its_end_needs_no_stack() {
    let mut source = Source::default();
    let mut chain = vec![source.manifest("end")];
    for i in 0..3000 {
        let next = source.index(&[&chain[i]]);
        chain.push(next);
    }
    let all: Vec<&Descriptor> = chain.iter().collect();
    let root = source.index(&all);
    let (walk, met) = source.walk(&root).unwrap();
    assert_eq!(met.len(), 3002);
    assert_eq!(walk.children_first().last(), Some(&root.digest));
}

#[test]
fn limits_hold() {
    let mut source = Source::default();
    let mut inner = source.manifest("a");
    for _ in 0..8 {
        inner = source.index(&[&inner]);
    }
    source.walk(&inner).unwrap();
    let nine = source.index(&[&inner]);
    let error = source.walk(&nine).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(
        error.to_string().contains("nested more than 8 deep"),
        "{error}"
    );

    let all: Vec<Descriptor> = (0..20).map(|i| source.manifest(&i.to_string())).collect();
    let root = source.index(&all.iter().collect::<Vec<_>>());
    let mut walk = Walk::new(Link::root(root.clone(), "root"), 10);
    let link = walk.next().unwrap().unwrap();
    walk.enter(&link, &source.0[&root.digest], "d").unwrap();
    let mut met = 0;
    let error = loop {
        match walk.next().unwrap() {
            Ok(_) => met += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((met, error.kind()), (9, ErrorKind::Limit));
    assert!(walk.next().is_none(), "the walk is over");
}

#[test]
fn what_is_said_must_be_so() {
    let mut source = Source::default();
    let manifest = source.manifest("a");
    let wrong = |change: fn(&mut Descriptor)| {
        let mut descriptor = manifest.clone();
        change(&mut descriptor);
        descriptor
    };
    // Alone, and after a link that was right.
    for (descriptor, pointer) in [
        (wrong(|d| d.size += 1), None),
        (
            wrong(|d| d.media_type = MediaType::OCI_INDEX),
            Some("/mediaType"),
        ),
    ] {
        let root = source.index(&[&descriptor]);
        let error = source.walk(&root).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch);
        assert_eq!(error.pointer(), pointer);
        let root = source.index(&[&manifest, &descriptor]);
        let error = source.walk(&root).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch);
        assert!(
            error.pointer().unwrap().starts_with("/manifests/1/"),
            "{error}"
        );
    }
    let text = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"application/x","digest":"{}","size":2,"data":"W10="}}]}}"#,
        Digest::of(b"{}")
    );
    let root = source.add(MediaType::OCI_INDEX, text);
    let error = source.walk(&root).unwrap_err();
    assert_eq!(error.pointer(), Some("/manifests/0/data"));
}

#[test]
fn platforms_must_not_contradict_the_config() {
    let mut source = Source::default();
    let mut manifest = source.manifest("a");
    manifest.platform = Some(Platform::new("linux", "arm", Some("v6")));
    let mut again = manifest.clone();
    again.platform = Some(Platform::new("linux", "arm64", None));
    let root = source.index(&[&manifest, &again]);
    let check = |config: Platform| {
        let mut walk = Walk::new(Link::root(root.clone(), "root"), usize::MAX);
        let mut errors = Vec::new();
        while let Some(link) = walk.next() {
            match link {
                Ok(link) => {
                    let bytes = &source.0[&link.descriptor.digest];
                    if let Document::Manifest(_) = walk.enter(&link, bytes, "d").unwrap() {
                        errors.extend(walk.is_for(&link, &config).err());
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        let pointers = errors.iter().filter_map(Error::pointer);
        pointers.map(str::to_owned).collect::<Vec<_>>()
    };
    let second = "/manifests/1/platform";
    assert_eq!(check(Platform::new("linux", "arm", None)), [second]);
    let both = ["/manifests/0/platform", second];
    assert_eq!(check(Platform::new("linux", "arm", Some("v7"))), both);
    // What runs nowhere has no platform to contradict.
    assert!(check(Platform::new("unknown", "unknown", None)).is_empty());
}
