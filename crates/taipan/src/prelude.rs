//! What most programs need: `use taipan::prelude::*;`.

pub use crate::class::{Args, Attribute, CallSite, Class, Error as ClassError, Object, Property, This, Value};
pub use crate::io::{Input, ReadOptions};
pub use crate::learn::Model;
pub use crate::query::{Engine, EngineOptions};
pub use crate::store::Store;
pub use crate::{
    Error, ImportOptions, PlotOptions, Project, ProjectOptions, Relation, TrainOptions, evaluate, import_file, plot,
    predict, search, train, transform,
};
