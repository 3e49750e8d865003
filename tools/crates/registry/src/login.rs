//! Telling a registry who we are: a password, or a token that a password is changed for
//! (distribution specification, "Determining support"; the token servers of Docker's registry).

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use crate::auth::{challenges, choose, Scope, Token, TokenAnswer, Way};
use crate::client::Client;
use crate::credentials::{basic, Credential};
use crate::error::Error;
use crate::exchange::{sensitive, Answer, Call, Failure, Payload, Raw};
use crate::host::{escaped, Url};
use crate::secret::Secret;

impl Client {
    async fn credential(&self, call: &Call, home: &Url) -> Result<Option<Credential>, Error> {
        self.credentials()
            .of(&call.repository, home, self.options().timeouts.helper)
            .await
    }

    /// The headers that say who we are, as far as that is known already.
    pub(crate) async fn authorization(
        &self,
        call: &Call,
        home: &Url,
    ) -> Result<Vec<(HeaderName, Secret)>, Error> {
        match self.memory().way(&home.origin()) {
            None => {
                self.credentials()
                    .preemptive(&call.repository, home, self.options().timeouts.helper)
                    .await
            }
            Some(Way::Basic) => match self.credential(call, home).await? {
                Some(Credential::Basic { user, password }) => Ok(vec![(
                    header::AUTHORIZATION,
                    basic(&user, password.expose()),
                )]),
                Some(Credential::Headers(headers)) => Ok(headers),
                _ => Ok(Vec::new()),
            },
            Some(Way::Token { realm, service }) => {
                let header = self.token(call, home, realm, service, None).await?;
                Ok(vec![(header::AUTHORIZATION, header)])
            }
        }
    }

    /// The registry refuses: learn how it wants to be asked, and get a newer token if that is it.
    pub(crate) async fn answer_challenge(
        &self,
        call: &Call,
        home: &Url,
        answer: Answer,
        sent: Option<Secret>,
    ) -> Result<(), Failure> {
        let all: Vec<_> = answer
            .headers
            .get_all(header::WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(challenges)
            .collect();
        let way = choose(&all, home, |host| self.allows_plain(host))
            .map_err(|why| Error::Credentials(format!("{}: {why}", answer.url)))?;
        self.memory().remember(home.origin(), way.clone());
        match way {
            Way::Basic => {
                let credential = self.credential(call, home).await?;
                if sent.is_some()
                    || !matches!(
                        credential,
                        Some(Credential::Basic { .. } | Credential::Headers(_))
                    )
                {
                    return Err(self.status(answer).await);
                }
            }
            Way::Token { realm, service } => {
                // A token that was sent and refused is not used again.
                self.token(call, home, realm, service, sent).await?;
            }
        }
        Ok(())
    }

    /// A token for a call; fetched where there is none that holds and is another than `refused`.
    async fn token(
        &self,
        call: &Call,
        home: &Url,
        realm: Url,
        service: Option<String>,
        refused: Option<Secret>,
    ) -> Result<Secret, Error> {
        let slot = self.memory().slot(
            home.origin(),
            realm.clone(),
            service.clone(),
            call.scopes.clone(),
            call.repository.name.clone(),
        );
        let mut slot = slot.lock().await;
        if let Some(token) = &*slot {
            if token.until > std::time::Instant::now() && Some(&token.header) != refused.as_ref() {
                return Ok(token.header.clone());
            }
        }
        *slot = None;
        let credential = self.credential(call, home).await?;
        if let Some(Credential::Token(token)) = credential {
            return Ok(Secret::new(format!("Bearer {}", token.expose())));
        }
        if let Some(Credential::Headers(headers)) = &credential {
            let own = headers
                .iter()
                .find(|(name, _)| *name == header::AUTHORIZATION);
            if let Some((_, value)) = own.filter(|(_, value)| value.expose().starts_with("Bearer "))
            {
                return Ok(value.clone());
            }
        }
        let fetched = self
            .fetch_token(&realm, service.as_deref(), &call.scopes, credential)
            .await?;
        let header = fetched.header.clone();
        *slot = Some(fetched);
        Ok(header)
    }

    async fn fetch_token(
        &self,
        realm: &Url,
        service: Option<&str>,
        scopes: &[Scope],
        credential: Option<Credential>,
    ) -> Result<Token, Error> {
        let mut fields: Vec<(&str, &str)> = Vec::new();
        fields.extend(service.map(|service| ("service", service)));
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let (method, url, payload) = if let Some(Credential::Identity(token)) = &credential {
            let joined = scopes
                .iter()
                .map(Scope::as_str)
                .collect::<Vec<_>>()
                .join(" ");
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
            (Method::POST, realm.clone(), Payload::Bytes(form.into()))
        } else {
            let mut url = realm.clone();
            for (name, value) in fields {
                url = url.with_query(name, value);
            }
            for scope in scopes {
                url = url.with_query("scope", scope.as_str());
            }
            match &credential {
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
            (Method::GET, url, Payload::Empty)
        };
        let retries = self.options().retries.attempts.max(1);
        let mut attempt = 1;
        loop {
            let failure = match self.try_token(&method, &url, &headers, &payload).await {
                Ok(token) => return Ok(token),
                Err(failure) => failure,
            };
            if attempt >= retries || !failure.error.is_transient() {
                return Err(failure.error);
            }
            attempt += 1;
            self.pause(&url, &failure.error, failure.after, attempt, retries)
                .await;
        }
    }

    async fn try_token(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        payload: &Payload,
    ) -> Result<Token, Failure> {
        let mut answer = match self.raw(method, url, headers.clone(), payload).await {
            Ok(answer) => answer,
            Err(Raw::Failed(error) | Raw::NotTls(error)) => return Err(error.into()),
            Err(Raw::NotHttp) => {
                return Err(
                    Error::unreachable(url, "the token server closed the connection").into(),
                )
            }
        };
        // Along a redirect the password would go to somebody else, and without it there is no token.
        if answer.status != StatusCode::OK {
            return Err(self.status(answer).await);
        }
        let limit = self.options().limits.token;
        let data = answer
            .body
            .whole("the answer of the token server", limit)
            .await?;
        let parsed: TokenAnswer = serde_json::from_slice(&data).map_err(|_| {
            Error::broken(
                url,
                "the answer of the token server is not the JSON of a token",
            )
        })?;
        parsed
            .into_token()
            .map_err(|why| Error::broken(url, format!("the token server is wrong: {why}")).into())
    }
}
