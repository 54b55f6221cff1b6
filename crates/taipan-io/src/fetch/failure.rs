//! Why a URL could not be fetched, and whether another attempt may help.

use std::error::Error as StdError;
use std::io;

use crate::error::size_of;

/// Why a URL gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// What was given is no `http` or `https` URL.
    #[error("not a URL: {0}")]
    Url(String),
    /// The server's answer was no success.
    #[error("{}", status(*.0))]
    Status(u16),
    /// The site's robots.txt asks not to.
    #[error("robots.txt asks not to fetch this")]
    Robots,
    /// The name stands for an address that is not public, and these are refused.
    #[error("`{0}` is not a public address")]
    Private(String),
    /// Redirected more often than allowed.
    #[error("more than {0} redirects")]
    Redirects(usize),
    /// Larger than allowed.
    #[error("larger than {}", size_of(*.0))]
    TooLarge(u64),
    /// It took too long.
    #[error("timed out {0}")]
    Timeout(&'static str),
    /// No connection came about.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The server's certificate is not trusted, or the encryption failed.
    #[error("no secure connection: {0}")]
    Tls(String),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// It became another while it was read.
    #[error("it changed while it was fetched")]
    Changed,
    /// The content is not what its `Content-Encoding` says.
    #[error("{0}")]
    Content(String),
    /// What was fetched could not be written.
    #[error("cannot be written: {0}")]
    Write(String),
}

impl Failure {
    /// Whether the same request may do better a little later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Status(status) => matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
            Self::Timeout(_) | Self::Broken(_) => true,
            _ => false,
        }
    }

    /// What the client's error says.
    pub(crate) fn of_request(error: &reqwest::Error) -> Self {
        let mut source: Option<&(dyn StdError + 'static)> = error.source();
        let mut deepest = None;
        let mut tls = false;
        while let Some(cause) = source {
            if let Some(own) = cause.downcast_ref::<Self>() {
                return own.clone();
            }
            tls |= cause.downcast_ref::<rustls::Error>().is_some();
            deepest = Some(cause);
            // An I/O error hides the error that it was made of from its sources, and names that one's.
            source = match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
                Some(inner) => Some(inner),
                None => cause.source(),
            };
        }
        let message = deepest.map_or_else(|| error.to_string(), plain);
        if tls {
            Self::Tls(message)
        } else if error.is_timeout() {
            Self::Timeout(if error.is_connect() { "while connecting" } else { "waiting for data" })
        } else if error.is_builder() {
            Self::Url(message)
        } else if error.is_connect() {
            Self::Connect(message)
        } else {
            Self::Broken(message)
        }
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        crate::error::ErrorKind::Fetch(failure).into()
    }
}

/// `404 Not Found`.
fn status(code: u16) -> String {
    match reqwest::StatusCode::from_u16(code).ok().and_then(|status| status.canonical_reason()) {
        Some(reason) => format!("{code} {reason}"),
        None => format!("status {code}"),
    }
}

/// `Connection refused (os error 111)` within a sentence.
fn plain(error: &(dyn StdError + 'static)) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}
