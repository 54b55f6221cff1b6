//! `taipan plot`

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anyhow::{Result, bail};
use taipan::io::AtomicFile;
use taipan::plotting::{Field, Ink, Kind, Picture, Theme};
use taipan::{Error, PlotOptions, Relation};

use super::{engine, relation};
use crate::args::{self, Global, Plot};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Svg,
    Png,
    Html,
}

pub(crate) fn run(args: &Plot, global: &Global) -> Result<()> {
    let kind: Kind = args.kind.parse().map_err(Error::from)?;
    // A name that ends in nothing known is told before anything is read.
    let form = args.output.as_deref().map(form).transpose()?;
    let engine = engine(global, args.db.as_deref())?;
    let options = options(args, kind)?;
    let picture = if kind.is_of_model() || args.rows.is_some() {
        let model = taipan::load_model(Path::new(&args.source))?;
        let rows: Option<Relation> = args.rows.as_deref().map(relation);
        taipan::plot_model(&engine, &model, rows.as_ref(), &options)?
    } else {
        taipan::plot(&engine, &relation(&args.source), &options)?
    };
    match (&args.output, form) {
        (Some(path), Some(form)) if path.as_os_str() != "-" => {
            let mut file = AtomicFile::create(path).map_err(Error::from)?;
            file.write_all(&written(&picture, form, args.scale)?)?;
            file.commit().map_err(Error::from)?;
            if !global.quiet {
                eprintln!("wrote {}{}", path.display(), left_out(&picture));
            }
        }
        (Some(_), _) => io::stdout().lock().write_all(picture.svg().as_bytes())?,
        (None, _) => show(&picture)?,
    }
    Ok(())
}

fn options(args: &Plot, kind: Kind) -> Result<PlotOptions> {
    let theme = match args.theme {
        args::Theme::Light => Theme::Light,
        args::Theme::Dark => Theme::Dark,
        args::Theme::Print => Theme::Print,
    };
    let size = match (args.width, args.height) {
        (None, None) => None,
        (width, height) => Some((width.unwrap_or(720), height.unwrap_or(480))),
    };
    let (parameter, values) = match &args.parameter {
        None => (None, Vec::new()),
        Some((name, values)) => {
            let Ok(values) = values.split(',').map(|v| v.trim().parse::<f64>()).collect::<Result<Vec<f64>, _>>() else {
                bail!("--parameter {name}={values}: expected numbers with commas between them");
            };
            (Some(name.clone()), values)
        }
    };
    let mut options = PlotOptions::new(kind)
        .set(Field::X, args.x.clone())
        .set(Field::Y, args.y.clone())
        .set(Field::Color, args.color.clone())
        .set(Field::Size, args.size.clone())
        .set(Field::Style, args.style.clone())
        .set(Field::Facet, args.facet.clone())
        .columns(&args.columns)
        .fit(args.fit)
        .log_x(args.log_x)
        .log_y(args.log_y)
        .bins(args.bins)
        .theme(theme);
    (options.title, options.size) = (args.title.clone(), size);
    (options.parameter, options.values) = (parameter, values);
    Ok(options)
}

fn form(path: &Path) -> Result<Form> {
    let end = path.extension().and_then(|end| end.to_str()).map(str::to_ascii_lowercase);
    if path.as_os_str() == "-" {
        return Ok(Form::Svg);
    }
    Ok(match end.as_deref() {
        Some("svg") => Form::Svg,
        Some("png") => Form::Png,
        Some("html" | "htm") => Form::Html,
        _ => bail!("{}: the name does not end in svg, png or html", path.display()),
    })
}

fn written(picture: &Picture, form: Form, scale: f64) -> Result<Vec<u8>> {
    Ok(match form {
        Form::Svg => picture.svg().into_bytes(),
        Form::Png => taipan::png(picture, scale)?,
        Form::Html => picture.html().into_bytes(),
    })
}

/// In the terminal, as large as it is; elsewhere as text of 100 by 30 characters.
fn show(picture: &Picture) -> Result<()> {
    let terminal = io::stdout().is_terminal();
    let (columns, rows) = match terminal_size::terminal_size() {
        Some((terminal_size::Width(columns), terminal_size::Height(rows))) if terminal => {
            (usize::from(columns), usize::from(rows).saturating_sub(2).min(40))
        }
        _ => (100, 30),
    };
    let plain = !terminal || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let text = picture.terminal(columns, rows, if plain { Ink::Plain } else { Ink::Color });
    io::stdout().lock().write_all(text.as_bytes())?;
    if picture.dropped() > 0 {
        eprintln!("{} rows drawn{}", picture.drawn(), left_out(picture));
    }
    Ok(())
}

fn left_out(picture: &Picture) -> String {
    match picture.dropped() {
        0 => String::new(),
        1 => ", 1 row left out for want of a value".to_owned(),
        rows => format!(", {rows} rows left out for want of a value"),
    }
}
