//! The one layer around an app's routes: host check, body limit, panics, error pages, security headers.
//!
//! It is written as one function rather than a stack of layers because every request passes it: a good answer costs a
//! look at a few headers, and nothing is boxed or parsed.

use crate::problem::accepts_html;
use crate::{Hosts, Problem, Templates};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use std::any::Any;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::Service as _;

pub(crate) type Reporter = Arc<dyn Fn(&str) + Send + Sync>;

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

const PAGE_HEADERS: [(HeaderName, HeaderValue); 2] = [
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// The longest plain-text error that is turned into a page; a longer one is somebody's document.
const MESSAGE_BYTES: usize = 4 << 10;

/// A finished [`App`](crate::App): answers requests. Cloning is cheap.
#[derive(Clone)]
pub struct Service {
    router: Router,
    rules: Arc<Rules>,
}

struct Rules {
    templates: Option<Templates>,
    hosts: Hosts,
    body_limit: u64,
    reporter: Option<Reporter>,
}

impl Service {
    pub(crate) fn new(
        router: Router,
        templates: Option<Templates>,
        hosts: Hosts,
        body_limit: usize,
        reporter: Option<Reporter>,
    ) -> Self {
        let templates = templates.filter(|templates| templates.has("error.html"));
        Self { router, rules: Arc::new(Rules { templates, hosts, body_limit: body_limit as u64, reporter }) }
    }

    /// Answers one request.
    pub async fn respond(&self, request: Request) -> Response {
        let html = accepts_html(request.headers());
        let method = request.method().clone();
        let uri = request.uri().clone();
        let answer = match self.rules.admit(&request) {
            Ok(()) => without_panic(self.router.clone().call(request)).await.unwrap_or_else(Problem::into_response),
            Err(problem) => problem.into_response(),
        };
        let mut response =
            if answer.status().as_u16() < 400 { answer } else { self.rules.explain(answer, &method, &uri, html).await };
        protect(response.headers_mut());
        response
    }
}

impl tower::Service<Request> for Service {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.respond(request).await) })
    }
}

impl Rules {
    /// Refuses what no handler should see.
    fn admit(&self, request: &Request) -> Result<(), Problem> {
        if self.hosts != Hosts::Any {
            let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
            // A request may name a host in its target as well; neither may be foreign.
            let target = request.uri().authority().map(axum::http::uri::Authority::as_str);
            let allowed = |host: &str| self.hosts.allows(host);
            if !named.or(target).is_some_and(allowed) || !target.is_none_or(allowed) {
                return Err(Problem::of(StatusCode::MISDIRECTED_REQUEST)
                    .hint("Start the server with this name in its list of hosts to allow it."));
            }
        }
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        if length.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > self.body_limit) {
            return Err(Problem::of(StatusCode::PAYLOAD_TOO_LARGE)
                .hint(format!("At most {} are read.", crate::format::size(self.body_limit))));
        }
        Ok(())
    }

    /// Gives an error answer its words, unless its handler wrote a body of its own: a [`Problem`] and an empty answer
    /// become a page or JSON, and so does the plain text of axum's own rejections.
    async fn explain(&self, response: Response, method: &Method, uri: &Uri, html: bool) -> Response {
        let (mut parts, body) = response.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        let problem = if let Some(problem) = parts.extensions.remove::<Problem>() {
            problem
        } else if kind.is_none() {
            Problem::of(parts.status)
        } else if kind.is_some_and(|kind| kind.starts_with(b"text/plain")) && is_short(&body) {
            let text = axum::body::to_bytes(body, MESSAGE_BYTES).await.unwrap_or_default();
            if parts.status.is_server_error() {
                Problem::internal(String::from_utf8_lossy(&text))
            } else {
                Problem::new(parts.status, String::from_utf8_lossy(&text).into_owned())
            }
        } else {
            return Response::from_parts(parts, body);
        };
        parts.status = problem.status();
        if parts.status.is_server_error()
            && let Some(reporter) = &self.reporter
        {
            reporter(&format!("{method} {}: {problem}", uri.path()));
        }
        let (kind, text) = if html {
            ("text/html; charset=utf-8", self.page(&problem).into_bytes())
        } else {
            ("application/json; charset=utf-8", problem.json())
        };
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        parts.headers.append(header::VARY, HeaderValue::from_static("accept"));
        Response::from_parts(parts, if method == Method::HEAD { Body::empty() } else { Body::from(text) })
    }

    fn page(&self, problem: &Problem) -> String {
        let own = self.templates.as_ref().and_then(|templates| {
            let page = templates.render("error.html", &problem.view());
            if let (Err(error), Some(reporter)) = (&page, &self.reporter) {
                reporter(&error.to_string());
            }
            page.ok()
        });
        own.map_or_else(|| problem.plain_page(), |page| page.html().to_owned())
    }
}

fn protect(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A browser that is told not to guess shows data as text: there is nothing in it to forbid.
    let is_data = |kind: &HeaderValue| kind.as_bytes().starts_with(b"application/json");
    if !headers.get(header::CONTENT_TYPE).is_some_and(is_data) {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(POLICY);
        for (name, value) in PAGE_HEADERS {
            headers.insert(name, value);
        }
    }
}

fn is_short(body: &Body) -> bool {
    use axum::body::HttpBody;
    body.size_hint().upper().is_some_and(|bytes| bytes <= MESSAGE_BYTES as u64)
}

/// Waits for a handler; a panic in it becomes a problem whose detail is for the log only.
async fn without_panic<F>(answer: F) -> Result<Response, Problem>
where
    F: Future<Output = Result<Response, Infallible>>,
{
    let mut answer = pin!(answer);
    // The handler's state is dropped after a panic, so nothing half-changed is seen again through it.
    let polled =
        std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(answer)) => Poll::Ready(Ok(answer)),
            Err(panic) => Poll::Ready(Err(panic)),
        });
    match polled.await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(never)) => match never {},
        Err(panic) => Err(Problem::internal(format!("panicked: {}", panic_text(panic.as_ref())))),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
