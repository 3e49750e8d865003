//! Answers before the answer (RFC 9110, section 15.2): a server may send any number of them,
//! and keep a client waiting without ever being silent.

use std::future::{poll_fn, Future};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::Notify;

/// One `100 Continue`, and a few hints, are more than any registry sends.
const MOST: usize = 16;

/// That there were more than are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

/// Counts the informational answers to one request.
#[derive(Debug, Default)]
pub(crate) struct Informational {
    count: AtomicUsize,
    too_many: Notify,
}

impl Informational {
    /// Count those to this request.
    pub(crate) fn watch<B>(request: &mut http::Request<B>) -> Arc<Self> {
        let counter = Arc::new(Self::default());
        let counted = Arc::clone(&counter);
        hyper::ext::on_informational(request, move |_| {
            if counted.count.fetch_add(1, Ordering::Relaxed) >= MOST {
                counted.too_many.notify_one();
            }
        });
        counter
    }

    /// Wait for the answer, but not behind any number of others.
    pub(crate) async fn bound<F: Future>(&self, answer: F) -> Result<F::Output, TooMany> {
        let mut answer = pin!(answer);
        let mut too_many = pin!(self.too_many.notified());
        poll_fn(|context| {
            if too_many.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(TooMany));
            }
            answer.as_mut().poll(context).map(Ok)
        })
        .await
    }
}
