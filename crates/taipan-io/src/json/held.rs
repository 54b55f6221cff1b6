//! An object that holds the records in an array beside a few words about them, as answers of web services and GeoJSON do:
//! when a document is taken for one.

use std::ops::Range;

use super::pointer::Pointer;
use super::splitter::Splitter;
use super::text::unescaped;

/// Where the array of records is in a document that is one object: the only one of its members that is an array of
/// objects, two or more of them, and takes half of it or more. `whole` says that the sample is all there is.
pub(crate) fn held(sample: &[u8], whole: bool, limit: u32) -> Option<Pointer> {
    if sample.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    let mut splitter = Splitter::new(limit).keyed();
    let mut position = 0;
    let mut arrays: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    // What follows the object makes it a record among others, which is an error here.
    while let Some(value) = splitter.next(sample, &mut position, whole).ok()? {
        if begins_with_object(sample, &value) {
            arrays.push((splitter.key()?, value));
        }
    }
    if !whole {
        let (key, value) = cut_off(sample, position)?;
        if begins_with_object(sample, &value) {
            arrays.push((key, value));
        }
    }
    let [(key, array)] = arrays.as_slice() else { return None };
    let is_cut_off = array.end == sample.len();
    if 2 * array.len() < sample.trim_ascii().len() || !(is_cut_off || has_several(sample, array, limit)) {
        return None;
    }
    let key = unescaped(sample.get(key.start + 1..key.end - 1)?);
    Some(Pointer::of_key(&String::from_utf8_lossy(&key), limit))
}

/// Whether a document that a sample cuts off in its first record may be an object that holds the records, by key or in an
/// array, so that this record would not be the whole object.
pub(crate) fn may_hold_records(sample: &[u8], limit: u32) -> bool {
    if sample.trim_ascii_start().first() != Some(&b'{') {
        return false;
    }
    let holds = |at: usize| !matches!(sample.get(at), Some(byte) if !matches!(byte, b'{' | b'['));
    let (mut splitter, mut position) = (Splitter::new(limit).keyed(), 0);
    loop {
        match splitter.next(sample, &mut position, false) {
            Ok(Some(value)) if holds(value.start) => return true,
            Ok(Some(_)) => {}
            Ok(None) => return cut_off(sample, position).is_none_or(|(_, value)| holds(value.start)),
            Err(_) => return true,
        }
    }
}

fn begins_with_object(sample: &[u8], value: &Range<usize>) -> bool {
    let value = sample.get(value.clone()).unwrap_or_default();
    value.strip_prefix(b"[").is_some_and(|items| items.trim_ascii_start().first() == Some(&b'{'))
}

fn has_several(sample: &[u8], array: &Range<usize>, limit: u32) -> bool {
    let items = sample.get(array.clone()).unwrap_or_default();
    let (mut splitter, mut position) = (Splitter::new(limit), 0);
    (0..2).all(|_| {
        let item = splitter.next(items, &mut position, true).ok().flatten();
        item.is_some_and(|item| items.get(item.start) == Some(&b'{'))
    })
}

/// The key and the value of a member that the sample cuts off, as far as they are there.
fn cut_off(sample: &[u8], position: usize) -> Option<(Range<usize>, Range<usize>)> {
    let blanks = |from: usize| {
        let rest = sample.get(from..).unwrap_or_default();
        from + (rest.len() - rest.trim_ascii_start().len())
    };
    let start = blanks(position);
    let inner = sample.get(start..)?.strip_prefix(b"\"")?;
    // A key with an escaped quote in it is none that an array of records has.
    let end = start + 1 + memchr::memchr2(b'"', b'\\', inner)? + 1;
    let colon = blanks(end);
    (sample.get(end - 1) == Some(&b'"') && sample.get(colon) == Some(&b':')).then_some(())?;
    Some((start..end, blanks(colon + 1)..sample.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_that_hold_the_data() {
        let rows = "{\"a\":1},\n {\"a\":2},{\"a\":3}";
        let cases = [
            (format!("{{\"count\":3,\"items\":[{rows}]}}"), Some("/items")),
            (format!("{{\"type\": \"FeatureCollection\", \"features\": [ {rows}, {rows} ] }}\n"), Some("/features")),
            (format!("{{\"a\\u00e9/b\":[{rows}],\"n\":[1,2]}}"), Some("/aé~1b")),
            // One alone is a record that has a list.
            ("{\"count\":1,\"items\":[{\"a\":1,\"b\":2}]}".to_owned(), None),
            ("{\"items\":[]}".to_owned(), None),
            ("{\"items\":[1,2,3,4]}".to_owned(), None),
            // Two of them, most of it something else, more documents.
            (format!("{{\"x\":[{rows}],\"y\":[{rows}]}}"), None),
            (format!("{{\"x\":[{rows}],\"y\":\"{}\"}}", "text".repeat(20)), None),
            (format!("{{\"x\":[{rows}]}}\n{{\"x\":[{rows}]}}\n"), None),
            (format!("[{rows}]"), None),
            (format!("{{\"x\":[{rows}]"), None),
        ];
        for (text, expected) in cases {
            let found = held(text.as_bytes(), true, 100).map(|pointer| pointer.text().to_owned());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
        let begun = format!("{{\"meta\":{{\"n\":1}},\"items\" : [{rows}");
        let found = |text: &str| held(text.as_bytes(), false, 100).map(|pointer| pointer.text().to_owned());
        assert_eq!(found(&begun).as_deref(), Some("/items"));
        // Where the sample ends, something may follow.
        assert_eq!(found(&format!("{begun}]}}")), None);
        assert_eq!(found("{\"items\""), None);
        assert_eq!(found("{\"text\":\"aaaa"), None);
    }

    #[test]
    fn first_records_that_may_be_the_whole_document() {
        let cases = [
            (r#"{"a": "xxx"#, false),
            (r#"{"b": 1, "a": "xxx"#, false),
            (r#"["a", "xxx"#, false),
            (r#"{"a": {"b": "xxx"#, true),
            (r#"{"n": 1, "items": [{"b": "xxx"#, true),
            (r#"{"a": {"b": 1}, "c": "xxx"#, true),
            (r#"{"xxx"#, true),
            (r#"{"a":"#, true),
        ];
        for (sample, expected) in cases {
            assert_eq!(may_hold_records(sample.as_bytes(), 9), expected, "{sample}");
        }
    }
}
