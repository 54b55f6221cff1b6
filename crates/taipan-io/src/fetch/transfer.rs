//! One URL, from the first attempt to the last: requests, retries with pauses in between, and resumption where a broken
//! answer left off.

use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};
use std::time::{Duration, SystemTime};

use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_RANGE,
    LAST_MODIFIED, RANGE, RETRY_AFTER,
};
use reqwest::{Client, Response, StatusCode, Url};

use super::FetchOptions;
use super::address;
use super::content::{ACCEPTED, Content, Sink};
use super::failure::Failure;

/// The longest pause between two attempts, whatever a server asks for.
const LONGEST_PAUSE: Duration = Duration::from_mins(2);

/// What is known of a URL at the end.
#[derive(Debug, Default)]
pub(super) struct Transferred {
    pub(super) status: Option<u16>,
    pub(super) location: Option<String>,
    pub(super) content_type: Option<String>,
    /// Decoded bytes that the sink was given.
    pub(super) bytes: u64,
    pub(super) attempts: u32,
    pub(super) failure: Option<Failure>,
}

/// A transfer under way.
struct Transfer<'a> {
    client: &'a Client,
    options: &'a FetchOptions,
    url: &'a Url,
    seen: Transferred,
    /// Where the content goes before and between answers.
    sink: Option<Box<dyn Sink>>,
    /// What there is of the content so far.
    begun: Option<Begun>,
}

/// A content of which a part has come.
struct Begun {
    content: Content,
    /// What tells that a later answer is of the same content.
    validator: Option<HeaderValue>,
    /// The size of the coded content, if it was told.
    length: Option<u64>,
    /// Of the coded bytes so far, where nothing else tells that a later answer is of the same content.
    digest: DefaultHasher,
}

/// The beginning of an answer that came before.
struct Known {
    /// How much of it is still to come.
    left: u64,
    /// Of what has come, and what it has to be, where nothing else tells.
    digest: Option<(DefaultHasher, u64)>,
}

impl Known {
    /// Takes what is known off the beginning of a piece, and answers the rest.
    fn pass<'a>(&mut self, piece: &'a [u8]) -> Result<&'a [u8], Failure> {
        if self.left == 0 {
            return Ok(piece);
        }
        let (known, rest) = piece.split_at(piece.len().min(usize::try_from(self.left).unwrap_or(usize::MAX)));
        self.left -= known.len() as u64;
        if let Some((digest, expected)) = &mut self.digest {
            digest.write(known);
            if self.left == 0 && digest.finish() != *expected {
                return Err(Failure::Changed);
            }
        }
        Ok(rest)
    }
}

/// Fetches a URL into a sink, with as many attempts as the options allow. Also answers the sink, unless it was lost.
pub(super) async fn transfer(
    client: &Client,
    url: &Url,
    options: &FetchOptions,
    sink: Box<dyn Sink>,
) -> (Transferred, Option<Box<dyn Sink>>) {
    let mut transfer = Transfer { client, options, url, seen: Transferred::default(), sink: Some(sink), begun: None };
    let failure = match options.timeout {
        Some(timeout) => {
            tokio::time::timeout(timeout, transfer.run()).await.unwrap_or(Err(Failure::Timeout("as a whole")))
        }
        None => transfer.run().await,
    };
    transfer.seen.failure = failure.err();
    if let Some(begun) = transfer.begun.take() {
        transfer.seen.bytes = begun.content.bytes();
        transfer.sink = begun.content.into_sink();
    }
    (transfer.seen, transfer.sink)
}

impl Transfer<'_> {
    async fn run(&mut self) -> Result<(), Failure> {
        if self.options.public_only {
            address::check(self.url)?;
        }
        let (mut retries, mut before) = (0, 0);
        loop {
            self.seen.attempts += 1;
            let (failure, asked) = match self.attempt().await {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            let taken = self.begun.as_ref().map_or(0, |begun| begun.content.taken);
            if taken > before {
                retries = 0;
            }
            before = taken;
            if !failure.may_pass() || retries == self.options.retries {
                return Err(failure);
            }
            tokio::time::sleep(self.pause(retries, asked)).await;
            retries += 1;
        }
    }

    /// One request and its answer; a failure comes with the pause that the server asked for.
    async fn attempt(&mut self) -> Result<(), (Failure, Option<Duration>)> {
        let response = self.request().await.map_err(|failure| (failure, None))?;
        let status = response.status();
        self.seen.status = Some(status.as_u16());
        self.seen.location = Some(response.url().as_str().to_owned());
        let past_the_end = status == StatusCode::RANGE_NOT_SATISFIABLE && self.begun.is_some();
        if !status.is_success() && !past_the_end {
            return Err((Failure::Status(status.as_u16()), asked_pause(response.headers())));
        }
        self.seen.content_type = text(response.headers(), &CONTENT_TYPE);
        self.receive(response).await.map_err(|failure| (failure, None))
    }

    async fn request(&mut self) -> Result<Response, Failure> {
        let mut request = self.client.get(self.url.clone()).header(ACCEPT_ENCODING, ACCEPTED);
        if let Some(begun) = &self.begun {
            request = request.header(RANGE, format!("bytes={}-", begun.content.taken));
            if let Some(validator) = &begun.validator {
                request = request.header(IF_RANGE, validator);
            }
        }
        let patience = self.options.connect_timeout + self.options.idle_timeout;
        match tokio::time::timeout(patience, request.send()).await {
            Ok(sent) => sent.map_err(|error| Failure::of_request(&error)),
            Err(_) => Err(Failure::Timeout("waiting for an answer")),
        }
    }

    async fn receive(&mut self, mut response: Response) -> Result<(), Failure> {
        let mut known = self.begin(&response)?;
        loop {
            let chunk = match tokio::time::timeout(self.options.idle_timeout, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Err(Failure::of_request(&error)),
                Err(_) => return Err(Failure::Timeout("waiting for data")),
            };
            let fresh = known.pass(&chunk)?;
            let Some(begun) = &mut self.begun else { return Err(Failure::Changed) };
            if begun.validator.is_none() {
                begun.digest.write(fresh);
            }
            begun.content.take(fresh)?;
        }
        let Some(begun) = &mut self.begun else { return Err(Failure::Changed) };
        if known.left > 0 || begun.length.is_some_and(|length| length != begun.content.taken) {
            return Err(Failure::Changed);
        }
        begun.content.finish()
    }

    /// Makes an answer the beginning of the content or what follows of it, and says what of it came before.
    fn begin(&mut self, response: &Response) -> Result<Known, Failure> {
        let headers = response.headers();
        let validator = validator(headers);
        let status = response.status();
        if let Some(begun) = self.begun.take() {
            let length = response.content_length().filter(|_| status != StatusCode::PARTIAL_CONTENT);
            let range = (status == StatusCode::PARTIAL_CONTENT).then(|| content_range(headers)).flatten();
            let same = validator.is_some() && validator == begun.validator;
            let continues = if let Some((from, whole)) = range {
                from == begun.content.taken
                    && (same || begun.validator.is_none() || validator.is_none())
                    && (begun.length.is_none() || whole.is_none() || begun.length == whole)
            } else {
                // The whole again: what it begins with is known, or will be seen to be the same.
                let may_be_same = same || (validator.is_none() && begun.validator.is_none());
                status.is_success() && may_be_same && begun.length == length
            };
            if continues {
                let left = if range.is_some() { 0 } else { begun.content.taken };
                let digest = (!same).then(|| (DefaultHasher::new(), begun.digest.finish()));
                self.begun = Some(begun);
                return Ok(Known { left, digest });
            }
            self.sink = begun.content.into_sink();
            if !self.sink.as_mut().is_some_and(|sink| sink.restart()) {
                return Err(Failure::Changed);
            }
            if !status.is_success() || range.is_some() {
                // Neither the whole nor what follows: asked again, from the beginning.
                return Err(Failure::Broken("it cannot be resumed".to_owned()));
            }
        } else if status == StatusCode::PARTIAL_CONTENT {
            return Err(Failure::Broken("a part was sent that nobody asked for".to_owned()));
        }
        let Some(mut sink) = self.sink.take() else { return Err(Failure::Changed) };
        sink.described(text(headers, &CONTENT_TYPE).as_deref());
        let encoding = text(headers, &CONTENT_ENCODING).unwrap_or_default();
        let content = Content::new(&encoding, sink, self.options.max_bytes)?;
        let length = response.content_length();
        if content.is_identity() && length.is_some_and(|length| length > self.options.max_bytes) {
            self.sink = content.into_sink();
            return Err(Failure::TooLarge(self.options.max_bytes));
        }
        self.begun = Some(Begun { content, validator, length, digest: DefaultHasher::new() });
        Ok(Known { left: 0, digest: None })
    }

    /// Twice as long after each attempt, and never quite the same, so that many who failed together do not come together.
    fn pause(&self, retries: u32, asked: Option<Duration>) -> Duration {
        let doubled = self.options.backoff.saturating_mul(1 << retries.min(16));
        let random = RandomState::new().hash_one(self.url.as_str()) % 1000;
        let jittered = doubled.mul_f64(0.75 + 0.5 * random as f64 / 1000.0);
        jittered.max(asked.unwrap_or_default()).min(LONGEST_PAUSE)
    }
}

/// What `Retry-After` asks for: seconds, or a date.
fn asked_pause(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, &RETRY_AFTER)?;
    match value.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(&value).ok()?.duration_since(SystemTime::now()).ok(),
    }
}

/// What names exactly these bytes: a strong entity tag, else the date of the last change.
fn validator(headers: &HeaderMap) -> Option<HeaderValue> {
    let tag = headers.get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/"));
    // A date is no proof of the same coding.
    let date = headers.get(LAST_MODIFIED).filter(|_| !headers.contains_key(CONTENT_ENCODING));
    tag.or(date).cloned()
}

/// The first byte and the size of the whole in `bytes 500-999/1000`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let value = text(headers, &CONTENT_RANGE)?;
    let (range, whole) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let from = range.split('-').next()?.trim().parse().ok()?;
    Some((from, whole.trim().parse().ok()))
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}
