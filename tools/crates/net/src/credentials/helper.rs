//! Credential helpers: programs that are asked on stdin and answer on stdout.
//!
//! Their words are never repeated in messages: what a broken helper prints may be the secret.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::header::HeaderName;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;
use verbatim_foreign::printable_path;
use zeroize::Zeroizing;

use super::file::member;
use super::Credential;
use crate::error::Error;
use crate::host::Url;
use crate::secret::Secret;

const MAX_OUTPUT: u64 = 1 << 20;
/// What a helper said is there when it ends; so long for it to be read.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How long headers hold of which a helper does not say it.
const DEFAULT_LIFE: Duration = Duration::from_secs(30 * 60);

/// What a program printed, and whether it succeeded.
struct Printed {
    output: Zeroizing<Vec<u8>>,
    success: bool,
}

/// Run `PROGRAM get`.
async fn ask(program: &Path, question: &str, patience: Duration) -> Result<Printed, Error> {
    let failed = |why: String| {
        Error::Credentials(format!(
            "the credential helper {} {why}",
            printable_path(program)
        ))
    };
    let run = async {
        let mut child = Command::new(program)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| failed(format!("cannot be run: {e}")))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A helper that answers without listening is none of our business.
            let _ = stdin.write_all(question.as_bytes()).await;
        }
        let mut output = Zeroizing::new(Vec::new());
        let too_much = || failed(format!("prints more than {MAX_OUTPUT} bytes"));
        let cannot_read = |e| failed(format!("cannot be read: {e}"));
        let ended = match child.stdout.take() {
            None => child.wait().await,
            Some(stdout) => {
                let mut stdout = stdout.take(MAX_OUTPUT + 1);
                // A helper may leave something running that keeps its output open, such as an
                // agent: when the helper has ended, all that it said is there.
                loop {
                    tokio::select! {
                        biased;
                        read = stdout.read_buf(&mut *output) => {
                            let read = read.map_err(cannot_read)?;
                            if output.len() as u64 > MAX_OUTPUT {
                                return Err(too_much());
                            }
                            if read == 0 {
                                break child.wait().await;
                            }
                        }
                        ended = child.wait() => {
                            let rest = stdout.read_to_end(&mut output);
                            if let Ok(read) = timeout(LAST_WORDS, rest).await {
                                read.map_err(cannot_read)?;
                            }
                            break ended;
                        }
                    }
                }
            }
        };
        if output.len() as u64 > MAX_OUTPUT {
            return Err(too_much());
        }
        let status = ended.map_err(|e| failed(format!("cannot be waited for: {e}")))?;
        Ok(Printed {
            output,
            success: status.success(),
        })
    };
    match timeout(patience, run).await {
        Ok(printed) => printed,
        Err(_) => Err(failed(format!("did not answer within {patience:?}"))),
    }
}

/// What Docker's helpers said, kept by program and server: an image has many repositories,
/// and a helper may ask a human.
#[derive(Clone, Default)]
pub(super) struct Answers {
    kept: Arc<Mutex<HashMap<(PathBuf, String), Slot>>>,
}

type Slot = Arc<tokio::sync::Mutex<Option<Option<Credential>>>>;

impl Answers {
    /// Ask a helper in Docker's protocol.
    pub(super) async fn docker(
        &self,
        program: &Path,
        server: &str,
        patience: Duration,
    ) -> Result<Option<Credential>, Error> {
        let slot = Arc::clone(
            self.kept
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry((program.to_owned(), server.to_owned()))
                .or_default(),
        );
        let mut slot = slot.lock().await;
        if let Some(known) = &*slot {
            return Ok(known.clone());
        }
        let found = docker(program, server, patience).await?;
        *slot = Some(found.clone());
        Ok(found)
    }
}

async fn docker(
    program: &Path,
    server: &str,
    patience: Duration,
) -> Result<Option<Credential>, Error> {
    let printed = ask(program, &format!("{server}\n"), patience).await?;
    let said = String::from_utf8_lossy(&printed.output);
    if !printed.success {
        // The words of the protocol for "there is none".
        if said.to_ascii_lowercase().contains("credentials not found") {
            return Ok(None);
        }
        return Err(Error::Credentials(format!(
            "the credential helper {} failed for {server}; run `echo {server} | {} get` to see why",
            printable_path(program),
            printable_path(program)
        )));
    }
    let wrong = || {
        Error::Credentials(format!(
            "the credential helper {} prints no JSON with Username and Secret",
            printable_path(program)
        ))
    };
    let answer: Map<String, Value> =
        serde_json::from_slice(&printed.output).map_err(|_| wrong())?;
    // `null`, or nothing, is what some say of a registry that they do not know.
    let text = |name: &str| match member(&answer, name) {
        None => Ok(""),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err(wrong()),
    };
    let (user, secret) = (text("Username")?, Secret::new(text("Secret")?));
    Ok(match user {
        _ if secret.expose().is_empty() => None,
        "<token>" => Some(Credential::Identity(secret)),
        user => Some(Credential::Basic {
            user: user.to_owned(),
            password: secret,
        }),
    })
}

/// Ask a helper in Bazel's protocol: headers for an address, and until when they hold.
pub(super) async fn bazel(
    program: &Path,
    address: &Url,
    patience: Duration,
) -> Result<(Vec<(HeaderName, Secret)>, Instant), Error> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        headers: HashMap<String, Vec<String>>,
        #[serde(default)]
        expires: Option<String>,
    }
    let wrong = |what: &str| {
        Error::Credentials(format!(
            "the credential helper {} {what}",
            printable_path(program)
        ))
    };
    let question = serde_json::json!({ "uri": address.to_string() }).to_string();
    let printed = ask(program, &question, patience).await?;
    if !printed.success {
        return Err(wrong("failed; run it by hand to see why"));
    }
    let answer: Answer = serde_json::from_slice(&printed.output)
        .map_err(|_| wrong("prints no JSON with headers"))?;
    let mut headers = Vec::new();
    for (name, values) in answer.headers {
        let name: HeaderName = name
            .parse()
            .map_err(|_| wrong("gives a header with an impossible name"))?;
        // The framing of a request is not a helper's to change.
        if [
            "host",
            "content-length",
            "transfer-encoding",
            "connection",
            "range",
        ]
        .contains(&name.as_str())
        {
            return Err(wrong("gives a header that is not about credentials"));
        }
        for value in values {
            headers.push((name.clone(), Secret::new(value)));
        }
    }
    headers.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
    let life = match answer.expires.as_deref().and_then(seconds_of) {
        Some(then) => {
            let now = SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |now| now.as_secs());
            Duration::from_secs(then.saturating_sub(now).min(86_400))
        }
        None => DEFAULT_LIFE,
    };
    Ok((headers, Instant::now() + life))
}

/// Seconds since 1970 of an RFC 3339 time.
fn seconds_of(text: &str) -> Option<u64> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    moment.as_second().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(seconds_of("1994-11-06T08:49:37Z"), Some(784_111_777));
        assert_eq!(
            seconds_of("1994-11-06T10:49:37.123+02:00"),
            Some(784_111_777)
        );
        assert_eq!(seconds_of("1994-11-06T08:19:37-00:30"), Some(784_111_777));
        for text in [
            "",
            "tomorrow",
            "1994-11-06",
            "1994-11-06T08:49:37",
            "1994-13-06T08:49:37Z",
            "é994-11-06T08:49:37Z",
        ] {
            assert_eq!(seconds_of(text), None, "{text}");
        }
    }
}
