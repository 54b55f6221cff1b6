//! Names as people write them: `SELECT area FROM Houses` finds the column `Area` of the table `houses`.
//!
//! SQL folds unquoted names, files and databases do not. So unquoted names keep their spelling where it
//! fits, and are else replaced by the one name of the query's tables that differs only in case. And a column
//! that the query did not name is called what the query says it is: `avg(tip)`.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Ident, Query, SelectItem, SetExpr, Statement, VisitMut, VisitorMut};

/// The name nearest to `wanted`, when one is near enough to be meant.
pub(crate) fn nearest<'a>(wanted: &str, names: &[&'a str]) -> Option<&'a str> {
    let folded = wanted.to_lowercase();
    names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&folded, &name.to_lowercase()), *name))
        .filter(|(distance, name)| *distance <= 1 + wanted.len().min(name.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Gives unquoted column names of `statement` the spelling of `columns`, where only the case differs, and computed
/// columns a name.
pub(crate) fn resolve_case(statement: &mut Statement, columns: &[String]) {
    let mut resolver = Resolver::default();
    for name in columns {
        resolver.add(name);
    }
    let _ = statement.visit(&mut AliasCollector(&mut resolver));
    let _ = statement.visit(&mut resolver);
    let _ = statement.visit(&mut Namer);
}

#[derive(Default)]
struct Resolver {
    exact: HashSet<String>,
    /// `None` where several names differ only in case.
    folded: HashMap<String, Option<String>>,
}

impl Resolver {
    fn add(&mut self, name: &str) {
        if self.exact.insert(name.to_owned()) {
            self.folded
                .entry(name.to_lowercase())
                .and_modify(|found| *found = None)
                .or_insert_with(|| Some(name.to_owned()));
        }
    }

    fn fix(&self, ident: &mut Ident) {
        if ident.quote_style.is_none()
            && !self.exact.contains(&ident.value)
            && let Some(Some(name)) = self.folded.get(&ident.value.to_lowercase())
        {
            ident.value.clone_from(name);
        }
    }
}

impl VisitorMut for Resolver {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => self.fix(ident),
            Expr::CompoundIdentifier(parts) => parts.iter_mut().for_each(|ident| self.fix(ident)),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Output names given by the query itself may be used in its ORDER BY.
struct AliasCollector<'a>(&'a mut Resolver);

impl VisitorMut for AliasCollector<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let SetExpr::Select(select) = query.body.as_ref() {
            for item in &select.projection {
                if let SelectItem::ExprWithAlias { alias, .. } = item {
                    self.0.add(&alias.value);
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Names computed columns by their text; the planner would put the tables' names, which are paths, into them.
struct Namer;

impl VisitorMut for Namer {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let SetExpr::Select(select) = query.body.as_mut() {
            for item in &mut select.projection {
                if let SelectItem::UnnamedExpr(expr) = item
                    && !matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
                {
                    let alias = Ident::with_quote('"', expr.to_string());
                    *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
                }
            }
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::{dialect::GenericDialect, parser::Parser};

    use super::*;

    #[test]
    fn unquoted_names_take_the_spelling_of_the_columns() {
        for (sql, expected) in [
            ("SELECT area FROM houses", "SELECT Area FROM houses"),
            ("SELECT \"area\" FROM houses", "SELECT \"area\" FROM houses"),
            ("SELECT h.AREA FROM houses AS h WHERE PRICE > 1", "SELECT h.Area FROM houses AS h WHERE price > 1"),
            (
                "SELECT sum(price) AS Total FROM houses ORDER BY total",
                "SELECT sum(price) AS Total FROM houses ORDER BY Total",
            ),
            ("SELECT DAY FROM houses", "SELECT DAY FROM houses"),
            ("SELECT avg(PRICE) FROM houses", "SELECT avg(price) AS \"avg(price)\" FROM houses"),
        ] {
            let mut statement = Parser::parse_sql(&GenericDialect, sql).unwrap().remove(0);
            resolve_case(&mut statement, &["Area".into(), "price".into(), "day".into(), "Day".into()]);
            assert_eq!(statement.to_string(), expected);
        }
    }

    #[test]
    fn nearest_offers_only_near_names() {
        let names = ["total_bill", "tip", "day"];
        for (wanted, expected) in
            [("totl_bill", Some("total_bill")), ("Tip", Some("tip")), ("dya", Some("day")), ("salary", None)]
        {
            assert_eq!(nearest(wanted, &names), expected, "{wanted}");
        }
    }
}
