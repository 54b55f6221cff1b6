//! Static files compiled into the program: style sheets, scripts, icons.
//!
//! A hashed asset lives under `/assets/NAME.HASH.EXT`, where HASH is of its content: the address changes with the
//! content, so browsers may keep it for ever. An asset at a fixed path (`/favicon.svg`) is revalidated by its ETag.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

/// A file compiled into the program.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    name: &'static str,
    bytes: &'static [u8],
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Hashed,
    Fixed,
}

impl Asset {
    /// A file that templates refer to by name, `{{ asset("app.css") }}`, and browsers keep for ever.
    pub const fn hashed(name: &'static str, bytes: &'static [u8]) -> Self {
        Self { name, bytes, place: Place::Hashed }
    }

    /// A file at `/{name}`, for addresses that others choose, such as `favicon.ico` and `robots.txt`.
    pub const fn fixed(name: &'static str, bytes: &'static [u8]) -> Self {
        Self { name, bytes, place: Place::Fixed }
    }

    /// The file's name, such as `app.css`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The path that it is served under.
    pub fn path(&self) -> String {
        match self.place {
            Place::Fixed => format!("/{}", self.name),
            Place::Hashed => {
                let (stem, extension) = self.name.rsplit_once('.').unwrap_or((self.name, "bin"));
                format!("/assets/{stem}.{:016x}.{extension}", hash(self.bytes))
            }
        }
    }

    /// The answer's headers and body, ready to be sent any number of times.
    pub(crate) fn prepare(self) -> Prepared {
        let etag = format!("\"{:016x}\"", hash(self.bytes));
        Prepared {
            bytes: Bytes::from_static(self.bytes),
            kind: HeaderValue::from_static(content_type(self.name)),
            etag: HeaderValue::from_str(&etag).unwrap_or_else(|_| HeaderValue::from_static("\"\"")),
            cache: HeaderValue::from_static(match self.place {
                Place::Hashed => "public, max-age=31536000, immutable",
                Place::Fixed => "no-cache",
            }),
        }
    }
}

/// An [`Asset`] with its headers made once.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    bytes: Bytes,
    kind: HeaderValue,
    etag: HeaderValue,
    cache: HeaderValue,
}

impl Prepared {
    pub(crate) fn answer(&self, request: &HeaderMap) -> Response {
        let known = request.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
        let etag = self.etag.to_str().unwrap_or_default();
        let fresh = known.is_some_and(|tags| {
            tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
        });
        let mut response = if fresh {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let mut response = Response::new(Body::from(self.bytes.clone()));
            response.headers_mut().insert(header::CONTENT_TYPE, self.kind.clone());
            response
        };
        response.headers_mut().insert(header::ETAG, self.etag.clone());
        response.headers_mut().insert(header::CACHE_CONTROL, self.cache.clone());
        response
    }
}

pub(crate) fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "webmanifest" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// FNV-1a, 64 bits: a name for a content that nobody has an interest in forging.
pub(crate) const fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_1a_test_vectors() {
        let cases: [(&[u8], u64); 3] =
            [(b"", 0xcbf2_9ce4_8422_2325), (b"a", 0xaf63_dc4c_8601_ec8c), (b"foobar", 0x8594_4171_f739_67e8)];
        for (bytes, expected) in cases {
            assert_eq!(hash(bytes), expected);
        }
    }

    #[test]
    fn paths_carry_the_content_unless_fixed() {
        assert_eq!(Asset::hashed("app.css", b"a").path(), "/assets/app.af63dc4c8601ec8c.css");
        assert_ne!(Asset::hashed("app.css", b"a").path(), Asset::hashed("app.css", b"b").path());
        assert_eq!(Asset::fixed("favicon.svg", b"a").path(), "/favicon.svg");
    }
}
