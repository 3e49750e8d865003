//! Registries, token servers and stores that are right in a way of their own, as people meet
//! them: what is served is had all the same, and what is said is true and holds no secret.

mod server;

use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use server::{quick, quick_http, repository, with, Reply, Request, Server, Then, MANIFEST};
use verbatim_net::Credentials;
use verbatim_net::Options as HttpOptions;
use verbatim_oci::{Descriptor, MediaType};
use verbatim_registry::{Client, Error, ErrorKind, Manifest, Options, Which};

/// `user:s3cret` in base64.
const BASIC: &str = "Basic dXNlcjpzM2NyZXQ=";

fn login(server: &Server) -> Options {
    let host = server.address().to_string();
    let credentials = Credentials::new(move |name| match name {
        "VERBATIM_REGISTRY" => Some(OsString::from(&host)),
        "VERBATIM_REGISTRY_USER" => Some("user".into()),
        "VERBATIM_REGISTRY_PASSWORD" => Some("s3cret".into()),
        _ => None,
    });
    with(HttpOptions {
        credentials,
        ..quick_http()
    })
}

async fn manifest(options: Options, server: &Server) -> Result<Manifest, Error> {
    let client = Client::new(options).unwrap();
    client
        .manifest(&repository(server), &Which::Tag("v1".into()))
        .await
}

fn challenge(value: &str) -> Reply {
    Reply::status(401).header("WWW-Authenticate", value)
}

/// The scopes in the query of a request for a token.
fn scopes(request: &Request) -> Vec<String> {
    let (_, query) = request.path.split_once('?').unwrap_or_default();
    query
        .split('&')
        .filter_map(|field| field.strip_prefix("scope="))
        .map(|scope| {
            scope
                .replace("%3A", ":")
                .replace("%2F", "/")
                .replace("%2C", ",")
        })
        .collect()
}

/// Gives tokens that say what they are for, as `[scope]` or, of several, `[scope scope]`.
fn token_server() -> Server {
    Server::start(|request| {
        let token = scopes(request).join("_");
        Reply::ok(format!("{{\"token\":\"[{token}]\"}}"))
    })
}

/// A registry that takes tokens for `need` and asks for `says`, by a status.
fn scoped(tokens: &Server, status: u16, need: &'static str, says: &'static str) -> Server {
    let realm = format!("http://{}/token", tokens.address());
    Server::start(move |request| {
        let authorization = request.header("authorization").unwrap_or_default();
        if authorization.contains(need) {
            return Reply::ok(MANIFEST);
        }
        let status = if authorization.is_empty() {
            401
        } else {
            status
        };
        Reply::status(status).header(
            "WWW-Authenticate",
            &format!("Bearer realm=\"{realm}\",service=\"x\",scope=\"{says}\",error=\"insufficient_scope\""),
        )
    })
}

const OWN: &str = "repository:acme/app:pull";

#[tokio::test]
async fn after_the_own_scope_that_of_the_challenge_is_tried_once() {
    for (need, says, asked) in [
        (OWN, OWN, &[OWN][..]),
        // A placeholder, which does not matter.
        (OWN, "repository:user/image:pull", &[OWN]),
        // Behind a path the registry has a name of its own for the repository.
        (
            "repository:app:pull",
            "repository:app:pull",
            &[OWN, "repository:app:pull"],
        ),
        ("aws", "aws", &[OWN, "aws"]),
        ("b_c", "b c", &[OWN, "b c"]),
    ] {
        for status in [401, 403] {
            let tokens = token_server();
            let server = scoped(&tokens, status, need, says);
            let client = Client::new(quick()).unwrap();
            // What was learnt is not learnt again.
            for _ in 0..3 {
                client
                    .manifest(&repository(&server), &Which::Tag("v1".into()))
                    .await
                    .unwrap_or_else(|e| panic!("{says}: {e}"));
            }
            let got: Vec<String> = tokens
                .requests()
                .iter()
                .map(|request| scopes(request).join(" "))
                .collect();
            assert_eq!(got, asked, "{says}");
            assert_eq!(server.requests().len(), asked.len() + 3, "{says}");
        }
    }
}

/// A token server that gives the same token for the same scope: it did for one request, the next
/// one is refused, and asking again changes nothing.
#[tokio::test]
async fn where_the_own_scope_has_one_token_alone_that_of_the_challenge_is_tried() {
    for status in [401, 403] {
        let tokens = token_server();
        let realm = format!("http://{}/token", tokens.address());
        let server = Server::start(move |request| {
            let authorization = request.header("authorization").unwrap_or_default();
            let wide = authorization.contains("aws");
            if wide || (!authorization.is_empty() && !request.path.ends_with("/v2")) {
                return Reply::ok(MANIFEST);
            }
            let status = if authorization.is_empty() {
                401
            } else {
                status
            };
            let scope = if authorization.is_empty() { OWN } else { "aws" };
            Reply::status(status).header(
                "WWW-Authenticate",
                &format!("Bearer realm=\"{realm}\",service=\"x\",scope=\"{scope}\""),
            )
        });
        let client = Client::new(quick()).unwrap();
        for tag in ["v1", "v2"] {
            client
                .manifest(&repository(&server), &Which::Tag(tag.into()))
                .await
                .unwrap_or_else(|e| panic!("{status} {tag}: {e}"));
        }
        assert!(tokens.requests().len() <= 3, "{}", tokens.requests().len());
    }
}

#[tokio::test]
async fn a_refusal_for_every_scope_ends() {
    for says in ["repository:other:pull", OWN, "", &"a ".repeat(9000)] {
        let says: &'static str = Box::leak(says.to_owned().into_boxed_str());
        let tokens = token_server();
        let server = scoped(&tokens, 401, "nothing", says);
        let error = manifest(quick(), &server).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        assert!(tokens.requests().len() <= 2 && server.requests().len() <= 3);
    }
}

#[tokio::test]
async fn a_token_server_that_knows_no_such_scope_is_asked_for_that_of_the_challenge() {
    for status in [400, 401, 403, 404, 405, 410, 422, 451] {
        let tokens = Server::start(move |request| match scopes(request).concat().as_str() {
            "aws" => Reply::ok("{\"token\":\"aws\"}"),
            _ => Reply::status(status),
        });
        let server = scoped(&tokens, 401, "aws", "aws");
        manifest(quick(), &server)
            .await
            .unwrap_or_else(|e| panic!("{status}: {e}"));
        assert_eq!(tokens.requests().len(), 2, "{status}");

        // Where the challenge asks for the same, or for nothing, the refusal stands, and is told at once.
        for says in [OWN, ""] {
            let tokens = Server::start(move |_| Reply::status(status));
            let server = scoped(&tokens, 401, "aws", says);
            let error = manifest(quick(), &server).await.unwrap_err().to_string();
            assert!(error.contains(&format!("answers {status}")), "{error}");
            assert_eq!(tokens.requests().len(), 1, "{status}");
        }
    }
    // Too many requests, and what fails or leads elsewhere, is no word about a scope.
    for status in [302, 429, 500] {
        let tokens = Server::start(move |_| Reply::status(status));
        let server = scoped(&tokens, 401, "aws", "aws");
        manifest(quick(), &server).await.unwrap_err();
        let wrong = tokens
            .requests()
            .iter()
            .any(|request| scopes(request).concat() == "aws");
        assert!(!wrong, "{status}");
    }
}

#[tokio::test]
async fn a_password_is_tried_where_a_token_does_not_do() {
    // A registry that answers tokens it does not like with a challenge for a password.
    let tokens = token_server();
    let realm = format!("http://{}/token", tokens.address());
    let server = Server::start(move |request| match request.header("authorization") {
        None => challenge(&format!("Bearer realm=\"{realm}\",service=\"harbor\"")),
        Some(BASIC) => Reply::ok(MANIFEST),
        Some(_) => challenge("Basic realm=\"harbor\""),
    });
    manifest(login(&server), &server).await.unwrap();
    // And without one the refusal stands.
    let error = manifest(quick(), &server).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
}

#[tokio::test]
async fn nothing_that_a_token_server_says_is_repeated() {
    const SECRET: &str = "eyJhbGciOi-s3cret";
    let bodies = [
        format!("{{\"token\":\"{SECRET}\",\"access_token\":\"{SECRET}\"}}"),
        format!("{{\"errors\":[{{\"code\":\"{SECRET}\",\"message\":\"{SECRET}\"}}]}}"),
        format!("{{\"error\":\"{SECRET}\"}}"),
        SECRET.to_owned(),
    ];
    let mut answers: Vec<Reply> = Vec::new();
    for status in [
        100, 200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 304, 307, 400, 401, 403, 404, 405,
        409, 418, 429, 500, 503, 599,
    ] {
        for body in &bodies {
            answers.push(
                Reply {
                    status,
                    ..Reply::ok(body.as_str())
                }
                .header("Location", &format!("http://127.0.0.1:1/{SECRET}"))
                .header("WWW-Authenticate", &format!("Bearer realm=\"{SECRET}\""))
                .header("X-Token", SECRET),
            );
        }
    }
    // Cut, without an end, and no HTTP at all.
    answers.push(
        Reply::ok(bodies[0].as_str())
            .length(Some(500))
            .then(Then::Cut),
    );
    answers.push(Reply::ok("x").header(SECRET, SECRET));
    answers.push(Reply::raw(format!("{SECRET}\r\n\r\n")));
    answers.push(Reply::raw(format!(
        "HTTP/1.1 200 {SECRET}\r\n{SECRET}\r\n\r\n"
    )));
    let answers = Arc::new(answers);
    let turn = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (all, now) = (Arc::clone(&answers), Arc::clone(&turn));
    let tokens = Server::start(move |_| all[now.load(std::sync::atomic::Ordering::SeqCst)].clone());
    let realm = format!("http://{}/token", tokens.address());
    // It takes no token, so that each way ends with a message.
    let server = Server::start(move |_| challenge(&format!("Bearer realm=\"{realm}\"")));
    let told = Arc::new(std::sync::Mutex::new(String::new()));
    for (n, answer) in answers.iter().enumerate() {
        turn.store(n, std::sync::atomic::Ordering::SeqCst);
        let log = Arc::clone(&told);
        let mut options = with(HttpOptions {
            on_retry: Some(Arc::new(move |retry| {
                log.lock().unwrap().push_str(&format!("{retry:?}"));
            })),
            ..quick_http()
        });
        options.http.retries.attempts = 2;
        let error = manifest(options, &server).await.unwrap_err();
        let shown = format!("{error} {error:?} {}", told.lock().unwrap());
        assert!(!shown.contains("s3cret"), "{}: {shown}", answer.status);
        // What a token server does not know may be there all the same.
        assert_ne!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}

#[tokio::test]
async fn what_was_sent_is_not_repeated_from_an_answer() {
    let words = [
        "wrong: Basic dXNlcjpzM2NyZXQ=",
        "wrong: dXNlcjpzM2NyZXQ=",
        "the password s3cret is wrong",
        "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no s3cret\"}]}",
    ];
    for body in words {
        for status in [400, 401, 403, 404, 500] {
            let server = Server::start(move |request| match request.header("authorization") {
                None => challenge("Basic realm=\"x\""),
                Some(_) => Reply {
                    status,
                    ..Reply::ok(body)
                },
            });
            let error = manifest(login(&server), &server).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            let hidden = !shown.contains("s3cret") && !shown.contains("dXNlcjpzM2NyZXQ");
            assert!(hidden, "{shown}");
        }
    }
    // Nor is the signature in the address of a store.
    let store = Server::start(|request| Reply {
        status: 403,
        ..Reply::ok(format!("cannot GET {}", request.path))
    });
    let there = format!(
        "http://{}/blob?a=1&signature=s3cret%2Bs3cret",
        store.address()
    );
    let server = Server::start(move |_| Reply::status(307).header("Location", &there));
    let client = Client::new(quick()).unwrap();
    let blob = Descriptor::of(MediaType::OCI_LAYER, b"a layer");
    let error = client
        .blob_bytes(&repository(&server), &blob, 1 << 20)
        .await
        .unwrap_err();
    assert!(
        !format!("{error} {error:?}").contains("s3cret"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_pause_that_is_too_long_ends_at_once_and_is_told() {
    for (after, part) in [
        ("999999", "in 11 days"),
        ("3600", "in 60 min"),
        (
            "Fri, 31 Dec 2999 23:59:59 GMT",
            "before Tue, 31 Dec 2999 23:59:5",
        ),
        ("99999999999999999999", "not to be asked again"),
    ] {
        for status in [429, 503] {
            let server = Server::start(move |_| Reply::status(status).header("Retry-After", after));
            let began = Instant::now();
            let error = manifest(quick(), &server).await.unwrap_err();
            assert!(began.elapsed() < Duration::from_millis(400));
            assert_eq!(server.requests().len(), 1, "{after}");
            assert!(error.to_string().contains(part), "{after}: {error}");
        }
    }
    // A token server is waited for no longer.
    let tokens = Server::start(|_| Reply::status(429).header("Retry-After", "3600"));
    let realm = format!("http://{}/token", tokens.address());
    let server = Server::start(move |_| challenge(&format!("Bearer realm=\"{realm}\"")));
    let error = manifest(quick(), &server).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limited);
    assert!(error.to_string().contains("in 60 min"), "{error}");
    assert_eq!(tokens.requests().len(), 1);
}

#[tokio::test]
async fn what_is_too_large_names_the_way_out() {
    let server = Server::start(|_| Reply::status(413));
    let error = manifest(quick(), &server).await.unwrap_err();
    assert!(error.to_string().contains("--chunk"), "{error}");
}

#[tokio::test]
async fn a_400_in_plain_http_is_not_called_an_error_of_tls() {
    for body in [
        "{\"errors\":[{\"code\":\"NAME_INVALID\",\"message\":\"no such name\"}]}",
        // Words that sound like TLS, of a server that speaks none.
        "{\"errors\":[{\"code\":\"NAME_INVALID\",\"message\":\"no such name, see HTTPS://example.com\"}]}",
    ] {
        let server = Server::start(move |request| {
            if request.method.bytes().any(|b| !b.is_ascii_uppercase()) {
                return Reply::raw("");
            }
            Reply {
                status: 400,
                ..Reply::ok(body)
            }
        });
        let client = Client::new(quick()).unwrap();
        for _ in 0..2 {
            let error = client
                .manifest(&repository(&server), &Which::Tag("v1".into()))
                .await
                .unwrap_err();
            let shown = error.to_string();
            assert!(shown.contains("400") && shown.contains("no such name"), "{shown}");
            assert!(!shown.contains("TLS"), "{shown}");
        }
    }
}

#[tokio::test]
async fn hints_without_end_are_no_answer() {
    // Never silent, and never an answer.
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(100);
    let server = Server::start(move |_| Reply::raw(hints.clone()).then(Then::Hang));
    let error = manifest(quick(), &server).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Broken);
    assert!(error.to_string().contains("1xx"), "{error}");
    assert_eq!(server.requests().len(), 1);
    // A few are what servers send.
    let few = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(3);
    let body = String::from_utf8_lossy(MANIFEST);
    let answer = format!(
        "{few}HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let server = Server::start(move |_| Reply::raw(answer.clone()));
    manifest(quick(), &server).await.unwrap();
}

#[tokio::test]
async fn a_port_that_is_silent_in_tls_is_told_by_what_it_said_in_plain() {
    let server =
        Server::start(
            |request| match request.method.bytes().all(|b| b.is_ascii_uppercase()) {
                true => Reply::raw("nonsense\r\n\r\n"),
                false => Reply::raw("").then(Then::Hang),
            },
        );
    let error = manifest(quick(), &server).await.unwrap_err();
    assert!(error.to_string().contains("not HTTP"), "{error}");
}
