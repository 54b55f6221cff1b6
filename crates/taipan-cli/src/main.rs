//! The command `taipan`: arguments in, printing and exit codes out. The work is done by the library `taipan`.

mod args;
mod commands;
mod interrupt;
mod memory;
mod message;
mod output;
mod progress;
mod reading;
mod table;

use std::process::ExitCode;

use clap::Parser as _;
use taipan::runtime::logging;

use crate::args::{Arguments, Command, Global};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let Arguments { command, global } = Arguments::parse();
    if let Err(error) = begin_log(&global) {
        message::print_error(&anyhow::Error::from(error), global.verbose);
        return ExitCode::FAILURE;
    }
    if let Some(threads) = global.threads {
        // Where the system refuses, files are read on as many threads as there are cores.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build_global();
    }
    let result = match command {
        Command::Head(args) => commands::head::run(&args, &global),
        Command::Fetch(args) => commands::fetch::run(&args, &global),
        Command::Schema(args) => commands::schema::run(&args, &global),
        Command::Validate(args) => commands::validate::run(&args, &global),
        Command::Filter(args) => commands::filter::run(&args, &global),
        Command::Query(args) => commands::query::run(&args, &global),
        Command::Convert(args) => commands::convert::run(&args, &global),
        Command::Import(args) => commands::import::run(&args, &global),
        Command::Train(args) => commands::train::run(&args, &global),
        Command::Search(args) => commands::search::run(&args, &global),
        Command::Evaluate(args) => commands::evaluate::run(&args, &global),
        Command::Predict(args) => commands::predict::run(&args, &global),
        Command::Transform(args) => commands::transform::run(&args, &global),
        Command::Export(args) => commands::export::run(&args, &global),
        Command::Estimators(args) => commands::estimators::run(&args),
        Command::Plot(args) => commands::plot::run(&args, &global),
        Command::Report(args) => commands::report::run(&args, &global),
        Command::Backup(args) => commands::backup::run(&args, &global),
        Command::Restore(args) => commands::backup::restore(&args, &global),
        Command::Serve(args) => commands::serve::run(&args, &global),
        Command::Jobs(args) => commands::jobs::run(&args),
        Command::Migrate(args) => commands::migrate::run(&args, &global),
        Command::Check(args) => commands::check::run(&args, &global),
        Command::Classes(args) => commands::classes::run(&args),
        Command::Completions(args) => commands::completions::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output has seen enough (`taipan query … | head`).
        Err(error) if message::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            message::print_error(&error, global.verbose);
            ExitCode::FAILURE
        }
    }
}

/// What the libraries and the application log goes to standard error, from the wanted level up.
fn begin_log(global: &Global) -> Result<(), taipan::runtime::Error> {
    logging::basic_config().level(global.level()).format("{asctime} {levelname} {name}: {message}{fields}").init()?;
    let threads =
        global.threads.map_or_else(|| "a thread for each core".to_owned(), |threads| format!("{threads} threads"));
    logging::debug!(logger: logging::get_logger("taipan"), "taipan {}, {threads}", env!("CARGO_PKG_VERSION"));
    Ok(())
}
