//! `taipan transform`

use anyhow::Result;

use super::predict::print;
use super::{engine, relation};
use crate::args::{Global, Transform};
use crate::message::counted;

pub(crate) fn run(args: &Transform, global: &Global) -> Result<()> {
    let model = taipan::load_model(&args.model)?;
    let engine = engine(global, args.db.as_deref())?;
    let rows = taipan::transform(&engine, &model, &relation(&args.source))?;
    let printed = print(rows, &args.printing)?;
    if !global.quiet {
        eprintln!("{} transformed by {}", counted(printed, "row"), model.estimator);
    }
    Ok(())
}
