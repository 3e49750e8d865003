//! What a server says with an error.

use serde::Deserialize;
use verbatim_foreign::excerpt;

use crate::error::Error;
use crate::host::Url;
use crate::limits::Wait;
use crate::secret::Secret;

/// An answer that is an error.
pub(crate) struct Refusal {
    pub(crate) text: Vec<u8>,
    pub(crate) url: Url,
    pub(crate) status: u16,
    pub(crate) wait: Wait,
}

impl Refusal {
    /// Whether it is what servers of TLS say to who speaks plain HTTP to them. There is no sign
    /// of that but these words; if they mean something else, the port will not speak TLS.
    pub(crate) fn speaks_of_tls(&self) -> bool {
        let text = String::from_utf8_lossy(&self.text).to_ascii_uppercase();
        ["HTTPS", "SSL", "TLS"]
            .iter()
            .any(|word| text.contains(word))
    }

    /// The error, without a word that was `sent` as a secret.
    pub(crate) fn error(&self, sent: Option<&Secret>) -> Error {
        let text = String::from_utf8_lossy(&self.text);
        // Servers repeat what they were asked with.
        let told = sent.is_some_and(|secret| secret.is_in(&text)) || self.url.tells_query(&text);
        Error::Status {
            url: self.url.to_string(),
            status: self.status,
            message: if told {
                String::new()
            } else {
                first_error(&self.text)
            },
            wait: self.wait,
        }
    }
}

/// The first error of the distribution specification's error document ("Error Codes"), or
/// the first line of what else came.
fn first_error(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    if let Ok(Errors { errors }) = serde_json::from_slice(body) {
        return errors.first().map_or_else(String::new, |one| {
            let both = match (one.code.is_empty(), one.message.is_empty()) {
                (false, false) => format!("{}: {}", one.code, one.message),
                (false, true) => one.code.clone(),
                (true, _) => one.message.clone(),
            };
            excerpt(&both, 300)
        });
    }
    let text = String::from_utf8_lossy(body);
    let line = text.trim().lines().next().unwrap_or_default();
    // A page for browsers says nothing here.
    if line.starts_with('<') {
        return String::new();
    }
    excerpt(line, 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_of_a_registry() {
        let body =
            br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{}}]}"#;
        assert_eq!(first_error(body), "MANIFEST_UNKNOWN: manifest unknown");
        assert_eq!(first_error(b"too many\nrequests"), "too many");
        assert_eq!(first_error(b"<html>"), "");
        assert_eq!(first_error(b"\xff\x1b[2J"), "\u{fffd}\\u{1b}[2J");
        assert_eq!(first_error(b"{\"errors\":[]}"), "");
    }
}
