//! Names as people write them: `SELECT area FROM Houses` finds the column `Area` of the table `houses`.
//!
//! SQL folds unquoted names, files and databases do not. So unquoted names keep their spelling where it
//! fits, and are else replaced by the one name of the query's tables that differs only in case. And a column
//! that the query did not name is called what the query says it is: `avg(tip)`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, ExcludeSelectItem, Expr, Function, FunctionArguments, Ident, JoinConstraint, JoinOperator, ObjectName,
    ObjectNamePart, Query, Select, SelectItem, SetExpr, Statement, TableFactor, WildcardAdditionalOptions,
};

use crate::walk::{Pass, walk};

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

/// Gives unquoted names of `statement` the spelling of `columns`, or of the statement's own aliases, where only the
/// case differs, and computed columns a name.
pub(crate) fn resolve(statement: &mut Statement, columns: &[String]) {
    let mut resolver = Resolver::default();
    for name in columns {
        resolver.columns.add(name);
    }
    walk(statement, &mut AliasCollector(&mut resolver));
    walk(statement, &mut resolver);
    walk(statement, &mut Namer(&resolver));
}

/// The schema with repeated names made different (`n`, `n_2`), as `SELECT *` over a join may give them: whoever reads
/// rows by name would lose all but one.
pub(crate) fn unique(schema: &SchemaRef) -> SchemaRef {
    let mut seen = Seen::default();
    let names: Vec<String> = schema.fields().iter().map(|field| seen.unique(field.name())).collect();
    if names.iter().zip(schema.fields()).all(|(name, field)| name == field.name()) {
        return Arc::clone(schema);
    }
    let fields = names.into_iter().zip(schema.fields()).map(|(name, field)| field.as_ref().clone().with_name(name));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Names that were given already.
#[derive(Default)]
struct Seen(HashSet<String>);

impl Seen {
    fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut number = 2;
        while !self.0.insert(unique.clone()) {
            unique = format!("{name}_{number}");
            number += 1;
        }
        unique
    }
}

/// Known names, found by their spelling without regard to case.
#[derive(Default)]
struct Names {
    exact: HashSet<String>,
    /// `None` where several names differ only in case.
    folded: HashMap<String, Option<String>>,
}

impl Names {
    fn add(&mut self, name: &str) {
        if self.exact.insert(name.to_owned()) {
            self.folded
                .entry(name.to_lowercase())
                .and_modify(|found| *found = None)
                .or_insert_with(|| Some(name.to_owned()));
        }
    }

    /// Whether `ident` is one of the names, now that it has its spelling.
    fn fix(&self, ident: &mut Ident) -> bool {
        if self.exact.contains(&ident.value) {
            return true;
        }
        match self.folded.get(&ident.value.to_lowercase()) {
            Some(Some(name)) if ident.quote_style.is_none() => {
                ident.value.clone_from(name);
                true
            }
            _ => false,
        }
    }

    fn fix_object(&self, name: &mut ObjectName) {
        if let Some(ObjectNamePart::Identifier(ident)) = name.0.last_mut() {
            self.fix(ident);
        }
    }
}

#[derive(Default)]
struct Resolver {
    columns: Names,
    /// Aliases of tables, and names of common table expressions.
    relations: Names,
}

impl Pass for Resolver {
    fn relation(&mut self, relation: &mut ObjectName) {
        if relation.0.len() == 1 {
            self.relations.fix_object(relation);
        }
    }

    fn select(&mut self, select: &mut Select) {
        for item in &mut select.projection {
            match item {
                SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => self.fix_options(options),
                _ => {}
            }
        }
        for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
            if let Some(JoinConstraint::Using(columns)) = constraint(&mut join.join_operator) {
                for column in columns {
                    self.columns.fix_object(column);
                }
            }
        }
    }

    fn expr(&mut self, expr: &mut Expr) {
        if let Some(column) = self.unreserved(expr) {
            *expr = column;
        }
        match expr {
            Expr::Identifier(ident) => {
                self.columns.fix(ident);
            }
            Expr::CompoundIdentifier(parts) => {
                // The first part is a table, unless only a column bears the name: then the rest are its fields.
                let qualified = parts.first_mut().is_some_and(|first| self.relations.fix(first));
                if let Some(column) = parts.get_mut(usize::from(qualified)) {
                    self.columns.fix(column);
                }
            }
            _ => {}
        }
    }
}

impl Resolver {
    /// A word that SQL has a function for, such as `user`, as the column of that name, with the fields within it.
    fn unreserved(&self, expr: &Expr) -> Option<Expr> {
        let (function, fields) = match expr {
            Expr::Function(function) => (function, [].as_slice()),
            Expr::CompoundFieldAccess { root, access_chain } => match &**root {
                Expr::Function(function) => (function, access_chain.as_slice()),
                _ => return None,
            },
            _ => return None,
        };
        let Function { name, args: FunctionArguments::None, over: None, .. } = function else { return None };
        let [ObjectNamePart::Identifier(name)] = name.0.as_slice() else { return None };
        let mut name = name.clone();
        if !self.columns.fix(&mut name) {
            return None;
        }
        let field = |access: &AccessExpr| match access {
            AccessExpr::Dot(Expr::Identifier(field)) => Some(field.clone()),
            _ => None,
        };
        let fields = fields.iter().map(field).collect::<Option<Vec<Ident>>>()?;
        if fields.is_empty() {
            return Some(Expr::Identifier(name));
        }
        Some(Expr::CompoundIdentifier(std::iter::once(name).chain(fields).collect()))
    }

    /// The parts of a name that lead from a column to a field within it, if they do.
    fn field<'p>(&self, parts: &'p [Ident]) -> Option<&'p [Ident]> {
        let first = usize::from(parts.first().is_some_and(|first| self.relations.exact.contains(&first.value)));
        let parts = parts.get(first..).filter(|parts| parts.len() > 1)?;
        self.columns.exact.contains(&parts.first()?.value).then_some(parts)
    }

    fn fix_options(&self, options: &mut WildcardAdditionalOptions) {
        if let Some(except) = &mut options.opt_except {
            self.columns.fix(&mut except.first_element);
            except.additional_elements.iter_mut().for_each(|column| {
                self.columns.fix(column);
            });
        }
        match &mut options.opt_exclude {
            Some(ExcludeSelectItem::Single(column)) => self.columns.fix_object(column),
            Some(ExcludeSelectItem::Multiple(columns)) => {
                for column in columns {
                    self.columns.fix_object(column);
                }
            }
            None => {}
        }
    }
}

fn constraint(join: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match join {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)
        | JoinOperator::Semi(constraint)
        | JoinOperator::LeftSemi(constraint)
        | JoinOperator::RightSemi(constraint)
        | JoinOperator::Anti(constraint)
        | JoinOperator::LeftAnti(constraint)
        | JoinOperator::RightAnti(constraint) => Some(constraint),
        _ => None,
    }
}

/// Names that the statement gives itself.
struct AliasCollector<'a>(&'a mut Resolver);

impl Pass for AliasCollector<'_> {
    fn query(&mut self, query: &mut Query) {
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.0.relations.add(&table.alias.name.value);
        }
    }

    fn table_factor(&mut self, factor: &mut TableFactor) {
        let (TableFactor::Table { alias, .. } | TableFactor::Derived { alias, .. }) = factor else {
            return;
        };
        if let Some(alias) = alias {
            self.0.relations.add(&alias.name.value);
            alias.columns.iter().for_each(|column| self.0.columns.add(&column.name.value));
        } else if let TableFactor::Table { name, .. } = factor
            && let Some(ObjectNamePart::Identifier(ident)) = name.0.last()
            && !self.0.relations.folded.contains_key(&ident.value.to_lowercase())
        {
            self.0.relations.add(&ident.value);
        }
    }

    fn select(&mut self, select: &mut Select) {
        for item in &select.projection {
            // An alias that is a column in another case would leave neither to be found.
            if let SelectItem::ExprWithAlias { alias, .. } = item
                && !self.0.columns.folded.contains_key(&alias.value.to_lowercase())
            {
                self.0.columns.add(&alias.value);
            }
        }
    }
}

/// Names computed columns by their text; the planner would put the tables' names, which are paths, into them. A text
/// or column that is there twice gets a number.
struct Namer<'r>(&'r Resolver);

impl Pass for Namer<'_> {
    fn query(&mut self, query: &mut Query) {
        self.name_columns(&mut query.body);
    }
}

impl Namer<'_> {
    fn name_columns(&self, body: &mut SetExpr) {
        match body {
            // The first query of a union names its columns.
            SetExpr::SetOperation { left, .. } => self.name_columns(left),
            SetExpr::Select(select) => {
                let mut seen = Seen::default();
                for item in &mut select.projection {
                    self.name(item, &mut seen);
                }
            }
            _ => {}
        }
    }

    fn name(&self, item: &mut SelectItem, seen: &mut Seen) {
        let expr = match item {
            SelectItem::ExprWithAlias { alias, .. } => {
                seen.0.insert(alias.value.clone());
                return;
            }
            SelectItem::UnnamedExpr(expr) => expr,
            _ => return,
        };
        let joined = |parts: &[Ident]| parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
        let (text, computed) = match &*expr {
            Expr::Identifier(ident) => (ident.value.clone(), false),
            Expr::CompoundIdentifier(parts) => match self.0.field(parts) {
                Some(field) => (joined(field), true),
                // The same column of two tables is two columns to the planner.
                None => (joined(parts), false),
            },
            expr => (expr.to_string(), true),
        };
        let name = seen.unique(&text);
        if computed || name != text {
            let alias = Ident::with_quote('"', name);
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
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
            ("SELECT H.area FROM houses AS h", "SELECT h.Area FROM houses AS h"),
            ("SELECT Day.area FROM houses AS Day", "SELECT Day.Area FROM houses AS Day"),
            ("SELECT AREA.width FROM houses", "SELECT Area.width AS \"Area.width\" FROM houses"),
            ("SELECT h.AREA.width FROM houses h", "SELECT h.Area.width AS \"Area.width\" FROM houses h"),
            ("SELECT user.age, USER FROM houses", "SELECT user.age AS \"user.age\", user FROM houses"),
            ("SELECT current_user FROM houses", "SELECT current_user AS \"current_user\" FROM houses"),
            ("SELECT DAY FROM houses", "SELECT DAY FROM houses"),
            ("SELECT * EXCEPT (PRICE) FROM houses", "SELECT * EXCEPT (price) FROM houses"),
            ("SELECT 1 AS a FROM x JOIN y USING(AREA)", "SELECT 1 AS a FROM x JOIN y USING(Area)"),
            ("WITH T AS (SELECT area FROM h) SELECT area FROM t", "WITH T AS (SELECT Area FROM h) SELECT Area FROM T"),
            (
                "SELECT sum(price) AS Total FROM houses ORDER BY total",
                "SELECT sum(price) AS Total FROM houses ORDER BY Total",
            ),
            ("SELECT sum(area) AS AREA FROM h WHERE area > 1", "SELECT sum(Area) AS AREA FROM h WHERE Area > 1"),
        ] {
            let mut statement = Parser::parse_sql(&GenericDialect, sql).unwrap().remove(0);
            resolve(&mut statement, &["Area".into(), "price".into(), "day".into(), "Day".into(), "user".into()]);
            assert_eq!(statement.to_string(), expected);
        }
    }

    #[test]
    fn computed_and_repeated_columns_get_names() {
        for (sql, expected) in [
            ("SELECT avg(price) FROM h", "SELECT avg(price) AS \"avg(price)\" FROM h"),
            ("SELECT count(*), count(*) FROM h", "SELECT count(*) AS \"count(*)\", count(*) AS \"count(*)_2\" FROM h"),
            ("SELECT a, a FROM h", "SELECT a, a AS \"a_2\" FROM h"),
            ("SELECT x.a, y.a FROM h", "SELECT x.a, y.a FROM h"),
            ("SELECT 1 UNION SELECT 2", "SELECT 1 AS \"1\" UNION SELECT 2"),
        ] {
            let mut statement = Parser::parse_sql(&GenericDialect, sql).unwrap().remove(0);
            resolve(&mut statement, &[]);
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
