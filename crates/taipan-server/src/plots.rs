//! The application's plots: `GET /plots` lists them, `GET /plots/{name}.svg` is the picture, with `theme=dark` for a dark page
//! and with `interactive=true` as the script of the admin's page makes it show values, zoom and hide series.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use taipan_web::axum::http::Extensions;
use taipan_web::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use taipan_web::{
    Bytes, HeaderMap, HeaderValue, IntoResponse, Json, Path, RawQuery, Response, Router, StatusCode, format, get,
};

use crate::State;
use crate::error::{Error, Result};

/// A picture brings its own style and must be allowed to, but nothing else.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");

pub(crate) fn routes() -> Router<State> {
    Router::new().route("/plots", get(list)).route("/plots/{file}", get(picture))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Theme {
    Light,
    Dark,
}

async fn list(
    taipan_web::State(state): taipan_web::State<State>,
    extensions: Extensions,
    headers: HeaderMap,
) -> Result<Json<Vec<Value>>> {
    let plots = state.plots_for(&state.reader(&headers, &extensions)?);
    let entry = |name: &str, title: &str, kind: &str| json!({ "name": name, "title": title, "kind": kind, "url": format!("/plots/{}.svg", format::url_part(name)) });
    Ok(Json(plots.iter().map(|plot| entry(&plot.name, &plot.title, &plot.kind)).collect()))
}

async fn picture(
    taipan_web::State(state): taipan_web::State<State>,
    Path(file): Path<String>,
    RawQuery(query): RawQuery,
    extensions: Extensions,
    headers: HeaderMap,
) -> Result<Response> {
    let Some(name) = file.strip_suffix(".svg") else {
        return Err(Error::new(StatusCode::NOT_FOUND, "unknown_plot", format!("no plot file '{file}'"))
            .hint(format!("Plots are pictures: /plots/{}.svg", format::url_part(&file))));
    };
    let query = query.unwrap_or_default();
    let (theme, interactive) = (theme(&query)?, interactive(&query)?);
    let plot = state.plot_for(&state.reader(&headers, &extensions)?, name)?;
    let svg = match (theme, interactive) {
        (Theme::Light, false) => &plot.svg,
        (Theme::Dark, false) => &plot.dark,
        (Theme::Light, true) => &plot.interactive[0],
        (Theme::Dark, true) => &plot.interactive[1],
    };
    let svg = Arc::clone(svg);
    Ok(answer(svg, &headers))
}

fn asked<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn interactive(query: &str) -> Result<bool> {
    match asked(query, "interactive") {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Error::new(
            StatusCode::BAD_REQUEST,
            "invalid_input",
            format!("interactive is true or false, not '{other}'"),
        )),
    }
}

fn theme(query: &str) -> Result<Theme> {
    match asked(query, "theme") {
        None | Some("light") => Ok(Theme::Light),
        Some("dark") => Ok(Theme::Dark),
        Some(other) => Err(Error::new(
            StatusCode::BAD_REQUEST,
            "invalid_input",
            format!("no theme '{other}': theme is light or dark"),
        )),
    }
}

/// The picture, or 304 when the client has it already. It changes with the data, so it is asked for each time.
fn answer(svg: Arc<str>, headers: &HeaderMap) -> Response {
    let etag = etag(&svg);
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    let mut known = known.flat_map(|tags| tags.split(',')).map(str::trim);
    let mut response = if known.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = [(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"))];
        (kind, Bytes::from_owner(Shared(svg))).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(ETAG, etag);
    }
    response
}

/// A picture sent without a copy.
struct Shared(Arc<str>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

fn etag(content: &str) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("\"{:x}-{:016x}\"", content.len(), hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn themes() {
        let cases = [
            ("", Ok(Theme::Light)),
            ("theme=light", Ok(Theme::Light)),
            ("v=1&theme=dark", Ok(Theme::Dark)),
            ("theme=blue", Err("invalid_input")),
        ];
        for (query, expected) in cases {
            assert_eq!(theme(query).map_err(|error| error.code()), expected, "{query}");
        }
    }

    #[test]
    fn a_picture_that_is_known_is_not_sent_again() {
        let send = |known: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, known.parse().expect("a header value"));
            answer("<svg/>".into(), &headers).status().as_u16()
        };
        let etag = etag("<svg/>");
        for (known, status) in
            [(etag.clone(), 304), (format!("\"x\", W/{etag}"), 304), ("*".to_owned(), 304), ("\"x\"".to_owned(), 200)]
        {
            assert_eq!(send(&known), status, "{known}");
        }
    }
}
