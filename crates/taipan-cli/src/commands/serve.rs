//! `taipan serve`

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

use anyhow::{Result, anyhow};
use taipan::{Outcome, Project, ProjectOptions};

use crate::args::{Global, Serve};
use crate::message::{counted, duration, printable};
use crate::progress::FileProgress;

pub(crate) fn run(args: &Serve, global: &Global) -> Result<()> {
    let started = Instant::now();
    // The port is taken first: nobody waits for an import only to learn that it is in use.
    let address = SocketAddr::new(args.host, args.port);
    let listener = TcpListener::bind(address).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => anyhow!("{address} is in use by another program; choose another port with --port"),
        ErrorKind::PermissionDenied => anyhow!("{address}: permission denied; choose a port above 1023 with --port"),
        _ => anyhow!("{address}: {error}"),
    })?;
    let address = listener.local_addr()?;

    let options = ProjectOptions::new(&args.inputs)
        .database(args.db.clone())
        .fresh(args.fresh)
        .threads(global.threads)
        .memory_limit(global.memory_limit);
    let project = Project::open(&options)?;
    let say = |name: &str, what: &str| {
        if !global.quiet {
            println!("{:<12} {what}", printable(name));
        }
    };
    for step in project.migrate(&[])?.steps {
        say("migrated", &step.what);
    }
    let progress = FileProgress::new(global.quiet);
    let imported = project.import_with_progress(
        |done| {
            progress.clear();
            let outcome = match done.outcome {
                Outcome::Done => format!("imported in {}", duration(done.seconds)),
                Outcome::Unchanged => "unchanged".to_owned(),
            };
            say(&done.table, &format!("{:>14}  {outcome}", counted(done.rows, "row")));
            if let Some(path) = &done.rejected_to {
                eprintln!("rejected  {} → {}", counted(done.rejects, "record"), path.display());
            }
        },
        &|path, read, total| progress.update(&path.display().to_string(), read, total),
    );
    progress.clear();
    imported?;
    project.train(|done| {
        let outcome = match done.outcome {
            Outcome::Done => format!("trained in {}", duration(done.seconds)),
            Outcome::Unchanged => "unchanged".to_owned(),
        };
        say(&done.name, &format!("{}  {}  {outcome}", done.estimator, done.score));
    })?;
    project.draw(|done| say(&done.name, &format!("{} plot  drawn in {}", done.kind, duration(done.seconds))))?;
    say("database", project.store().name());
    taipan_server::run(project, listener, global.threads, |known| {
        say("", &format!("http://{address}        tables, models, plots"));
        say("", &format!("http://{address}/docs   API"));
        if let Some(path) = &known.setup {
            say("administrator", &format!("set one up at http://{address}{path}   (once)"));
        }
        say("", &format!("ready in {}; Ctrl-C stops", duration(started.elapsed().as_secs_f64())));
    })?;
    Ok(())
}
