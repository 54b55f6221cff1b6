//! Each host by itself: how many requests at once, and for the polite what its robots.txt asks for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, Url};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::FetchOptions;
use super::content::Sink;
use super::failure::Failure;
use super::robots::{MOST, Robots};
use super::transfer::transfer;

/// Hosts remembered beyond their requests; with more, those that are idle are forgotten.
const REMEMBERED: usize = 10_000;

/// All hosts that were asked.
#[derive(Debug, Default)]
pub(super) struct Hosts(Mutex<HashMap<String, Arc<Host>>>);

/// Scheme, name and port.
#[derive(Debug)]
pub(super) struct Host {
    places: Arc<Semaphore>,
    robots: OnceCell<Robots>,
    /// When the next request may be made.
    next: tokio::sync::Mutex<Option<Instant>>,
}

impl Hosts {
    /// The host of a URL.
    pub(super) fn of(&self, url: &Url, options: &FetchOptions) -> Arc<Host> {
        let origin = url.origin().ascii_serialization();
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= REMEMBERED && !hosts.contains_key(&origin) {
            hosts.retain(|_, host| Arc::strong_count(host) > 1);
        }
        let new = || {
            let places = Arc::new(Semaphore::new(options.per_host));
            Arc::new(Host { places, robots: OnceCell::new(), next: tokio::sync::Mutex::default() })
        };
        hosts.entry(origin).or_insert_with(new).clone()
    }
}

impl Host {
    /// Waits for a place among this host's requests.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // Nobody closes the semaphore.
        self.places.clone().acquire_owned().await.ok()
    }

    /// Asks the site's robots.txt, once, and waits for as long as it wants.
    pub(super) async fn ask(&self, client: &Client, url: &Url, options: &FetchOptions) -> Result<(), Failure> {
        let robots = self.robots.get_or_init(|| robots(client, url, options)).await;
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        if !robots.allows(&path) {
            return Err(Failure::Robots);
        }
        if let Some(delay) = robots.delay {
            self.wait(delay).await;
        }
        Ok(())
    }

    async fn wait(&self, delay: Duration) {
        let mut next = self.next.lock().await;
        let now = Instant::now();
        let turn = next.filter(|turn| *turn > now).unwrap_or(now);
        *next = Some(turn + delay);
        drop(next);
        tokio::time::sleep_until(turn).await;
    }
}

async fn robots(client: &Client, url: &Url, options: &FetchOptions) -> Robots {
    let Ok(place) = url.join("/robots.txt") else { return Robots::none() };
    let text = Arc::new(Mutex::new(Vec::new()));
    let options = options.clone().max_bytes(8 * MOST);
    let (seen, _) = transfer(client, &place, &options, Box::new(Head(text.clone()))).await;
    let text = text.lock().unwrap_or_else(PoisonError::into_inner);
    match seen.failure {
        None | Some(Failure::TooLarge(_)) => Robots::parse(&String::from_utf8_lossy(&text), &options.user_agent),
        // A site without the file allows everything; one that is out of order, nothing.
        Some(Failure::Status(status)) if (400..500).contains(&status) && status != 429 => Robots::none(),
        Some(_) => Robots::closed(),
    }
}

/// Keeps the first bytes.
struct Head(Arc<Mutex<Vec<u8>>>);

impl Sink for Head {
    fn take(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let mut head = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = (MOST as usize).saturating_sub(head.len()).min(bytes.len());
        head.extend_from_slice(bytes.get(..room).unwrap_or_default());
        Ok(())
    }

    fn restart(&mut self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
        true
    }
}
