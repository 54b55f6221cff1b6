//! Pages that load themselves again while their files are worked on, and apps that are replaced while they are served.

use crate::{App, Event, Events, Service};
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::routing::get;
use futures::stream;
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

/// A page that sees another id than before speaks to another start of the server.
const SCRIPT: &str = "\
(() => {
  let id;
  const events = new EventSource('/_reload/events');
  events.addEventListener('hello', (event) => {
    if (id && id !== event.data) location.reload();
    id = event.data;
  });
  events.addEventListener('changed', () => location.reload());
})();
";
/// How often the files are looked at while a page is open.
const LOOK: Duration = Duration::from_millis(400);

/// Files and folders whose changes a page follows. For development: put its routes into the app, and
/// `<script src="/_reload/page.js"></script>` ([`Reload::SCRIPT_PATH`]) into the pages.
#[derive(Debug, Clone)]
pub struct Reload {
    paths: Arc<[PathBuf]>,
    told: Arc<AtomicU64>,
    id: Arc<str>,
}

impl Reload {
    /// Where the script is that a page needs.
    pub const SCRIPT_PATH: &'static str = "/_reload/page.js";

    /// Follows these files, and all in these folders.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let id = crate::random_token().unwrap_or_default().into();
        Self { paths: paths.into_iter().collect(), told: Arc::default(), id }
    }

    /// Tells all pages to load themselves again, whatever the files are like.
    pub fn tell(&self) {
        self.told.fetch_add(1, Ordering::Relaxed);
    }

    /// The routes that a page needs.
    pub fn routes(&self) -> Router {
        let reload = self.clone();
        let events = move || {
            let reload = reload.clone();
            async move { Events::new(reload.changes()) }
        };
        let script = || async { ([(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript"))], SCRIPT) };
        Router::new().route(Self::SCRIPT_PATH, get(script)).route("/_reload/events", get(events))
    }

    fn changes(&self) -> impl futures::Stream<Item = Event> + Send + use<> {
        let hello = Event::data(&*self.id).name("hello");
        let watch = Watch::new(self.paths.iter().cloned());
        let (told, seen) = (Arc::clone(&self.told), self.told.load(Ordering::Relaxed));
        let changes = stream::unfold((watch, told, seen), |(mut watch, told, seen)| async move {
            loop {
                tokio::time::sleep(LOOK).await;
                let now = told.load(Ordering::Relaxed);
                let has_changed = watch.has_changed();
                if has_changed || now != seen {
                    return Some((Event::data("").name("changed"), (watch, told, now)));
                }
            }
        });
        futures::StreamExt::chain(stream::iter([hello]), changes)
    }
}

/// Files and folders that are looked at for changes now and then.
#[derive(Debug)]
pub struct Watch {
    paths: Vec<PathBuf>,
    seen: Seen,
}

/// When the newest of some files was changed, how many there are, and their bytes.
type Seen = (Option<SystemTime>, usize, u64);

impl Watch {
    /// Looks at these files, and at all in these folders.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let paths: Vec<PathBuf> = paths.into_iter().collect();
        let seen = look(&paths);
        Self { paths, seen }
    }

    /// Whether a file was changed, added or removed since this was last asked.
    pub fn has_changed(&mut self) -> bool {
        let seen = look(&self.paths);
        let changed = seen != self.seen;
        self.seen = seen;
        changed
    }
}

fn look(paths: &[PathBuf]) -> Seen {
    fn visit(path: &Path, seen: &mut Seen) {
        let Ok(found) = fs::metadata(path) else { return };
        seen.0 = seen.0.max(found.modified().ok());
        seen.1 += 1;
        if !found.is_dir() {
            seen.2 = seen.2.wrapping_add(found.len());
            return;
        }
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            visit(&entry.path(), seen);
        }
    }
    let mut seen = (None, 0, 0);
    for path in paths {
        visit(path, &mut seen);
    }
    seen
}

/// An app in whose place another can be put while it is served: for development.
#[derive(Clone)]
pub struct Replaceable {
    current: Arc<RwLock<Service>>,
}

impl Replaceable {
    /// Begins with this app.
    pub fn new(app: App) -> Self {
        Self { current: Arc::new(RwLock::new(app.into_service())) }
    }

    /// Answers requests by this app from now on; those that run are finished by the one before.
    pub fn replace(&self, app: App) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = app.into_service();
    }

    /// An app that hands everything to the current one. Addresses, certificates and proxies are this one's affair.
    pub fn app(&self) -> App {
        App::new().body_limit(usize::MAX).routes(Router::new().fallback_service(self.clone()))
    }
}

impl tower::Service<Request> for Replaceable {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let service = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move { Ok(service.respond(request).await) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Client;
    use futures::StreamExt;

    #[tokio::test]
    async fn changes_of_files_and_what_is_told_reach_the_page() {
        let folder = tempfile::tempdir().expect("a folder");
        let reload = Reload::new([folder.path().to_owned()]);
        let mut events = std::pin::pin!(reload.changes());
        let next = async |events: &mut std::pin::Pin<&mut _>| {
            let event = tokio::time::timeout(Duration::from_mins(1), StreamExt::next(events)).await.expect("in time");
            event.expect("an event")
        };
        assert_eq!(next(&mut events).await, Event::data(&*reload.id).name("hello"));
        fs::write(folder.path().join("page.html"), "new").expect("written");
        assert_eq!(next(&mut events).await, Event::data("").name("changed"));
        reload.tell();
        assert_eq!(next(&mut events).await, Event::data("").name("changed"));
        assert_ne!(reload.id, Reload::new([]).id, "another start has another id");
    }

    #[test]
    fn a_watch_sees_each_change_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a");
        let mut watch = Watch::new([folder.path().to_owned(), folder.path().join("gone")]);
        assert!(!watch.has_changed());
        fs::write(&file, "1").expect("written");
        assert!(watch.has_changed() && !watch.has_changed());
        fs::write(&file, "12").expect("written");
        assert!(watch.has_changed() && !watch.has_changed());
        fs::remove_file(&file).expect("removed");
        assert!(watch.has_changed() && !watch.has_changed());
    }

    #[tokio::test]
    async fn an_app_is_replaced_while_it_is_served() {
        let says = |text: &'static str| App::new().routes(Router::new().route("/", get(move || async move { text })));
        let replaceable = Replaceable::new(says("one"));
        let client = Client::new(replaceable.app());
        assert_eq!(client.get("/").await.assert_status(200).text(), "one");
        replaceable.replace(says("two"));
        assert_eq!(client.get("/").await.assert_status(200).text(), "two");
        let missing = client.get("/gone").await.assert_status(404).json();
        assert_eq!(missing["message"], "There is nothing at this address.");
    }
}
