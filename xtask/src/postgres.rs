//! The server behind the database tests: finds or installs PostgreSQL, starts a cluster of its own in a temporary folder,
//! and removes both at the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{cargo, http, install};

/// The user and the database of the tests.
const NAME: &str = "taipan";
const PASSWORD: &str = "a test's secret";
/// The same in a URL.
const PASSWORD_IN_URL: &str = "a%20test%27s%20secret";

/// Whether commits are on the disk when they return, which tests need not wait for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    None,
    Full,
}

/// A running server; dropping it stops it and removes its files.
pub(crate) struct Postgres {
    process: Child,
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
}

impl Postgres {
    /// Starts a server on a free port and waits until it answers.
    pub(crate) fn start(durability: Durability) -> Result<Self> {
        let programs = if let Some(programs) = programs() {
            programs
        } else {
            install::debian_packages(&["postgresql"], "the database tests")?;
            programs().context("the database tests need PostgreSQL's initdb and postgres, found nowhere")?
        };
        let port = http::free_port()?;
        let folder = std::env::temp_dir().join(format!("taipan-postgres-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        if is_root() {
            // The server refuses to run as root.
            cargo::run(Command::new("chown").arg("postgres:").arg(&folder))?;
        }
        let removed = Folder(folder.clone());
        let process = launch(&programs, &folder, port, durability)?;
        std::mem::forget(removed);
        let mut server = Self { process, programs, folder, port };
        server.wait()?;
        let mut create = server.command("psql");
        create.env("PGPASSWORD", PASSWORD).args(["-q", "-h", "127.0.0.1", "-U", NAME, "-d", "postgres"]);
        create.arg("-p").arg(port.to_string()).args(["-c", &format!("CREATE DATABASE {NAME}")]);
        cargo::run(&mut create)?;
        Ok(server)
    }

    /// Where a client connects.
    pub(crate) fn url(&self) -> String {
        format!("postgres://{NAME}:{PASSWORD_IN_URL}@127.0.0.1:{}/{NAME}", self.port)
    }

    /// The certificate that the server shows, if it has one.
    pub(crate) fn certificate(&self) -> Option<PathBuf> {
        Some(self.folder.join("server.crt")).filter(|file| file.exists())
    }

    fn command(&self, program: &str) -> Command {
        as_its_user(&self.programs.join(program))
    }

    fn wait(&mut self) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_mins(1) {
            if let Some(status) = self.process.try_wait()? {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                bail!("postgres ended at once, {status}:\n{log}");
            }
            let mut ask = self.command("pg_isready");
            ask.args(["-q", "-h", "127.0.0.1", "-p"]).arg(self.port.to_string());
            if ask.status().is_ok_and(|status| status.success()) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("postgres did not answer within a minute")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = self.command("pg_ctl");
        stop.arg("stop").arg("-s").arg("-D").arg(self.folder.join("data")).args(["-m", "immediate", "-t", "20"]);
        if !stop.status().is_ok_and(|status| status.success()) {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A folder that goes when starting fails.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The folder of PostgreSQL's programs, of the newest version there is.
fn programs() -> Option<PathBuf> {
    let whole = |folder: &Path| ["initdb", "postgres", "pg_ctl"].iter().all(|name| folder.join(name).exists());
    let version = |folder: &Path| folder.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = installed.map(|entry| entry.path().join("bin")).filter(|bin| whole(bin)).collect();
    folders.sort_by_key(|folder| version(folder));
    let on_path = || install::find("initdb")?.parent().map(Path::to_owned).filter(|folder| whole(folder));
    folders.pop().or_else(on_path)
}

/// Makes a cluster and starts its server.
fn launch(programs: &Path, folder: &Path, port: u16, durability: Durability) -> Result<Child> {
    let secret = folder.join("password");
    fs::write(&secret, PASSWORD)?;
    let data = folder.join("data");
    if is_root() {
        cargo::run(Command::new("chown").arg("postgres:").arg(&secret))?;
    }
    let mut make = as_its_user(&programs.join("initdb"));
    make.arg("-D").arg(&data).args(["-U", NAME, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
    make.args(["--auth=scram-sha-256", "--pwfile"]).arg(&secret);
    cargo::run(make.stdout(Stdio::null()))?;
    let encrypts = certificate(folder);
    let log = fs::File::create(folder.join("log"))?;
    let mut server = as_its_user(&programs.join("postgres"));
    server.arg("-D").arg(&data).arg("-k").arg(folder).args(["-h", "127.0.0.1", "-p"]).arg(port.to_string());
    let mut settings = vec!["max_connections=200".to_owned(), "lc_messages=C".to_owned()];
    if durability == Durability::None {
        settings.extend([
            "fsync=off".to_owned(),
            "synchronous_commit=off".to_owned(),
            "full_page_writes=off".to_owned(),
        ]);
    }
    if encrypts {
        settings.push("ssl=on".to_owned());
        settings.push(format!("ssl_cert_file={}", folder.join("server.crt").display()));
        settings.push(format!("ssl_key_file={}", folder.join("server.key").display()));
    }
    for setting in settings {
        server.arg("-c").arg(setting);
    }
    server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().context("postgres")
}

/// Makes a certificate for TLS, where openssl is there; without one the server does not encrypt.
fn certificate(folder: &Path) -> bool {
    let Some(openssl) = install::find("openssl") else { return false };
    let mut make = as_its_user(&openssl);
    make.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=127.0.0.1"]);
    make.args([
        "-addext",
        "subjectAltName=IP:127.0.0.1,DNS:localhost",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ]);
    make.arg("-keyout").arg(folder.join("server.key")).arg("-out").arg(folder.join("server.crt"));
    make.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// A command of the user that the server runs as.
fn as_its_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    // Its folder may be one that the other user cannot enter.
    command.current_dir("/");
    command
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").stderr(Stdio::null()).output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
