//! `taipan plot`

use std::io::{self, Write};

use anyhow::Result;
use taipan::io::AtomicFile;
use taipan::plotting::{Kind, Theme};
use taipan::{Error, PlotOptions};

use super::{engine, relation};
use crate::args::{self, Global, Plot};

pub(crate) fn run(args: &Plot, global: &Global) -> Result<()> {
    let kind: Kind = args.kind.parse().map_err(Error::from)?;
    let engine = engine(global, args.db.as_deref())?;
    let theme = match args.theme {
        args::Theme::Light => Theme::Light,
        args::Theme::Dark => Theme::Dark,
    };
    let options = PlotOptions::new(kind, &args.x)
        .y(args.y.clone())
        .color(args.color.clone())
        .title(args.title.clone())
        .theme(theme);
    let svg = taipan::plot(&engine, &relation(&args.source), &options)?;
    match &args.output {
        Some(path) if path.as_os_str() != "-" => {
            let mut file = AtomicFile::create(path).map_err(Error::from)?;
            file.write_all(svg.as_bytes())?;
            file.commit().map_err(Error::from)?;
            if !global.quiet {
                eprintln!("wrote {}", path.display());
            }
        }
        _ => io::stdout().lock().write_all(svg.as_bytes())?,
    }
    Ok(())
}
