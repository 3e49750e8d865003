//! Token servers: a password changed for a token that allows what is asked for (the token
//! servers of Docker's registry; OAuth 2.0's refresh flow for identity tokens).
//!
//! Whatever a token server says may be the token, whatever its status is. So its answer is
//! [`Sealed`] as soon as it comes: out of that come a token, or an error that is made of the
//! address, the status and the time to wait, and never a word of the answer.

use std::time::{Duration, Instant};

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::call::{Answer, Payload};
use crate::client::Client;
use crate::credentials::{basic, Credential};
use crate::error::Error;
use crate::exchange::{sensitive, Raw};
use crate::host::Url;
use crate::limits::Retries;
use crate::memory::Token;
use crate::percent::escaped;
use crate::scope::Grant;
use crate::secret::Secret;

/// Longer tokens do not fit into a header that servers take.
const MAX_TOKEN: usize = 64 << 10;
/// What the specification of token servers says where `expires_in` is missing.
const DEFAULT_LIFE: u64 = 60;
const MAX_LIFE: u64 = 86_400;

/// A request to a token server.
struct Question {
    method: Method,
    url: Url,
    headers: HeaderMap,
    payload: Payload,
}

impl Question {
    fn new(
        realm: &Url,
        service: Option<&str>,
        grants: &[Grant],
        credential: Option<&Credential>,
    ) -> Result<Self, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(Credential::Identity(token)) = credential {
            let joined = grants
                .iter()
                .map(Grant::as_str)
                .collect::<Vec<_>>()
                .join(" ");
            let mut fields: Vec<(&str, &str)> = Vec::new();
            fields.extend(service.map(|service| ("service", service)));
            fields.extend([
                ("grant_type", "refresh_token"),
                ("client_id", "verbatim"),
                ("scope", &joined),
                ("refresh_token", token.expose()),
            ]);
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            );
            let form = fields
                .iter()
                .map(|(name, value)| format!("{name}={}", escaped(value)))
                .collect::<Vec<_>>()
                .join("&");
            return Ok(Self {
                method: Method::POST,
                url: realm.clone(),
                headers,
                payload: Payload::Bytes(form.into()),
            });
        }
        let mut url = realm.clone();
        if let Some(service) = service {
            url = url.with_query("service", service);
        }
        for grant in grants {
            url = url.with_query("scope", grant.as_str());
        }
        match credential {
            Some(Credential::Basic { user, password }) => {
                let value = basic(user, password.expose());
                headers.insert(header::AUTHORIZATION, sensitive(&value)?);
            }
            Some(Credential::Headers(own)) => {
                for (name, value) in own {
                    headers.insert(name, sensitive(value)?);
                }
            }
            _ => {}
        }
        Ok(Self {
            method: Method::GET,
            url,
            headers,
            payload: Payload::Empty,
        })
    }
}

impl Client {
    /// A token; asked for again where that helps.
    pub(crate) async fn fetch_token(
        &self,
        realm: &Url,
        service: Option<&str>,
        grants: &[Grant],
        credential: Option<Credential>,
    ) -> Result<Token, Error> {
        let question = Question::new(realm, service, grants, credential.as_ref())?;
        let retries = self.options().retries.attempts.max(1);
        let mut attempt = 1;
        loop {
            let error = match self.ask_for_token(&question).await {
                Ok(token) => return Ok(token),
                Err(error) => error,
            };
            if attempt >= retries || !error.is_transient() {
                return Err(error);
            }
            attempt += 1;
            self.pause(
                &question.url,
                &error.to_string(),
                error.wait(),
                attempt,
                retries,
            )
            .await;
        }
    }

    async fn ask_for_token(&self, question: &Question) -> Result<Token, Error> {
        let Question {
            method,
            url,
            headers,
            payload,
        } = question;
        match self.raw(method, url, headers.clone(), payload).await {
            Ok(answer) => {
                let options = self.options();
                Sealed(answer)
                    .token(options.limits.token, &options.retries)
                    .await
            }
            Err(Raw::Failed(error) | Raw::NotTls(error)) => Err(error),
            Err(Raw::NotHttp(_)) => Err(Error::unreachable(
                url,
                "the token server closed the connection",
            )),
        }
    }
}

/// The answer of a token server, which nobody else looks into.
struct Sealed(Answer);

impl Sealed {
    async fn token(self, limit: u64, retries: &Retries) -> Result<Token, Error> {
        let Self(mut answer) = self;
        // Along a redirect the password would go to somebody else, and without it there is no
        // token. Of the successful answers these bring a document.
        let document = [
            StatusCode::OK,
            StatusCode::CREATED,
            StatusCode::ACCEPTED,
            StatusCode::NON_AUTHORITATIVE_INFORMATION,
        ];
        if !document.contains(&answer.status) {
            return Err(Error::TokenServer {
                url: answer.url.to_string(),
                status: answer.status.as_u16(),
                wait: answer.wait(retries),
            });
        }
        let data = answer
            .body
            .whole("the answer of the token server", limit)
            .await?;
        // What serde says of wrong JSON quotes it.
        let parsed: Answered = serde_json::from_slice(&data).map_err(|_| {
            Error::broken(
                &answer.url,
                "the answer of the token server is not the JSON of a token",
            )
        })?;
        parsed
            .into_token()
            .map_err(|why| Error::broken(&answer.url, why.sentence()))
    }
}

/// What a token server answers. No `Debug`: a token may be the reason that a value is refused.
#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    /// A number; some servers write it as text or with a fraction.
    #[serde(default)]
    expires_in: Value,
}

/// Why an answer is none of a token server. It holds nothing of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoToken {
    Missing,
    TooLong,
    Unprintable,
}

impl NoToken {
    fn sentence(self) -> String {
        match self {
            Self::Missing => "the token server is wrong: its answer holds no token".into(),
            Self::TooLong => {
                format!("the token server is wrong: its token has more than {MAX_TOKEN} bytes")
            }
            Self::Unprintable => {
                "the token server is wrong: its token has characters that no token has".into()
            }
        }
    }
}

impl Answered {
    /// The header for requests.
    fn into_token(self) -> Result<Token, NoToken> {
        let token = self
            .token
            .filter(|token| !token.is_empty())
            .or(self.access_token)
            .filter(|token| !token.is_empty())
            .ok_or(NoToken::Missing)?;
        if token.len() > MAX_TOKEN {
            return Err(NoToken::TooLong);
        }
        if !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(NoToken::Unprintable);
        }
        let life = match &self.expires_in {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        // What has no sense, such as a time in the past, is as good as not said.
        let life = life
            .filter(|life: &f64| *life > 0.0)
            .map_or(DEFAULT_LIFE, |life| life as u64)
            .clamp(1, MAX_LIFE);
        Ok(Token {
            header: Secret::new(format!("Bearer {token}")),
            // A tenth less: the clock of the server runs, and the way there takes time.
            until: Instant::now() + Duration::from_millis(life * 900),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(json: &str) -> Result<Token, NoToken> {
        serde_json::from_str::<Answered>(json).unwrap().into_token()
    }

    #[test]
    fn tokens() {
        assert_eq!(
            token(r#"{"token":"a"}"#).unwrap().header.expose(),
            "Bearer a"
        );
        for json in [
            r#"{"access_token":"b","expires_in":5}"#,
            r#"{"token":null,"access_token":"b","expires_in":null}"#,
            r#"{"token":"","access_token":"b","expires_in":"300"}"#,
            r#"{"access_token":"b","expires_in":299.5,"issued_at":0}"#,
            r#"{"access_token":"b","expires_in":-1}"#,
            r#"{"access_token":"b","expires_in":[]}"#,
        ] {
            assert_eq!(token(json).unwrap().header.expose(), "Bearer b", "{json}");
        }
        assert_eq!(token("{}").unwrap_err(), NoToken::Missing);
        assert_eq!(
            token(r#"{"token":"a\r\nX: y"}"#).unwrap_err(),
            NoToken::Unprintable
        );
        let long = format!("{{\"token\":\"{}\"}}", "a".repeat(MAX_TOKEN + 1));
        assert_eq!(token(&long).unwrap_err(), NoToken::TooLong);
        // An hour of the year 584 billion is no reason to fail.
        assert!(token(&format!("{{\"token\":\"a\",\"expires_in\":{}}}", u64::MAX)).is_ok());
    }
}
