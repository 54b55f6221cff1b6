//! The engine: a planner, its threads and its memory.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, SchemaProvider};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{self, Visit, Visitor};
use taipan_io::Misfit;
use taipan_store::Store;
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, ErrorKind, Result};
use crate::names::resolve_case;
use crate::rows::Rows;
use crate::tables::Catalog;

const CATALOG: &str = "taipan";
const SCHEMA: &str = "public";

/// What an engine may use. The default is every core and half a gigabyte for sorting, joining and grouping
/// (beyond it, such steps spill to disk), and no database.
#[derive(Clone, Default)]
pub struct EngineOptions {
    threads: Option<NonZeroUsize>,
    memory_limit: Option<usize>,
    store: Option<Store>,
}

impl EngineOptions {
    /// Uses `threads` threads; the default is one per core.
    #[must_use]
    pub fn threads(mut self, threads: Option<NonZeroUsize>) -> Self {
        self.threads = threads;
        self
    }

    /// Uses at most `bytes` for the working state of a query.
    #[must_use]
    pub fn memory_limit(mut self, bytes: Option<usize>) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// Lets statements name the tables of `store`.
    #[must_use]
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }
}

/// Plans and runs queries. Cheap to clone; clones share threads and memory.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    session: SessionContext,
    catalog: Arc<Catalog>,
    runtime: Option<Runtime>,
}

impl Engine {
    /// Starts an engine.
    ///
    /// Errors: [`ErrorKind::Start`] when the system refuses the threads.
    pub fn new(options: &EngineOptions) -> Result<Self> {
        let threads = options.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        let start = |error: String| Error::new(ErrorKind::Start(format!("the query engine could not start: {error}")));
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("taipan-query")
            .enable_time()
            .build()
            .map_err(|error| start(error.to_string()))?;
        let environment = RuntimeEnvBuilder::new()
            .with_memory_limit(options.memory_limit.unwrap_or(512 << 20), 1.0)
            .build_arc()
            .map_err(|error| start(error.to_string()))?;
        let mut config = SessionConfig::new()
            .with_target_partitions(threads)
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema(CATALOG, SCHEMA);
        config.options_mut().sql_parser.enable_ident_normalization = false;
        let session = SessionContext::new_with_config_rt(config, environment);
        let catalog = Arc::new(Catalog::new(options.store.clone()));
        let schemas = MemoryCatalogProvider::new();
        schemas
            .register_schema(SCHEMA, Arc::clone(&catalog) as Arc<dyn SchemaProvider>)
            .map_err(|error| start(error.to_string()))?;
        session.register_catalog(CATALOG, Arc::new(schemas));
        Ok(Self { inner: Arc::new(Inner { session, catalog, runtime: Some(runtime) }) })
    }

    /// Plans `text`, one `SELECT` (or `WITH`, `VALUES`, `EXPLAIN`), starts it and returns its rows.
    ///
    /// Errors name the place in the text, or the unknown name with the nearest known one. Rows of a plain
    /// filter or projection come in the order of the file or table.
    pub fn sql(&self, text: &str) -> Result<Rows> {
        let (schema, stream, ordered) = self.start(text)?;
        Ok(Rows::new(self.clone(), text.to_owned(), schema, stream, ordered))
    }

    /// Waits for `work`, whose tasks run on the engine's own threads.
    ///
    /// The waiting itself is not the runtime's: that one panics when the caller happens to stand on another runtime.
    pub(crate) fn block_on<F: Future>(&self, work: F) -> Result<F::Output> {
        match &self.inner.runtime {
            Some(runtime) => {
                let _entered = runtime.enter();
                Ok(futures::executor::block_on(work))
            }
            None => Err(Error::new(ErrorKind::Start("the query engine has stopped".into()))),
        }
    }

    /// Remembers a wider type for a file's column; false when the file is not one of this engine's.
    pub(crate) fn widen(&self, source: &str, misfit: &Misfit) -> bool {
        self.inner.catalog.widen(source, misfit)
    }

    /// The stream of a statement's batches, and whether a repetition gives the same rows in the same order.
    pub(crate) fn start(&self, text: &str) -> Result<(SchemaRef, SendableRecordBatchStream, bool)> {
        self.block_on(async {
            let plan = self.plan(text).await?;
            let ordered = streams_in_order(&plan);
            let mut state = self.inner.session.state();
            if ordered {
                state.config_mut().options_mut().execution.target_partitions = 1;
            }
            let schema = Arc::new(plan.schema().as_arrow().clone());
            let physical = state.create_physical_plan(&plan).await.map_err(Error::from_datafusion)?;
            let context = Arc::clone(&state.task_ctx());
            let stream = execute_stream(physical, context).map_err(Error::from_datafusion)?;
            Ok((schema, stream, ordered))
        })?
    }

    async fn plan(&self, text: &str) -> Result<LogicalPlan> {
        let state = self.inner.session.state();
        let dialect = state.config().options().sql_parser.dialect;
        let mut statement =
            state.sql_to_statement(text, &dialect).map_err(|error| match Error::from_datafusion(error) {
                error if text.trim().is_empty() => match error.kind() {
                    ErrorKind::Syntax { .. } | ErrorKind::Invalid(_) => {
                        Error::new(ErrorKind::NotAQuery("the query is empty".into()))
                    }
                    _ => error,
                },
                error => error,
            })?;
        if let Statement::Statement(inner) = &mut statement {
            let mut tables = TableNames::default();
            let _ = inner.visit(&mut tables);
            let mut columns = Vec::new();
            for name in tables.0 {
                if let Ok(table) = self.inner.catalog.find(&name) {
                    columns.extend(table.schema().fields().iter().map(|field| field.name().clone()));
                }
            }
            resolve_case(inner, &columns);
        }
        let plan = state.statement_to_plan(statement).await.map_err(|error| {
            let error = Error::from_datafusion(error);
            match error.kind() {
                // The catalog knows what else could be meant.
                ErrorKind::UnknownTable(name) => self.inner.catalog.find(name).err().unwrap_or(error),
                _ => error,
            }
        })?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)
            .map_err(|_| {
            Error::new(ErrorKind::NotAQuery("only queries are run: SELECT, WITH, VALUES, EXPLAIN".into()))
                .with_hint("files become tables with 'taipan import'")
        })?;
        Ok(plan)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // An engine may be dropped on a server's thread, where waiting for its own threads is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Whether the plan only filters, projects and cuts one source, so that its rows can keep the source's order.
fn streams_in_order(plan: &LogicalPlan) -> bool {
    let mut plain = true;
    let visited = plan.apply(|node| {
        plain &= matches!(
            node,
            LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::Limit(_)
                | LogicalPlan::TableScan(_)
                | LogicalPlan::SubqueryAlias(_)
        );
        Ok(if plain { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    visited.is_ok() && plain
}

/// The relations that a statement names.
#[derive(Default)]
struct TableNames(Vec<String>);

impl Visitor for TableNames {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ast::ObjectName) -> ControlFlow<()> {
        if let Some(ident) = relation.0.last().and_then(|part| part.as_ident()) {
            self.0.push(ident.value.clone());
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EngineOptions;

    #[test]
    fn a_query_may_be_run_from_an_async_task() {
        let engine = Engine::new(&EngineOptions::default()).unwrap();
        let runtime = Builder::new_current_thread().build().unwrap();
        let rows = runtime.block_on(async {
            let batches = engine.sql("SELECT value FROM generate_series(1, 100000) WHERE value % 2 = 0").unwrap();
            batches.map(|batch| batch.unwrap().num_rows()).sum::<usize>()
        });
        assert_eq!(rows, 50_000);
    }
}
