//! Data files as tables: `FROM 'tips.csv'`.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use taipan_io::{Blocks, Input};

/// An opened file as a table; only the columns that a query names are parsed.
#[derive(Clone)]
pub(crate) struct FileTable {
    pub(crate) input: Input,
    pub(crate) settled: Settled,
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
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let small = self.input.sampled_rows().1;
        let partitions = if small { 1 } else { state.config().target_partitions() };
        Ok(Arc::new(FileScan::new(self.input.clone(), projection.cloned(), partitions)?))
    }
}

/// The block queue; a failure to open is told to the first partition that asks.
type Opened = std::result::Result<Arc<Blocks>, Mutex<Option<taipan_io::Error>>>;

/// Reads a file. With one partition rows keep their order; several partitions share the file's blocks,
/// each taking the next one when it is free.
struct FileScan {
    input: Input,
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
    shared: Arc<OnceLock<Opened>>,
}

impl FileScan {
    fn new(input: Input, projection: Option<Vec<usize>>, partitions: usize) -> Result<Self> {
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
        Ok(Self { input, projection, properties, shared: Arc::default() })
    }

    /// The block queue, opened by the first partition that runs.
    fn blocks(&self) -> Result<Arc<Blocks>> {
        let opened = self.shared.get_or_init(|| {
            self.input.blocks(self.projection.as_deref()).map(Arc::new).map_err(|error| Mutex::new(Some(error)))
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
        write!(f, "FileScan: file={}, columns=[{}]", self.input.name(), columns.join(", "))
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
        Ok(Arc::new(Self::new(self.input.clone(), self.projection.clone(), partitions)?))
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, _partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema = Arc::clone(self.properties.eq_properties.schema());
        if self.properties.partitioning.partition_count() == 1 {
            let (input, projection) = (self.input.clone(), self.projection.clone());
            let read = move || input.batches(projection.as_deref());
            return Ok(blocking_stream(schema, read));
        }
        let blocks = self.blocks()?;
        let batches = futures::stream::iter(std::iter::from_fn(move || match blocks.next_block() {
            Ok(Some(block)) => Some(blocks.parse(block).map_err(external)),
            Ok(None) => None,
            Err(error) => Some(Err(external(error))),
        }));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

/// A stream fed by a blocking iterator that runs on a thread of its own, a few batches ahead.
pub(crate) fn blocking_stream<I, E>(
    schema: SchemaRef,
    open: impl FnOnce() -> std::result::Result<I, E> + Send + 'static,
) -> SendableRecordBatchStream
where
    I: Iterator<Item = std::result::Result<RecordBatch, E>>,
    E: std::error::Error + Send + Sync + 'static,
{
    let mut builder = RecordBatchReceiverStream::builder(schema, 2);
    let sender = builder.tx();
    builder.spawn_blocking(move || {
        for batch in open().map_err(external)? {
            if sender.blocking_send(Ok(batch.map_err(external)?)).is_err() {
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
