//! Joins by a comparison, which keep one side in memory, kept from going on where it does not fit.
//!
//! DataFusion 55 would then start that side a second time and go on with the disk's help. But what a scan's partitions
//! share among them, and what is dealt out to several, is there only once, so rows would be missing
//! (apache/datafusion#24676); and rows without a match would be told once for each partition (#22641). Where there is no
//! disk it does not try, and the query fails with what it lacks.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::{ReplaceChildrenOptions, replace_children_if_necessary};
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

/// The plan with such joins in memory alone; what they join may use the disk as before.
pub(crate) fn in_memory(plan: Arc<dyn ExecutionPlan>, state: &SessionState) -> Result<Arc<dyn ExecutionPlan>> {
    if !plan.exists(|plan| Ok(is_held(plan)))? {
        return Ok(plan);
    }
    let disk = Arc::new(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled).build()?);
    let without_disk = Arc::new(RuntimeEnv { disk_manager: disk, ..state.runtime_env().as_ref().clone() });
    let without_disk = Arc::new(TaskContext::from(state).with_runtime(without_disk));
    let with_disk = state.task_ctx();
    let done = plan.transform_up(|plan| {
        if !is_held(&plan) {
            return Ok(Transformed::no(plan));
        }
        let sides = plan.children().into_iter().map(|side| With::of(side, &with_disk)).collect();
        let join = replace_children_if_necessary(plan, sides)?;
        Ok(Transformed::yes(With::of(&join, &without_disk)))
    });
    Ok(done?.data)
}

fn is_held(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.downcast_ref::<NestedLoopJoinExec>().is_some()
}

/// A part of a plan that runs with means of its own.
struct With {
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
}

impl With {
    fn of(plan: &Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self { plan: Arc::clone(plan), context: Arc::clone(context) })
    }
}

impl fmt::Debug for With {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("With").field(&self.plan).finish()
    }
}

impl DisplayAs for With {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_disk = self.context.runtime_env().disk_manager.tmp_files_enabled();
        write!(f, "With: disk={has_disk}")
    }
}

impl ExecutionPlan for With {
    fn name(&self) -> &'static str {
        "With"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.plan.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.plan]
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(children.first().map_or(Arc::clone(&self) as Arc<dyn ExecutionPlan>, |plan| Self::of(plan, &self.context)))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(children.first().map_or(Arc::clone(&self) as Arc<dyn ExecutionPlan>, |plan| Self::of(plan, &self.context)))
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.plan.execute(partition, Arc::clone(&self.context))
    }
}
