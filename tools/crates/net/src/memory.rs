//! What is remembered of servers: how they want to be asked, so that later requests bring the
//! answer with them, and tokens by what they allow.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::challenge::Way;
use crate::host::{Origin, Url};
use crate::scope::Grant;
use crate::secret::Secret;

/// A token, and until when it is used.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) header: Secret,
    pub(crate) until: Instant,
}

/// A place for one token: whoever needs it first fetches it, the others wait.
pub(crate) type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;
type Key = (Origin, Url, Option<String>, Vec<Grant>, String);

/// What tokens are asked for, by server and by what a request needs.
type Substitutes = BTreeMap<(Origin, Vec<Grant>), Vec<Grant>>;

/// What is remembered of servers.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    ways: Mutex<HashMap<Origin, Way>>,
    tokens: Mutex<HashMap<Key, Slot>>,
    /// What a server takes tokens for, in place of what a request needs.
    grants: Mutex<Substitutes>,
}

impl Memory {
    pub(crate) fn way(&self, origin: &Origin) -> Option<Way> {
        lock(&self.ways).get(origin).cloned()
    }

    pub(crate) fn remember(&self, origin: Origin, way: Way) {
        lock(&self.ways).insert(origin, way);
    }

    pub(crate) fn grants(&self, origin: &Origin, own: &[Grant]) -> Option<Vec<Grant>> {
        let key = (origin.clone(), own.to_vec());
        lock(&self.grants).get(&key).cloned()
    }

    pub(crate) fn remember_grants(&self, origin: Origin, own: &[Grant], right: &[Grant]) {
        lock(&self.grants).insert((origin, own.to_vec()), right.to_vec());
    }

    pub(crate) fn forget_grants(&self, origin: &Origin, own: &[Grant]) {
        lock(&self.grants).remove(&(origin.clone(), own.to_vec()));
    }

    /// The place of a token. `path` tells apart credentials that hold below a path.
    pub(crate) fn slot(
        &self,
        origin: Origin,
        realm: Url,
        service: Option<String>,
        grants: Vec<Grant>,
        path: String,
    ) -> Slot {
        let key = (origin, realm, service, grants, path);
        Arc::clone(lock(&self.tokens).entry(key).or_default())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
