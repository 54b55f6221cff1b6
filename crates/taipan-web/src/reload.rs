//! Pages that load themselves again while their files are worked on.

use crate::{Event, Events};
use axum::Router;
use axum::http::{HeaderValue, header};
use axum::routing::get;
use futures::stream;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const SCRIPT: &str = "new EventSource('/_reload/events').addEventListener('changed', () => location.reload());\n";
/// How often the files are looked at while a page is open.
const LOOK: Duration = Duration::from_millis(400);

/// Files and folders whose changes a page follows. For development: put its routes into the app, and
/// `<script src="/_reload/page.js"></script>` ([`Reload::SCRIPT_PATH`]) into the pages.
#[derive(Debug, Clone)]
pub struct Reload {
    paths: Arc<[PathBuf]>,
}

impl Reload {
    /// Where the script is that a page needs.
    pub const SCRIPT_PATH: &'static str = "/_reload/page.js";

    /// Follows these files, and all in these folders.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { paths: paths.into_iter().collect() }
    }

    /// The routes that a page needs.
    pub fn routes(&self) -> Router {
        let paths = Arc::clone(&self.paths);
        let events = move || {
            let paths = Arc::clone(&paths);
            async move { Events::new(changes(paths)) }
        };
        let script = || async { ([(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript"))], SCRIPT) };
        Router::new().route(Self::SCRIPT_PATH, get(script)).route("/_reload/events", get(events))
    }
}

fn changes(paths: Arc<[PathBuf]>) -> impl futures::Stream<Item = Event> + Send {
    let seen = newest(&paths);
    stream::unfold((paths, seen), |(paths, seen)| async move {
        loop {
            tokio::time::sleep(LOOK).await;
            let now = newest(&paths);
            if now != seen {
                return Some((Event::data("").name("changed"), (paths, now)));
            }
        }
    })
}

/// When the newest of some files was changed, and how many there are.
fn newest(paths: &[PathBuf]) -> (Option<SystemTime>, usize) {
    fn look(path: &Path, newest: &mut (Option<SystemTime>, usize)) {
        let Ok(found) = fs::metadata(path) else { return };
        newest.0 = newest.0.max(found.modified().ok());
        newest.1 += 1;
        let entries = if found.is_dir() { fs::read_dir(path).ok() } else { None };
        for entry in entries.into_iter().flatten().flatten() {
            look(&entry.path(), newest);
        }
    }
    let mut found = (None, 0);
    for path in paths {
        look(path, &mut found);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;

    #[tokio::test]
    async fn a_change_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let paths: Arc<[PathBuf]> = [folder.path().to_owned()].into();
        let mut events = std::pin::pin!(changes(paths));
        fs::write(folder.path().join("page.html"), "new").expect("written");
        let event = tokio::time::timeout(Duration::from_mins(1), events.next()).await.expect("in time");
        assert_eq!(event, Some(Event::data("").name("changed")));
    }
}
