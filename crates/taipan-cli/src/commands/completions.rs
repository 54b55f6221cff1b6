//! `taipan completions`

use std::io::{self, Write};

use anyhow::Result;
use clap::CommandFactory;

use crate::args::{Arguments, Completions};

pub(crate) fn run(args: &Completions) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "taipan", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(())
}
