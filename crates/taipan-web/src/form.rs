//! Forms: their fields as typed values, with what is wrong beside each.
//!
//! ```
//! use taipan_web::{Fields, Problem};
//! let mut fields = Fields::from_encoded("title=Hello&stars=6&tags=a&tags=b");
//! let title = fields.text("title").required().at_most(100).value();
//! let stars = fields.number::<u8>("stars").between(1, 5).value();
//! assert_eq!((title.as_deref(), stars), (Some("Hello"), None));
//! assert_eq!(fields.errors()["stars"], "must be between 1 and 5");
//! assert_eq!(fields.all("tags"), ["a", "b"]);
//! ```

use crate::Problem;
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

/// The fields of a form as they were sent, and what is wrong with them.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    pairs: Vec<(String, String)>,
    errors: BTreeMap<String, String>,
}

/// A field being checked; the first rule that it breaks is told.
#[must_use]
pub struct Field<'f, T> {
    fields: &'f mut Fields,
    name: String,
    value: Option<T>,
    is_wrong: bool,
}

impl Fields {
    /// The fields of a body as browsers encode them.
    pub fn from_encoded(encoded: &str) -> Self {
        let decode = |text: &str| percent_decoded(&text.replace('+', " "));
        let pairs = encoded.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self { pairs: pairs.collect(), errors: BTreeMap::new() }
    }

    /// A field's value as it was sent; the first of several.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a field, as boxes and lists send them.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// All fields, as they were sent.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// Whether a box is ticked.
    pub fn is_ticked(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !matches!(value, "" | "0" | "false" | "off"))
    }

    /// A field of text, without the spaces around it. An empty one is none.
    pub fn text(&mut self, name: &str) -> Field<'_, String> {
        let value = self.get(name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        Field { name: name.to_owned(), value, is_wrong: false, fields: self }
    }

    /// A field of a number, or of whatever else is read from text.
    pub fn number<T: FromStr>(&mut self, name: &str) -> Field<'_, T> {
        let text = self.get(name).map(str::trim).filter(|text| !text.is_empty());
        let read = text.map(str::parse);
        let (value, is_wrong) = match read {
            Some(Ok(value)) => (Some(value), false),
            Some(Err(_)) => (None, true),
            None => (None, false),
        };
        let field = Field { name: name.to_owned(), value, is_wrong: false, fields: self };
        if is_wrong { field.wrong("cannot be read") } else { field }
    }

    /// Says what is wrong with a field, if nothing is said of it yet.
    pub fn reject(&mut self, name: &str, message: impl Into<String>) {
        self.errors.entry(name.to_owned()).or_insert_with(|| message.into());
    }

    /// What is wrong, by field.
    pub fn errors(&self) -> &BTreeMap<String, String> {
        &self.errors
    }

    /// Whether nothing is wrong.
    pub fn is_valid(&self) -> bool {
        self.errors.is_empty()
    }
}

impl<T> Field<'_, T> {
    /// A value must be there.
    pub fn required(self) -> Self {
        let is_missing = self.value.is_none();
        self.unless(!is_missing, "is needed")
    }

    /// A rule of one's own.
    pub fn rule(self, message: &str, holds: impl FnOnce(&T) -> bool) -> Self {
        let holds = self.value.as_ref().is_none_or(holds);
        self.unless(holds, message)
    }

    /// The value, if there is one and no rule was broken.
    pub fn value(self) -> Option<T> {
        if self.is_wrong { None } else { self.value }
    }

    fn unless(self, holds: bool, message: &str) -> Self {
        if holds || self.is_wrong { self } else { self.wrong(message) }
    }

    fn wrong(mut self, message: &str) -> Self {
        self.fields.reject(&self.name, message);
        self.is_wrong = true;
        self
    }
}

impl<T: PartialOrd + Display> Field<'_, T> {
    /// The value must lie in a range.
    pub fn between(self, least: T, most: T) -> Self {
        let message = format!("must be between {least} and {most}");
        self.rule(&message, |value| *value >= least && *value <= most)
    }
}

impl Field<'_, String> {
    /// The text must not be longer than so many characters.
    pub fn at_most(self, characters: usize) -> Self {
        self.rule(&format!("must have {characters} characters at most"), |text| text.chars().count() <= characters)
    }

    /// The text must be one of these.
    pub fn one_of(self, choices: &[&str]) -> Self {
        self.rule("is none of the choices", |text| choices.contains(&text.as_str()))
    }
}

impl<S: Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase());
        if !kind.is_some_and(|kind| kind.starts_with(b"application/x-www-form-urlencoded")) {
            return Err(Problem::of(StatusCode::UNSUPPORTED_MEDIA_TYPE).hint("Send the form as browsers do."));
        }
        // The app's own limit was set around the body already.
        let bytes = to_bytes(request.into_body(), 64 << 20).await;
        let bytes = bytes.map_err(|_| Problem::of(StatusCode::PAYLOAD_TOO_LARGE))?;
        Ok(Self::from_encoded(&String::from_utf8_lossy(&bytes)))
    }
}

/// Undoes percent-encoding; a percent sign that begins none stays.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|code| std::str::from_utf8(code).ok()).filter(|_| first == b'%');
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded() {
        let fields = Fields::from_encoded("a=b+c%21&empty=&é=%C3%A9&flag&a=2&x=%zz");
        assert_eq!(fields.get("a"), Some("b c!"));
        assert_eq!((fields.get("é"), fields.get("empty"), fields.get("none")), (Some("é"), Some(""), None));
        assert_eq!(fields.all("a"), ["b c!", "2"]);
        assert_eq!(fields.get("x"), Some("%zz"));
        assert!(!fields.is_ticked("empty") && !fields.is_ticked("none") && fields.is_ticked("a"));
    }

    #[test]
    fn the_first_broken_rule_is_told() {
        let mut fields = Fields::from_encoded("name=+&age=abc&size=9&kind=z&ok=+yes+");
        assert_eq!(fields.text("name").required().at_most(1).value(), None);
        assert_eq!(fields.number::<i64>("age").required().between(1, 9).value(), None);
        assert_eq!(fields.number::<i64>("size").between(1, 5).value(), None);
        assert_eq!(fields.text("kind").one_of(&["a", "b"]).value(), None);
        assert_eq!(fields.number::<i64>("none").value(), None);
        assert_eq!(fields.text("ok").rule("no", |text| text == "yes").value().as_deref(), Some("yes"));
        let told: Vec<(&str, &str)> =
            fields.errors().iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(
            told,
            [
                ("age", "cannot be read"),
                ("kind", "is none of the choices"),
                ("name", "is needed"),
                ("size", "must be between 1 and 5"),
            ]
        );
        assert!(!fields.is_valid());
    }
}
