//! `select=`: columns, parts of JSON, casts, aggregates, and the tables embedded along references.

use std::borrow::Cow;

use taipan::store::document::Aggregate;

use super::{Cursor, Item, steps};
use crate::error::{Error, Result};

/// Tables embedded in tables, at most.
const MAX_EMBEDS: usize = 8;

impl<'a> Cursor<'a> {
    pub(super) fn items(&mut self, depth: usize) -> Result<Vec<Item<'a>>> {
        if depth > MAX_EMBEDS {
            return Err(Error::too_much(format!("tables are embedded deeper than {MAX_EMBEDS} levels")));
        }
        let mut items = Vec::new();
        loop {
            items.push(self.item(depth)?);
            if !self.eat(",") {
                return Ok(items);
            }
        }
    }

    fn item(&mut self, depth: usize) -> Result<Item<'a>> {
        self.eat_spaces();
        if self.eat("*") {
            self.eat_spaces();
            return Ok(Item::Star);
        }
        let spread = self.eat("...");
        let mut name = self.item_name()?;
        let mut alias = None;
        if self.rest().starts_with(':') && !self.rest().starts_with("::") {
            self.at += 1;
            alias = Some(name);
            name = self.item_name()?;
        }
        if self.rest().starts_with(['(', '!']) && !self.rest().starts_with("()") {
            return self.embed(name, alias, spread, depth);
        }
        if spread {
            return self.fail("an embedded table, (…)");
        }
        if self.eat("()") {
            if name != "count" {
                return self.aggregated(&name, alias);
            }
            let cast = self.cast();
            self.eat_spaces();
            return Ok(Item::Count { alias, cast });
        }
        let steps = self.steps(&[',', ':', '(', ')'])?;
        let mut cast = self.cast();
        let mut aggregate = None;
        if let Some((kind, function)) = cast.and_then(|cast| cast.rsplit_once('.'))
            && let Some(known) = aggregate_of(function)
            && self.eat("()")
        {
            cast = Some(kind);
            aggregate = Some((known, self.cast()));
        }
        self.eat_spaces();
        Ok(Item::Column { name, steps, alias, cast, aggregate })
    }

    /// `salary.avg()` after its parentheses.
    fn aggregated(&mut self, name: &str, alias: Option<Cow<'a, str>>) -> Result<Item<'a>> {
        let split = name.rsplit_once('.').and_then(|(column, function)| Some((column, aggregate_of(function)?)));
        let Some((column, aggregate)) = split else {
            // A table of which nothing is shown, so that it can be filtered by.
            let name = Cow::Owned(name.to_owned());
            return Ok(Item::Embed { name, alias, hint: None, inner: false, spread: false, items: Vec::new() });
        };
        let (column, steps) = steps(column)?;
        let name = Cow::Owned(column.into_owned());
        let cast = self.cast();
        self.eat_spaces();
        Ok(Item::Column { name, steps, alias, cast: None, aggregate: Some((aggregate, cast)) })
    }

    /// `!hint!inner(…)` after the table's name.
    fn embed(
        &mut self,
        name: Cow<'a, str>,
        alias: Option<Cow<'a, str>>,
        spread: bool,
        depth: usize,
    ) -> Result<Item<'a>> {
        let (mut hint, mut inner) = (None, false);
        while self.eat("!") {
            match self.quoted() {
                Some(name) => hint = Some(name),
                None => match self.take_until(&['!', '(', ',', ')']) {
                    "inner" => inner = true,
                    "left" => {}
                    other => hint = Some(Cow::Borrowed(other)),
                },
            }
        }
        if !self.eat("(") {
            return self.fail("\"(\"");
        }
        self.eat_spaces();
        let items = if self.rest().starts_with(')') { Vec::new() } else { self.items(depth + 1)? };
        if !self.eat(")") {
            return self.fail("\",\" or \")\"");
        }
        self.eat_spaces();
        Ok(Item::Embed { name, alias, hint, inner, spread, items })
    }

    /// `::text`, if it is there.
    fn cast(&mut self) -> Option<&'a str> {
        self.eat("::").then(|| self.take_until(&[',', '(', ')', ':']).trim())
    }

    fn item_name(&mut self) -> Result<Cow<'a, str>> {
        if let Some(name) = self.quoted() {
            self.eat_spaces();
            return Ok(name);
        }
        let rest = self.rest();
        let end = rest.find([',', ':', '(', ')', '"', '!']).unwrap_or(rest.len());
        // The whole way of an aggregate, `data->a.sum()`, is looked at again by its own rule.
        let is_aggregate = rest[end..].starts_with("()");
        let arrow = rest.find("->").filter(|_| !is_aggregate);
        let end = arrow.map_or(end, |arrow| arrow.min(end));
        let name = rest[..end].trim_matches(' ');
        if name.is_empty() {
            return self.fail("a column or \"*\"");
        }
        self.at += end;
        Ok(Cow::Borrowed(name))
    }
}

fn aggregate_of(word: &str) -> Option<Aggregate> {
    Some(match word {
        "count" => Aggregate::Count,
        "sum" => Aggregate::Sum,
        "avg" => Aggregate::Avg,
        "min" => Aggregate::Min,
        "max" => Aggregate::Max,
        _ => return None,
    })
}
