//! Containers in every shape in which runtimes tell of them.

use verbatim_digest::Digest;
use verbatim_oci::{Descriptor, MediaType, Platform};
use verbatim_sums::record::{Image, PlatformImage};
use verbatim_verify::served::Expected;
use verbatim_verify::{container, running, Finding, Verdict};

fn digest(of: &str) -> Digest {
    Digest::of(of.as_bytes())
}

/// An index of one platform, published as `registry.example.com/acme/NAME:v1`.
fn expected(name: &str) -> Expected {
    let reference: verbatim_oci::Reference = format!("registry.example.com/acme/{name}:v1")
        .parse()
        .unwrap();
    Expected {
        reference: reference.clone(),
        digest: digest(&format!("{name} index")),
        image: Some(Image {
            reference,
            digest: digest(&format!("{name} index")),
            media_type: MediaType::OCI_INDEX,
            size: 1,
            image_id: None,
            platforms: vec![PlatformImage {
                platform: Platform::new("linux", "amd64", None),
                manifest: Descriptor::of(
                    MediaType::OCI_MANIFEST,
                    format!("{name} manifest").as_bytes(),
                ),
                config: Descriptor::of(MediaType::OCI_CONFIG, format!("{name} config").as_bytes()),
                layers: vec![],
                runtime: None,
            }],
        }),
    }
}

/// What a registry has under digests that were not released: other images, all of them.
fn others() -> running::Strangers {
    let names = ["x", "old", "other"];
    let numbered = [0, 1].into_iter().flat_map(|n| names.map(|of| (n, of)));
    numbered
        .map(|(number, of)| {
            let mut image = expected(of).image.unwrap();
            image.digest = digest(of);
            ((number, image.digest), image)
        })
        .collect()
}

fn compare(json: &str) -> Vec<Finding> {
    let containers = container::read(json.as_bytes(), "pods").unwrap().containers;
    let release = [expected("server"), expected("agent")];
    let mut findings = running::compare(&release, containers, &[], &others());
    // What does not run is another test.
    findings.retain(|f| f.verdict != Verdict::Missing);
    findings
}

fn pod(image: &str, id: &str) -> String {
    format!(
        r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"namespace":"prod","name":"p-1","labels":{{"a":"b"}}}},
        "spec":{{"containers":[{{"name":"main","image":"{image}","ports":[{{"containerPort":80}}]}}],"volumes":null}},
        "status":{{"phase":"Running","containerStatuses":[{{"name":"main","image":"{image}","imageID":"{id}","ready":true,"state":{{"running":{{}}}}}}],"initContainerStatuses":null}}}}"#
    )
}

fn one(json: &str) -> Finding {
    let findings = compare(json);
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings[0].clone()
}

#[test]
fn every_form_of_an_image_id() {
    let name = "registry.example.com/acme/server";
    let (index, manifest, config) = (
        digest("server index"),
        digest("server manifest"),
        digest("server config"),
    );
    for (id, verdict) in [
        (
            format!("docker-pullable://{name}@{index}"),
            Verdict::Identical,
        ),
        (format!("{name}@{index}"), Verdict::Identical),
        (format!("{name}:v1@{index}"), Verdict::Identical),
        (format!("{name}@{manifest}"), Verdict::Identical),
        (index.to_string(), Verdict::Identical),
        (manifest.to_string(), Verdict::Identical),
        (config.to_string(), Verdict::SameImageId),
        (format!("docker://{config}"), Verdict::SameImageId),
        (format!("{name}@{}", digest("x")), Verdict::Different),
        (digest("x").to_string(), Verdict::Different),
        (format!("docker://{}", digest("x")), Verdict::Different),
        (String::new(), Verdict::Unchecked),
        ("docker-pullable://nonsense".to_owned(), Verdict::Unchecked),
    ] {
        let finding = one(&pod(&format!("{name}:v1"), &id));
        assert_eq!(finding.verdict, verdict, "{id}");
        assert_eq!(finding.reference, format!("{name}:v1"));
        assert_eq!(finding.places, ["prod/p-1/main"]);
    }
}

#[test]
fn names_lead_to_references() {
    let index = digest("server index");
    // An old release of the same repository is another image, and what nobody released is extra.
    let finding = one(&pod(
        "registry.example.com/acme/server:v0",
        &format!("registry.example.com/acme/server@{}", digest("old")),
    ));
    assert_eq!(
        (finding.verdict, finding.expected),
        (Verdict::Different, Some(index))
    );
    let finding = one(&pod(
        "nginx:1",
        &format!("docker.io/library/nginx@{}", digest("nginx")),
    ));
    assert_eq!(
        (finding.verdict, finding.reference.as_str()),
        (Verdict::Extra, "nginx:1")
    );
    // A copy under another name.
    let finding = one(&pod(
        "mirror.example.com/x:1",
        &format!("mirror.example.com/x@{index}"),
    ));
    assert_eq!(finding.verdict, Verdict::Identical);
    assert!(
        finding.reasons[0].contains("mirror.example.com/x:1"),
        "{finding:?}"
    );
    // Asked for by the right digest, and something else runs.
    let finding = one(&pod(
        &format!("registry.example.com/acme/server:v1@{index}"),
        &format!("registry.example.com/acme/server@{}", digest("other")),
    ));
    assert_eq!(finding.verdict, Verdict::Different);
    // A mirror that is named.
    let containers = container::read(
        pod(
            "cache.example.com/q/acme/server:v1",
            &digest("other").to_string(),
        )
        .as_bytes(),
        "pods",
    )
    .unwrap()
    .containers;
    let mirror = "registry.example.com=cache.example.com/q".parse().unwrap();
    let findings = running::compare(&[expected("server")], containers, &[mirror], &others());
    assert_eq!(findings[0].verdict, Verdict::Different);
}

#[test]
fn a_list_of_pods_with_all_kinds_of_containers() {
    let id = |name: &str| {
        format!(
            "registry.example.com/acme/{name}@{}",
            digest(&format!("{name} index"))
        )
    };
    let pods = format!(
        r#"{{"kind":"List","apiVersion":"v1","items":[
        {{"kind":"Pod","metadata":{{"namespace":"a","name":"x"}},
          "spec":{{"initContainers":[{{"name":"init","image":"registry.example.com/acme/agent:v1"}}],"containers":[{{"name":"c","image":"registry.example.com/acme/server:v1"}},{{"name":"late","image":"registry.example.com/acme/agent:v1"}}],"ephemeralContainers":[{{"name":"debug","image":"busybox"}}]}},
          "status":{{"initContainerStatuses":[{{"name":"init","image":"registry.example.com/acme/agent:v1","imageID":"{agent}"}}],
                     "containerStatuses":[{{"name":"c","image":"sha256:{hex}","imageID":"{server}"}}],
                     "ephemeralContainerStatuses":[{{"name":"debug","image":"docker.io/library/busybox:latest","imageID":"docker.io/library/busybox@{busybox}"}}]}}}},
        {{"metadata":{{"namespace":"b","name":"y"}},"spec":{{"containers":[{{"name":"c","image":"registry.example.com/acme/server:v1"}}]}},
          "status":{{"containerStatuses":[{{"name":"c","image":"registry.example.com/acme/server:v1","imageID":"{server}"}}]}}}}]}}"#,
        agent = id("agent"),
        server = id("server"),
        hex = digest("server config").hex(),
        busybox = digest("busybox"),
    );
    let findings = compare(&pods);
    let told: Vec<_> = findings
        .iter()
        .map(|f| (f.reference.as_str(), f.verdict, f.places.join(",")))
        .collect();
    for wanted in [
        (
            "registry.example.com/acme/server:v1",
            Verdict::Identical,
            "a/x/c,b/y/c",
        ),
        (
            "registry.example.com/acme/agent:v1",
            Verdict::Identical,
            "a/x/init",
        ),
        (
            "registry.example.com/acme/agent:v1",
            Verdict::Unchecked,
            "a/x/late",
        ),
        ("busybox", Verdict::Extra, "a/x/debug"),
    ] {
        let wanted = (wanted.0, wanted.1, wanted.2.to_owned());
        assert!(told.contains(&wanted), "{wanted:?} in {told:?}");
    }
    assert_eq!(told.len(), 4);
}

#[test]
fn engines_have_shapes_of_their_own() {
    let (index, manifest, config) = (
        digest("server index"),
        digest("server manifest"),
        digest("server config"),
    );
    let name = "registry.example.com/acme/server:v1";
    for (what, json, verdict) in [
        ("podman ps", format!(r#"[{{"Id":"{0}","Image":"{name}","ImageID":"{1}","Names":["web"],"Pod":"","Status":"Up","Labels":null}}]"#, digest("c").hex(), config.hex()), Verdict::SameImageId),
        ("podman inspect", format!(r#"[{{"Id":"{0}","Name":"web","Image":"{1}","ImageDigest":"{manifest}","ImageName":"{name}","Config":{{"Image":"{name}"}},"State":{{"Status":"running"}}}}]"#, digest("c").hex(), config.hex()), Verdict::Identical),
        ("docker inspect", format!(r#"[{{"Id":"{0}","Name":"/web","Image":"{config}","Config":{{"Image":"{name}","Env":null}},"State":{{"Status":"running"}}}}]"#, digest("c").hex()), Verdict::SameImageId),
        ("docker inspect of a newer engine", format!(r#"[{{"Name":"/web","Image":"{index}","Config":{{"Image":"{name}"}},"ImageManifestDescriptor":{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{manifest}","size":1}}}}]"#), Verdict::Identical),
        ("docker image inspect", format!(r#"[{{"Id":"{config}","RepoTags":["{name}"],"RepoDigests":["registry.example.com/acme/server@{index}"],"Config":{{"Image":""}},"RootFS":{{"Type":"layers"}}}}]"#), Verdict::Identical),
        ("podman images", format!(r#"[{{"Id":"{0}","RepoTags":null,"Names":["{name}"],"Digest":"{manifest}","RepoDigests":["registry.example.com/acme/server@{manifest}"]}}]"#, config.hex()), Verdict::Identical),
        ("crictl ps", format!(r#"{{"containers":[{{"id":"1","metadata":{{"name":"main","attempt":0}},"image":{{"image":"{config}","userSpecifiedImage":"{name}"}},"imageRef":"{config}","state":"CONTAINER_RUNNING"}}]}}"#), Verdict::SameImageId),
        ("docker ps", format!("{{\"ID\":\"1\",\"Image\":\"{name}\",\"Names\":\"web\",\"State\":\"running\"}}\n{{\"ID\":\"2\",\"Image\":\"{name}\",\"Names\":\"web2\"}}\n"), Verdict::Unchecked),
    ] {
        let finding = one(&json);
        assert_eq!(finding.verdict, verdict, "{what}");
        assert_eq!(finding.reference, name, "{what}");
    }
}

#[test]
fn an_image_id_of_another_image_contradicts_the_manifest() {
    let (index, manifest) = (digest("server index"), digest("server manifest"));
    let name = "registry.example.com/acme/server:v1";
    let told = |id: Digest| {
        let all = [
            format!(
                r#"[{{"Id":"{id}","RepoTags":["{name}"],"RepoDigests":["registry.example.com/acme/server@{index}"],"RootFS":{{"Type":"layers"}}}}]"#
            ),
            format!(
                r#"[{{"Id":"{0}","Name":"web","Image":"{1}","ImageDigest":"{manifest}","ImageName":"{name}","Config":{{"Image":"{name}"}},"State":{{"Status":"running"}}}}]"#,
                digest("c").hex(),
                id.hex()
            ),
            format!(
                r#"[{{"Id":"{0}","Names":["{name}"],"Digest":"{manifest}","RepoDigests":["registry.example.com/acme/server@{manifest}"]}}]"#,
                id.hex()
            ),
        ];
        all.map(|json| one(&json))
    };
    for own in ["server config", "server manifest", "server index"] {
        for finding in told(digest(own)) {
            assert_eq!(finding.verdict, Verdict::Identical, "{own}");
        }
    }
    // That of another image of the release is as foreign as any.
    for foreign in ["agent config", "x"] {
        for finding in told(digest(foreign)) {
            assert_eq!(finding.verdict, Verdict::Unchecked, "{foreign}");
            assert_eq!(finding.reference, name, "{foreign}");
            let reason = finding.reasons.join("; ");
            assert!(reason.contains(&digest(foreign).to_string()), "{reason}");
        }
    }
}

/// A pod with this phase; `more` stands in its spec and `status` in its status.
fn phased(phase: &str, more: &str, status: &str) -> String {
    format!(
        r#"{{"kind":"Pod","metadata":{{"namespace":"a","name":"p"}},"spec":{{"containers":[{{"name":"c","image":"registry.example.com/acme/server:v1"}}]{more}}},"status":{{"phase":"{phase}"{status}}}}}"#
    )
}

#[test]
fn pods_that_are_over_run_nothing() {
    let read = |json: &str| container::read(json.as_bytes(), "p").unwrap();
    let none = r#","containerStatuses":[{"name":"c","image":"x","imageID":""}]"#;
    for phase in ["Failed", "Succeeded"] {
        for status in ["", none, r#","containerStatuses":null"#] {
            let told = read(&phased(phase, "", status));
            assert_eq!(told.containers, [], "{phase} {status}");
            assert!(
                told.notes[0].starts_with("1 container of pods"),
                "{:?}",
                told.notes
            );
            assert!(told.notes[0].ends_with("a/p/c"), "{:?}", told.notes);
        }
        // What it did run counts.
        let id = format!(
            r#","containerStatuses":[{{"name":"c","image":"x","imageID":"{}"}}]"#,
            digest("other")
        );
        assert_eq!(one(&phased(phase, "", &id)).verdict, Verdict::Different);
    }
    // But a container that runs is no part of what is over, and nobody knows what it runs; nor what is
    // mounted there.
    let volume =
        r#","volumes":[{"name":"v","image":{"reference":"registry.example.com/acme/agent:v1"}}]"#;
    for (state, runs) in [
        (r#"{"running":{"startedAt":"2026-11-01T00:00:00Z"}}"#, true),
        (r#"{"running":{}}"#, true),
        (r#"{"running":null}"#, false),
        (r#"{"terminated":{"exitCode":1}}"#, false),
        (r#"{"waiting":{"reason":"ContainerCreating"}}"#, false),
        ("{}", false),
        ("null", false),
    ] {
        for id in [r#","imageID":"""#, ""] {
            let status = format!(
                r#","initContainerStatuses":[{{"name":"i","image":"x"}}],"containerStatuses":[{{"name":"c","image":"x"{id},"state":{state}}}]"#
            );
            for phase in ["Failed", "Succeeded"] {
                let told = read(&phased(phase, volume, &status));
                let places: Vec<_> = told.containers.iter().map(|c| c.place.as_str()).collect();
                let running = ["a/p/volume v", "a/p/c"];
                assert_eq!(places, if runs { &running[..] } else { &[] }, "{state}");
                if runs {
                    let verdict = one(&phased(phase, "", &status)).verdict;
                    assert_eq!(verdict, Verdict::Unchecked, "{state}");
                }
            }
        }
    }
    // What may still start is not over.
    for phase in ["Pending", "Running", "Unknown", ""] {
        assert_eq!(
            one(&phased(phase, "", "")).verdict,
            Verdict::Unchecked,
            "{phase}"
        );
    }
    let many: Vec<_> = (0..9).map(|_| phased("Failed", "", "")).collect();
    let told = read(&format!("[{}]", many.join(",")));
    assert!(told.notes[0].ends_with(" and 6 more"), "{:?}", told.notes);
}

/// Pods of every owner: of Jobs, of the node itself, with sidecars, with what was put in to look around, in every form
/// in which kubectl gives them out.
#[test]
fn pods_that_others_made() {
    let own = format!(
        "registry.example.com/acme/server@{}",
        digest("server index")
    );
    let told = |list: &str, state: &str, id: &str| {
        format!(
            r#","{list}":[{{"name":"c","image":"registry.example.com/acme/server:v1","imageID":"{id}","state":{{{state}}}}}]"#
        )
    };
    let ended = r#""terminated":{"exitCode":0,"reason":"Completed"}"#;
    let runs = r#""running":{"startedAt":"2026-11-01T00:00:00Z"}"#;
    for (what, pod, verdict) in [
        ("of a Job that is done", phased("Succeeded", r#","restartPolicy":"Never""#, &told("containerStatuses", ended, &own)), Verdict::Identical),
        ("of a Job that ran something else", phased("Failed", "", &told("containerStatuses", ended, &digest("x").to_string())), Verdict::Different),
        ("of the node itself", phased("Running", "", &told("containerStatuses", runs, &own)).replace(r#""namespace":"a""#, r#""namespace":"a","annotations":{"kubernetes.io/config.mirror":"0","kubernetes.io/config.source":"file"}"#), Verdict::Identical),
        ("a sidecar", phased("Running", "", &told("initContainerStatuses", runs, &own)), Verdict::Identical),
        ("a sidecar of a pod that is over", phased("Succeeded", "", &told("initContainerStatuses", ended, &own)), Verdict::Identical),
        ("a sidecar that still runs, nobody knows what", phased("Succeeded", "", &told("initContainerStatuses", runs, "")), Verdict::Unchecked),
        ("what was put in", phased("Running", "", &told("ephemeralContainerStatuses", runs, &digest("x").to_string())), Verdict::Different),
        ("of a node that is gone", phased("Unknown", "", &told("containerStatuses", runs, "")), Verdict::Unchecked),
        ("that waits", phased("Pending", "", &told("containerStatuses", r#""waiting":{"reason":"ImagePullBackOff"}"#, "")), Verdict::Unchecked),
    ] {
        for form in [
            pod.clone(),
            format!(r#"{{"apiVersion":"v1","kind":"List","items":[{pod},{{"kind":"Job","spec":{{"template":{{"spec":{{"containers":[]}}}}}}}}]}}"#),
            format!(r#"{{"kind":"PodList","items":[{}]}}"#, pod.replace(r#""kind":"Pod","#, "")),
            format!("{pod}\n{{\"kind\":\"PodList\",\"items\":[]}}\n"),
        ] {
            let finding = one(&form);
            assert_eq!(finding.verdict, verdict, "{what}: {form}");
            assert_eq!(finding.places, ["a/p/c"], "{what}");
        }
    }
    // What tells of no container is not an answer.
    for json in [
        r#"{"kind":"Job","status":{"succeeded":1}}"#,
        r#"{"kind":"PodTemplateList","items":[{"kind":"PodTemplate"}]}"#,
        r#"{"items":[{"id":"1","metadata":{"name":"p"},"state":"SANDBOX_READY"}]}"#,
        r#"{"type":"ADDED","object":{"kind":"Pod"}}"#,
        r#"{"kind":"Status","status":"Failure","message":"pods is forbidden"}"#,
    ] {
        let read = container::read(json.as_bytes(), "p");
        assert!(read.is_err(), "{json}: {read:?}");
    }
}

#[test]
fn images_that_are_volumes_run() {
    let volume = r#","volumes":[{"name":"e","emptyDir":{}},{"name":"v","image":{"reference":"registry.example.com/acme/agent:v1","pullPolicy":"Always"}}]"#;
    let server = format!(
        "registry.example.com/acme/server@{}",
        digest("server index")
    );
    let mounted = |references: &[String]| {
        let mounts: Vec<_> = references
            .iter()
            .map(|r| format!(r#"{{"name":"v","mountPath":"/v","volumeStatus":{{"image":{{"imageRef":"{r}"}}}}}}"#))
            .collect();
        format!(
            r#","containerStatuses":[{{"name":"c","image":"registry.example.com/acme/server:v1","imageID":"{server}","volumeMounts":[{{"name":"e"}},{}]}}]"#,
            mounts.join(",")
        )
    };
    let agent = |of: &str| format!("registry.example.com/acme/agent@{}", digest(of));
    let found = |status: &str| {
        let findings = compare(&phased("Running", volume, status));
        let agent = findings.iter().find(|f| f.reference.contains("agent"));
        agent.map(|f| (f.verdict, f.places.clone()))
    };
    let place = vec!["a/p/volume v".to_owned()];
    for (references, verdict) in [
        (vec![agent("agent index")], Verdict::Identical),
        (vec![agent("agent manifest")], Verdict::Identical),
        (
            vec![digest("agent config").to_string()],
            Verdict::SameImageId,
        ),
        (vec![agent("other")], Verdict::Different),
        // Two containers mount one volume.
        (
            vec![agent("agent index"), agent("agent index")],
            Verdict::Identical,
        ),
    ] {
        let status = mounted(&references);
        assert_eq!(
            found(&status),
            Some((verdict, place.clone())),
            "{references:?}"
        );
    }
    // A kubelet that does not tell.
    let silent =
        format!(r#","containerStatuses":[{{"name":"c","image":"x","imageID":"{server}"}}]"#);
    assert_eq!(found(&silent), Some((Verdict::Unchecked, place)));
    let told = container::read(phased("Failed", volume, "").as_bytes(), "p").unwrap();
    assert_eq!(told.containers, []);
    // Engines mount images too, and tell the name alone.
    let config = digest("server config").hex();
    for json in [
        format!(
            r#"[{{"Name":"/web","Image":"sha256:{config}","Config":{{"Image":"registry.example.com/acme/server:v1"}},"HostConfig":{{"Mounts":[{{"Type":"image","Source":"registry.example.com/acme/agent:v1","Target":"/v"}}]}},"Mounts":[{{"Type":"image","Source":"/var/lib/x","Destination":"/v"}},{{"Type":"bind","Source":"/x","Destination":"/y"}}]}}]"#
        ),
        format!(
            r#"[{{"Name":"web","Image":"{config}","ImageName":"registry.example.com/acme/server:v1","Mounts":[{{"Type":"image","Source":"registry.example.com/acme/agent:v1","Destination":"/v"}}]}}]"#
        ),
    ] {
        let findings = compare(&json);
        let agent = findings
            .iter()
            .find(|f| f.reference.contains("agent"))
            .unwrap();
        assert_eq!(
            (agent.verdict, &agent.places[0][..]),
            (Verdict::Unchecked, "web volume /v")
        );
    }
}

#[test]
fn a_list_of_other_things_is_refused() {
    for (json, kinds) in [
        (
            r#"{"kind":"List","items":[{"kind":"Deployment","spec":{"template":{"spec":{"containers":[]}}},"status":{}},{"kind":"Deployment"},{"kind":"Service"}]}"#,
            "Deployment (2), Service (1)",
        ),
        (
            r#"{"items":[{"kind":"Node","status":{"images":[]}}],"kind":"NodeList"}"#,
            "Node (1), NodeList (1)",
        ),
        (
            r#"{"kind":"DeploymentList","items":[]}"#,
            "DeploymentList (1)",
        ),
        (
            r#"{"kind":"DeploymentList","items":[{"metadata":{},"spec":{"replicas":1},"status":{}}]}"#,
            "DeploymentList (1), an object with the members metadata, spec, status (1)",
        ),
        (
            r#"[{"ID":"x","Spec":{"Name":"web"}}]"#,
            "an object with the members ID, Spec",
        ),
        (
            r#"[{"ID":"x","ContainerName":"web","Repository":"r","Tag":"v","Size":1}]"#,
            "members ID, ContainerName, Repository, Tag (1)",
        ),
        (r#"{"kind":"Status","message":"forbidden"}"#, "but Status"),
        (
            r#"{"kind":"Deployment","spec":{"containers":[{"name":"c","image":"x"}]},"status":{}}"#,
            "but Deployment",
        ),
        (
            r#"[{"kind":"Pod","metadata":{"name":"p"}}]"#,
            "Pod without containers",
        ),
        (r#"[{"kind":"\u001b[2J"}]"#, r"\u{1b}[2J (1)"),
    ] {
        let error = container::read(json.as_bytes(), "p")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(kinds) && error.contains("kubectl get pods"),
            "{error}"
        );
    }
    // Many kinds are not all told.
    let many: Vec<_> = (0..1000).map(|n| format!(r#"{{"kind":"K{n}"}}"#)).collect();
    let error = container::read(format!("[{}]", many.join(",")).as_bytes(), "p").unwrap_err();
    assert!(error.to_string().len() < 1000, "{error}");
    // Nothing is an answer where nothing runs.
    for json in [
        "[]",
        r#"{"items":[]}"#,
        r#"{"kind":"PodList","items":null}"#,
        r#"{"containers":[]}"#,
    ] {
        let told = container::read(json.as_bytes(), "p").unwrap();
        assert!(
            told.containers.is_empty() && told.notes.is_empty(),
            "{json}"
        );
    }
    // `kubectl get all` has pods among the rest.
    let all = format!("[{},{{\"kind\":\"Service\"}}]", phased("Running", "", ""));
    let told = container::read(all.as_bytes(), "p").unwrap();
    assert_eq!(told.containers.len(), 1);
    assert!(told.notes[0].ends_with("Service (1)"), "{:?}", told.notes);
}

#[test]
fn only_a_digest_is_known_of_what_was_released() {
    let mut expected = expected("server");
    expected.image = None;
    let verdict = |id: &str| {
        let json = pod("registry.example.com/acme/server:v1", id);
        let told = container::read(json.as_bytes(), "p").unwrap();
        running::compare(&[expected.clone()], told.containers, &[], &others())[0].verdict
    };
    let name = "registry.example.com/acme/server";
    assert_eq!(
        verdict(&format!("{name}@{}", digest("server index"))),
        Verdict::Identical
    );
    // It may be that of a platform, of a config, or of something else.
    assert_eq!(
        verdict(&format!("{name}@{}", digest("server manifest"))),
        Verdict::Unchecked
    );
    assert_eq!(
        verdict(&format!("docker://{}", digest("server config"))),
        Verdict::Unchecked
    );
    assert_eq!(verdict(&digest("x").to_string()), Verdict::Unchecked);
}

/// A digest alone does not prove that other images stand in an index: attestations hold times.
#[test]
fn another_index_is_judged_by_what_it_holds() {
    let released = expected("server");
    let name = "registry.example.com/acme/server";
    let judge = |described: Option<Image>| {
        let json = pod(&format!("{name}:v1"), &format!("{name}@{}", digest("x")));
        let told = container::read(json.as_bytes(), "p").unwrap();
        let release = [released.clone()];
        let asked = running::strangers(&release, &told.containers, &[]);
        assert_eq!(asked, [(0, digest("x"))].into());
        let described = described.map(|image| ((0, digest("x")), image));
        let described = described.into_iter().collect();
        running::compare(&release, told.containers, &[], &described)[0].clone()
    };
    let image = |change: &dyn Fn(&mut Image)| {
        let mut image = released.image.clone().unwrap();
        image.digest = digest("x");
        change(&mut image);
        Some(image)
    };
    let finding = judge(image(&|_| {}));
    assert_eq!(finding.verdict, Verdict::SamePlatforms, "{finding:?}");
    assert_eq!(finding.actual, Some(digest("x")));
    // The manifest of one platform, packed again: only that one runs.
    let packed = judge(image(&|image| {
        image.media_type = MediaType::OCI_MANIFEST;
        image.platforms[0].manifest.digest = digest("x");
    }));
    assert_eq!(packed.verdict, Verdict::SameImageId, "{packed:?}");
    let other = judge(image(&|image| {
        image.platforms = expected("agent").image.unwrap().platforms;
    }));
    assert_eq!(other.verdict, Verdict::Different);
    assert!(other.reasons[0].contains("another image runs"), "{other:?}");
    // Nobody knows it.
    assert_eq!(judge(None).verdict, Verdict::Unchecked);
}

/// What `crictl` says of the image that was asked for is no proof of what runs.
#[test]
fn what_was_asked_for_is_not_what_runs() {
    let asked = digest("server index");
    for (runs, verdict) in [
        (digest("x").to_string(), Verdict::Different),
        (String::new(), Verdict::Unchecked),
        (asked.to_string(), Verdict::Identical),
    ] {
        let finding = one(&format!(
            r#"{{"containers":[{{"id":"1","metadata":{{"name":"main"}},"image":{{"image":"{asked}","userSpecifiedImage":"registry.example.com/acme/server:v1"}},"imageRef":"{runs}"}}]}}"#
        ));
        assert_eq!(finding.verdict, verdict, "{runs}");
    }
}

/// A container of a folder runs something, and nobody knows what; the one that holds a pod's
/// name spaces runs nothing.
#[test]
fn containers_without_an_image() {
    let folder = r#"[{"Id":"1","Image":"","ImageDigest":"","ImageName":"","Rootfs":"/srv/x","Name":"web","Config":{}}]"#;
    assert_eq!(one(folder).verdict, Verdict::Unchecked);
    let listed = r#"[{"Id":"1","Image":"","ImageID":"","IsInfra":false,"Names":["web"]}]"#;
    assert_eq!(one(listed).verdict, Verdict::Unchecked);
    let infra = listed.replace("false", "true");
    let with = format!(
        "[{},{}]",
        &infra[1..infra.len() - 1],
        pod(
            "registry.example.com/acme/server:v1",
            &digest("server index").to_string()
        )
    );
    assert_eq!(one(&with).verdict, Verdict::Identical);
}

#[test]
fn items_of_another_kind_are_no_pods() {
    let pod = pod("registry.example.com/acme/server:v1", "").replace(r#""kind":"Pod","#, "");
    for kind in ["WidgetList", "DeploymentList"] {
        for json in [
            format!(r#"{{"kind":"{kind}","items":[{pod}]}}"#),
            format!(r#"{{"items":[{pod}],"kind":"{kind}"}}"#),
        ] {
            let error = container::read(json.as_bytes(), "p").unwrap_err();
            assert!(error.to_string().contains(kind), "{error}");
        }
    }
    let listed = format!(r#"{{"items":[{pod}],"kind":"PodList"}}"#);
    assert_eq!(one(&listed).verdict, Verdict::Unchecked);
}

#[test]
fn what_does_not_run_is_missing() {
    let findings = running::compare(
        &[expected("server")],
        container::read(&b"{\"items\":[]}"[..], "p")
            .unwrap()
            .containers,
        &[],
        &others(),
    );
    assert_eq!(findings[0].verdict, Verdict::Missing);
}

#[test]
fn nonsense_is_refused_with_a_sentence() {
    for (json, what) in [
        ("", "empty"),
        ("[", "EOF"),
        ("7", "expected"),
        ("{\"a\":1}", "neither a pod"),
        ("{\"items\":7}", "invalid type"),
        ("not json", "expected"),
        (&"[".repeat(100_000), "recursion"),
    ] {
        let error = container::read(json.as_bytes(), "pods.json")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("pods.json: ") && error.contains(what),
            "{error}"
        );
    }
    let many = format!(
        "[{}]",
        vec!["{\"Image\":\"a\",\"Names\":\"b\"}"; 1_000_001].join(",")
    );
    let error = container::read(many.as_bytes(), "p")
        .unwrap_err()
        .to_string();
    assert!(error.contains("more than 1000000"), "{error}");
}
