//! `taipan serve`

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, anyhow};
use taipan::{Outcome, Project, ProjectOptions};
use taipan_server::{Proxies, Serving, Tls, Who, machine_name};

use crate::args::{Global, Reach, Serve};
use crate::memory::give_back;
use crate::message::{counted, duration, print_error, printable};
use crate::progress::FileProgress;

pub(crate) fn run(args: &Serve, global: &Global) -> Result<()> {
    let started = Instant::now();
    // Certificates, proxies and the port come first: nobody waits for an import only to learn that one of them is wrong.
    let serving = serving(args, global)?;
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
    let project = opened(&options, global.quiet)?;
    let say = |name: &str, what: &str| say(global.quiet, name, what);
    say("database", project.store().name());
    let serving = if args.dev { develop(serving, args, options, global.quiet) } else { serving };
    let base = base(args, address);
    if !address.ip().is_loopback() && args.tls_cert.is_none() && args.proxy.is_empty() {
        eprintln!(
            "note: passwords and data travel unencrypted; give --tls-cert and --tls-key, or a --proxy that has them"
        );
    }
    taipan_server::run(project, listener, serving, |known| {
        say("", &format!("{base}        tables, models, plots"));
        say("", &format!("{base}/docs   API"));
        if let Some(path) = &known.setup {
            say("administrator", &format!("set one up at {base}{path}   (once)"));
        }
        say("", &format!("ready in {}; Ctrl-C stops", duration(started.elapsed().as_secs_f64())));
        give_back();
    })?;
    Ok(())
}

fn say(quiet: bool, name: &str, what: &str) {
    if !quiet {
        println!("{:<12} {what}", printable(name));
    }
}

/// How it is served, as far as the options say.
fn serving(args: &Serve, global: &Global) -> Result<Serving> {
    let plainly = |error: taipan_server::Error| {
        let text = error.to_string();
        anyhow!("{}", text.split_once(": ").map_or(text.as_str(), |(_, reason)| reason))
    };
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(Tls::from_files(certificate, key).map_err(plainly)?),
        _ => None,
    };
    let who = |reach: Option<Reach>| {
        reach.map(|reach| match reach {
            Reach::Public => Who::Everybody,
            Reach::User => Who::Users,
            Reach::Nobody => Who::Nobody,
        })
    };
    Ok(Serving::new()
        .threads(global.threads)
        .read(who(args.read))
        .write(who(args.write))
        .hosts(args.allow_host.iter().cloned())
        .proxies(Proxies::new(&args.proxy).map_err(plainly)?)
        .tls(tls)
        .access_log(args.access_log)
        .folder(folder(&args.inputs)))
}

/// Opens an application, and imports, trains and draws what changed.
fn opened(options: &ProjectOptions, quiet: bool) -> Result<Project> {
    let project = Project::open(options)?;
    let say = |name: &str, what: &str| say(quiet, name, what);
    for step in project.migrate(&[])?.steps {
        say("migrated", &step.what);
    }
    let progress = FileProgress::new(quiet);
    let imported = project.import_with_progress(
        |done| {
            progress.clear();
            let outcome = match done.outcome {
                Outcome::Done => format!("imported in {}", duration(done.seconds)),
                Outcome::Unchanged | Outcome::Waiting => "unchanged".to_owned(),
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
            Outcome::Waiting => "waits for rows: train it on /admin/jobs".to_owned(),
        };
        say(&done.name, &format!("{}  {}  {outcome}", done.estimator, done.score));
    })?;
    project.draw(|done| say(&done.name, &format!("{} plot  drawn in {}", done.kind, duration(done.seconds))))?;
    Ok(project)
}

/// Follows the application's files, and opens it again when they change.
fn develop(serving: Serving, args: &Serve, options: ProjectOptions, quiet: bool) -> Serving {
    // Importing everything again at each change is nobody's wish.
    let options = options.fresh(false);
    serving.develop(followed(&args.inputs), move || {
        say(quiet, "", "the application changed");
        opened(&options, quiet).inspect_err(|error| print_error(error, 0)).ok()
    })
}

/// The folder of the application: the one that is served, or that of the app file.
fn folder(inputs: &[PathBuf]) -> Option<PathBuf> {
    let input = inputs.first()?;
    if input.is_dir() {
        return Some(input.clone());
    }
    let is_app = input.extension().is_some_and(|extension| extension == "toml");
    let parent = input.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    is_app.then(|| parent.to_owned())
}

/// The files that make an application what it is: those given and, of a folder, all but databases and what lies deeper.
fn followed(inputs: &[PathBuf]) -> Vec<PathBuf> {
    let mut files = inputs.to_vec();
    if let Some(folder) = folder(inputs) {
        files.retain(|input| *input != folder);
        let names = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
        files.extend(names.filter(|path| path.is_file() && !is_database(path)));
        // It may be there later.
        files.push(folder.join("taipan.toml"));
    }
    files.sort();
    files.dedup();
    files
}

fn is_database(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name = ["-wal", "-shm", "-journal"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    [".db", ".sqlite", ".sqlite3"].iter().any(|end| name.ends_with(end)) || name.starts_with('.')
}

/// Where people find it: by name where it listens on all addresses.
fn base(args: &Serve, address: SocketAddr) -> String {
    let (scheme, usual) = if args.tls_cert.is_some() { ("https", 443) } else { ("http", 80) };
    let host = match (args.allow_host.iter().find(|name| !name.starts_with('*')), address.ip()) {
        (Some(name), _) => name.clone(),
        (None, ip) if ip.is_unspecified() => machine_name().unwrap_or_else(|| "localhost".to_owned()),
        (None, IpAddr::V6(ip)) => format!("[{ip}]"),
        (None, IpAddr::V4(ip)) => ip.to_string(),
    };
    let port = address.port();
    if port == usual { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_not_followed() {
        for (name, expected) in [
            ("demo.db", true),
            ("demo.db-wal", true),
            ("demo.sqlite3-journal", true),
            (".hidden", true),
            ("tips.csv", false),
            ("taipan.toml", false),
            ("db.csv", false),
        ] {
            assert_eq!(is_database(Path::new(name)), expected, "{name}");
        }
    }
}
