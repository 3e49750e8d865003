//! Futures that are compiled once.

use std::future::Future;
use std::pin::Pin;

/// What somebody in another crate waits for.
///
/// The compiler makes the code of a future where it is first polled, and that of all that it
/// waits for with it: in every crate that asks a server the whole way to the server once more.
/// A box stands at the border; what is behind it is compiled in the crate that it belongs to.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
