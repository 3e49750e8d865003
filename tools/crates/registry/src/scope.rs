//! What requests to a registry need to be allowed, in the words of the distribution
//! specification's token servers.

use http::Method;
use verbatim_net::{Call, Grant, Scope, Url};

use crate::name::Repository;

/// Leave to read a repository.
pub(crate) fn pull(repository: &Repository) -> Grant {
    Grant::new(format!("repository:{}:pull", repository.name))
}

/// Leave to read and write a repository.
pub(crate) fn push(repository: &Repository) -> Grant {
    Grant::new(format!("repository:{}:pull,push", repository.name))
}

/// With the credentials for a repository, and these grants.
pub(crate) fn scope(repository: &Repository, grants: Vec<Grant>) -> Scope {
    Scope {
        host: repository.registry.clone(),
        path: repository.name.clone(),
        grants,
    }
}

/// A request that reads.
pub(crate) fn read(repository: &Repository, url: Url) -> Call {
    Call::get(url, Some(scope(repository, vec![pull(repository)])))
}

/// A request that writes.
pub(crate) fn write(method: Method, repository: &Repository, url: Url) -> Call {
    Call {
        method,
        ..Call::get(url, Some(scope(repository, vec![push(repository)])))
    }
}
