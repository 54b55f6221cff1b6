//! `taipan backup` and `taipan restore`

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use taipan::{Error, NewStore, open_database};

use crate::args::{Backup, Global, Restore};
use crate::message::{counted, duration};

pub(crate) fn run(args: &Backup, global: &Global) -> Result<()> {
    let start = Instant::now();
    let store = open_database(&args.db)?;
    store.backup(&args.output).map_err(Error::from)?;
    if !global.quiet {
        let (name, size) = (args.output.display(), size(&args.output));
        eprintln!(
            "copied     {} → {name} ({size}), checked, in {}",
            store.name(),
            duration(start.elapsed().as_secs_f64())
        );
    }
    Ok(())
}

pub(crate) fn restore(args: &Restore, global: &Global) -> Result<()> {
    let start = Instant::now();
    let store = NewStore::open(&args.db)?;
    store.get().restore(&args.file).map_err(Error::from)?;
    if !global.quiet {
        let tables = store.get().tables().map_err(Error::from)?.len();
        let (name, tables) = (store.get().name(), counted(tables as u64, "table"));
        eprintln!(
            "restored   {} → {name} ({tables}) in {}",
            args.file.display(),
            duration(start.elapsed().as_secs_f64())
        );
    }
    Ok(())
}

fn size(file: &Path) -> String {
    let bytes = std::fs::metadata(file).map_or(0, |file| file.len());
    if bytes < 1 << 20 { format!("{} KiB", bytes.div_ceil(1 << 10)) } else { format!("{} MiB", bytes >> 20) }
}
