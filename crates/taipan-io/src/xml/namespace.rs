//! Namespaces in XML 1.0, third edition: which prefixes are bound, and what may not be.

use std::collections::HashMap;

use super::attributes::Attributes;
use super::chars::name_end;
use super::cursor::{Step, flaw};

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// The prefixes bound where a document stands, and what to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Scope {
    /// By prefix, the one in force last.
    bound: HashMap<Box<str>, Vec<Box<str>>>,
    /// The depth of each element that declares, and what.
    declared: Vec<(usize, Vec<Box<str>>)>,
}

impl Scope {
    /// Takes in the declarations of an element at a depth, and checks its name and those of its attributes.
    pub(super) fn enter(&mut self, depth: usize, at: usize, name: &str, attributes: &Attributes) -> Step<()> {
        let mut prefixes = Vec::new();
        for (attribute, uri) in attributes.iter() {
            let prefix = match attribute.strip_prefix("xmlns") {
                Some("") => "",
                Some(rest) if rest.starts_with(':') => rest.get(1..).unwrap_or_default(),
                _ => continue,
            };
            check_declaration(at, attribute, prefix, uri)?;
            self.bound.entry(prefix.into()).or_default().push(uri.into());
            prefixes.push(prefix.into());
        }
        if !prefixes.is_empty() {
            self.declared.push((depth, prefixes));
        }
        let (prefix, _) = split(name, at)?;
        if prefix == "xmlns" || self.uri(prefix).is_none() {
            return flaw(at, format!("prefix `{prefix}` of element `{name}` is not declared"));
        }
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for (attribute, _) in attributes.iter() {
            let (prefix, local) = split(attribute, at)?;
            if prefix.is_empty() || prefix == "xmlns" {
                continue;
            }
            match self.uri(prefix) {
                Some(uri) => seen.push((uri, local)),
                None => return flaw(at, format!("prefix `{prefix}` of attribute `{attribute}` is not declared")),
            }
        }
        seen.sort_unstable();
        match seen.iter().zip(seen.iter().skip(1)).find(|(a, b)| a == b) {
            Some(((uri, local), _)) => flaw(at, format!("two attributes `{local}` of the namespace `{uri}`")),
            None => Ok(()),
        }
    }

    /// Forgets what an element at this depth has declared.
    #[inline]
    pub(super) fn leave(&mut self, depth: usize) {
        if self.declared.last().is_some_and(|(declared, _)| *declared == depth)
            && let Some((_, prefixes)) = self.declared.pop()
        {
            for prefix in prefixes {
                if let Some(uris) = self.bound.get_mut(&prefix) {
                    uris.pop();
                    if uris.is_empty() {
                        self.bound.remove(&prefix);
                    }
                }
            }
        }
    }

    /// Forgets what elements below this depth have declared.
    pub(super) fn leave_all(&mut self, depth: usize) {
        while let Some(&(declared, _)) = self.declared.last()
            && declared > depth
        {
            self.leave(declared);
        }
    }

    /// What a prefix stands for.
    fn uri(&self, prefix: &str) -> Option<&str> {
        match prefix {
            "" => Some(""),
            "xml" => Some(XML),
            "xmlns" => Some(XMLNS),
            prefix => self.bound.get(prefix)?.last().map(AsRef::as_ref),
        }
    }
}

fn check_declaration(at: usize, attribute: &str, prefix: &str, uri: &str) -> Step<()> {
    let why = match (prefix, uri) {
        ("xmlns", _) => "the prefix `xmlns` cannot be declared",
        ("xml", XML) => return Ok(()),
        ("xml", _) => "the prefix `xml` stands for one namespace only",
        (_, XML) => "its namespace belongs to the prefix `xml`",
        (_, XMLNS) => "its namespace belongs to the prefix `xmlns`",
        ("", _) => return Ok(()),
        (_, "") => "a prefix cannot stand for no namespace",
        _ => return Ok(()),
    };
    flaw(at, format!("`{attribute}=\"{uri}\"`: {why}"))
}

/// Prefix and local part of a name.
fn split(name: &str, at: usize) -> Step<(&str, &str)> {
    let Some((prefix, local)) = name.split_once(':') else { return Ok(("", name)) };
    let right = !prefix.is_empty() && !local.contains(':') && !local.is_empty() && name_end(local, 0) == local.len();
    if right { Ok((prefix, local)) } else { flaw(at, format!("`{name}` is no name with a prefix")) }
}
