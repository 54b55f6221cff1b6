//! `taipan import`

use std::path::PathBuf;

use anyhow::{Result, bail};
use taipan::io::expand;
use taipan::store::Store;
use taipan::{Error, ImportOptions, Outcome, import_file};

use crate::args::{Global, Import};
use crate::message::{counted, duration};
use crate::progress::FileProgress;

pub(crate) fn run(args: &Import, global: &Global) -> Result<()> {
    let files: Vec<PathBuf> = expand(&args.inputs).map_err(Error::from)?;
    if let (Some(table), true) = (&args.table, files.len() > 1) {
        bail!("--table {table} names one table, and there are {} files", files.len());
    }
    let store = Store::open(&args.db).map_err(Error::from)?;
    let options = ImportOptions::default()
        .table(args.table.clone())
        .primary_key(args.primary_key.clone())
        .indexes(args.index.clone())
        .replace(args.replace);
    let progress = FileProgress::new(global.quiet);
    for file in &files {
        let name = file.display().to_string();
        let done = import_file(&store, file, &options, &|read, total| progress.update(&name, read, total));
        progress.clear();
        let done = done?;
        if global.quiet {
            continue;
        }
        let (rows, columns) = (counted(done.rows, "row"), counted(done.columns as u64, "column"));
        match done.outcome {
            Outcome::Done => eprintln!("imported   {rows} → {} ({columns}) in {}", done.table, duration(done.seconds)),
            Outcome::Unchanged => eprintln!("unchanged  {rows} in {} ({columns})", done.table),
        }
    }
    Ok(())
}
