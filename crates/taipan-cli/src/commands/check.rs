//! `taipan check`

use anyhow::Result;
use taipan::config::{Config, FILE_NAME};

use crate::args::{Check, Global};
use crate::message::counted;

pub(crate) fn run(args: &Check, global: &Global) -> Result<()> {
    let path = if args.file.is_dir() { args.file.join(FILE_NAME) } else { args.file.clone() };
    let config = Config::load(&path)?;
    if !global.quiet {
        let (sources, models, plots) = (config.sources.len(), config.models.len(), config.plots.len());
        let classes = match config.classes.iter().count() {
            0 => String::new(),
            1 => ", 1 class".to_owned(),
            more => format!(", {more} classes"),
        };
        eprintln!(
            "{}: ok, {}, {}, {}{classes}",
            path.display(),
            counted(sources as u64, "source"),
            counted(models as u64, "model"),
            counted(plots as u64, "plot")
        );
    }
    Ok(())
}
