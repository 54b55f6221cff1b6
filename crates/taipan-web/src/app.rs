//! [`App`]: routes, templates and assets put together, with the limits and checks that hold for all of them.

use crate::service::{After, Before, Heard, Reporter, Rules, Service, Shortcut, Visit};

use crate::patience::Patience;
use crate::{Asset, Hosts, Problem, Proxies, Sessions, Stopping, Templates, Tls};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use std::sync::Arc;
use std::time::Duration;

/// A web application, built step by step; [`serve`](crate::serve) runs it and [`Client`](crate::Client) tests it.
#[must_use]
pub struct App {
    router: Router,
    templates: Option<Templates>,
    hosts: Hosts,
    body_limit: usize,
    grace: Duration,
    reporter: Option<Reporter>,
    sessions: Option<Sessions>,
    before: Vec<Before>,
    shortcut: Option<Shortcut>,
    after: Vec<After>,
    heard: Option<Heard>,
    proxies: Proxies,
    tls: Option<Tls>,
    patience: Patience,
    stopping: Stopping,
}

impl App {
    /// An app without routes: bodies up to 16 MiB, any host name, ten seconds to finish requests when it stops.
    pub fn new() -> Self {
        Self {
            router: Router::new(),
            templates: None,
            hosts: Hosts::Any,
            body_limit: 16 << 20,
            grace: Duration::from_secs(10),
            reporter: None,
            sessions: None,
            before: Vec::new(),
            shortcut: None,
            after: Vec::new(),
            heard: None,
            proxies: Proxies::default(),
            tls: None,
            patience: Patience::USUAL,
            stopping: Stopping::new(),
        }
    }

    /// Adds routes; give a router its state with [`Router::with_state`] first.
    ///
    /// # Panics
    /// When a route is there already, as axum's [`Router::merge`] does: a mistake of the program, seen at start.
    pub fn routes(mut self, router: Router) -> Self {
        self.router = self.router.merge(router);
        self
    }

    /// Adds routes under a path prefix such as `/admin`.
    ///
    /// # Panics
    /// As [`App::routes`]; and when the prefix is empty or `/`.
    pub fn nest(mut self, prefix: &str, router: Router) -> Self {
        self.router = self.router.nest(prefix, router);
        self
    }

    /// Serves these files; see [`Asset`] for their addresses and caching.
    ///
    /// # Panics
    /// When two have the same path.
    pub fn assets(mut self, assets: &[Asset]) -> Self {
        for asset in assets {
            let prepared = asset.prepare();
            let answer = move |headers: HeaderMap| {
                let response = prepared.answer(&headers);
                async move { response }
            };
            self.router = self.router.route(&asset.path(), get(answer));
        }
        self
    }

    /// Uses the template `error.html`, if there is one, for error pages: it sees `status`, `title`, `message`, `hint`.
    pub fn templates(mut self, templates: Templates) -> Self {
        self.templates = Some(templates);
        self
    }

    /// The largest request body that is read, in bytes; a larger one is answered with 413.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// The host names it answers to; others get 421. [`Hosts::Loopback`] is right for a server on 127.0.0.1.
    pub fn hosts(mut self, hosts: Hosts) -> Self {
        self.hosts = hosts;
        self
    }

    /// The servers in front that are believed about who their clients are, what scheme they speak and which host they name.
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Speaks TLS with this certificate, and nothing else.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// How long a silent client is waited for: for its next request's headers (a minute unless told otherwise), for a body
    /// and for an answer to be taken (as long), and for a handshake of TLS (a sixth of it).
    pub fn patience(mut self, time: Duration) -> Self {
        self.patience = Patience { headers: time, body: time, answer: time, handshake: time / 6 };
        self
    }

    /// Has streams end by this when the server stops.
    pub fn stopping(mut self, stopping: Stopping) -> Self {
        self.stopping = stopping;
        self
    }

    /// How long running requests may take to finish when the server stops.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Hears one line for each answer of status 500 and above, with the reason that the client is not told.
    pub fn report(mut self, reporter: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.reporter = Some(Arc::new(reporter));
        self
    }

    /// Keeps sessions, which handlers take as a [`Session`](crate::Session). Requests that come with one and may change
    /// something are protected against forgery from then on: a form brings the session's
    /// [`csrf_token`](crate::Session::csrf_token) in its field `_csrf`.
    pub fn sessions(mut self, sessions: Sessions) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// Runs this before each handler, those added first running first. It may change the request, and refuse it.
    pub fn before(mut self, hook: impl Fn(&mut Request) -> Result<(), Problem> + Send + Sync + 'static) -> Self {
        self.before.push(Arc::new(hook));
        self
    }

    /// Asks this for an answer before a route is looked for, which for a small answer takes as long as to make it. It must
    /// not wait or compute for long. Requests that it has no answer to take their route.
    pub fn shortcut(mut self, answer: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static) -> Self {
        self.shortcut = Some(Arc::new(answer));
        self
    }

    /// Runs this after each handler, error pages included.
    pub fn after(mut self, hook: impl Fn(&mut Response) + Send + Sync + 'static) -> Self {
        self.after.push(Arc::new(hook));
        self
    }

    /// Hears of each request once its answer begins. Answers then carry an `x-request-id`.
    pub fn heard(mut self, heard: impl Fn(&Visit<'_>) + Send + Sync + 'static) -> Self {
        self.heard = Some(Arc::new(heard));
        self
    }

    /// Adds what a plugin brings; see [`Plugin`](crate::Plugin).
    ///
    /// # Panics
    /// As [`App::routes`].
    pub fn plugin(self, plugin: &impl crate::Plugin) -> Self {
        let app = self.routes(plugin.routes());
        plugin.extend(app)
    }

    /// The app as a tower service, for other servers than [`serve`](crate::serve).
    pub fn into_service(self) -> Service {
        let router = self.router.layer(DefaultBodyLimit::max(self.body_limit));
        let rules = Rules {
            templates: self.templates.filter(|templates| templates.has("error.html")),
            hosts: self.hosts,
            body_limit: self.body_limit as u64,
            reporter: self.reporter,
            sessions: self.sessions,
            before: self.before,
            shortcut: self.shortcut,
            after: self.after,
            heard: self.heard,
            proxies: self.proxies,
        };
        Service::new(router, rules)
    }

    pub(crate) fn stop(&self) -> Stopping {
        self.stopping.clone()
    }

    pub(crate) fn grace_period(&self) -> Duration {
        self.grace
    }

    pub(crate) fn certificate(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    pub(crate) fn limits(&self) -> Patience {
        self.patience
    }
}

impl Default for App {
    fn default() -> Self {
        Self::new()
    }
}
