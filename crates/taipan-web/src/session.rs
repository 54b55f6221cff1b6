//! Sessions: a few values that the server keeps for a browser, found by a name in its cookie that nobody can guess.
//!
//! The name changes at login ([`Session::rotate`]), so that one planted before is worth nothing after. What is stored is
//! found by a hash of the name: whoever reads the store cannot take a session over.

use crate::secret::{random_token, token_hash};
use crate::{Cookie, Problem, Result, cookie};
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use taipan_store::{Artifact, Store};

/// What a session is kept under in a [`Store`].
const KIND: &str = "web.session";
/// The sessions that memory holds, at most; the one that ends first makes room.
const MOST: usize = 100_000;

/// Where sessions are kept, and for how long.
#[derive(Clone)]
pub struct Sessions {
    place: Arc<dyn Place>,
    lifetime: Duration,
    name: Arc<str>,
    secure: bool,
}

/// Somewhere that sessions are kept.
trait Place: Send + Sync {
    fn load(&self, key: &str) -> Result<Option<Stored>>;
    fn save(&self, key: &str, stored: Stored) -> Result<()>;
    fn remove(&self, key: &str) -> Result<()>;
    /// Whether this may wait for a disk.
    fn may_wait(&self) -> bool;
}

#[derive(Debug, Clone)]
struct Stored {
    /// Seconds since 1970.
    until: u64,
    values: Map<String, Value>,
}

impl Sessions {
    /// In memory: gone when the program ends.
    pub fn in_memory() -> Self {
        Self::at(Arc::new(Memory::default()))
    }

    /// In a database. Those that hold nothing of the application's, but only what forms and messages need, are kept in
    /// memory: whoever merely looks at the login page, however often, writes nothing to the disk.
    pub fn in_store(store: Store) -> Self {
        Self::at(Arc::new(Database { store, passing: Memory::default(), swept: AtomicU64::new(0) }))
    }

    fn at(place: Arc<dyn Place>) -> Self {
        Self { place, lifetime: Duration::from_hours(14 * 24), name: "session".into(), secure: false }
    }

    /// Sets how long a session lives after it was last changed; two weeks unless told otherwise.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the cookie's name; `session` unless told otherwise. Cookies know no ports: two apps on one host need two names.
    #[must_use]
    pub fn cookie_name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// Sends the cookie over TLS alone, as is done anyway to whoever comes over TLS.
    #[must_use]
    pub fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// The session of a request; a new one, kept only once something is put into it, where it names none.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn open(&self, headers: &HeaderMap) -> Result<Session> {
        let Some(id) = cookie(headers, &self.name).filter(|id| id.len() == 43) else {
            return Ok(Session::new(None, Map::new()));
        };
        let (place, key) = (Arc::clone(&self.place), token_hash(&id));
        let stored = if place.may_wait() {
            let loaded = tokio::task::spawn_blocking(move || place.load(&key)).await;
            loaded.map_err(|error| crate::Error::system("sessions", error.to_string()))??
        } else {
            place.load(&key)?
        };
        Ok(match stored {
            Some(stored) if stored.until > now() => Session::new(Some(id), stored.values),
            // A name that the server did not give is never taken over.
            _ => Session::new(None, Map::new()),
        })
    }

    /// Keeps what changed, and tells the browser.
    ///
    /// # Errors
    /// The store cannot be written.
    pub(crate) async fn close(&self, session: &Session, response: &mut Response, is_secure: bool) -> Result<()> {
        let Some(change) = session.change() else { return Ok(()) };
        let (place, lifetime) = (Arc::clone(&self.place), self.lifetime);
        let write = move || -> Result<Option<String>> {
            if let Some(old) = &change.old {
                place.remove(&token_hash(old))?;
            }
            let Some(values) = change.values else { return Ok(None) };
            let id = match change.id {
                Some(id) => id,
                None => random_token()?,
            };
            place.save(&token_hash(&id), Stored { until: now() + lifetime.as_secs(), values })?;
            Ok(Some(id))
        };
        let written = if self.place.may_wait() {
            let written = tokio::task::spawn_blocking(write).await;
            written.map_err(|error| crate::Error::system("sessions", error.to_string()))??
        } else {
            write()?
        };
        let cookie = match &written {
            Some(id) => Cookie::new(&*self.name, id).max_age(lifetime),
            None => Cookie::removed(&*self.name),
        };
        if let Some(value) = cookie.secure(self.secure || is_secure).header() {
            response.headers_mut().append(axum::http::header::SET_COOKIE, value);
        }
        Ok(())
    }
}

/// The session of a request, as a handler's argument.
///
/// ```
/// use taipan_web::{App, Client, Router, Session, Sessions, get};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// async fn count(session: Session) -> String {
///     let seen: u32 = session.get("seen").unwrap_or(0) + 1;
///     session.set("seen", &seen);
///     format!("{seen}")
/// }
/// let app = App::new().sessions(Sessions::in_memory()).routes(Router::new().route("/", get(count)));
/// let client = Client::new(app);
/// assert_eq!(client.get("/").await.text(), "1");
/// assert_eq!(client.get("/").await.text(), "2");
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Session(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    id: Option<String>,
    /// The name that it had before it was changed.
    old: Option<String>,
    values: Map<String, Value>,
    changed: bool,
}

struct Changed {
    id: Option<String>,
    old: Option<String>,
    values: Option<Map<String, Value>>,
}

impl Session {
    fn new(id: Option<String>, values: Map<String, Value>) -> Self {
        Self(Arc::new(Mutex::new(Inner { id, old: None, values, changed: false })))
    }

    /// The value of a name, if it is there and of this type.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let value = self.inner().values.get(name).cloned()?;
        serde_json::from_value(value).ok()
    }

    /// Keeps a value under a name. One that cannot be written as JSON is not kept.
    pub fn set(&self, name: &str, value: &impl Serialize) {
        if let Ok(value) = serde_json::to_value(value) {
            let mut inner = self.inner();
            inner.changed |= inner.values.get(name) != Some(&value);
            inner.values.insert(name.to_owned(), value);
        }
    }

    /// Removes a value, and returns it.
    pub fn take<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let mut inner = self.inner();
        let value = inner.values.remove(name)?;
        inner.changed = true;
        serde_json::from_value(value).ok()
    }

    /// Gives the session another name, as must be done when somebody logs in; its values stay.
    pub fn rotate(&self) {
        let mut inner = self.inner();
        inner.old = inner.old.take().or(inner.id.take());
        inner.id = None;
        inner.changed = true;
    }

    /// Ends the session with all that is in it.
    pub fn clear(&self) {
        self.rotate();
        self.inner().values.clear();
    }

    /// Leaves a message for the next page that shows messages; `level` is `success`, `error` or what the pages know.
    pub fn flash(&self, level: &str, text: impl Into<String>) {
        let mut messages: Vec<(String, String)> = self.get("_flash").unwrap_or_default();
        messages.push((level.to_owned(), text.into()));
        self.set("_flash", &messages);
    }

    /// The messages that were left, each once.
    pub fn flashes(&self) -> Vec<(String, String)> {
        self.take("_flash").unwrap_or_default()
    }

    /// Whether the browser had this session before.
    pub(crate) fn is_known(&self) -> bool {
        self.inner().id.is_some()
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> Option<Changed> {
        let inner = self.inner();
        if !inner.changed || (inner.values.is_empty() && inner.id.is_none() && inner.old.is_none()) {
            return None;
        }
        let is_over = inner.values.is_empty();
        let old = if is_over { inner.old.clone().or(inner.id.clone()) } else { inner.old.clone() };
        Some(Changed { id: inner.id.clone(), old, values: (!is_over).then(|| inner.values.clone()) })
    }
}

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let session = parts.extensions.get::<Session>().cloned();
        session.ok_or_else(|| Problem::internal("the app has no sessions; give it some by App::sessions"))
    }
}

#[derive(Default)]
struct Memory(Mutex<HashMap<String, Stored>>);

impl Place for Memory {
    fn load(&self, key: &str) -> Result<Option<Stored>> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn save(&self, key: &str, stored: Stored) -> Result<()> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MOST && !sessions.contains_key(key) {
            let now = now();
            sessions.retain(|_, stored| stored.until > now);
            let first = sessions.iter().min_by_key(|(_, stored)| stored.until).map(|(key, _)| key.clone());
            if let (true, Some(first)) = (sessions.len() >= MOST, first) {
                sessions.remove(&first);
            }
        }
        sessions.insert(key.to_owned(), stored);
        Ok(())
    }

    fn remove(&self, key: &str) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        Ok(())
    }

    fn may_wait(&self) -> bool {
        false
    }
}

struct Database {
    store: Store,
    /// Sessions without values of the application.
    passing: Memory,
    /// When those that are over were last removed.
    swept: AtomicU64,
}

/// How often sessions that are over are looked for, in seconds.
const SWEEP: u64 = 600;

impl Database {
    fn sweep(&self) -> Result<()> {
        let (now, swept) = (now(), self.swept.load(Ordering::Relaxed));
        let is_due = now >= swept + SWEEP;
        if !is_due || self.swept.compare_exchange(swept, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return Ok(());
        }
        for old in self.store.artifacts(KIND)? {
            if old.fingerprint.parse::<u64>().is_ok_and(|until| until <= now) {
                self.store.drop_artifact(KIND, &old.name)?;
            }
        }
        Ok(())
    }
}

impl Place for Database {
    fn load(&self, key: &str) -> Result<Option<Stored>> {
        if let Some(stored) = self.passing.load(key)? {
            return Ok(Some(stored));
        }
        let Some(artifact) = self.store.artifact(KIND, key)? else { return Ok(None) };
        // What another version wrote otherwise is no session.
        let read = || Some((artifact.fingerprint.parse().ok()?, serde_json::from_slice(&artifact.bytes).ok()?));
        Ok(read().map(|(until, values)| Stored { until, values }))
    }

    fn save(&self, key: &str, stored: Stored) -> Result<()> {
        if stored.values.keys().all(|name| name.starts_with('_')) {
            if self.store.artifact(KIND, key)?.is_some() {
                self.store.drop_artifact(KIND, key)?;
            }
            return self.passing.save(key, stored);
        }
        self.sweep()?;
        let bytes = serde_json::to_vec(&stored.values).unwrap_or_default();
        let (kind, name) = (KIND.to_owned(), key.to_owned());
        self.store.put_artifact(&Artifact { kind, name, fingerprint: stored.until.to_string(), bytes })?;
        self.passing.remove(key)
    }

    fn remove(&self, key: &str) -> Result<()> {
        self.passing.remove(key)?;
        self.store.drop_artifact(KIND, key)?;
        Ok(())
    }

    fn may_wait(&self) -> bool {
        true
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stored(values: serde_json::Value) -> Stored {
        let Value::Object(values) = values else { panic!("not an object") };
        Stored { until: now() + 100, values }
    }

    #[test]
    fn only_sessions_of_the_application_reach_the_disk() {
        let store = Store::open("sqlite::memory:").expect("a store");
        let place = Database { store: store.clone(), passing: Memory::default(), swept: AtomicU64::new(0) };
        let kept = || store.artifacts(KIND).expect("read").len();
        for at in 0..50 {
            place.save(&format!("passing {at}"), stored(json!({ "_csrf": "x" }))).expect("kept");
        }
        assert_eq!(kept(), 0);
        assert!(place.load("passing 7").expect("read").is_some());
        place.save("a", stored(json!({ "_csrf": "x", "user": "ada" }))).expect("kept");
        assert_eq!((kept(), place.passing.0.lock().expect("no panic").len()), (1, 50));
        // One that loses what it had is not found on the disk any more, and the other way round.
        place.save("a", stored(json!({ "_csrf": "y" }))).expect("kept");
        assert_eq!(kept(), 0);
        assert_eq!(place.load("a").expect("read").expect("there").values, stored(json!({ "_csrf": "y" })).values);
        place.save("a", stored(json!({ "user": "ada" }))).expect("kept");
        assert_eq!(place.load("a").expect("read").expect("there").values, stored(json!({ "user": "ada" })).values);
        place.remove("a").expect("removed");
        assert!(place.load("a").expect("read").is_none() && kept() == 0);
    }

    #[test]
    fn sessions_that_are_over_go_now_and_then() {
        let store = Store::open("sqlite::memory:").expect("a store");
        let place = Database { store: store.clone(), passing: Memory::default(), swept: AtomicU64::new(0) };
        let over = Stored { until: 1, ..stored(json!({ "user": "ada" })) };
        place.save("over", over).expect("kept");
        place.save("next", stored(json!({ "user": "bob" }))).expect("kept");
        assert_eq!(store.artifacts(KIND).expect("read").len(), 2, "not at each");
        place.swept.store(0, Ordering::Relaxed);
        place.save("later", stored(json!({ "user": "cy" }))).expect("kept");
        let names: Vec<String> = store.artifacts(KIND).expect("read").into_iter().map(|kept| kept.name).collect();
        assert_eq!(names, ["later", "next"]);
    }
}
