//! The one layer around an app's routes: host check, body limit, panics, error pages, security headers.
//!
//! It is written as one function rather than a stack of layers because every request passes it: a good answer costs a
//! look at a few headers, and nothing is boxed or parsed.

use crate::problem::accepts_html;
use crate::{Hosts, Peer, Problem, Proxies, Sessions, Templates};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use std::any::Any;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tower::Service as _;

pub(crate) type Reporter = Arc<dyn Fn(&str) + Send + Sync>;
pub(crate) type Before = Arc<dyn Fn(&mut Request) -> Result<(), Problem> + Send + Sync>;
pub(crate) type Heard = Arc<dyn Fn(&Visit<'_>) + Send + Sync>;
pub(crate) type Shortcut = Arc<dyn Fn(&Request) -> Option<Response> + Send + Sync>;
pub(crate) type After = Arc<dyn Fn(&mut Response) + Send + Sync>;

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

const PAGE_HEADERS: [(HeaderName, HeaderValue); 2] = [
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// Whoever came over TLS once does so from then on.
const SECURE_FOR_A_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest plain-text error that is turned into a page; a longer one is somebody's document.
const MESSAGE_BYTES: usize = 4 << 10;

/// A finished [`App`](crate::App): answers requests. Cloning is cheap.
#[derive(Clone)]
pub struct Service {
    router: Router,
    rules: Arc<Rules>,
}

pub(crate) struct Rules {
    pub(crate) templates: Option<Templates>,
    pub(crate) hosts: Hosts,
    pub(crate) body_limit: u64,
    pub(crate) reporter: Option<Reporter>,
    pub(crate) sessions: Option<Sessions>,
    pub(crate) before: Vec<Before>,
    pub(crate) shortcut: Option<Shortcut>,
    pub(crate) after: Vec<After>,
    pub(crate) heard: Option<Heard>,
    pub(crate) proxies: Proxies,
}

/// A request that was answered, for logs and counters.
#[derive(Debug)]
pub struct Visit<'a> {
    method: &'a Method,
    path: &'a str,
    status: StatusCode,
    time: Duration,
    id: &'a str,
}

impl Visit<'_> {
    /// The method.
    pub fn method(&self) -> &Method {
        self.method
    }

    /// The path, without the query, which may hold what is not meant for logs.
    pub fn path(&self) -> &str {
        self.path
    }

    /// The answer's status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// How long it took until the answer began.
    pub fn time(&self) -> Duration {
        self.time
    }

    /// The request's id, which the answer has in `x-request-id`.
    pub fn id(&self) -> &str {
        self.id
    }

    /// All of it as a line of JSON.
    pub fn json(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        serde_json::json!({
            "time": now.as_secs_f64(),
            "id": self.id,
            "method": self.method.as_str(),
            "path": self.path,
            "status": self.status.as_u16(),
            "ms": self.time.as_secs_f64() * 1e3,
        })
        .to_string()
    }
}

/// The id that the client gave a request, if it is short and plain, or a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    static START: LazyLock<u32> = LazyLock::new(|| crate::secret::random_bytes::<4>().map_or(0, u32::from_be_bytes));
    let is_plain = |id: &&HeaderValue| {
        (1..=64).contains(&id.len()) && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
    };
    if let Some(given) = headers.get(REQUEST_ID).filter(is_plain) {
        return given.clone();
    }
    // By hand, since every request has one: `format!` takes as long as a thirtieth of a small answer.
    let mut id = [b'-'; 21];
    for (digits, mut number) in [(0..8, u64::from(*START)), (9..21, COUNT.fetch_add(1, Ordering::Relaxed))] {
        for digit in id[digits].iter_mut().rev() {
            *digit = b"0123456789abcdef"[(number & 15) as usize];
            number >>= 4;
        }
    }
    HeaderValue::from_bytes(&id).unwrap_or(HeaderValue::from_static("-"))
}

impl Service {
    pub(crate) fn new(router: Router, rules: Rules) -> Self {
        Self { router, rules: Arc::new(rules) }
    }

    /// Answers one request.
    pub async fn respond(&self, mut request: Request) -> Response {
        let proxied = self.rules.proxies.apply(&mut request);
        let is_secure = is_secure(&request);
        let heard = self.rules.heard.as_ref().map(|_| (Instant::now(), request_id(request.headers())));
        let html = accepts_html(request.headers());
        let method = request.method().clone();
        let uri = request.uri().clone();
        let answer = match proxied.and_then(|()| self.rules.admit(&request)) {
            Ok(()) => self.pass(request).await.unwrap_or_else(Problem::into_response),
            Err(problem) => problem.into_response(),
        };
        let mut response =
            if answer.status().as_u16() < 400 { answer } else { self.rules.explain(answer, &method, &uri, html).await };
        for hook in &self.rules.after {
            hook(&mut response);
        }
        if let (Some(heard), Some((begun, id))) = (&self.rules.heard, &heard) {
            let (status, time) = (response.status(), begun.elapsed());
            heard(&Visit { method: &method, path: uri.path(), status, time, id: id.to_str().unwrap_or("-") });
            response.headers_mut().insert(REQUEST_ID, id.clone());
        }
        protect(response.headers_mut());
        if is_secure {
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, SECURE_FOR_A_YEAR);
        }
        response
    }

    /// By the session and the hooks to the handler, and back.
    async fn pass(&self, mut request: Request) -> Result<Response, Problem> {
        let Some(sessions) = &self.rules.sessions else {
            self.rules.before(&mut request)?;
            return self.handle(request).await;
        };
        let is_secure = is_secure(&request);
        let session = sessions.open(request.headers()).await?;
        let most = usize::try_from(self.rules.body_limit).unwrap_or(usize::MAX);
        let mut request = crate::csrf::admit(request, &session, most).await?;
        request.extensions_mut().insert(session.clone());
        self.rules.before(&mut request)?;
        let mut response = self.handle(request).await.unwrap_or_else(Problem::into_response);
        sessions.close(&session, &mut response, is_secure).await?;
        Ok(response)
    }

    /// The answer of the handler.
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        if let Some(shortcut) = &self.rules.shortcut {
            match catch_unwind(AssertUnwindSafe(|| shortcut(&request))) {
                Ok(Some(response)) => return Ok(response),
                Ok(None) => {}
                Err(panic) => return Err(panicked(panic.as_ref())),
            }
        }
        without_panic(self.router.clone().call(request)).await
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
    fn before(&self, request: &mut Request) -> Result<(), Problem> {
        self.before.iter().try_for_each(|hook| hook(request))
    }

    /// Refuses what no handler should see.
    fn admit(&self, request: &Request) -> Result<(), Problem> {
        if self.hosts != Hosts::Any {
            let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
            // A request may name a host in its target as well; neither may be foreign.
            let target = request.uri().authority().map(axum::http::uri::Authority::as_str);
            let allowed = |host: &str| self.hosts.allows(host);
            if !named.or(target).is_some_and(allowed) || !target.is_none_or(allowed) {
                return Err(Problem::of(StatusCode::MISDIRECTED_REQUEST)
                    .hint("Start the server with --allow-host and this name, or with the name in its list of hosts."));
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
        // A route that has nothing to say of it answers OPTIONS by what the router knows: the methods that it takes.
        if method == Method::OPTIONS
            && parts.status == StatusCode::METHOD_NOT_ALLOWED
            && let Some(allow) = parts.headers.get(header::ALLOW).and_then(with_options)
        {
            return (StatusCode::NO_CONTENT, [(header::ALLOW, allow)]).into_response();
        }
        // What a client must send that is not known: a token, since a login is by a page.
        if parts.status == StatusCode::UNAUTHORIZED {
            parts.headers.entry(header::WWW_AUTHENTICATE).or_insert(HeaderValue::from_static("Bearer"));
        }
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

/// The methods of a route, and OPTIONS.
fn with_options(allow: &HeaderValue) -> Option<HeaderValue> {
    let mut methods: Vec<&str> = allow.to_str().ok()?.split(',').map(str::trim).collect();
    methods.retain(|method| !method.is_empty());
    if !methods.contains(&"OPTIONS") {
        methods.push("OPTIONS");
    }
    HeaderValue::try_from(methods.join(", ")).ok()
}

/// Whether a request came over TLS, to here or to a listed proxy.
fn is_secure(request: &Request) -> bool {
    request.extensions().get::<Peer>().copied().is_some_and(Peer::is_secure)
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
        Err(panic) => Err(panicked(panic.as_ref())),
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Problem {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Problem::internal(format!("panicked: {}", text.unwrap_or("without a message")))
}
