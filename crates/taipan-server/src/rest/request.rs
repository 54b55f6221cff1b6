//! What a request's headers ask for: the media type, the count, the range of rows.

use taipan::store::{Count, Select};
use taipan_web::header::{ACCEPT, RANGE};
use taipan_web::{HeaderMap, HeaderName, Method, StatusCode};

use crate::error::{Error, Result};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const RANGE_UNIT: HeaderName = HeaderName::from_static("range-unit");

/// The forms an answer can take, most usual first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// An array of row objects.
    Json,
    /// One row object; anything but one row is an error.
    Object,
    Csv,
}

pub(super) const AVAILABLE: &str = "application/json, application/vnd.pgrst.object+json, text/csv";

impl Media {
    /// The type to send, from the `Accept` headers: the best by quality, then by order. None at all accepts all.
    pub(super) fn negotiate(headers: &HeaderMap) -> Result<Self> {
        let mut best: Option<(Self, u16)> = None;
        let mut asked = false;
        for value in headers.get_all(ACCEPT) {
            asked = true;
            for range in value.to_str().unwrap_or_default().split(',') {
                let (media, quality) = media_range(range);
                if let Some(media) = media
                    && quality > best.map_or(0, |(_, quality)| quality)
                {
                    best = Some((media, quality));
                }
            }
        }
        match best {
            Some((media, _)) => Ok(media),
            None if !asked => Ok(Self::Json),
            None => {
                let values = headers.get_all(ACCEPT).iter().map(|value| value.to_str().unwrap_or("?"));
                Err(Error::not_acceptable(&values.collect::<Vec<_>>().join(", "), AVAILABLE))
            }
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::Object => "application/vnd.pgrst.object+json; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }
}

/// One member of an `Accept` header, and its quality in thousandths.
fn media_range(range: &str) -> (Option<Media>, u16) {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    let media = if is("*/*") || is("application/json") || is("application/*") || is("application/vnd.pgrst.array+json")
    {
        Some(Media::Json)
    } else if is("application/vnd.pgrst.object+json") || is("application/vnd.pgrst.object") {
        Some(Media::Object)
    } else if is("text/csv") || is("text/*") {
        Some(Media::Csv)
    } else {
        None
    };
    let mut quality = 1000;
    for parameter in parts {
        if let Some(value) = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q=")) {
            quality = value.parse::<f32>().map_or(0, |value| (value.clamp(0.0, 1.0) * 1000.0) as u16);
        }
        // Rows without their nulls are not served, and rows with them are not what was asked for.
        if parameter.eq_ignore_ascii_case("nulls=stripped") {
            return (None, 0);
        }
    }
    (media, quality)
}

/// The `Prefer` headers that a read knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Preferences {
    pub(super) count: Count,
    strict: bool,
}

impl Preferences {
    /// Reads the `Prefer` headers. Unknown preferences are ignored unless `handling=strict` is among them.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self> {
        let mut preferences = Self { count: Count::None, strict: false };
        let mut unknown = Vec::new();
        for value in headers.get_all(PREFER) {
            for preference in value.to_str().unwrap_or_default().split(',').map(str::trim) {
                match preference {
                    // An exact count also answers whoever would have been content with an estimate.
                    "count=exact" | "count=planned" | "count=estimated" => preferences.count = Count::Exact,
                    "handling=strict" => preferences.strict = true,
                    "" | "handling=lenient" => {}
                    other => unknown.push(other),
                }
            }
        }
        if preferences.strict && !unknown.is_empty() {
            return Err(Error::new(
                StatusCode::BAD_REQUEST,
                "PGRST122",
                "Invalid preferences given with handling=strict",
            )
            .details(format!("Invalid preferences: {}", unknown.join(", "))));
        }
        Ok(preferences)
    }

    /// The value of `Preference-Applied`.
    pub(super) fn applied(self) -> Option<&'static str> {
        match (self.strict, matches!(self.count, Count::Exact)) {
            (false, false) => None,
            (false, true) => Some("count=exact"),
            (true, false) => Some("handling=strict"),
            (true, true) => Some("handling=strict, count=exact"),
        }
    }
}

/// Narrows a select to the rows that a `Range: 0-9` header asks for. As HTTP has it, only a GET is ranged.
pub(super) fn apply_range(headers: &HeaderMap, method: &Method, select: &mut Select) -> Result<()> {
    let Some((first, last)) = rows(headers).filter(|_| method == Method::GET) else {
        return Ok(());
    };
    if last.is_some_and(|last| last < first) {
        return Err(Error::range(
            "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
        ));
    }
    // Both bounds are ends that do not belong to the range.
    let asked = last.map(|last| last.saturating_add(1));
    let allowed = select.limit.map(|limit| select.offset.saturating_add(limit));
    let end = match (asked, allowed) {
        (Some(asked), Some(allowed)) => Some(asked.min(allowed)),
        (one, other) => one.or(other),
    };
    select.offset = select.offset.max(first);
    select.limit = end.map(|end| end.saturating_sub(select.offset).min(i64::MAX.unsigned_abs()));
    Ok(())
}

/// The first and last row of a `Range` header whose unit is rows; another unit's range is none.
fn rows(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let range = headers.get(RANGE)?.to_str().ok()?;
    if headers.get(RANGE_UNIT).is_some_and(|unit| unit != "items") {
        return None;
    }
    let number = |digits: &str| {
        let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        all_digits.then(|| digits.parse::<i64>().unwrap_or(i64::MAX).unsigned_abs())
    };
    let (first, last) = range.trim().split_once('-')?;
    let first = number(first)?;
    if last.is_empty() { Some((first, None)) } else { Some((first, Some(number(last)?))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a header value"));
        }
        headers
    }

    #[test]
    fn the_best_media_type_wins() {
        let cases = [
            ("*/*", Ok(Media::Json)),
            ("application/json", Ok(Media::Json)),
            ("Application/JSON; charset=utf-8", Ok(Media::Json)),
            ("application/vnd.pgrst.object+json", Ok(Media::Object)),
            ("text/csv, application/json", Ok(Media::Csv)),
            ("text/csv;q=0.5, application/json;q=0.9", Ok(Media::Json)),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Ok(Media::Json)),
            ("text/csv;q=0", Err("PGRST107")),
            ("image/png", Err("PGRST107")),
            ("", Err("PGRST107")),
        ];
        for (accept, expected) in cases {
            let media = Media::negotiate(&headers(&[("accept", accept)]));
            assert_eq!(media.map_err(|error| error.code()), expected, "{accept}");
        }
        assert_eq!(Media::negotiate(&headers(&[])), Ok(Media::Json));
    }

    #[test]
    fn preferences() {
        let cases = [
            (&[][..], Ok(None)),
            (&[("prefer", "count=exact")], Ok(Some("count=exact"))),
            (&[("prefer", "return=minimal, count=planned")], Ok(Some("count=exact"))),
            (&[("prefer", "handling=strict"), ("prefer", "count=exact")], Ok(Some("handling=strict, count=exact"))),
            (&[("prefer", "handling=strict, count=all")], Err("PGRST122")),
        ];
        for (pairs, expected) in cases {
            let applied = Preferences::of(&headers(pairs)).map(Preferences::applied);
            assert_eq!(applied.map_err(|error| error.code()), expected, "{pairs:?}");
        }
    }

    #[test]
    fn a_range_meets_limit_and_offset() {
        let cases = [
            ("0-9", None, 0, Ok((Some(10), 0))),
            ("5-", None, 0, Ok((None, 5))),
            ("5-9", Some(3), 4, Ok((Some(2), 5))),
            ("0-99", Some(3), 4, Ok((Some(3), 4))),
            ("20-29", Some(3), 4, Ok((Some(0), 20))),
            ("9-5", None, 0, Err("PGRST103")),
            ("bytes=0-9", None, 2, Ok((None, 2))),
            ("-5", None, 2, Ok((None, 2))),
            ("0-99999999999999999999999", None, 0, Ok((Some(i64::MAX.unsigned_abs()), 0))),
        ];
        for (range, limit, offset, expected) in cases {
            let mut select = Select::new("t");
            (select.limit, select.offset) = (limit, offset);
            let applied = apply_range(&headers(&[("range", range)]), &Method::GET, &mut select);
            let outcome = applied.map(|()| (select.limit, select.offset)).map_err(|error| error.code());
            assert_eq!(outcome, expected, "{range}");
        }
        let mut select = Select::new("t");
        let bytes = headers(&[("range", "0-9"), ("range-unit", "bytes")]);
        assert_eq!(apply_range(&bytes, &Method::GET, &mut select), Ok(()));
        assert_eq!(apply_range(&headers(&[("range", "0-9")]), &Method::HEAD, &mut select), Ok(()));
        assert_eq!((select.limit, select.offset), (None, 0));
    }
}
