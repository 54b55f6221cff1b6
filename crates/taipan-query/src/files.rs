//! Data files as tables: `FROM 'tips.csv'`, of which only the columns are parsed that a query names, and where it has a
//! condition those of the rows that meet it.
//!
//! A scan is told by plain data, its [`Recipe`], so that another engine, on another machine, can do it.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use serde::{Deserialize, Serialize};
use taipan_io::{Blocks, Format, Input, ReadOptions, schema_from_json, schema_to_json};

use crate::predicate::{Failure, Predicate, to_sql};

/// An opened file as a table.
#[derive(Clone)]
pub(crate) struct FileTable {
    pub(crate) input: Input,
    /// The name that the catalog has it under.
    pub(crate) key: String,
    pub(crate) settled: Settled,
    /// How it is read, by the names of [`ReadOptions::set`].
    pub(crate) options: Words,
}

/// Names of options and their values.
pub(crate) type Words = Arc<[(String, String)]>;

/// The scan of a file as plain data: what it takes to do it anywhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recipe {
    pub(crate) file: String,
    options: Vec<(String, String)>,
    /// The columns of the file with their types, as [`schema_to_json`] writes them.
    columns: String,
    projection: Option<Vec<usize>>,
    /// The conditions on rows, as SQL.
    filters: Vec<String>,
    partitions: usize,
}

/// How sure the types of a file are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// They were inferred from its first megabytes.
    No,
    /// They were checked against every value.
    Yes,
}

impl FileTable {
    /// Whether its types hold for the whole file.
    pub(crate) fn settled(&self) -> bool {
        self.settled == Settled::Yes || self.input.sampled_rows().1
    }
}

impl fmt::Debug for FileTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileTable({})", self.input.name())
    }
}

#[async_trait]
impl TableProvider for FileTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.input.schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let small = self.input.sampled_rows().1;
        let partitions = if small { 1 } else { state.config().target_partitions() };
        let predicate = Predicate::new(filters, self.input.schema(), state)?;
        let scan = FileScan::new(self.input.clone(), self.options.clone(), projection.cloned(), predicate, partitions)?;
        Ok(Arc::new(scan))
    }

    /// What can be told to another machine is judged here, exactly as the engine would judge it.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let taken = |filter: &&Expr| match to_sql(filter) {
            Some(_) if !filter.is_volatile() => TableProviderFilterPushDown::Exact,
            _ => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(taken).collect())
    }
}

/// The block queue; a failure to open is told to the first partition that asks.
type Opened = std::result::Result<Arc<Blocks>, Mutex<Option<taipan_io::Error>>>;

/// Reads a file. With one partition rows keep their order; several partitions share the file's blocks,
/// each taking the next one when it is free.
pub(crate) struct FileScan {
    input: Input,
    /// The input with what the condition has to say.
    picked: Input,
    options: Words,
    projection: Option<Vec<usize>>,
    predicate: Option<Predicate>,
    properties: Arc<PlanProperties>,
    shared: Arc<OnceLock<Opened>>,
}

impl FileScan {
    fn new(
        input: Input,
        options: Words,
        projection: Option<Vec<usize>>,
        predicate: Option<Predicate>,
        partitions: usize,
    ) -> Result<Self> {
        let picked = match &predicate {
            Some(predicate) => input.clone().pruned(predicate.ranges(input.schema())).picked(predicate.test()),
            None => input.clone(),
        };
        let schema = match &projection {
            Some(columns) => Arc::new(input.schema().project(columns)?),
            None => Arc::clone(input.schema()),
        };
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(partitions.max(1)),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Ok(Self { input, picked, options, projection, predicate, properties, shared: Arc::default() })
    }

    /// The scan as plain data.
    pub(crate) fn recipe(&self) -> Recipe {
        Recipe {
            file: self.input.path().display().to_string(),
            options: self.options.to_vec(),
            columns: schema_to_json(self.input.schema()),
            projection: self.projection.clone(),
            filters: self.predicate.as_ref().map(Predicate::sql).unwrap_or_default(),
            partitions: self.properties.partitioning.partition_count(),
        }
    }

    /// The scan that a recipe tells of. Its types stand, whatever a sample of the file would say.
    pub(crate) fn of_recipe(recipe: &Recipe, options: ReadOptions, state: &SessionState) -> Result<Self> {
        let options = recipe.options.iter().try_fold(options, |options, (name, value)| options.set(name, value));
        let input = Input::open(&recipe.file, &options.map_err(external)?).map_err(external)?;
        let schema = schema_from_json(&recipe.columns).map_err(external)?;
        let input = match input.format() {
            Format::Parquet | Format::Arrow => input,
            _ => {
                let columns = schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone()));
                input.with_columns(columns).map_err(external)?
            }
        };
        let df_schema = DFSchema::try_from(input.schema().as_ref().clone())?;
        let filters = recipe.filters.iter().map(|filter| state.create_logical_expr(filter, &df_schema));
        let filters = filters.collect::<Result<Vec<_>>>()?;
        let predicate = Predicate::new(&filters, input.schema(), state)?;
        Self::new(input, recipe.options.clone().into(), recipe.projection.clone(), predicate, recipe.partitions)
    }

    fn failure(&self) -> Option<Failure> {
        self.predicate.as_ref().map(Predicate::failure)
    }

    /// The block queue, opened by the first partition that runs.
    fn blocks(&self) -> Result<Arc<Blocks>> {
        let opened = self.shared.get_or_init(|| {
            self.picked.blocks(self.projection.as_deref()).map(Arc::new).map_err(|error| Mutex::new(Some(error)))
        });
        match opened {
            Ok(blocks) => Ok(Arc::clone(blocks)),
            Err(slot) => Err(match slot.lock().ok().and_then(|mut slot| slot.take()) {
                Some(error) => external(error),
                None => DataFusionError::Execution(format!("{} could not be opened", self.input.name())),
            }),
        }
    }
}

impl fmt::Debug for FileScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileScan({})", self.input.name())
    }
}

impl DisplayAs for FileScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&str> =
            self.properties.eq_properties.schema().fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "FileScan: file={}, columns=[{}]", self.input.name(), columns.join(", "))?;
        match &self.predicate {
            Some(predicate) => write!(f, ", filters=[{}]", predicate.sql().join(", ")),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for FileScan {
    fn name(&self) -> &'static str {
        "FileScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        let partitions = self.properties.partitioning.partition_count();
        let (input, projection) = (self.input.clone(), self.projection.clone());
        Ok(Arc::new(Self::new(input, self.options.clone(), projection, self.predicate.clone(), partitions)?))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        match &self.predicate {
            Some(predicate) => f(&predicate.physical),
            None => Ok(TreeNodeRecursion::Continue),
        }
    }

    fn execute(&self, _partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema = Arc::clone(self.properties.eq_properties.schema());
        if self.properties.partitioning.partition_count() == 1 {
            let (input, projection) = (self.picked.clone(), self.projection.clone());
            let failure = self.failure();
            let read = move || -> std::result::Result<_, ReadError> {
                let batches = input.batches(projection.as_deref())?;
                Ok(batches.map(move |batch| batch.map_err(|error| ReadError::of(error, failure.as_ref()))))
            };
            return Ok(blocking_stream(schema, read));
        }
        let (blocks, failure) = (self.blocks()?, self.failure());
        let told = move |error| ReadError::of(error, failure.as_ref()).told();
        let batches = futures::stream::iter(std::iter::from_fn(move || match blocks.next_block() {
            Ok(Some(block)) => Some(blocks.parse(block).map_err(&told)),
            Ok(None) => None,
            Err(error) => Some(Err(told(error))),
        }));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

/// Why a file could not be read on.
pub(crate) enum ReadError {
    /// Something is wrong with the file.
    File(taipan_io::Error),
    /// The condition could not be judged.
    Test(DataFusionError),
}

impl ReadError {
    fn of(error: taipan_io::Error, failure: Option<&Failure>) -> Self {
        failure.and_then(Failure::take).map_or(Self::File(error), Self::Test)
    }
}

impl From<taipan_io::Error> for ReadError {
    fn from(error: taipan_io::Error) -> Self {
        Self::File(error)
    }
}

/// What the engine is told of an error.
pub(crate) trait Told {
    fn told(self) -> DataFusionError;
}

impl Told for ReadError {
    fn told(self) -> DataFusionError {
        match self {
            Self::File(error) => external(error),
            Self::Test(error) => error,
        }
    }
}

impl Told for taipan_store::Error {
    fn told(self) -> DataFusionError {
        external(self)
    }
}

/// A stream fed by a blocking iterator that runs on a thread of its own, a few batches ahead.
pub(crate) fn blocking_stream<I, E>(
    schema: SchemaRef,
    open: impl FnOnce() -> std::result::Result<I, E> + Send + 'static,
) -> SendableRecordBatchStream
where
    I: Iterator<Item = std::result::Result<RecordBatch, E>>,
    E: Told + Send + 'static,
{
    let mut builder = RecordBatchReceiverStream::builder(schema, 2);
    let sender = builder.tx();
    builder.spawn_blocking(move || {
        for batch in open().map_err(Told::told)? {
            if sender.blocking_send(Ok(batch.map_err(Told::told)?)).is_err() {
                break;
            }
        }
        Ok(())
    });
    builder.build()
}

/// Wraps a scan's error so that it can be told to several tasks and taken out again.
pub(crate) fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(Arc::new(error)))
}
