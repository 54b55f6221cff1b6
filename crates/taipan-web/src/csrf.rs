//! Protection against requests that another site makes a browser send (cross-site request forgery).
//!
//! A request that may change something and that comes with a session's cookie is let through only if it comes from this
//! site, by what the browser says of it (`Sec-Fetch-Site`, `Origin`), and brings the session's token, in the form's field
//! `_csrf`, in the header `x-csrf-token`, or for uploads in the query. A request without that cookie has nothing to abuse.

use crate::secret::{random_token, same};
use crate::{Problem, Session};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};

/// Where a session keeps its token.
const NAME: &str = "_csrf";

impl Session {
    /// The token that forms of this session must bring; made when it is first asked for.
    pub fn csrf_token(&self) -> String {
        if let Some(token) = self.get::<String>(NAME) {
            return token;
        }
        // Without randomness there is no token, and so no form that is let through.
        let token = random_token().unwrap_or_default();
        self.set(NAME, &token);
        token
    }
}

/// Lets a request through, or says why not.
pub(crate) async fn admit(request: Request, session: &Session, most_bytes: usize) -> Result<Request, Problem> {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
    let by_token = request.headers().contains_key(header::AUTHORIZATION);
    if is_safe || by_token {
        return Ok(request);
    }
    // Without a session there is nothing to abuse, but somebody could still be logged in as another.
    if !is_from_here(&request) {
        return Err(refused("It was sent from another site."));
    }
    if !session.is_known() {
        return Ok(request);
    }
    let expected = session.get::<String>(NAME).unwrap_or_default();
    let given = request.headers().get("x-csrf-token").and_then(|token| token.to_str().ok()).map(str::to_owned);
    let given = given.or_else(|| field(request.uri().query().unwrap_or_default()));
    let (given, request) = match given {
        Some(given) => (Some(given), request),
        None => of_form(request, most_bytes).await?,
    };
    match given {
        Some(given) if !expected.is_empty() && same(&given, &expected) => Ok(request),
        _ => Err(refused("Its page may be too old; load it again and repeat.")),
    }
}

fn refused(hint: &'static str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "This request was not let through, because it may not have been meant.")
        .hint(hint)
}

/// Whether the browser says that one of this site's own pages sent it; programs say nothing.
fn is_from_here(request: &Request) -> bool {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, name)| name.eq_ignore_ascii_case(host)),
        (Some(_), None) => false,
        (None, _) => true,
    }
}

/// The token of a form's body, which is read for it and put back.
async fn of_form(request: Request, most_bytes: usize) -> Result<(Option<String>, Request), Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase());
    if !kind.is_some_and(|kind| kind.starts_with(b"application/x-www-form-urlencoded")) {
        return Ok((None, request));
    }
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, most_bytes).await.map_err(|_| Problem::of(StatusCode::PAYLOAD_TOO_LARGE))?;
    let given = std::str::from_utf8(&bytes).ok().and_then(field);
    Ok((given, Request::from_parts(parts, Body::from(bytes))))
}

/// The token among encoded fields; its characters need no encoding.
fn field(encoded: &str) -> Option<String> {
    encoded.split('&').find_map(|pair| pair.strip_prefix("_csrf=")).map(str::to_owned)
}
