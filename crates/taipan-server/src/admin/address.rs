//! The address of a table's page: PostgREST's parameters in a query string, so that a view is a link and the same
//! view is one path away in the REST API.
//!
//! Every link of the page is the current address with a little changed, made by the methods of [`Address`].

use std::fmt::Write as _;

use taipan::store::{Kind, Table};

use super::table_path;

/// What parameters other than filters are called in PostgREST.
const RESERVED: [&str; 6] = ["select", "order", "limit", "offset", "columns", "on_conflict"];

/// And here: the REST API knows none of these.
const OWN: [&str; 7] = ["search", "after", "before", "facets", "count", "_column", "_show"];

/// What says which page of a view is shown.
const PLACE: [&str; 3] = ["offset", "after", "before"];

/// The decoded parameters of a page of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    table: String,
    pairs: Vec<(String, String)>,
}

impl Address {
    pub(super) fn new(table: &str, pairs: Vec<(String, String)>) -> Self {
        Self { table: table.to_owned(), pairs }
    }

    /// All parameters, in order.
    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// The parameters that PostgREST has too.
    pub(super) fn query(&self) -> Vec<(String, String)> {
        self.pairs.iter().filter(|(key, _)| !OWN.contains(&key.as_str())).cloned().collect()
    }

    /// Another view of the same table.
    pub(super) fn replace(&self, pairs: Vec<(String, String)>) -> Self {
        Self { table: self.table.clone(), pairs }
    }

    /// The first value of a parameter.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// What is searched for; an empty search is none.
    pub(super) fn search(&self) -> Option<&str> {
        self.get("search").filter(|text| !text.is_empty())
    }

    /// The parameters that filter, with their places among all.
    pub(super) fn filters(&self) -> impl Iterator<Item = (usize, &str, &str)> {
        let all = self.pairs.iter().enumerate();
        all.map(|(at, (key, value))| (at, key.as_str(), value.as_str())).filter(|(_, key, _)| is_filter(key))
    }

    /// This view with a parameter set, or left out. The page shown is the first again, unless it is the page that
    /// changes.
    pub(super) fn with(&self, key: &str, value: Option<String>) -> Self {
        self.at_first().keeping_place(key, value)
    }

    /// This view with a parameter set, or left out, and the same page shown.
    pub(super) fn keeping_place(&self, key: &str, value: Option<String>) -> Self {
        let mut address = self.clone();
        address.pairs.retain(|(name, _)| name != key);
        if let Some(value) = value {
            address.pairs.push((key.to_owned(), value));
        }
        address
    }

    /// The first page of this view.
    pub(super) fn at_first(&self) -> Self {
        let mut address = self.clone();
        address.pairs.retain(|(name, _)| !PLACE.contains(&name.as_str()));
        address
    }

    /// This view with a filter added, from its first page.
    pub(super) fn and(&self, key: String, value: String) -> Self {
        let mut address = self.at_first();
        if !address.pairs.contains(&(key.clone(), value.clone())) {
            address.pairs.push((key, value));
        }
        address
    }

    /// This view without the parameter at a place, from its first page.
    pub(super) fn without(&self, at: usize) -> Self {
        let mut address = self.clone();
        address.pairs.remove(at);
        address.at_first()
    }

    /// The page's own path and query.
    pub(super) fn page(&self) -> String {
        with_query(table_path(&self.table), &self.pairs)
    }

    /// The path and query of the same rows in the REST API. It has no search over all columns, so that becomes an
    /// `or` of patterns, and none of pages by keys, so that becomes the number of rows before these.
    pub(super) fn rest(&self, table: &Table, limit: u64, offset: u64) -> String {
        let mut pairs = self.query();
        pairs.retain(|(key, _)| key != "offset");
        if offset > 0 {
            pairs.push(("offset".to_owned(), offset.to_string()));
        }
        if let Some(text) = self.search() {
            pairs.insert(0, search_condition(table, text));
        }
        if self.get("limit").is_none_or(|asked| asked != limit.to_string()) {
            pairs.retain(|(key, _)| key != "limit");
            pairs.push(("limit".to_owned(), limit.to_string()));
        }
        with_query(rest_path(&self.table), &pairs)
    }
}

/// The REST API's path of a table.
pub(super) fn rest_path(table: &str) -> String {
    format!("/api/{}", taipan_web::format::url_part(table))
}

fn is_filter(key: &str) -> bool {
    !RESERVED.contains(&key) && !OWN.contains(&key)
}

/// A path with parameters; characters that mean nothing in a query stay readable.
pub(super) fn with_query(mut path: String, pairs: &[(String, String)]) -> String {
    for (at, (key, value)) in pairs.iter().enumerate() {
        path.push(if at == 0 { '?' } else { '&' });
        encode(&mut path, key);
        path.push('=');
        encode(&mut path, value);
    }
    path
}

fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~()*,:/@!".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// A column as a parameter's name: in quotes where it would be taken for something else.
pub(super) fn key(column: &str) -> String {
    let other = ["and", "or", "not.and", "not.or", "_op", "_value"];
    if !is_filter(column) || other.contains(&column) || column.starts_with('"') {
        quoted(column)
    } else {
        column.to_owned()
    }
}

/// A name or value within a list: in quotes unless it is a plain word.
pub(super) fn element(text: &str) -> String {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '@'));
    if plain { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The value of `ilike` that matches text exactly, but for case. PostgREST's `*` cannot be escaped; any one character
/// in its place comes nearest.
pub(super) fn literal_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '%' | '_' => pattern.extend(['\\', c]),
            '*' => pattern.push('_'),
            _ => pattern.push(c),
        }
    }
    pattern
}

/// The parameter that takes the rows in which some text column holds the text. Where there is no such column, none.
fn search_condition(table: &Table, text: &str) -> (String, String) {
    let pattern = format!("*{}*", literal_pattern(text));
    let plain = text.chars().all(char::is_alphanumeric);
    let pattern = if plain { pattern } else { quoted(&pattern) };
    let columns = table.columns.iter().filter(|column| column.kind == Kind::Text);
    let conditions: Vec<String> = columns.map(|column| format!("{}.ilike.{pattern}", element(&column.name))).collect();
    match (conditions.is_empty(), table.columns.first()) {
        (true, Some(column)) => {
            let name = element(&column.name);
            ("and".to_owned(), format!("({name}.is.null,{name}.not.is.null)"))
        }
        _ => ("or".to_owned(), format!("({})", conditions.join(","))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(query: &[(&str, &str)]) -> Address {
        Address::new("t", query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn links_change_one_thing_and_return_to_the_first_page() {
        let view = address(&[("a", "gt.1"), ("order", "a.desc"), ("offset", "50")]);
        assert_eq!(view.page(), "/admin/tables/t?a=gt.1&order=a.desc&offset=50");
        assert_eq!(view.with("offset", Some("100".into())).page(), "/admin/tables/t?a=gt.1&order=a.desc&offset=100");
        assert_eq!(view.with("order", None).page(), "/admin/tables/t?a=gt.1");
        assert_eq!(view.with("order", Some("b.asc".into())).page(), "/admin/tables/t?a=gt.1&order=b.asc");
        assert_eq!(view.without(0).page(), "/admin/tables/t?order=a.desc");
        let more = view.and("b".into(), "in.(x,y)".into());
        assert_eq!(more.page(), "/admin/tables/t?a=gt.1&order=a.desc&b=in.(x,y)");
        assert_eq!(more.and("b".into(), "in.(x,y)".into()), more, "a filter is in force once");
    }

    #[test]
    fn queries_keep_what_reads_well_and_encode_the_rest() {
        let pairs = [("a b".to_owned(), "ilike.*50% & more#*".to_owned()), ("é".to_owned(), "eq.+\"<".to_owned())];
        assert_eq!(with_query("/x".to_owned(), &pairs), "/x?a%20b=ilike.*50%25%20%26%20more%23*&%C3%A9=eq.%2B%22%3C");
    }

    #[test]
    fn names_that_mean_something_else_are_quoted() {
        for (column, expected) in
            [("salary", "salary"), ("select", "\"select\""), ("or", "\"or\""), ("\"x", "\"\\\"x\""), ("a.b", "a.b")]
        {
            assert_eq!(key(column), expected);
        }
        for (text, expected) in
            [("word", "word"), ("a.b", "\"a.b\""), ("a,b)", "\"a,b)\""), ("\"\\", "\"\\\"\\\\\""), ("", "\"\"")]
        {
            assert_eq!(element(text), expected);
        }
    }
}
