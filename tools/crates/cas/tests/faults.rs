//! Caches that fail, lie, or say nothing: what is read is right, or an error that says why.

mod server;

use std::io::Read;
use std::time::{Duration, Instant};

use server::{Call, Server, Step, Store};
use verbatim_cas::{Address, Caches, Options, Pooled};
use verbatim_digest::Digest;
use verbatim_net::{Credentials, Options as Http, Retries, Timeouts};
use verbatim_oci::graph::Blobs;
use verbatim_oci::{Descriptor, Error, ErrorKind, MediaType};

/// Bytes that do not compress well, and not to nothing.
fn blob(size: usize) -> Vec<u8> {
    let mut state: u32 = 7;
    (0..size)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 29) as u8
        })
        .collect()
}

fn options() -> Options {
    Options {
        http: Http {
            credentials: Credentials::none(),
            timeouts: Timeouts {
                connect: Duration::from_secs(10),
                response: Duration::from_secs(10),
                idle: Duration::from_secs(10),
                ..Timeouts::default()
            },
            retries: Retries {
                attempts: 3,
                pause: Duration::from_millis(10),
                ..Retries::default()
            },
            ..Http::default()
        },
        ..Options::default()
    }
}

/// For tests in which a server shall be found silent: others may take their time.
fn impatient() -> Options {
    let mut options = options();
    options.http.timeouts.connect = Duration::from_millis(500);
    options.http.timeouts.response = Duration::from_millis(500);
    options.http.timeouts.idle = Duration::from_millis(500);
    options
}

fn caches_with(servers: &[&Server], options: &Options) -> Caches {
    let addresses: Vec<Address> = servers
        .iter()
        .map(|server| server.address.parse().unwrap())
        .collect();
    Caches::new(&addresses, options, servers[0].handle()).unwrap()
}

fn caches(server: &Server) -> Caches {
    caches_with(&[server], &options())
}

/// All bytes of a blob; only an end without an error makes them good.
fn read(caches: &Caches, blob: &[u8]) -> Result<Vec<u8>, Error> {
    let digest = Digest::of(blob);
    let mut content = caches.open(&digest, Some(blob.len() as u64))?;
    let mut data = Vec::new();
    match content.reader.read_to_end(&mut data) {
        Ok(_) => Ok(data),
        Err(e) => Err(caches.unreadable(&digest, e)),
    }
}

fn refused(caches: &Caches, blob: &[u8], kind: ErrorKind, said: &str) -> String {
    let error = read(caches, blob).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    assert!(text.contains(said), "{text}");
    text
}

fn descriptor(blob: &[u8]) -> Descriptor {
    Descriptor::of(MediaType::OCI_LAYER, blob)
}

/// Right in all but what a test changes.
fn server(
    store: Store,
    change: impl Fn(&Call, Vec<Step>) -> Vec<Step> + Send + Sync + 'static,
) -> Server {
    Server::start(move |call| change(call, store.answer(call)))
}

/// Right in all but `Read`.
fn reads(
    blob: &[u8],
    change: impl Fn(&Call, Vec<Step>) -> Vec<Step> + Send + Sync + 'static,
) -> Server {
    server(Store::of(&[blob]), move |call, steps| {
        match call.method.as_str() {
            "Read" => change(call, steps),
            _ => steps,
        }
    })
}

#[test]
fn a_blob_comes_as_it_is() {
    for size in [0, 1, 9_999, 1_000_000] {
        let blob = blob(size);
        let server = reads(&blob, |_, steps| steps);
        let caches = caches(&server);
        assert!(caches.has(&descriptor(&blob)));
        assert_eq!(read(&caches, &blob).unwrap(), blob);
        if size > 0 {
            let name = format!("blobs/{}/{size}", Digest::of(&blob).hex());
            assert_eq!(server.calls("Read")[0].read().resource_name, name);
        }
    }
}

#[test]
fn a_document_is_read_whole() {
    let blob = b"{}".to_vec();
    let server = reads(&blob, |_, steps| steps);
    assert_eq!(caches(&server).document(&descriptor(&blob)).unwrap(), blob);
}

#[test]
fn a_stream_that_is_reset_goes_on_where_it_ended() {
    let blob = blob(100_000);
    for cut in [Step::Reset, Step::Close] {
        let server = reads(&blob, {
            let cut = cut.clone();
            move |call, mut steps| {
                if call.number == 0 {
                    steps.truncate(4);
                    steps.push(cut.clone());
                }
                steps
            }
        });
        assert_eq!(read(&caches(&server), &blob).unwrap(), blob, "{cut:?}");
        let calls = server.calls("Read");
        assert_eq!(calls.len(), 2, "{cut:?}");
        assert_eq!(calls[1].read().read_offset, 40_000, "{cut:?}");
    }
}

#[test]
fn tries_have_an_end() {
    let blob = blob(10_000);
    let server = reads(&blob, |_, _| vec![Step::Status(14, "not now")]);
    let error = refused(&caches(&server), &blob, ErrorKind::Io, "not now");
    assert!(error.contains("UNAVAILABLE"), "{error}");
    assert_eq!(server.calls("Read").len(), 3);
}

#[test]
fn a_connection_that_was_idle_is_not_used_again() {
    let (one, two) = (blob(1000), blob(2000));
    // Who stands between forgets the first connection: nothing more comes by it.
    let server = server(Store::of(&[&one, &two]), {
        let two = Digest::of(&two).hex();
        move |call, steps| {
            let late = call.method == "Read" && call.read().resource_name.contains(&two);
            match late && call.connection == 0 {
                true => vec![Step::Hang],
                false => steps,
            }
        }
    });
    let mut options = options();
    options.http.retries.attempts = 1;
    options.pooled.idle = Duration::from_millis(50);
    let caches = caches_with(&[&server], &options);
    assert_eq!(read(&caches, &one).unwrap(), one);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(read(&caches, &two).unwrap(), two);
    assert_eq!(server.calls("Read")[1].connection, 1);
}

#[test]
fn a_connection_is_not_used_for_ever() {
    let blob = blob(1000);
    let server = reads(&blob, |_, steps| steps);
    let mut options = options();
    options.pooled = Pooled {
        age: Duration::from_millis(100),
        idle: Duration::from_secs(60),
    };
    let caches = caches_with(&[&server], &options);
    for _ in 0..2 {
        assert_eq!(read(&caches, &blob).unwrap(), blob);
    }
    assert_eq!(server.calls("Read")[1].connection, 0);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(read(&caches, &blob).unwrap(), blob);
    assert_eq!(server.calls("Read")[2].connection, 1);
}

#[test]
fn a_connection_that_was_closed_is_made_again() {
    let blob = blob(1000);
    let server = reads(&blob, |call, mut steps| {
        if call.number == 0 {
            steps.insert(0, Step::Close);
            steps.rotate_left(1);
        }
        steps
    });
    let caches = caches(&server);
    assert_eq!(read(&caches, &blob).unwrap(), blob);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(read(&caches, &blob).unwrap(), blob);
}

#[test]
fn a_blob_that_was_evicted_is_named_with_the_fix() {
    let gone = blob(5000);
    let server = server(Store::of(&[]), |_, steps| steps);
    let caches = caches(&server);
    assert!(!caches.has(&descriptor(&gone)));
    let error = refused(&caches, &gone, ErrorKind::Missing, "evicted");
    for part in [
        &Digest::of(&gone).to_string(),
        "--remote_download_outputs=all",
        "push_from=files",
        &server.address,
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn wrong_bytes_are_an_error() {
    let blob = blob(50_000);
    let mut wrong = blob.clone();
    wrong[33_333] ^= 1;
    let server = reads(&blob, move |_, _| {
        let mut steps: Vec<Step> = wrong
            .chunks(10_000)
            .map(|piece| Step::Data(piece.to_vec()))
            .collect();
        steps.push(Step::Status(0, ""));
        steps
    });
    let error = refused(
        &caches(&server),
        &blob,
        ErrorKind::Mismatch,
        "have the digest",
    );
    assert!(error.contains(&server.address), "{error}");
}

#[test]
fn too_few_bytes_are_an_error() {
    let blob = blob(50_000);
    // It ends well each time, and never gives the last bytes.
    let server = reads(&blob, |call, mut steps| {
        let offset = call.read().read_offset;
        steps.truncate((4 - offset / 10_000) as usize);
        steps.push(Step::Status(0, ""));
        steps
    });
    refused(
        &caches(&server),
        &blob,
        ErrorKind::Mismatch,
        "ends after 40000 of 50000 bytes",
    );
}

#[test]
fn too_many_bytes_are_an_error() {
    let blob = blob(50_000);
    for more in [1, 70_000] {
        let server = reads(&blob, move |_, mut steps| {
            steps.insert(5, Step::Data(vec![0; more]));
            steps
        });
        refused(
            &caches(&server),
            &blob,
            ErrorKind::Mismatch,
            "more bytes come",
        );
    }
}

#[test]
fn a_message_larger_than_the_limit_is_refused() {
    let blob = blob(6 << 20);
    let server = reads(&blob, {
        let blob = blob.clone();
        move |_, _| vec![Step::Data(blob.clone()), Step::Status(0, "")]
    });
    refused(&caches(&server), &blob, ErrorKind::Mismatch, "too large");
}

#[test]
fn caches_of_another_digest_function_say_so() {
    let blob = blob(1000);
    for (functions, name) in [
        (vec![9], "BLAKE3"),
        (vec![2, 3], "SHA1, MD5"),
        (vec![77], "77"),
    ] {
        let mut store = Store::of(&[&blob]);
        store.functions = functions;
        let server = server(store, |_, steps| steps);
        let error = refused(&caches(&server), &blob, ErrorKind::Unsupported, name);
        assert!(error.contains("--digest_function=SHA256"), "{error}");
    }
    // One that can do both, and one that does not say.
    for functions in [vec![9, 1], vec![]] {
        let mut store = Store::of(&[&blob]);
        store.functions = functions;
        let server = server(store, |_, steps| steps);
        assert_eq!(read(&caches(&server), &blob).unwrap(), blob);
    }
}

#[test]
fn a_server_without_capabilities_is_read_from() {
    let blob = blob(1000);
    let server = server(Store::of(&[&blob]), |call, steps| {
        match call.method.as_str() {
            "GetCapabilities" => vec![Step::Status(12, "unknown service")],
            _ => steps,
        }
    });
    assert_eq!(read(&caches(&server), &blob).unwrap(), blob);
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let blob = blob(50_000);
    type Change = fn(&Call, Vec<Step>) -> Vec<Step>;
    let silent: Vec<Change> = vec![
        // Not a word; the head alone; the first bytes alone.
        |_, _| vec![Step::Hang],
        |_, _| vec![Step::Pause(Duration::ZERO), Step::Hang],
        |call, steps| match call.read().read_offset {
            0 => vec![steps[0].clone(), Step::Hang],
            _ => vec![Step::Hang],
        },
    ];
    for change in silent {
        let server = reads(&blob, change);
        let began = Instant::now();
        let caches = caches_with(&[&server], &impatient());
        refused(&caches, &blob, ErrorKind::Io, "500ms");
        assert!(began.elapsed() < Duration::from_secs(8));
    }
}

#[test]
fn a_port_that_says_nothing_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("grpc://{}", listener.local_addr().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let caches = Caches::new(
        &[address.parse().unwrap()],
        &impatient(),
        runtime.handle().clone(),
    )
    .unwrap();
    let began = Instant::now();
    let error = read(&caches, b"abc").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains(&address), "{error}");
    assert!(began.elapsed() < Duration::from_secs(8));
}

#[test]
fn a_server_that_keeps_busy_without_bytes_is_given_up() {
    let blob = blob(50_000);
    let server = reads(&blob, |_, _| {
        let drop = [Step::Data(vec![]), Step::Pause(Duration::from_millis(100))];
        let steps = drop.iter().cycle().take(400).cloned();
        steps.chain([Step::Hang]).collect()
    });
    let mut options = options();
    options.http.retries.attempts = 1;
    options.http.timeouts.window = Duration::from_secs(1);
    let caches = caches_with(&[&server], &options);
    let began = Instant::now();
    refused(&caches, &blob, ErrorKind::Io, "only 0 bytes came");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn the_next_cache_goes_on_where_the_first_one_failed() {
    let blob = blob(100_000);
    let first = reads(&blob, |call, steps| match call.number {
        0 => vec![steps[0].clone(), steps[1].clone(), Step::Reset],
        _ => vec![Step::Status(13, "broken")],
    });
    let second = reads(&blob, |_, steps| steps);
    let empty = server(Store::of(&[]), |_, steps| steps);
    let caches = caches_with(&[&empty, &first, &second], &options());
    assert!(caches.has(&descriptor(&blob)));
    assert_eq!(read(&caches, &blob).unwrap(), blob);
    assert_eq!(second.calls("Read")[0].read().read_offset, 20_000);
}

#[test]
fn that_a_cache_cannot_be_asked_matters_more_than_that_another_has_nothing() {
    let blob = blob(1000);
    let broken = reads(&blob, |_, _| vec![Step::Status(7, "not for you")]);
    let empty = server(Store::of(&[]), |_, steps| steps);
    for order in [[&broken, &empty], [&empty, &broken]] {
        let caches = caches_with(&order, &options());
        let error = refused(&caches, &blob, ErrorKind::Io, "not for you");
        assert!(error.contains("--cache-credential-helper"), "{error}");
    }
}

#[test]
fn what_is_compressed_on_the_way_comes_out_whole() {
    let blob = blob(3_000_000);
    let mut store = Store::of(&[&blob]);
    store.zstd = true;
    // Cut in the middle: it goes on at a byte of what is inside.
    let server = server(store, |call, mut steps| {
        if call.method == "Read" && call.number == 0 {
            steps.truncate(30);
            steps.push(Step::Reset);
        }
        steps
    });
    assert_eq!(read(&caches(&server), &blob).unwrap(), blob);
    let calls = server.calls("Read");
    assert_eq!(calls.len(), 2);
    for call in &calls {
        let name = call.read().resource_name;
        assert!(name.starts_with("compressed-blobs/zstd/"), "{name}");
    }
    assert!(calls[1].read().read_offset > 0);
}

#[test]
fn compression_that_does_not_work_is_done_without() {
    let blob = blob(100_000);
    let bad: Vec<fn(Vec<Step>) -> Vec<Step>> = vec![
        |_| vec![Step::Data(b"no zstd".to_vec()), Step::Status(0, "")],
        |_| vec![Step::Status(3, "no such resource")],
        |_| vec![Step::Status(5, "no such resource")],
        |_| vec![Step::Status(12, "no compression")],
    ];
    for change in bad {
        let mut store = Store::of(&[&blob]);
        store.zstd = true;
        let server = server(store, move |call, steps| {
            let packed = call.method == "Read" && call.read().resource_name.contains("zstd");
            if packed {
                change(steps)
            } else {
                steps
            }
        });
        assert_eq!(read(&caches(&server), &blob).unwrap(), blob);
    }
}

#[test]
fn a_bomb_is_not_unpacked() {
    let blob = blob(100_000);
    let mut store = Store::of(&[&blob]);
    store.zstd = true;
    let bomb = zstd::bulk::compress(&vec![0; 1 << 28], 1).unwrap();
    let server = server(store, move |call, steps| match call.method.as_str() {
        "Read" => vec![Step::Data(bomb.clone()), Step::Status(0, "")],
        _ => steps,
    });
    refused(
        &caches(&server),
        &blob,
        ErrorKind::Mismatch,
        "more bytes come",
    );
}

#[test]
fn a_blob_that_is_there_in_chunks_is_put_together() {
    let blob = blob(100_000);
    for zstd in [false, true] {
        let chunks: Vec<Vec<u8>> = [&blob[..30_000], &blob[30_000..30_001], &blob[30_001..]]
            .map(<[u8]>::to_vec)
            .to_vec();
        let mut store = Store::of(&[&chunks[0], &chunks[1], &chunks[2]]);
        store.split.insert(Digest::of(&blob).hex(), chunks);
        store.zstd = zstd;
        let server = server(store, |_, steps| steps);
        let caches = caches(&server);
        assert!(caches.has(&descriptor(&blob)));
        assert_eq!(read(&caches, &blob).unwrap(), blob);
        // From the middle, too: what a registry has of it is not read again.
        let digest = Digest::of(&blob);
        for from in [29_999, 30_000, 30_001, 99_999, 100_000] {
            let mut content = caches.open_from(&digest, Some(100_000), from).unwrap();
            let mut rest = Vec::new();
            content.reader.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, &blob[from as usize..], "{from}");
        }
    }
}

#[test]
fn chunks_that_make_another_blob_are_refused() {
    let blob = blob(100_000);
    for (chunks, said) in [
        (
            vec![blob[..50_000].to_vec()],
            "50000 bytes, and it has 100000",
        ),
        (
            vec![blob[50_000..].to_vec(), blob[..50_000].to_vec()],
            "have the digest",
        ),
    ] {
        let mut store = Store::of(&chunks.iter().map(Vec::as_slice).collect::<Vec<_>>());
        store.split.insert(Digest::of(&blob).hex(), chunks);
        let server = server(store, |_, steps| steps);
        let error = read(&caches(&server), &blob).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_socket_of_this_machine() {
    let dir = tempfile::tempdir().unwrap();
    let blob = blob(100_000);
    let store = Store::of(&[&blob]);
    let server = Server::on_socket(&dir.path().join("cas.sock"), move |call| store.answer(call));
    assert_eq!(read(&caches(&server), &blob).unwrap(), blob);
    drop(server);
    std::fs::remove_file(dir.path().join("cas.sock")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = format!("unix:{}", dir.path().join("cas.sock").display());
    let caches = Caches::new(
        &[address.parse().unwrap()],
        &options(),
        runtime.handle().clone(),
    )
    .unwrap();
    refused(&caches, &blob, ErrorKind::Io, "no connection");
}

#[test]
fn the_instance_stands_in_each_request() {
    let blob = blob(1000);
    let server = reads(&blob, |_, steps| steps);
    let address: Address = format!("{}/main/linux", server.address).parse().unwrap();
    let caches = Caches::new(&[address], &options(), server.handle()).unwrap();
    assert_eq!(read(&caches, &blob).unwrap(), blob);
    let name = server.calls("Read")[0].read().resource_name;
    assert!(name.starts_with("main/linux/blobs/"), "{name}");
    // Field 1 of GetCapabilities and of FindMissingBlobs is the instance.
    let said = &server.calls("GetCapabilities")[0].message;
    assert_eq!(&said[..], b"\x0a\x0amain/linux");
    caches.has(&descriptor(&blob));
    let said = &server.calls("FindMissingBlobs")[0].message;
    assert!(said.starts_with(b"\x0a\x0amain/linux"));
}

#[test]
fn headers_go_with_each_request_and_into_no_message() {
    let blob = blob(1000);
    let server = reads(&blob, |_, _| {
        vec![Step::Status(16, "the key s3cr3t-of-mine is wrong")]
    });
    let mut options = options();
    options.headers = vec!["x-api-key=s3cr3t-of-mine".parse().unwrap()];
    let caches = caches_with(&[&server], &options);
    let error = refused(&caches, &blob, ErrorKind::Io, "UNAUTHENTICATED");
    assert!(!error.contains("s3cr3t"), "{error}");
    for method in ["GetCapabilities", "Read"] {
        let calls = server.calls(method);
        assert_eq!(calls[0].headers["x-api-key"], "s3cr3t-of-mine", "{method}");
    }
}

#[cfg(unix)]
#[test]
fn a_helper_is_asked_by_the_address_of_the_service() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let helper = dir.path().join("helper");
    let asked = dir.path().join("asked");
    std::fs::write(
        &helper,
        format!(
            "#!/bin/sh\ncat >>'{}'\necho '{{\"headers\":{{\"authorization\":[\"Bearer of-the-cache\"]}}}}'\n",
            asked.display()
        ),
    )
    .unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let blob = blob(1000);
    let server = reads(&blob, |_, steps| steps);
    let mut options = options();
    let program = format!("127.0.0.1={}", helper.display());
    options.http.credentials = Credentials::none().with_helpers(vec![program.parse().unwrap()]);
    let caches = caches_with(&[&server], &options);
    assert_eq!(read(&caches, &blob).unwrap(), blob);
    assert_eq!(read(&caches, &blob).unwrap(), blob);
    for call in server.calls("Read") {
        assert_eq!(call.headers["authorization"], "Bearer of-the-cache");
    }
    let asked = std::fs::read_to_string(asked).unwrap();
    let host = server.address.replace("grpc://", "https://");
    assert_eq!(
        asked
            .matches(&format!("{host}/google.bytestream.ByteStream"))
            .count(),
        1,
        "{asked}"
    );
}
