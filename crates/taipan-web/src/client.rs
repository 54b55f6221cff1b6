//! A client that calls an [`App`] directly, for tests: no socket, no port, and cookies kept from answer to request.
//!
//! ```
//! # use taipan_web::{App, Client, Router, get};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let app = App::new().routes(Router::new().route("/", get(|| async { "hello" })));
//! let client = Client::new(app);
//! let answer = client.get("/").header("accept", "text/plain").await.assert_status(200);
//! assert_eq!(answer.text(), "hello");
//! # }
//! ```

use crate::{App, Peer, Service};
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use bytes::Bytes;
use serde::Serialize;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

/// Calls an app without a socket. It panics, as a test should, where a request cannot be made.
pub struct Client {
    service: Service,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Client {
    /// A client of this app, which calls itself `localhost`.
    pub fn new(app: App) -> Self {
        Self { service: app.into_service(), cookies: Mutex::default() }
    }

    /// Asks for a path (with query).
    pub fn get(&self, path: &str) -> Call<'_> {
        self.request(Method::GET, path)
    }

    /// Posts a body of this content type.
    pub fn post(&self, path: &str, content_type: &str, body: impl Into<Bytes>) -> Call<'_> {
        self.request(Method::POST, path).header("content-type", content_type).body(body)
    }

    /// Posts a value as JSON.
    ///
    /// # Panics
    /// When the value cannot be written as JSON.
    pub fn post_json(&self, path: &str, value: &impl Serialize) -> Call<'_> {
        let body = serde_json::to_vec(value).unwrap_or_else(|error| panic!("not JSON: {error}"));
        self.post(path, "application/json", body)
    }

    /// Posts a form as a browser does: the page with the form is loaded first, for its token.
    pub async fn submit(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.get(page).browser().await.csrf_token().unwrap_or_default();
        let encode = |(name, value): &(&str, &str)| {
            format!("{}={}", crate::format::url_part(name), crate::format::url_part(value))
        };
        let fields: Vec<String> = [("_csrf", token.as_str())].iter().chain(fields).map(encode).collect();
        self.post(action, "application/x-www-form-urlencoded", fields.join("&")).browser().await
    }

    /// Logs in by the form of a page, whose fields are `name` and `password`; the answer is the page's own.
    pub async fn login(&self, page: &str, name: &str, password: &str) -> Answer {
        self.submit(page, page, &[("name", name), ("password", password)]).await
    }

    /// Forgets all cookies, as another browser would have none.
    pub fn forget(&self) {
        self.jar().clear();
    }

    /// A request of any method.
    pub fn request(&self, method: Method, path: &str) -> Call<'_> {
        Call { client: self, method, path: path.to_owned(), headers: Vec::new(), body: Bytes::new(), peer: None }
    }

    /// The value of a cookie that the app has set.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.jar().get(name).cloned()
    }

    fn jar(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, call: Call<'_>) -> Answer {
        let wanted = format!("{} {}", call.method, call.path);
        let mut request = Request::builder().method(call.method).uri(&call.path);
        let names_host = call.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
        if !names_host {
            request = request.header(header::HOST, "localhost");
        }
        let cookies: Vec<String> = self.jar().iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if !call.body.is_empty() {
            request = request.header(header::CONTENT_LENGTH, call.body.len());
        }
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        if let Some(peer) = call.peer {
            request = request.extension(peer);
        }
        let request = request.body(Body::from(call.body)).unwrap_or_else(|error| panic!("{wanted}: {error}"));
        let (parts, body) = self.service.respond(request).await.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap_or_else(|error| panic!("{wanted}: {error}"));
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            self.keep(cookie);
        }
        Answer { wanted, status: parts.status, headers: parts.headers, body }
    }

    fn keep(&self, cookie: &HeaderValue) {
        let Some((pair, attributes)) = cookie.to_str().ok().map(|text| text.split_once(';').unwrap_or((text, "")))
        else {
            return;
        };
        let Some((name, value)) = pair.split_once('=') else {
            return;
        };
        let gone = attributes.split(';').any(|part| part.trim().eq_ignore_ascii_case("max-age=0"));
        let mut jar = self.jar();
        if gone {
            jar.remove(name.trim());
        } else {
            jar.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
}

/// A request being written; `.await` sends it.
#[must_use]
pub struct Call<'a> {
    client: &'a Client,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    peer: Option<Peer>,
}

impl Call<'_> {
    /// Adds a request header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Asks as a browser does: for a page.
    pub fn browser(self) -> Self {
        self.header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
    }

    /// Comes from this address, over TLS or not; from this machine unless told otherwise.
    pub fn peer(mut self, peer: Peer) -> Self {
        self.peer = Some(peer);
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

impl<'a> IntoFuture for Call<'a> {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.client.send(self))
    }
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    wanted: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The answer itself when its status is `expected`.
    ///
    /// # Panics
    /// When it is another, with the answer's text.
    #[track_caller]
    #[must_use = "read the answer, or drop it by `let _ =`"]
    pub fn assert_status(self, expected: u16) -> Self {
        assert!(self.status() == expected, "{}: {} instead of {expected}\n{}", self.wanted, self.status, self.text());
        self
    }

    /// A header's value, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The token of a page's form, as [`Session::csrf_token`](crate::Session::csrf_token) made it.
    pub fn csrf_token(&self) -> Option<String> {
        let text = self.text();
        let (_, after) = text.split_once("name=\"_csrf\" value=\"")?;
        after.split_once('"').map(|(token, _)| token.to_owned())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON, with the answer's text.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: not JSON ({error})\n{}", self.wanted, self.text()))
    }
}
