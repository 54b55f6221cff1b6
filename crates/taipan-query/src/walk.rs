//! One walk through a statement for all who look at its parts.
//!
//! The parser's own walk is compiled once for each kind of visitor, for every part that a statement can have: half a
//! megabyte each time.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, ObjectName, Query, Select, Statement, TableFactor, VisitMut, VisitorMut};

/// What is done with each part of a statement, before its own parts come.
pub(crate) trait Pass {
    fn relation(&mut self, _relation: &mut ObjectName) {}
    fn query(&mut self, _query: &mut Query) {}
    fn select(&mut self, _select: &mut Select) {}
    fn table_factor(&mut self, _factor: &mut TableFactor) {}
    fn expr(&mut self, _expr: &mut Expr) {}
}

pub(crate) fn walk(statement: &mut Statement, pass: &mut dyn Pass) {
    let _ = statement.visit(&mut Walk(pass));
}

struct Walk<'a>(&'a mut dyn Pass);

impl VisitorMut for Walk<'_> {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<()> {
        self.0.relation(relation);
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.0.query(query);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.0.select(select);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        self.0.table_factor(factor);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.0.expr(expr);
        ControlFlow::Continue(())
    }
}
