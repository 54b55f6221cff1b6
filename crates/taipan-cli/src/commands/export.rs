//! `taipan export`

use std::io::Write as _;

use anyhow::Result;
use taipan::io::AtomicFile;
use taipan::{Error, export_onnx, load_model};

use crate::args::{Export, Global};

pub(crate) fn run(args: &Export, global: &Global) -> Result<()> {
    let bytes = export_onnx(&load_model(&args.model)?)?;
    let path = args.output.clone().unwrap_or_else(|| args.model.with_extension("onnx"));
    let mut file = AtomicFile::create(&path).map_err(Error::from)?;
    file.write_all(&bytes)?;
    file.commit().map_err(Error::from)?;
    if !global.quiet {
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}
