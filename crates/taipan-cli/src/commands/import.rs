//! `taipan import`

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, bail};
use taipan::io::{expand, table_name};
use taipan::{Error, ImportOptions, NewStore, Outcome, Replace, import_file};

use crate::args::{Global, Import};
use crate::message::{counted, duration, printable};
use crate::progress::FileProgress;

pub(crate) fn run(args: &Import, global: &Global) -> Result<()> {
    let files: Vec<PathBuf> = expand(&args.inputs).map_err(Error::from)?;
    if let (Some(table), true) = (&args.table, files.len() > 1) {
        bail!("--table {table} names one table, and there are {} files", files.len());
    }
    let mut tables = BTreeMap::new();
    for file in &files {
        if let (Some(first), None) = (tables.insert(table_name(file), file), &args.table) {
            let (first, second, table) = (first.display(), file.display(), table_name(file));
            bail!("{first} and {second} both make the table '{table}'; import one of them with --table");
        }
    }
    let store = NewStore::open(&args.db)?;
    let options = ImportOptions::default()
        .table(args.table.clone())
        .primary_key(args.primary_key.clone())
        .indexes(args.index.clone())
        .replace(if args.replace { Replace::Any } else { Replace::SameFile });
    let progress = FileProgress::new(global.quiet);
    for file in &files {
        let name = file.display().to_string();
        let done = import_file(store.get(), file, &options, &|read, total| progress.update(&name, read, total));
        progress.clear();
        let done = done?;
        if global.quiet {
            continue;
        }
        let table = printable(&done.table);
        let (rows, columns) = (counted(done.rows, "row"), counted(done.columns as u64, "column"));
        match done.outcome {
            Outcome::Done => eprintln!("imported   {rows} → {table} ({columns}) in {}", duration(done.seconds)),
            Outcome::Unchanged => eprintln!("unchanged  {rows} in {table} ({columns})"),
        }
    }
    Ok(())
}
