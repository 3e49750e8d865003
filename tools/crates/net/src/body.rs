//! The body of an answer, with an end to every wait.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::error::Error;
use crate::host::Url;
use crate::limits::Timeouts;
use crate::waiting::Waiting;

/// A body that is being read.
pub struct Body {
    incoming: Incoming,
    url: Url,
    timeouts: Timeouts,
    /// How long the server was waited for since the window began. What the reader does
    /// between two pieces takes time too, and is not the server's.
    waited: Duration,
    /// Bytes since the window began.
    got: u64,
}

impl Body {
    pub(crate) fn new(incoming: Incoming, url: Url, timeouts: Timeouts) -> Self {
        Self {
            incoming,
            url,
            timeouts,
            waited: Duration::ZERO,
            got: 0,
        }
    }

    /// The next piece; `None` at the end that the server meant.
    pub fn chunk(&mut self) -> Waiting<'_, Result<Option<Bytes>, Error>> {
        Box::pin(async move {
            loop {
                let left = self.timeouts.window.saturating_sub(self.waited);
                if left.is_zero() {
                    if self.got < self.timeouts.progress {
                        return Err(Error::unreachable(
                            &self.url,
                            format!(
                                "only {} bytes came in {:?}; see --timeout",
                                self.got, self.timeouts.window
                            ),
                        ));
                    }
                    self.waited = Duration::ZERO;
                    self.got = 0;
                    continue;
                }
                let patience = self.timeouts.idle.min(left);
                let began = Instant::now();
                let frame = timeout(patience, self.incoming.frame()).await;
                self.waited += began.elapsed();
                let frame = match frame {
                    Ok(frame) => frame,
                    Err(_) if patience < self.timeouts.idle => continue,
                    Err(_) => {
                        return Err(Error::unreachable(
                            &self.url,
                            format!("nothing came for {patience:?}; see --timeout"),
                        ))
                    }
                };
                match frame {
                    None => return Ok(None),
                    Some(Err(e)) => {
                        return Err(Error::unreachable(
                            &self.url,
                            format!("the connection was cut: {}", cause(&e)),
                        ))
                    }
                    Some(Ok(frame)) => {
                        if let Ok(data) = frame.into_data() {
                            self.got += data.len() as u64;
                            if !data.is_empty() {
                                return Ok(Some(data));
                            }
                        }
                    }
                }
            }
        })
    }

    /// A small document whole. More than `limit` bytes are an error.
    pub async fn whole(&mut self, what: &'static str, limit: u64) -> Result<Vec<u8>, Error> {
        let patience = self.timeouts.document;
        let url = self.url.clone();
        let read = async {
            let data = self.up_to(limit + 1).await?;
            if data.len() as u64 > limit {
                return Err(Error::TooLarge {
                    url: self.url.to_string(),
                    what,
                    limit,
                });
            }
            Ok(data)
        };
        match timeout(patience, read).await {
            Ok(read) => read,
            Err(_) => Err(Error::unreachable(
                &url,
                format!("{what} did not come within {patience:?}; see --timeout"),
            )),
        }
    }

    /// The first bytes, not more than `limit`.
    pub async fn up_to(&mut self, limit: u64) -> Result<Vec<u8>, Error> {
        let mut data = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            let room = (limit - data.len() as u64).min(chunk.len() as u64) as usize;
            data.extend_from_slice(&chunk[..room]);
            if data.len() as u64 == limit {
                break;
            }
        }
        Ok(data)
    }
}

fn cause(error: &hyper::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
