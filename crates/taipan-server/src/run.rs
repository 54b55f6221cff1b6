//! From a listening socket to Ctrl-C.

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use taipan::Project;
use taipan_web::{App, Folder, Hosts, Proxies, Tls, allow_connections, serve_on_threads};

use crate::development::{self, Development};
use crate::{FILES, Options, Who, app_to_set_up};

/// Files and connections that are asked of the system; it may give fewer.
const CONNECTIONS: u64 = 65_536;

/// How and for whom an application is served.
#[derive(Clone, Default)]
#[must_use]
pub struct Serving {
    threads: Option<NonZeroUsize>,
    read: Option<Who>,
    write: Option<Who>,
    hosts: Vec<String>,
    proxies: Proxies,
    tls: Option<Tls>,
    access_log: bool,
    folder: Option<PathBuf>,
    development: Option<Development>,
}

/// What is known once requests are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ready {
    /// The path of the page on which the first administrator is made, where nobody has an account. It is good once.
    pub setup: Option<String>,
}

impl Serving {
    /// As suits the address: on loopback everybody may read, and only requests that name a loopback host are answered, so
    /// that a page from elsewhere in the same browser cannot read the data. Beyond that, reading needs a login, as writing
    /// always does, and requests must name this machine, its address or a host that was allowed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the threads for connections; one per core when absent.
    pub fn threads(mut self, threads: Option<NonZeroUsize>) -> Self {
        self.threads = threads;
        self
    }

    /// Sets who may read.
    pub fn read(mut self, who: Option<Who>) -> Self {
        self.read = who;
        self
    }

    /// Sets who may write.
    pub fn write(mut self, who: Option<Who>) -> Self {
        self.write = who;
        self
    }

    /// Answers requests to these host names as well; `*.example.org` is each name one level below.
    pub fn hosts(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.hosts.extend(names);
        self
    }

    /// Believes these servers in front about who their clients are.
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Speaks TLS with this certificate, and answers to the names in it.
    pub fn tls(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
    }

    /// Writes a line of JSON about each request to standard error.
    pub fn access_log(mut self, log: bool) -> Self {
        self.access_log = log;
        self
    }

    /// The application's folder: its `templates` go before the program's, and its `static` files are served to everybody.
    pub fn folder(mut self, folder: Option<PathBuf>) -> Self {
        self.folder = folder;
        self
    }

    /// Follows these files and folders. When they change, `reopen` opens the application again, which takes the old one's
    /// place, and pages that are open in a browser load themselves again; none where that failed, which it has told.
    pub fn develop(
        mut self,
        files: impl IntoIterator<Item = PathBuf>,
        reopen: impl Fn() -> Option<Project> + Send + Sync + 'static,
    ) -> Self {
        self.development = Some(Development::new(files, Arc::new(reopen)));
        self
    }

    /// The host names that are answered to on this listener's address.
    fn answers_to(&self, is_loopback: bool) -> Hosts {
        let certified = self.tls.iter().flat_map(Tls::names).cloned();
        let mut names: Vec<String> = self.hosts.iter().cloned().chain(certified).collect();
        if is_loopback && names.is_empty() && self.proxies.is_empty() {
            return Hosts::Loopback;
        }
        if is_loopback {
            return Hosts::List(names);
        }
        names.extend(machine_name());
        Hosts::ListAndAddresses(names)
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").field("hosts", &self.hosts).field("tls", &self.tls).finish_non_exhaustive()
    }
}

/// What this machine calls itself.
pub fn machine_name() -> Option<String> {
    let told = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let told = told.or_else(|| ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| std::env::var(name).ok()));
    told.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Serves `project` on `listener` until the process is asked to stop (Ctrl-C, or SIGTERM), then finishes the requests
/// that are running and returns. `ready` is called when requests and signals are answered.
///
/// # Errors
/// The system refuses threads, signals, the socket or the application's static files.
pub fn run(
    project: Project,
    listener: TcpListener,
    serving: Serving,
    ready: impl FnOnce(&Ready) + Send,
) -> io::Result<()> {
    let threads = serving.threads.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let is_loopback = listener.local_addr()?.ip().is_loopback();
    let usual = if is_loopback { Who::Everybody } else { Who::Users };
    let mut options = Options::new()
        .read(serving.read.unwrap_or(usual))
        .write(serving.write.unwrap_or(Who::Users))
        .log(serving.access_log);
    if let Some(folder) = &serving.folder {
        let (templates, files) = (folder.join("templates"), folder.join("static"));
        if templates.is_dir() || serving.development.is_some() {
            options = options.templates(templates);
        }
        if files.is_dir() {
            options = options.files(Folder::open(FILES, files).map_err(io::Error::other)?);
        }
    }
    let hosts = serving.answers_to(is_loopback);
    let finish = move |app: App| app.hosts(hosts.clone()).report(|line| eprintln!("{line}"));
    allow_connections(CONNECTIONS);

    let (app, token, stop) = if let Some(development) = &serving.development {
        development::start(development, project, options, finish)
    } else {
        let (app, token) = app_to_set_up(project, options);
        (finish(app), token, None)
    };
    let mut app = app.proxies(serving.proxies);
    if let Some(tls) = serving.tls {
        app = app.tls(tls);
    }
    let known = Ready { setup: token.map(|token| format!("/setup?token={token}")) };
    let shutdown = async move {
        match stop_requested() {
            Ok(stop) => {
                ready(&known);
                stop.await;
            }
            Err(error) => eprintln!("signals cannot be waited for: {error}"),
        }
    };
    let served = serve_on_threads(app, listener, threads, shutdown).map_err(io::Error::other);
    drop(stop);
    served
}

/// Ready when the process is asked to stop.
#[cfg(unix)]
fn stop_requested() -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ready when the process is asked to stop.
#[cfg(not(unix))]
fn stop_requested() -> io::Result<impl Future<Output = ()> + Send> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
