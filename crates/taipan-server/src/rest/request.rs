//! What a request's headers ask for: the media type, the count, the range of rows.

use taipan::store::Count;
use taipan::store::document::Document;
use taipan_web::header::{ACCEPT, RANGE};
use taipan_web::{HeaderMap, HeaderName, Method, StatusCode};

use crate::error::{Error, Result};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const RANGE_UNIT: HeaderName = HeaderName::from_static("range-unit");

/// The forms an answer can take, most usual first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    /// An array of row objects.
    Json,
    /// The same, without members that are null.
    Stripped,
    /// One row object; anything but one row is an error.
    Object,
    /// The same, without members that are null.
    StrippedObject,
    Csv,
    /// A row object a line.
    Lines,
    /// Arrow's stream of record batches.
    Arrow,
}

pub(super) const AVAILABLE: &str = "application/json, application/vnd.pgrst.object+json, either with nulls=stripped, \
                                    text/csv, application/x-ndjson, application/vnd.apache.arrow.stream";

impl Media {
    /// The type to send, from the `Accept` headers: the best by quality, then by order. None at all accepts all.
    pub(crate) fn negotiate(headers: &HeaderMap) -> Result<Self> {
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

    /// Whether exactly one row is shown.
    pub(super) fn is_object(self) -> bool {
        matches!(self, Self::Object | Self::StrippedObject)
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::Object => "application/vnd.pgrst.object+json; charset=utf-8",
            Self::StrippedObject => "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8",
            Self::Stripped => "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Lines => "application/x-ndjson; charset=utf-8",
            Self::Arrow => "application/vnd.apache.arrow.stream",
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
    } else if is("application/x-ndjson") || is("application/jsonl") {
        Some(Media::Lines)
    } else if is("application/vnd.apache.arrow.stream") {
        Some(Media::Arrow)
    } else {
        None
    };
    let mut media = media;
    let mut quality = 1000;
    for parameter in parts {
        if let Some(value) = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q=")) {
            quality = value.parse::<f32>().map_or(0, |value| (value.clamp(0.0, 1.0) * 1000.0) as u16);
        }
        if parameter.eq_ignore_ascii_case("nulls=stripped") {
            media = match media {
                Some(Media::Json) => Some(Media::Stripped),
                Some(Media::Object) => Some(Media::StrippedObject),
                _ => None,
            };
        }
    }
    (media, quality)
}

/// What the `Prefer` headers ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Preferences {
    pub(super) count: Count,
    pub(super) returns: Option<Returns>,
    pub(super) resolution: Option<Resolution>,
    /// Whether fields that a row leaves out get their column's default.
    pub(super) missing_default: bool,
    pub(super) rollback: bool,
    pub(super) max_affected: Option<u64>,
    strict: bool,
}

/// What a write answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Returns {
    Minimal,
    HeadersOnly,
    Representation,
}

/// What a write does with rows that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resolution {
    Merge,
    Ignore,
}

impl Preferences {
    /// Reads the `Prefer` headers. Unknown preferences are ignored unless `handling=strict` is among them.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self> {
        let mut preferences = Self::default();
        let mut unknown = Vec::new();
        let mut said: Vec<&str> = Vec::new();
        for value in headers.get_all(PREFER) {
            for preference in value.to_str().unwrap_or_default().split(',').map(str::trim) {
                // Of one that comes twice the first counts.
                let name = preference.split_once('=').map_or(preference, |(name, _)| name);
                let is_new = !said.contains(&name);
                if preferences.take(preference, is_new) {
                    said.push(name);
                } else {
                    unknown.push(preference);
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
        // As PostgREST has it, the bound holds only for those who are strict.
        preferences.max_affected = preferences.max_affected.filter(|_| preferences.strict);
        Ok(preferences)
    }

    /// Takes a preference up, where it is the first of its name; false for one that is not known.
    fn take(&mut self, preference: &str, is_first: bool) -> bool {
        let mut taken = *self;
        match preference {
            // An exact count also answers whoever would have been content with an estimate.
            "count=exact" | "count=planned" | "count=estimated" => taken.count = Count::Exact,
            "return=minimal" => taken.returns = Some(Returns::Minimal),
            "return=headers-only" => taken.returns = Some(Returns::HeadersOnly),
            "return=representation" => taken.returns = Some(Returns::Representation),
            "resolution=merge-duplicates" => taken.resolution = Some(Resolution::Merge),
            "resolution=ignore-duplicates" => taken.resolution = Some(Resolution::Ignore),
            "missing=default" => taken.missing_default = true,
            "missing=null" | "tx=commit" | "" | "handling=lenient" => {}
            "tx=rollback" => taken.rollback = true,
            "handling=strict" => taken.strict = true,
            other => match other.strip_prefix("max-affected=").map(str::parse) {
                Some(Ok(most)) => taken.max_affected = Some(most),
                _ => return false,
            },
        }
        if is_first {
            *self = taken;
        }
        true
    }

    /// The value of `Preference-Applied` for a read.
    pub(super) fn applied(self) -> Option<String> {
        Self { count: self.count, strict: self.strict, ..Self::default() }.applied_to_write()
    }

    /// The value of `Preference-Applied` for a write.
    pub(super) fn applied_to_write(self) -> Option<String> {
        let mut applied: Vec<String> = Vec::new();
        let mut add = |text: &str| applied.push(text.to_owned());
        match self.resolution {
            Some(Resolution::Merge) => add("resolution=merge-duplicates"),
            Some(Resolution::Ignore) => add("resolution=ignore-duplicates"),
            None => {}
        }
        if self.missing_default {
            add("missing=default");
        }
        match self.returns {
            Some(Returns::Minimal) => add("return=minimal"),
            Some(Returns::HeadersOnly) => add("return=headers-only"),
            Some(Returns::Representation) => add("return=representation"),
            None => {}
        }
        if self.count == Count::Exact {
            add("count=exact");
        }
        if self.rollback {
            add("tx=rollback");
        }
        if self.strict {
            add("handling=strict");
        }
        if let Some(most) = self.max_affected {
            add(&format!("max-affected={most}"));
        }
        (!applied.is_empty()).then(|| applied.join(", "))
    }
}

/// Narrows a read to the rows that a `Range: 0-9` header asks for. As HTTP has it, only a GET is ranged.
pub(super) fn apply_range(headers: &HeaderMap, method: &Method, document: &mut Document) -> Result<()> {
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
    let allowed = document.limit.map(|limit| document.offset.saturating_add(limit));
    let end = match (asked, allowed) {
        (Some(asked), Some(allowed)) => Some(asked.min(allowed)),
        (one, other) => one.or(other),
    };
    document.offset = document.offset.max(first);
    document.limit = end.map(|end| end.saturating_sub(document.offset).min(i64::MAX.unsigned_abs()));
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
            ("application/vnd.pgrst.array+json;nulls=stripped", Ok(Media::Stripped)),
            ("application/vnd.pgrst.object+json;nulls=stripped", Ok(Media::StrippedObject)),
            ("text/csv;nulls=stripped", Err("PGRST107")),
            ("application/x-ndjson", Ok(Media::Lines)),
            ("application/vnd.apache.arrow.stream", Ok(Media::Arrow)),
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
            (&[("prefer", "handling=strict"), ("prefer", "count=exact")], Ok(Some("count=exact, handling=strict"))),
            (&[("prefer", "handling=strict, count=all")], Err("PGRST122")),
            // What is told is what was done: an estimate was counted, a commit is as usual.
            (&[("prefer", "count=estimated, tx=commit")], Ok(Some("count=exact"))),
            (&[("prefer", "handling=lenient, handling=strict, count=all")], Ok(None)),
        ];
        for (pairs, expected) in cases {
            let applied = Preferences::of(&headers(pairs)).map(Preferences::applied);
            let applied = applied.map_err(|error| error.code());
            assert_eq!(applied.as_ref().map(Option::as_deref), expected.as_ref().copied(), "{pairs:?}");
        }
        let write = "tx=rollback, return=representation,resolution=merge-duplicates, handling=strict, max-affected=3";
        let applied = Preferences::of(&headers(&[("prefer", write)])).map(Preferences::applied_to_write);
        let expected =
            "resolution=merge-duplicates, return=representation, tx=rollback, handling=strict, max-affected=3";
        assert_eq!(applied, Ok(Some(expected.to_owned())));
        let twice = "return=minimal, tx=commit, return=representation, tx=rollback, resolution=ignore-duplicates";
        let again = ("prefer", "resolution=merge-duplicates");
        let applied = Preferences::of(&headers(&[("prefer", twice), again])).map(Preferences::applied_to_write);
        assert_eq!(applied, Ok(Some("resolution=ignore-duplicates, return=minimal".to_owned())), "the first counts");
        let lenient = Preferences::of(&headers(&[("prefer", "max-affected=3")])).expect("preferences");
        assert_eq!(lenient.max_affected, None);
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
            let mut select = Document::new("t");
            (select.limit, select.offset) = (limit, offset);
            let applied = apply_range(&headers(&[("range", range)]), &Method::GET, &mut select);
            let outcome = applied.map(|()| (select.limit, select.offset)).map_err(|error| error.code());
            assert_eq!(outcome, expected, "{range}");
        }
        let mut select = Document::new("t");
        let bytes = headers(&[("range", "0-9"), ("range-unit", "bytes")]);
        assert_eq!(apply_range(&bytes, &Method::GET, &mut select), Ok(()));
        assert_eq!(apply_range(&headers(&[("range", "0-9")]), &Method::HEAD, &mut select), Ok(()));
        assert_eq!((select.limit, select.offset), (None, 0));
    }
}
