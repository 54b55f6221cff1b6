//! A request that cannot be answered as asked: the status, a sentence for the person who asked, and perhaps a hint.
//!
//! A handler returns it as its error (`Result<Page, Problem>`); the [`App`](crate::App) words it as an HTML page or as
//! JSON, by what the client accepts. Until then it travels in the response's extensions, behind an empty body.

use crate::Error;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A failed request: what the client is told, and what only the log is told.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    detail: Option<String>,
    code: Option<&'static str>,
    /// The seconds after which to try again.
    retry: Option<u64>,
}

impl Problem {
    /// A problem with this status and message; the message is shown to the person who asked.
    pub fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into(), hint: None, detail: None, code: None, retry: None }
    }

    /// A problem that is fully said by its status.
    pub fn of(status: StatusCode) -> Self {
        Self::new(status, usual_message(status))
    }

    /// 404 with a message that names what was not found.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 400 with a message that names what is wrong with the request.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 500; `detail` goes to the log ([`App::report`](crate::App::report)) and is never sent.
    pub fn internal(detail: impl fmt::Display) -> Self {
        Self { detail: Some(detail.to_string()), ..Self::of(StatusCode::INTERNAL_SERVER_ERROR) }
    }

    /// Adds what the person could do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the code by which a program tells it from others of its status, which it is called by otherwise.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Says when to try again, in the header `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry = Some(whole_seconds(wait));
        self
    }

    /// The status it answers with.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence that is shown.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What only the log is told.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The values that an error page's template sees.
    pub(crate) fn view(&self) -> View<'_> {
        View {
            status: self.status.as_u16(),
            title: self.status.canonical_reason().unwrap_or("Error"),
            message: &self.message,
            hint: self.hint.as_deref(),
        }
    }

    /// The JSON body, in the four fields of PostgREST's errors so that a client reads every error alike.
    pub(crate) fn json(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            code: &'a str,
            message: &'a str,
            details: Option<&'a str>,
            hint: Option<&'a str>,
        }
        let body = Body {
            code: self.code.unwrap_or(self.status.as_str()),
            message: &self.message,
            details: None,
            hint: self.hint.as_deref(),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// The page used when the app has no template `error.html`, or when that one fails.
    pub(crate) fn plain_page(&self) -> String {
        let view = self.view();
        let hint = view.hint.map(|hint| format!("<p>{}</p>", escape(hint))).unwrap_or_default();
        let (status, title) = (view.status, view.title);
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{status} {title}</title>\
             <h1>{title}</h1><p>{}</p>{hint}</html>",
            escape(view.message)
        )
    }
}

/// A [`Problem`] as a template sees it.
#[derive(Debug, Serialize)]
pub(crate) struct View<'a> {
    status: u16,
    title: &'a str,
    message: &'a str,
    hint: Option<&'a str>,
}

/// True for a client that prefers a page to JSON: a browser names `text/html` in its Accept header, programs do not.
pub(crate) fn accepts_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status.as_u16(), self.detail.as_deref().unwrap_or(&self.message))
    }
}

impl std::error::Error for Problem {}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::internal(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// A time in whole seconds, one at least.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    let part = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(part).max(1)
}

fn usual_message(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "The request could not be read.",
        StatusCode::UNAUTHORIZED => "This needs a login.",
        StatusCode::FORBIDDEN => "This is not allowed.",
        StatusCode::NOT_FOUND => "There is nothing at this address.",
        StatusCode::METHOD_NOT_ALLOWED => "This address does not answer that method.",
        StatusCode::PAYLOAD_TOO_LARGE => "The request's body is larger than this server takes.",
        StatusCode::URI_TOO_LONG => "The request's address is longer than this server reads.",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "The request's headers are larger than this server reads.",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "The request's body is of a type that this address does not read.",
        StatusCode::MISDIRECTED_REQUEST => "This server does not answer for that host name.",
        StatusCode::SERVICE_UNAVAILABLE => "The server cannot answer now; try again shortly.",
        status if status.is_server_error() => "The server failed to answer; the reason is in its log.",
        _ => "The request could not be answered.",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_told_by_its_accept_header() {
        let cases = [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("*/*", false),
            ("application/json", false),
            ("", false),
        ];
        for (accept, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().expect("a header value"));
            assert_eq!(accepts_html(&headers), expected, "{accept}");
        }
        assert!(!accepts_html(&HeaderMap::new()));
    }

    #[test]
    fn codes_and_waits_are_told() {
        let problem = Problem::of(StatusCode::TOO_MANY_REQUESTS).code("42501").retry_after(Duration::from_millis(1500));
        assert!(String::from_utf8_lossy(&problem.json()).starts_with("{\"code\":\"42501\","));
        assert_eq!(problem.into_response().headers()[header::RETRY_AFTER], "2");
        assert_eq!(Problem::of(StatusCode::NOT_FOUND).into_response().headers().get(header::RETRY_AFTER), None);
    }

    #[test]
    fn json_has_four_fields_and_no_internals() {
        let problem = Problem::internal("disk I/O error in /var/db");
        let body = String::from_utf8(problem.json()).expect("UTF-8");
        assert_eq!(
            body,
            r#"{"code":"500","message":"The server failed to answer; the reason is in its log.","details":null,"hint":null}"#
        );
        assert_eq!(problem.to_string(), "500: disk I/O error in /var/db");
    }

    #[test]
    fn the_plain_page_escapes() {
        let page = Problem::not_found("no table “<script>”").hint("did you mean \"a&b\"?").plain_page();
        assert!(page.contains("no table “&lt;script&gt;”"), "{page}");
        assert!(page.contains("did you mean &quot;a&amp;b&quot;?"), "{page}");
    }
}
