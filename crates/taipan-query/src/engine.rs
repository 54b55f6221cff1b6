//! The engine: a planner, its threads and its memory.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, SchemaProvider};
use datafusion::common::Column;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{self, Visit, Visitor};
use taipan_store::Store;
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, ErrorKind, Result};
use crate::names::resolve;
use crate::rows::Rows;
use crate::shape::Shape;
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
        self.run(Query { text: text.to_owned(), columns: None })
    }

    /// The same, of whose columns only `columns` are wanted, in that order.
    ///
    /// Errors: besides those of [`sql`](Self::sql), [`ErrorKind::UnknownColumn`] with the nearest name.
    pub fn select(&self, text: &str, columns: &[String]) -> Result<Rows> {
        self.run(Query { text: text.to_owned(), columns: Some(columns.to_vec()) })
    }

    fn run(&self, query: Query) -> Result<Rows> {
        let started = self.start(&query, Types::AsNeeded)?;
        Ok(Rows::new(self.clone(), query, started))
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

    /// Starts the query again after the types of its files have been settled by reading them whole.
    pub(crate) fn start_settled(&self, query: &Query) -> Result<Started> {
        self.start(query, Types::Settled)
    }

    fn start(&self, query: &Query, types: Types) -> Result<Started> {
        self.block_on(async {
            let mut state = self.inner.session.state();
            let mut plan = match self.optimized(query, &state).await {
                // What does not fit the types inferred so far may fit those of the whole files.
                Err(error) if error.is_about_types() && self.inner.catalog.settle_all()? => {
                    self.optimized(query, &state).await?
                }
                plan => plan?,
            };
            let shape = Shape::of(&plan);
            if types == Types::Settled || shape.must_settle() {
                for (input, columns) in shape.unsettled {
                    self.inner.catalog.settle(&input, columns.as_deref())?;
                }
                plan = self.optimized(query, &state).await?;
            }
            if shape.in_order {
                state.config_mut().options_mut().execution.target_partitions = 1;
            }
            let schema = Arc::clone(plan.schema().inner());
            let physical = state.query_planner().create_physical_plan(&plan, &state).await;
            let physical = physical.map_err(Error::from_datafusion)?;
            let stream = execute_stream(physical, state.task_ctx()).map_err(Error::from_datafusion)?;
            Ok(Started { schema, stream, resumable: shape.bare })
        })?
    }

    async fn optimized(&self, query: &Query, state: &SessionState) -> Result<LogicalPlan> {
        let mut plan = self.plan(&query.text, state).await?;
        if let Some(columns) = &query.columns {
            let wanted = columns.iter().map(|name| Expr::Column(Column::from_name(name)));
            plan = LogicalPlanBuilder::from(plan)
                .project(wanted)
                .and_then(LogicalPlanBuilder::build)
                .map_err(Error::from_datafusion)?;
        }
        // EXPLAIN is a plan of its own; the planner optimises what it explains.
        match plan {
            LogicalPlan::Explain(_) => Ok(plan),
            plan => state.optimize(&plan).map_err(Error::from_datafusion),
        }
    }

    async fn plan(&self, text: &str, state: &SessionState) -> Result<LogicalPlan> {
        if text.trim().is_empty() {
            return Err(Error::new(ErrorKind::NotAQuery("the query is empty".into())));
        }
        let dialect = state.config().options().sql_parser.dialect;
        let mut statement = state.sql_to_statement(text, &dialect).map_err(Error::from_datafusion)?;
        if let Statement::Statement(inner) = &mut statement {
            let mut tables = TableNames::default();
            let _ = inner.visit(&mut tables);
            let mut columns = Vec::new();
            for name in tables.0 {
                if let Ok(table) = self.inner.catalog.find(&name) {
                    columns.extend(table.schema().fields().iter().map(|field| field.name().clone()));
                }
            }
            resolve(inner, &columns);
        }
        let plan = state.statement_to_plan(statement).await.map_err(|error| {
            let error = Error::from_datafusion(error);
            match error.kind() {
                // The catalog knows what else could be meant.
                ErrorKind::UnknownTable(name) => self.inner.catalog.find(name).err().unwrap_or(error),
                _ => error,
            }
        })?;
        let only_queries = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        only_queries.verify_plan(&plan).map_err(|_| Error::not_a_query())?;
        Ok(plan)
    }
}

/// What was asked for.
#[derive(Clone)]
pub(crate) struct Query {
    text: String,
    columns: Option<Vec<String>>,
}

/// A query that runs.
pub(crate) struct Started {
    pub(crate) schema: SchemaRef,
    pub(crate) stream: SendableRecordBatchStream,
    /// Whether wider types would give the same rows in the same order.
    pub(crate) resumable: bool,
}

/// How sure the types of files must be before a query starts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Types {
    AsNeeded,
    Settled,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // An engine may be dropped on a server's thread, where waiting for its own threads is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
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
