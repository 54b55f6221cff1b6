//! `taipan import`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use taipan::io::{expand, table_name};
use taipan::{Drift, Error, Existing, ImportOptions, Imported, NewStore, Outcome, import_file};

use crate::args::{Global, Import, OnDrift};
use crate::message::{counted, duration, printable};
use crate::progress::FileProgress;

pub(crate) fn run(args: &Import, global: &Global) -> Result<()> {
    let files: Vec<PathBuf> = expand(&args.inputs).map_err(Error::from)?;
    if args.table.is_none() {
        each_its_table(&files)?;
    }
    let reading = args.rejecting.apply(args.reading.options(global)?);
    // With checkpoints it is read at once what there is, and many small commits are better off with a log.
    let open = if args.checkpoint.is_none() { NewStore::open_alone } else { NewStore::open };
    let store = open(&args.db)?;
    let options = ImportOptions::default()
        .table(args.table.clone())
        .primary_key(args.primary_key.clone())
        .keyless(args.table.is_some() && files.len() > 1)
        .indexes(args.index.clone())
        .reading(reading)
        .drift(match args.on_drift {
            OnDrift::Fail => Drift::Fail,
            OnDrift::Add => Drift::Add,
            OnDrift::Ignore => Drift::Ignore,
        })
        .checkpoint(args.checkpoint)
        .rejects(args.rejects.clone());
    let progress = FileProgress::new(global.quiet);
    for (number, file) in files.iter().enumerate() {
        let existing = match (args.replace, &args.table) {
            // The table that the first file replaced takes the others.
            (true, table) if table.is_none() || number == 0 => Existing::ReplaceAny,
            (_, Some(_)) => Existing::Add,
            (_, None) => Existing::ReplaceOwn,
        };
        let name = file.display().to_string();
        let options = options.clone().existing(existing);
        let done = import_file(store.get(), file, &options, &|read, total| {
            progress.update(&name, read, total.max(read));
        });
        progress.clear();
        tell(&done?, global);
    }
    Ok(())
}

/// Refuses two files that would make one table.
fn each_its_table(files: &[PathBuf]) -> Result<()> {
    let mut tables = BTreeMap::new();
    for file in files {
        if file == Path::new("-") {
            bail!("say with --table what standard input is imported into");
        }
        if let Some(first) = tables.insert(table_name(file), file) {
            let (first, second, table) = (first.display(), file.display(), table_name(file));
            bail!("{first} and {second} both make the table '{table}'; name one table for all with --table");
        }
    }
    Ok(())
}

fn tell(done: &Imported, global: &Global) {
    let source = printable(&done.source);
    if let Some(path) = &done.rejected_to {
        eprintln!("rejected   {} → {}", counted(done.rejects, "record"), path.display());
    }
    if global.quiet {
        return;
    }
    let names = |names: &[String]| printable(&names.join(", "));
    if !done.left_out.is_empty() {
        eprintln!("left out   {source}: {}", names(&done.left_out));
    }
    if !done.added.is_empty() {
        eprintln!("added      {source}: {}", names(&done.added));
    }
    let table = printable(&done.table);
    let (rows, columns) = (counted(done.rows, "row"), counted(done.columns as u64, "column"));
    if done.outcome == Outcome::Unchanged {
        eprintln!("unchanged  {rows} in {table} ({columns})");
        return;
    }
    if done.resumed > 0 {
        eprintln!("resumed    {source}: behind {}", counted(done.resumed, "row"));
    }
    let rejects = counted(done.rejects, "reject");
    eprintln!("imported   {rows} → {table} ({columns}, {rejects}) in {}", duration(done.seconds));
}
