//! What most programs need: `use taipan::prelude::*;`.

pub use crate::class::{Args, Attribute, CallSite, Class, Error as ClassError, Object, Property, This, Value};
pub use crate::io::fetch::{FetchOptions, Fetched, Fetcher, Keep};
pub use crate::io::{Input, ReadOptions};
pub use crate::learn::model_selection::{TestSize, train_test_split};
pub use crate::learn::{Components, Estimator, LinearRegression, Model, ParamValue, Pca, Predictor};
pub use crate::plotting::{Chart, Data as PlotData, Kind as PlotKind};
pub use crate::query::{Engine, EngineOptions};
pub use crate::runtime::jobs::{NewJob, Runner};
pub use crate::runtime::logging;
pub use crate::runtime::pool::Pool;
pub use crate::runtime::queue::{Queue, Workers};
pub use crate::runtime::scope::{
    AsyncExitStack, ContextManager, Exit, ExitStack, closing_async, managed_file, scope, scope_async, suppress,
    suppress_async,
};
pub use crate::runtime::task::{Semaphore, TaskGroup, as_completed, create_task, gather, run, sleep, timeout};
pub use crate::store::{DurableJobs, Order, Select, Store};
pub use crate::{
    DataFrame, Error, ImportOptions, LazyFrame, Masked, PlotOptions, Project, ProjectOptions, Relation, Series,
    TrainOptions, arange, argument, arguments, col, evaluate, filter_file, flatnonzero, import_file, plot, predict,
    read_csv, read_file, search, train, transform,
};
pub use ndarray::array;
