//! The web framework of Taipan, on axum and minijinja: an [`App`] made of routes, templates and named assets, with the
//! defaults that a site should not have to remember.
//!
//! ```
//! use taipan_web::{App, Client, Page, Problem, Router, State, Templates, get};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let templates = Templates::new(&[("hello.html", "<h1>Hello, {{ name }}</h1>")], &[])?;
//!
//! async fn hello(State(templates): State<Templates>) -> Result<Page, Problem> {
//!     Ok(templates.render("hello.html", &serde_json::json!({ "name": "<you>" }))?)
//! }
//!
//! let app = App::new().routes(Router::new().route("/", get(hello)).with_state(templates));
//! let answer = Client::new(app).get("/").await.assert_status(200);
//! assert_eq!(answer.text(), "<h1>Hello, &lt;you&gt;</h1>");
//! # Ok(())
//! # }
//! ```
//!
//! What every answer of an [`App`] has without being asked: a strict Content-Security-Policy (no inline script or style)
//! and its companions, an error page in HTML for browsers and JSON for programs, a 500 page without internals when a
//! handler panics, a limit on the request's body and, when told, a check of the Host header (see [`Hosts`]).
//!
//! Beyond this machine: [`App::tls`] for certificates, [`App::proxies`] for servers in front that may say who their clients
//! are (a handler takes a [`Peer`]), and [`App::patience`] for clients that dawdle.
//!
//! Handlers, extractors and responses are axum's own, re-exported here; nothing of them is wrapped. [`serve`] listens,
//! [`Client`] calls an app in a test without a socket.

mod app;
mod asset;
mod auth;
mod blocking;
mod client;
mod cookie;
mod csrf;
mod desk;
mod error;
mod event;
mod folder;
mod form;
pub mod format;
mod host;
mod limit;
mod patience;
mod peer;
mod plugin;
mod problem;
mod reload;
mod route;
mod secret;
mod serve;
mod service;
mod session;
mod stopping;
mod template;
mod tls;
mod unread;
mod upload;

pub use app::App;
pub use asset::Asset;
pub use auth::{ADMINISTRATORS, Accounts, Denied, NewUser, Scope, TokenInfo, User};
pub use blocking::blocking;
pub use client::{Answer, Call, Client};
pub use cookie::{Cookie, cookie, signed_cookie};
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, Events};
pub use folder::Folder;
pub use form::{Field, Fields};
pub use host::Hosts;
pub use limit::{Limit, RateLimit};
pub use peer::{Peer, Proxies};
pub use plugin::{Command, Plugin};
pub use problem::Problem;
pub use reload::{Reload, Replaceable, Watch};
pub use route::{Parameters, Routes};
pub use secret::{Secret, random_token};
pub use serve::{allow_connections, serve, serve_on_threads};
pub use service::{Service, Visit};
pub use session::{Session, Sessions};
pub use stopping::Stopping;
pub use template::{Page, Templates};
pub use tls::Tls;
pub use upload::{Upload, uploads};

pub use axum;
pub use axum::body::Body;
pub use axum::extract::{DefaultBodyLimit, Form, Json, Path, Query, RawQuery, Request, State};
pub use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
pub use axum::response::{IntoResponse, Redirect, Response};
pub use axum::routing::{Router, any, delete, get, patch, post, put};
pub use bytes::Bytes;
pub use tokio::net::TcpListener;
