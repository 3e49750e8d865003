//! Bounds on what a server may send beside what was asked for, and on how long it may take.

use std::time::Duration;

/// How large things may be that nobody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The body of an error, of which one sentence is shown.
    pub error: u64,
    /// The answer of a token server.
    pub token: u64,
    /// How many redirects are followed.
    pub redirects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            error: 64 << 10,
            token: 256 << 10,
            redirects: 5,
        }
    }
}

/// How long things may take. Every wait of the client ends by one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// Name, connection and TLS handshake.
    pub connect: Duration,
    /// From the request to the head of the answer.
    pub response: Duration,
    /// Between two pieces of a body.
    pub idle: Duration,
    /// Over this time a body must bring [`Timeouts::progress`] bytes, or the server is one
    /// that keeps the connection busy without serving.
    pub window: Duration,
    /// See [`Timeouts::window`].
    pub progress: u64,
    /// A manifest, a token or another small document, whole.
    pub document: Duration,
    /// One run of a credential helper.
    pub helper: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            response: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            window: Duration::from_secs(30),
            progress: 30 << 10,
            document: Duration::from_secs(60),
            helper: Duration::from_secs(30),
        }
    }
}

impl Timeouts {
    /// What a user means by one number: no answer and no byte for longer than this.
    pub fn of(patience: Duration) -> Self {
        let default = Self::default();
        Self {
            connect: patience.min(default.connect),
            response: patience,
            idle: patience,
            window: patience,
            progress: default.progress,
            document: patience * 2,
            helper: default.helper,
        }
    }
}

/// How often, and after which pause, something is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retries {
    /// How many tries there are in all, the first one included.
    pub attempts: u32,
    /// The first pause; each further one is twice as long.
    pub pause: Duration,
    /// No pause is longer: who says by `Retry-After` that it will take longer is not asked again.
    pub longest: Duration,
    /// After so many bytes of a blob a connection that is cut counts as the first again.
    pub progress: u64,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            attempts: 4,
            pause: Duration::from_millis(250),
            longest: Duration::from_secs(30),
            progress: 8 << 20,
        }
    }
}

/// How long to wait before a server is asked once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// As between any two tries: it did not say.
    Usual,
    /// As long as it says.
    Asked(Duration),
    /// It asks for more than [`Retries::longest`], so it is not asked again.
    TooLong(Duration),
}

impl Retries {
    /// The pause before the try of this number, from 2.
    pub fn before(&self, attempt: u32, wait: Wait) -> Duration {
        if let Wait::Asked(asked) = wait {
            return asked;
        }
        let doubled = self
            .pause
            .saturating_mul(2u32.saturating_pow(attempt.saturating_sub(2).min(16)));
        // Whoever was cut off together should not come back together.
        let mut random = [0; 1];
        let _ = getrandom::fill(&mut random);
        doubled
            .saturating_add(doubled.saturating_mul(random[0].into()) / 1024)
            .min(self.longest)
    }

    /// What a `Retry-After` means here.
    pub(crate) fn wait(&self, after: Option<Duration>) -> Wait {
        match after {
            None => Wait::Usual,
            Some(after) if after <= self.longest => Wait::Asked(after),
            Some(after) => Wait::TooLong(after),
        }
    }
}

/// One further try, told to [`crate::Options::on_retry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Where.
    pub url: String,
    /// Why the last try failed.
    pub reason: String,
    /// The number of the try that follows, from 2.
    pub attempt: u32,
    /// How many there are at most.
    pub attempts: u32,
    /// The pause before it.
    pub pause: Duration,
}
