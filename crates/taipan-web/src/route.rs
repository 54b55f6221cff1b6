//! Routes with names and typed parameters, so that an address is written in one place: `/posts/{id:int}`.
//!
//! ```
//! use taipan_web::{App, Client, Path, Routes, get};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), taipan_web::Error> {
//! let blog = Routes::new().route("post", "/posts/{id:int}", get(|Path(id): Path<u64>| async move { format!("{id}") }));
//! let routes = Routes::new().nest("/blog", "blog", blog);
//! assert_eq!(routes.url_for("blog.post", &[("id", "7")])?, "/blog/posts/7");
//!
//! let client = Client::new(App::new().routes(routes.into_router()));
//! assert_eq!(client.get("/blog/posts/7").await.text(), "7");
//! let _ = client.get("/blog/posts/seven").await.assert_status(404);
//! # Ok(())
//! # }
//! ```

use crate::{Error, Problem, Result};
use axum::Router;
use axum::extract::{RawPathParams, Request};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::MethodRouter;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Routes with names.
#[must_use]
pub struct Routes<S = ()> {
    router: Router<S>,
    patterns: BTreeMap<String, Pattern>,
}

/// The names and parameters of routes, for [`url_for`](Parameters::url_for) where the routes themselves are out of reach.
#[derive(Debug, Clone, Default)]
pub struct Parameters(Arc<BTreeMap<String, Pattern>>);

/// What a parameter may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Converter {
    Text,
    /// A whole number.
    Int,
    /// Letters, digits, `-` and `_`.
    Slug,
    Uuid,
    /// Any text, slashes included.
    Path,
}

#[derive(Debug, Clone)]
struct Pattern(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Parameter(String, Converter),
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes.
    pub fn new() -> Self {
        Self { router: Router::new(), patterns: BTreeMap::new() }
    }

    /// Adds a route with a name. A parameter is `{name}` or, with what it may be, `{name:int}`, `slug`, `uuid` or `path`;
    /// an address that does not fit is not found.
    ///
    /// # Panics
    /// When the pattern has an unknown converter, and as axum's [`Router::route`]: mistakes of the program, seen at start.
    pub fn route(mut self, name: &str, pattern: &str, handlers: MethodRouter<S>) -> Self {
        let pattern = Pattern::parse(pattern);
        let checks: Arc<[(String, Converter)]> = pattern.parameters().collect();
        let check = move |parameters: RawPathParams, request: Request, next: Next| {
            let fits = checks.iter().all(|(name, converter)| {
                parameters.iter().find(|(key, _)| key == name).is_none_or(|(_, value)| converter.takes(value))
            });
            async move {
                if fits { next.run(request).await } else { Problem::of(crate::StatusCode::NOT_FOUND).into_response() }
            }
        };
        self.router = self.router.route(&pattern.axum(), handlers.layer(from_fn(check)));
        self.patterns.insert(name.to_owned(), pattern);
        self
    }

    /// Adds routes under a prefix; their names follow `name` and a dot.
    ///
    /// # Panics
    /// As axum's [`Router::nest`].
    pub fn nest(mut self, prefix: &str, name: &str, routes: Routes<S>) -> Self {
        self.router = self.router.nest(prefix, routes.router);
        for (inner, pattern) in routes.patterns {
            let mut parts = Pattern::parse(prefix).0;
            parts.extend(pattern.0);
            self.patterns.insert(format!("{name}.{inner}"), Pattern(parts));
        }
        self
    }

    /// The address of a route with these parameters.
    ///
    /// # Errors
    /// `UnknownRoute` for a name that is not there, a parameter that is missing, or one that does not fit.
    pub fn url_for(&self, name: &str, parameters: &[(&str, &str)]) -> Result<String> {
        url_for(&self.patterns, name, parameters)
    }

    /// The names, to be kept where addresses are needed.
    pub fn parameters(&self) -> Parameters {
        Parameters(Arc::new(self.patterns.clone()))
    }

    /// The routes as axum's.
    pub fn into_router(self) -> Router<S> {
        self.router
    }
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl Parameters {
    /// As [`Routes::url_for`].
    ///
    /// # Errors
    /// As [`Routes::url_for`].
    pub fn url_for(&self, name: &str, parameters: &[(&str, &str)]) -> Result<String> {
        url_for(&self.0, name, parameters)
    }
}

impl Converter {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "int" => Self::Int,
            "slug" => Self::Slug,
            "uuid" => Self::Uuid,
            "path" => Self::Path,
            _ => return None,
        })
    }

    fn takes(self, text: &str) -> bool {
        match self {
            Self::Text => !text.is_empty() && !text.contains('/'),
            Self::Int => text.parse::<i64>().is_ok(),
            Self::Slug => !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)),
            Self::Uuid => {
                let dashes = [8, 13, 18, 23];
                text.len() == 36
                    && text
                        .bytes()
                        .enumerate()
                        .all(|(at, byte)| if dashes.contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() })
            }
            Self::Path => !text.is_empty(),
        }
    }
}

impl Pattern {
    fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, inner)) = rest.split_once('{') {
            parts.push(Part::Text(before.to_owned()));
            let (parameter, after) = inner.split_once('}').unwrap_or((inner, ""));
            let (name, converter) = parameter.split_once(':').unwrap_or((parameter, "text"));
            let converter = Converter::of(converter);
            let converter = converter.unwrap_or_else(|| panic!("the route {text} has an unknown converter"));
            parts.push(Part::Parameter(name.to_owned(), converter));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Self(parts)
    }

    fn parameters(&self) -> impl Iterator<Item = (String, Converter)> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Parameter(name, converter) => Some((name.clone(), *converter)),
        })
    }

    fn axum(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Parameter(name, Converter::Path) => format!("{{*{name}}}"),
            Part::Parameter(name, _) => format!("{{{name}}}"),
        };
        self.0.iter().map(part).collect()
    }
}

fn url_for(patterns: &BTreeMap<String, Pattern>, name: &str, parameters: &[(&str, &str)]) -> Result<String> {
    let pattern = patterns.get(name).ok_or_else(|| Error::unknown_route(format!("“{name}”")))?;
    let mut url = String::new();
    for part in &pattern.0 {
        match part {
            Part::Text(text) => url.push_str(text),
            Part::Parameter(key, converter) => {
                let value = parameters.iter().find(|(name, _)| name == key).map(|(_, value)| *value);
                let value = value.ok_or_else(|| Error::unknown_route(format!("“{name}” without {key}")))?;
                if !converter.takes(value) {
                    return Err(Error::unknown_route(format!("“{name}” with the {key} “{value}”")));
                }
                let parts: Vec<String> = match converter {
                    Converter::Path => value.split('/').map(crate::format::url_part).collect(),
                    _ => vec![crate::format::url_part(value)],
                };
                url.push_str(&parts.join("/"));
            }
        }
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converters() {
        let uuid = "0190163d-8694-739b-aea5-966c26f8ad91";
        let cases = [
            ("int", vec!["0", "-7"], vec!["", "x", "1.5", "99999999999999999999"]),
            ("slug", vec!["a-b_1"], vec!["", "a b", "é"]),
            ("uuid", vec![uuid], vec!["", &uuid[1..], "0190163d-8694-739b-aea5-966c26f8ad9x"]),
            ("text", vec!["a b"], vec!["", "a/b"]),
            ("path", vec!["a/b"], vec![""]),
        ];
        for (name, good, bad) in cases {
            let converter = Converter::of(name).expect("known");
            assert!(good.iter().all(|text| converter.takes(text)), "{name}");
            assert!(!bad.iter().any(|text| converter.takes(text)), "{name}");
        }
    }

    #[test]
    fn addresses_are_made_of_names() {
        let handler = || axum::routing::get(|| async {});
        let routes: Routes = Routes::new()
            .route("home", "/", handler())
            .route("user", "/users/{name}", handler())
            .route("file", "/files/{id:int}/{rest:path}", handler());
        let url = |name: &str, parameters: &[(&str, &str)]| {
            routes.url_for(name, parameters).map_err(|error| error.to_string())
        };
        assert_eq!(url("home", &[]).as_deref(), Ok("/"));
        assert_eq!(url("user", &[("name", "a b/c")]), Err("no route “user” with the name “a b/c”".to_owned()));
        assert_eq!(url("user", &[("name", "é?")]).as_deref(), Ok("/users/%C3%A9%3F"));
        assert_eq!(url("file", &[("id", "7"), ("rest", "a/b c")]).as_deref(), Ok("/files/7/a/b%20c"));
        assert_eq!(url("file", &[("id", "7")]), Err("no route “file” without rest".to_owned()));
        assert_eq!(url("nothing", &[]), Err("no route “nothing”".to_owned()));
    }
}
