//! What a plan's form says about its rows: their order, and when the types of its files must be sure.
//!
//! Types of a file are inferred from its first megabytes. A query that gives no row before it has read everything can
//! start again with wider types when a later value does not fit. Any other must know them first: a wider type may
//! change what a filter keeps and what an expression gives, and rows already given cannot be taken back.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Expr, FetchType, LogicalPlan, SkipType};

use crate::files::FileTable;

/// The form of an optimised plan.
pub(crate) struct Shape {
    /// It only filters, projects and cuts one source, so its rows can keep the source's order.
    pub(crate) in_order: bool,
    /// It gives columns of one source as they are.
    plain: bool,
    /// The most rows that it gives, if it says so.
    most: Option<u64>,
    /// The rows whose types were looked at.
    sampled: u64,
    /// It gives no row before its one source is read to the end.
    blocking: bool,
    /// Files that were not looked at as a whole, with the columns that are read of them.
    pub(crate) unsettled: Vec<(String, Option<Vec<usize>>)>,
}

impl Shape {
    pub(crate) fn of(plan: &LogicalPlan) -> Self {
        let mut shape =
            Self { in_order: true, plain: true, most: None, sampled: u64::MAX, blocking: false, unsettled: Vec::new() };
        let mut sources = 0;
        let _ = plan.apply_with_subqueries(|node| {
            match node {
                LogicalPlan::Projection(projection) => {
                    let plain = |expr: &Expr| matches!(expr.clone().unalias(), Expr::Column(_));
                    shape.plain &= projection.expr.iter().all(plain);
                }
                LogicalPlan::SubqueryAlias(_) => {}
                LogicalPlan::Limit(limit) => {
                    if let (Ok(SkipType::Literal(skip)), Ok(FetchType::Literal(Some(fetch)))) =
                        (limit.get_skip_type(), limit.get_fetch_type())
                    {
                        shape.most = Some((skip + fetch) as u64);
                    }
                }
                LogicalPlan::Filter(_) => shape.plain = false,
                LogicalPlan::Aggregate(_) | LogicalPlan::Sort(_) => {
                    shape.blocking = true;
                    shape.in_order = false;
                    shape.plain = false;
                }
                LogicalPlan::TableScan(scan) => {
                    sources += 1;
                    shape.plain &= scan.filters.is_empty();
                    if let Ok(provider) = source_as_provider(&scan.source)
                        && let Some(table) = provider.downcast_ref::<FileTable>()
                        && !table.settled()
                    {
                        shape.sampled = shape.sampled.min(table.input.sampled_rows().0);
                        let mut columns = scan.projection.clone();
                        if let Some(columns) = &mut columns {
                            // What a condition looks at need not be among the columns of the scan.
                            let named = scan.filters.iter().flat_map(Expr::column_refs);
                            columns.extend(named.filter_map(|column| table.input.schema().index_of(&column.name).ok()));
                            columns.sort_unstable();
                            columns.dedup();
                        }
                        shape.unsettled.push((table.key.clone(), columns));
                    }
                }
                _ => {
                    shape.in_order = false;
                    shape.plain = false;
                }
            }
            Ok(TreeNodeRecursion::Continue)
        });
        let single = sources == 1;
        shape.in_order &= single;
        shape.blocking &= single;
        shape.plain &= single;
        shape
    }

    /// Whether the types of its files must be sure before it starts, for one who takes batches of wider types or not.
    pub(crate) fn must_settle(&self, widening: bool) -> bool {
        !self.unsettled.is_empty() && !self.blocking && !self.resumable(widening)
    }

    /// Whether wider types would give the same rows in the same order.
    pub(crate) fn resumable(&self, widening: bool) -> bool {
        self.plain && (widening || self.most.is_some_and(|most| most <= self.sampled))
    }
}
