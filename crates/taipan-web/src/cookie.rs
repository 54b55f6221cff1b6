//! Cookies: those of a request by name, and those to be set, with safe attributes unless told otherwise.

use crate::Secret;
use crate::form::percent_decoded;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponseParts, ResponseParts};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::time::Duration;

/// A cookie to be set: for all of the site, out of reach for scripts and for requests that other sites cause.
///
/// ```
/// use taipan_web::Cookie;
/// let cookie = Cookie::new("theme", "dark");
/// assert_eq!(cookie.to_string(), "theme=dark; Path=/; HttpOnly; SameSite=Lax");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Cookie {
    name: String,
    value: String,
    path: String,
    max_age: Option<Duration>,
    secure: bool,
    scripts: bool,
    strict: bool,
}

impl Cookie {
    /// A cookie that lives as long as the browser runs. Characters that a cookie cannot hold are percent-encoded.
    pub fn new(name: impl Into<String>, value: &str) -> Self {
        let (path, value) = ("/".to_owned(), encode(value));
        Self { name: name.into(), value, path, max_age: None, secure: false, scripts: false, strict: false }
    }

    /// A cookie whose value the client can read but not change.
    pub fn signed(secret: &Secret, name: impl Into<String>, value: &str) -> Self {
        let name = name.into();
        let value = secret.sign(&format!("cookie:{name}"), value);
        Self::new(name, &value)
    }

    /// Removes the cookie of this name.
    pub fn removed(name: impl Into<String>) -> Self {
        Self::new(name, "").max_age(Duration::ZERO)
    }

    /// Sets how long it lives.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Sets the path under which it is sent.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Sends it over TLS alone.
    pub fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// Lets the page's scripts read it.
    pub fn scripts(mut self) -> Self {
        self.scripts = true;
        self
    }

    /// Keeps it from every request that another site causes, links included.
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    pub(crate) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.to_string()).ok()
    }
}

impl std::fmt::Display for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}; Path={}", self.name, self.value, self.path)?;
        if let Some(age) = self.max_age {
            write!(f, "; Max-Age={}", age.as_secs())?;
        }
        f.write_str(if self.scripts { "" } else { "; HttpOnly" })?;
        f.write_str(if self.strict { "; SameSite=Strict" } else { "; SameSite=Lax" })?;
        f.write_str(if self.secure { "; Secure" } else { "" })
    }
}

impl IntoResponseParts for Cookie {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        if let Some(value) = self.header() {
            parts.headers_mut().append(header::SET_COOKIE, value);
        }
        Ok(parts)
    }
}

/// The value of a request's cookie; the first, where there are several of that name.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| percent_decoded(value))
}

/// The value of a request's signed cookie, if this key signed it.
pub fn signed_cookie(headers: &HeaderMap, secret: &Secret, name: &str) -> Option<String> {
    secret.verify(&format!("cookie:{name}"), &cookie(headers, name)?)
}

fn encode(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\' | b'%') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn attributes() {
        let cookie = Cookie::new("a", "b").max_age(Duration::from_mins(1)).secure(true).strict().path("/x");
        assert_eq!(cookie.to_string(), "a=b; Path=/x; Max-Age=60; HttpOnly; SameSite=Strict; Secure");
        assert_eq!(Cookie::removed("a").to_string(), "a=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        assert_eq!(Cookie::new("a", "b").scripts().to_string(), "a=b; Path=/; SameSite=Lax");
    }

    #[test]
    fn a_request_has_cookies_in_one_header_or_several() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", HeaderValue::from_static("a=1; b=x=y"));
        headers.append("cookie", HeaderValue::from_static("c=%3B; a=2"));
        for (name, value) in [("a", Some("1")), ("b", Some("x=y")), ("c", Some(";")), ("d", None)] {
            assert_eq!(cookie(&headers, name).as_deref(), value, "{name}");
        }
        let secret = Secret::from_bytes(b"key");
        assert_eq!(signed_cookie(&headers, &secret, "a"), None, "it is not signed");
    }

    proptest! {
        #[test]
        fn any_value_comes_back(value in any::<String>()) {
            let secret = Secret::from_bytes(b"key");
            let mut headers = HeaderMap::new();
            for set in [Cookie::new("plain", &value), Cookie::signed(&secret, "signed", &value)] {
                let text = set.to_string();
                let pair = text.split(';').next().expect("a pair").to_owned();
                headers.append("cookie", HeaderValue::try_from(pair).expect("a header value"));
            }
            prop_assert_eq!(cookie(&headers, "plain"), Some(value.clone()));
            prop_assert_eq!(signed_cookie(&headers, &secret, "signed"), Some(value));
        }
    }
}
