//! Many URLs at once: fetched side by side, handed out in the order they were given.
//!
//! ```no_run
//! use taipan_io::fetch::{FetchOptions, Fetcher, Keep};
//!
//! let fetcher = Fetcher::new(FetchOptions::default().keep(Keep::Folder("pages".into())))?;
//! for fetched in fetcher.fetch(["https://example.com/", "https://example.org/"].map(String::from)) {
//!     match &fetched.failure {
//!         None => println!("{} {} bytes", fetched.url, fetched.bytes),
//!         Some(failure) => println!("{}: {failure}", fetched.url),
//!     }
//! }
//! # Ok::<(), taipan_io::Error>(())
//! ```
//!
//! One that fails stops no other. HTTP/1.1 and 2, gzip, brotli and zstd; connections and cookies are kept; certificates
//! are verified; what fails for now (429, 5xx, a broken connection) is asked for again after a pause, from where it broke
//! off if the server allows. Memory does not grow with the number of URLs: a few hundred are under way at most, and a
//! body beyond 64 KiB is kept in a temporary file.
//!
//! The waiting is done by a tokio runtime of the [`Fetcher`]'s own, so these are plain calls that need none around them.

mod address;
mod client;
mod content;
mod failure;
mod hosts;
mod keep;
mod record;
mod robots;
mod transfer;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use reqwest::{Client, Url};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

pub(crate) use self::content::Sink;
pub use self::failure::Failure;
use self::hosts::Hosts;
pub use self::keep::{Body, Keep};
use self::keep::{Names, Place};
use crate::error::{Error, ErrorKind, Result};

/// URLs taken ahead of the first that is not finished, for each that may be under way.
const AHEAD: usize = 8;

/// How to fetch. The defaults suit a person who fetches for themselves; a server that fetches for others sets
/// [`public_only`](Self::public_only).
#[derive(Debug, Clone)]
pub struct FetchOptions {
    concurrency: usize,
    per_host: usize,
    retries: u32,
    backoff: Duration,
    connect_timeout: Duration,
    idle_timeout: Duration,
    timeout: Option<Duration>,
    max_bytes: u64,
    redirects: usize,
    polite: bool,
    public_only: bool,
    user_agent: String,
    keep: Keep,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            concurrency: 64,
            per_host: 8,
            retries: 3,
            backoff: Duration::from_millis(500),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            timeout: Some(Duration::from_mins(5)),
            max_bytes: 1 << 30,
            redirects: 10,
            polite: false,
            public_only: false,
            user_agent: concat!("taipan/", env!("CARGO_PKG_VERSION")).to_owned(),
            keep: Keep::Nothing,
        }
    }
}

impl FetchOptions {
    /// How many are under way at once; 64 unless set.
    #[must_use]
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests.clamp(1, 10_000);
        self
    }

    /// How many of these at one host (scheme, name and port); 8 unless set.
    #[must_use]
    pub fn per_host(mut self, requests: usize) -> Self {
        self.per_host = requests.clamp(1, 10_000);
        self
    }

    /// How often one is asked for again after a failure that may pass: 408, 425, 429, 500, 502, 503, 504, a timeout, a
    /// broken connection; 3 times unless set. What brought some of the content does not count.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The pause before the first retry, doubled for each further one; 0.5 s unless set. `Retry-After` can make it longer.
    #[must_use]
    pub fn backoff(mut self, pause: Duration) -> Self {
        self.backoff = pause;
        self
    }

    /// How long connecting may take; 10 s unless set.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a server may send nothing; 30 s unless set.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// How long one URL may take, all attempts together; 300 s unless set, `None` for as long as it takes.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// The most bytes one URL may have, unpacked; 1 GiB unless set.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How many redirects are followed; 10 unless set.
    #[must_use]
    pub fn redirects(mut self, redirects: usize) -> Self {
        self.redirects = redirects;
        self
    }

    /// Asks each site's robots.txt and does as it says, its `Crawl-delay` included (up to a minute).
    #[must_use]
    pub fn polite(mut self, polite: bool) -> Self {
        self.polite = polite;
        self
    }

    /// Refuses addresses that are not public (loopback, private, link-local and so on), whether they are given, resolved
    /// or redirected to: for a server that fetches what its users name. Proxies of the environment are not used then.
    #[must_use]
    pub fn public_only(mut self, public_only: bool) -> Self {
        self.public_only = public_only;
        self
    }

    /// How we name ourselves; robots.txt is read for the first word of it.
    #[must_use]
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// What becomes of the content.
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }
}

/// What became of one URL.
#[derive(Debug)]
#[non_exhaustive]
pub struct Fetched {
    /// The URL as it was given.
    pub url: String,
    /// Where redirects led to, if there was an answer.
    pub location: Option<String>,
    /// The status of the last answer.
    pub status: Option<u16>,
    /// Its `Content-Type`.
    pub content_type: Option<String>,
    /// How many bytes there are, unpacked.
    pub bytes: u64,
    /// From the first request to the last byte, pauses included.
    pub elapsed: Duration,
    /// How many requests it took.
    pub attempts: u32,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// The content, with [`Keep::Body`].
    pub body: Option<Body>,
    /// The file, with [`Keep::Folder`].
    pub path: Option<PathBuf>,
}

/// Fetches URLs: connections, cookies and threads. One serves for any number of calls.
pub struct Fetcher {
    shared: Arc<Shared>,
    /// Taken out when it is dropped.
    runtime: Option<Runtime>,
}

/// What all requests share.
struct Shared {
    client: Client,
    options: FetchOptions,
    hosts: Hosts,
    places: Semaphore,
}

/// The URLs of one call as they become finished, in the order they were given. Dropping it stops what is under way.
pub struct Fetching<'a, I> {
    fetcher: &'a Fetcher,
    urls: I,
    names: Names,
    /// Taken so far, and handed out so far.
    taken: usize,
    turn: usize,
    under_way: VecDeque<AbortHandle>,
    early: BTreeMap<usize, Fetched>,
    sender: Sender<(usize, Fetched)>,
    receiver: Receiver<(usize, Fetched)>,
}

/// The duty to hand something out for a URL. If the task that has it ends otherwise, that is told: whoever waits for its
/// turn would wait for ever.
struct Promise {
    number: usize,
    url: String,
    sender: Sender<(usize, Fetched)>,
    kept: bool,
}

impl Promise {
    fn keep(mut self, fetched: Fetched) {
        self.kept = true;
        // A receiver that is gone wants no more.
        let _ = self.sender.send((self.number, fetched));
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if !self.kept {
            let failure = Some(Failure::Broken("its task was given up".to_owned()));
            let fetched = Fetched { failure, ..Fetched::new(std::mem::take(&mut self.url)) };
            let _ = self.sender.send((self.number, fetched));
        }
    }
}

impl Fetched {
    fn new(url: String) -> Self {
        Self {
            url,
            location: None,
            status: None,
            content_type: None,
            bytes: 0,
            elapsed: Duration::ZERO,
            attempts: 0,
            failure: None,
            body: None,
            path: None,
        }
    }
}

impl Fetcher {
    /// A fetcher with its own connections and threads.
    ///
    /// # Errors
    /// [`ErrorKind::Fetch`] and [`ErrorKind::Io`] if the system gives no threads or no random numbers.
    pub fn new(options: FetchOptions) -> Result<Self> {
        let client = client::client(&options).map_err(|failure| Error::new(ErrorKind::Fetch(failure)))?;
        // Whoever takes what was fetched has work, too.
        let threads = std::thread::available_parallelism().map_or(1, |cores| (cores.get() - 1).clamp(1, 4));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("fetch")
            .enable_io()
            .enable_time()
            .build()?;
        let places = Semaphore::new(options.concurrency);
        let shared = Shared { client, options, hosts: Hosts::default(), places };
        Ok(Self { shared: Arc::new(shared), runtime: Some(runtime) })
    }

    /// Fetches URLs, which are taken from their iterator as places become free.
    pub fn fetch<I: IntoIterator<Item = String>>(&self, urls: I) -> Fetching<'_, I::IntoIter> {
        let (sender, receiver) = channel();
        Fetching {
            fetcher: self,
            urls: urls.into_iter(),
            names: Names::default(),
            taken: 0,
            turn: 0,
            under_way: VecDeque::new(),
            early: BTreeMap::new(),
            sender,
            receiver,
        }
    }
}

impl<I: Iterator<Item = String>> Fetching<'_, I> {
    /// Starts as many as may wait for their places.
    fn start(&mut self) {
        let Some(runtime) = &self.fetcher.runtime else { return };
        let shared = &self.fetcher.shared;
        while self.under_way.len() < AHEAD * shared.options.concurrency {
            let Some(url) = self.urls.next() else { return };
            let place = Place::new(&shared.options.keep, &url, &mut self.names);
            let (number, shared, sender) = (self.taken, shared.clone(), self.sender.clone());
            let promise = Promise { number, url: url.clone(), sender, kept: false };
            let task = runtime.spawn(async move { promise.keep(shared.fetch(url, place).await) });
            self.under_way.push_back(task.abort_handle());
            self.taken += 1;
        }
    }
}

impl<I: Iterator<Item = String>> Iterator for Fetching<'_, I> {
    type Item = Fetched;

    fn next(&mut self) -> Option<Fetched> {
        self.start();
        if self.turn == self.taken {
            return None;
        }
        let fetched = loop {
            if let Some(fetched) = self.early.remove(&self.turn) {
                break fetched;
            }
            let (number, fetched) = self.receiver.recv().ok()?;
            self.early.insert(number, fetched);
        };
        self.turn += 1;
        self.under_way.pop_front();
        Some(fetched)
    }
}

impl<I> Drop for Fetching<'_, I> {
    fn drop(&mut self) {
        self.under_way.iter().for_each(AbortHandle::abort);
    }
}

impl Shared {
    async fn fetch(&self, url: String, place: Place) -> Fetched {
        let mut fetched = Fetched::new(url);
        let parsed = match parse(&fetched.url) {
            Ok(parsed) => parsed,
            Err(failure) => return Fetched { failure: Some(failure), ..fetched },
        };
        let host = self.hosts.of(&parsed, &self.options);
        let _of_host = host.place().await;
        if self.options.polite
            && let Err(failure) = host.ask(&self.client, &parsed, &self.options).await
        {
            return Fetched { failure: Some(failure), ..fetched };
        }
        // Nobody closes the semaphore.
        let _of_all = self.places.acquire().await.ok();
        let start = Instant::now();
        let (seen, sink) = transfer::transfer(&self.client, &parsed, &self.options, place.sink()).await;
        drop(sink);
        fetched.elapsed = start.elapsed();
        fetched.location = seen.location;
        fetched.status = seen.status;
        fetched.content_type = seen.content_type;
        fetched.bytes = seen.bytes;
        fetched.attempts = seen.attempts;
        fetched.failure = seen.failure;
        if fetched.failure.is_none() {
            match place.finish() {
                Ok((body, path)) => (fetched.body, fetched.path) = (body, path),
                Err(error) => fetched.failure = Some(Failure::Write(error.to_string())),
            }
        }
        fetched
    }
}

/// An `http` or `https` URL.
fn parse(text: &str) -> std::result::Result<Url, Failure> {
    let url = Url::parse(text.trim()).map_err(|error| Failure::Url(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(Failure::Url(format!("`{other}` is not `http` or `https`"))),
    }
}

/// Fetches one URL into a sink, on a thread of its own.
pub(crate) fn into_sink(url: &str, options: FetchOptions, sink: Box<dyn Sink>) -> std::result::Result<(), Failure> {
    let parsed = parse(url)?;
    let client = client::client(&options)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| Failure::Connect(error.to_string()))?;
    let (seen, _) = runtime.block_on(transfer::transfer(&client, &parsed, &options, sink));
    seen.failure.map_or(Ok(()), Err)
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for its threads would panic within another runtime.
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

impl<I> fmt::Debug for Fetching<'_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetching").field("taken", &self.taken).field("turn", &self.turn).finish_non_exhaustive()
    }
}
