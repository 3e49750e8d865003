//! Published files that are no images: whatever an address of http or https gives.

use http::header;
use verbatim_digest::{Digest, Hasher};
use verbatim_net::percent::segment;
use verbatim_net::{Call, Scheme, Url, Waiting};

use crate::client::Client;
use crate::error::Error;

/// The largest file that is read.
const MAX_FILE: u64 = 64 << 30;

/// A folder of published files, by its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assets(Url);

impl std::str::FromStr for Assets {
    type Err = Error;

    /// `https://HOST/PATH`; what is published lies below it.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Error::options(format!(
                "`{}` is no address of a folder: {why}",
                verbatim_foreign::excerpt(text, 300)
            ))
        };
        if text.contains(['?', '#']) {
            return Err(wrong("leave out what follows `?` or `#`"));
        }
        let mut text = text.to_owned();
        if !text.ends_with('/') {
            text.push('/');
        }
        Url::parse(&text)
            .map(Self)
            .ok_or_else(|| wrong("write https://HOST/PATH, without a user name"))
    }
}

impl Assets {
    /// Whether a text is meant as an address, and not as a path.
    pub fn is_address(text: &str) -> bool {
        text.starts_with("https://") || text.starts_with("http://")
    }
}

impl Client {
    /// The digest of a published file, made from its bytes, and how many there are.
    ///
    /// No credential goes with the request. A file that was cut is read again from its
    /// start, as often as anything is tried.
    pub fn asset<'a>(
        &'a self,
        assets: &'a Assets,
        name: &'a str,
    ) -> Waiting<'a, Result<(Digest, u64), Error>> {
        Box::pin(async move {
            let path: Vec<String> = name.split('/').map(segment).collect();
            let url = assets
                .0
                .below(&path.join("/"))
                .ok_or_else(|| Error::options(format!("`{name}` is too long for an address")))?;
            if url.scheme == Scheme::Http && !self.allows_plain(&url.host) {
                return Err(Error::options(format!(
                    "{url} is not encrypted; if that is meant, allow it with --plain-http {}",
                    url.host
                )));
            }
            let call = Call::get(url, None);
            let attempts = self.options().http.retries.attempts.max(1);
            let mut attempt = 1;
            loop {
                let error = match self.try_asset(&call).await {
                    Ok(found) => return Ok(found),
                    // What `send` gave up has been tried often enough.
                    Err((error, true)) if attempt < attempts && error.is_transient() => error,
                    Err((error, _)) => return Err(error),
                };
                attempt += 1;
                self.pause(&call.url, &error, attempt, attempts).await;
            }
        })
    }

    /// The file, or why not, and whether that happened while it came.
    async fn try_asset(&self, call: &Call) -> Result<(Digest, u64), (Error, bool)> {
        let _permit = self.permit().await;
        let mut answer = self.send(call).await.map_err(|e| (e, false))?;
        answer
            .must_be_whole("a file")
            .map_err(|e| (e.into(), false))?;
        let announced = answer
            .header(header::CONTENT_LENGTH)
            .and_then(|value| value.parse::<u64>().ok());
        let too_large = |url: &Url| Error::too_large(url, "the file", MAX_FILE);
        if announced.is_some_and(|size| size > MAX_FILE) {
            return Err((too_large(&answer.url), false));
        }
        let mut hasher = Hasher::new();
        let mut bytes = 0u64;
        while let Some(chunk) = answer.body.chunk().await.map_err(|e| (e.into(), true))? {
            bytes += chunk.len() as u64;
            if bytes > MAX_FILE {
                return Err((too_large(&answer.url), false));
            }
            hasher.update(&chunk);
        }
        Ok((hasher.finish(), bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_folders() {
        for text in [
            "https://example.com/releases/v1",
            "https://example.com/releases/v1/",
            "http://127.0.0.1:8080",
        ] {
            assert!(text.parse::<Assets>().is_ok(), "{text}");
            assert!(Assets::is_address(text));
        }
        for text in [
            "https://user@example.com/x",
            "https://example.com/x?y",
            "ftp://example.com/",
            "https://",
        ] {
            assert!(text.parse::<Assets>().is_err(), "{text}");
        }
        assert!(!Assets::is_address("dist"));
    }

    #[test]
    fn names_become_segments() {
        let assets: Assets = "https://example.com/v1".parse().unwrap();
        let joined = assets.0.below("a:b/c").unwrap().to_string();
        assert_eq!(joined, "https://example.com/v1/a:b/c");
    }
}
