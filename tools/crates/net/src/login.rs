//! Telling a registry who we are: a password, or a token that a password is changed for
//! (distribution specification, "Determining support").
//!
//! A token is asked for with the scope that the request needs, and not with the one in the
//! registry's challenge: some registries have a placeholder there. Where that is refused the
//! challenge's scope is tried, once, for others know their own names only (a registry behind a
//! path, one scope for all).

use http::header::{self, HeaderName};

use crate::call::Answer;
use crate::challenge::{challenges, choose, Challenge, Way};
use crate::client::Client;
use crate::credentials::{basic, Credential};
use crate::error::Error;
use crate::host::Url;
use crate::scope::{Grant, Scope};
use crate::secret::Secret;

/// How far one request has got in being let in.
pub(crate) struct Admission {
    scope: Scope,
    /// What a token is asked for: what the scope needs, or what the server takes for it.
    grants: Vec<Grant>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing has been refused.
    Asking,
    /// A token for the request's own scope was refused.
    OwnScope,
    /// There is nothing else to try.
    Exhausted,
}

impl Client {
    /// The start of a request: with the scope that was right for its like.
    pub(crate) fn admission(&self, scope: &Scope, home: &Url) -> Admission {
        let known = self.memory().grants(&home.origin(), &scope.grants);
        Admission {
            grants: known.unwrap_or_else(|| scope.grants.clone()),
            scope: scope.clone(),
            stage: Stage::Asking,
        }
    }

    async fn credential(&self, scope: &Scope, home: &Url) -> Result<Option<Credential>, Error> {
        self.credentials()
            .of(scope, home, self.options().timeouts.helper)
            .await
    }

    /// The headers that say who we are, as far as that is known already.
    pub(crate) async fn authorization(
        &self,
        home: &Url,
        admission: &Admission,
    ) -> Result<Vec<(HeaderName, Secret)>, Error> {
        match self.memory().way(&home.origin()) {
            None => {
                self.credentials()
                    .preemptive(&admission.scope, home, self.options().timeouts.helper)
                    .await
            }
            Some(Way::Basic) => match self.credential(&admission.scope, home).await? {
                Some(Credential::Basic { user, password }) => Ok(vec![(
                    header::AUTHORIZATION,
                    basic(&user, password.expose()),
                )]),
                Some(Credential::Headers(headers)) => Ok(headers),
                _ => Ok(Vec::new()),
            },
            Some(Way::Token { realm, service }) => {
                let header = self
                    .token(
                        &admission.scope,
                        home,
                        realm,
                        service,
                        &admission.grants,
                        None,
                    )
                    .await?;
                Ok(vec![(header::AUTHORIZATION, header)])
            }
        }
    }

    /// The registry refuses: learn how it wants to be asked, and whether there is something
    /// else to tell it than what was sent.
    pub(crate) async fn answer_challenge(
        &self,
        home: &Url,
        answer: &Answer,
        sent: Option<Secret>,
        admission: &mut Admission,
    ) -> Result<bool, Error> {
        let all: Vec<Challenge> = answer
            .headers
            .get_all(header::WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(challenges)
            .collect();
        // A refusal for good, unless it says which scope is wanting.
        let wanting = all.iter().any(|challenge| !challenge.grants().is_empty());
        if answer.status == http::StatusCode::FORBIDDEN && (sent.is_none() || !wanting) {
            return Ok(false);
        }
        match admission.stage {
            Stage::Asking => {}
            Stage::OwnScope => {
                admission.stage = Stage::Exhausted;
                return self
                    .second_answer(home, answer, &all, sent, admission)
                    .await;
            }
            Stage::Exhausted => {
                self.memory()
                    .forget_grants(&home.origin(), &admission.scope.grants);
                return Ok(false);
            }
        }
        let way = self.way(home, answer, &all)?;
        self.memory().remember(home.origin(), way.clone());
        let Way::Token { realm, service } = way else {
            admission.stage = Stage::Exhausted;
            let credential = self.credential(&admission.scope, home).await?;
            return Ok(sent.is_none() && is_for_basic(credential.as_ref()));
        };
        admission.stage = Stage::OwnScope;
        // A token that was sent and refused is not used again.
        let token = self
            .token(
                &admission.scope,
                home,
                realm,
                service,
                &admission.grants,
                sent.clone(),
            )
            .await;
        match token {
            Ok(token) if sent.as_ref() != Some(&token) => Ok(true),
            // The only token there is for the own scope was refused already.
            Ok(_) => {
                admission.stage = Stage::Exhausted;
                self.second_answer(home, answer, &all, sent, admission)
                    .await
            }
            // The token server refuses what the registry itself does not ask for.
            Err(error) if error.is_refusal() => {
                admission.stage = Stage::Exhausted;
                match self
                    .second_answer(home, answer, &all, sent, admission)
                    .await
                {
                    Ok(true) => Ok(true),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The own scope is refused: try that of the challenge, or a password where the registry
    /// asks for one now.
    async fn second_answer(
        &self,
        home: &Url,
        answer: &Answer,
        all: &[Challenge],
        sent: Option<Secret>,
        admission: &mut Admission,
    ) -> Result<bool, Error> {
        let way = self.way(home, answer, all)?;
        match way.clone() {
            Way::Basic => {
                let credential = self.credential(&admission.scope, home).await?;
                if !is_for_basic(credential.as_ref()) {
                    return Ok(false);
                }
            }
            Way::Token { realm, service } => {
                let grants = all
                    .iter()
                    .map(Challenge::grants)
                    .find(|grants| !grants.is_empty())
                    .unwrap_or_default();
                if grants.is_empty() || grants == admission.grants {
                    return Ok(false);
                }
                let token = self
                    .token(
                        &admission.scope,
                        home,
                        realm,
                        service,
                        &grants,
                        sent.clone(),
                    )
                    .await?;
                if sent.as_ref() == Some(&token) {
                    return Ok(false);
                }
                self.memory()
                    .remember_grants(home.origin(), &admission.scope.grants, &grants);
                admission.grants = grants;
            }
        }
        self.memory().remember(home.origin(), way);
        Ok(true)
    }

    fn way(&self, home: &Url, answer: &Answer, all: &[Challenge]) -> Result<Way, Error> {
        choose(all, home, |host| self.allows_plain(host))
            .map_err(|why| Error::Credentials(format!("{}: {why}", answer.url)))
    }

    /// A token; fetched where there is none that holds and is another than `refused`.
    async fn token(
        &self,
        scope: &Scope,
        home: &Url,
        realm: Url,
        service: Option<String>,
        grants: &[Grant],
        refused: Option<Secret>,
    ) -> Result<Secret, Error> {
        let slot = self.memory().slot(
            home.origin(),
            realm.clone(),
            service.clone(),
            grants.to_vec(),
            scope.path.clone(),
        );
        let mut slot = slot.lock().await;
        if let Some(token) = &*slot {
            if token.until > std::time::Instant::now() && Some(&token.header) != refused.as_ref() {
                return Ok(token.header.clone());
            }
        }
        *slot = None;
        let credential = self.credential(scope, home).await?;
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
            .fetch_token(&realm, service.as_deref(), grants, credential)
            .await?;
        let header = fetched.header.clone();
        *slot = Some(fetched);
        Ok(header)
    }
}

/// Whether a credential can be told to who asks for a password.
fn is_for_basic(credential: Option<&Credential>) -> bool {
    matches!(
        credential,
        Some(Credential::Basic { .. } | Credential::Headers(_))
    )
}
