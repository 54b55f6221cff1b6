//! From a listening socket to Ctrl-C.

use std::io;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::thread;

use taipan::Project;
use taipan_web::{Hosts, serve_on_threads};

use crate::{Options, Who, app_to_set_up};

/// What is known once requests are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ready {
    /// The path of the page on which the first administrator is made, where nobody has an account. It is good once.
    pub setup: Option<String>,
}

/// Serves `project` on `listener` until the process is asked to stop (Ctrl-C, or SIGTERM), then finishes the requests
/// that are running and returns. `threads` is for connections, one per core when absent; `ready` is called when requests
/// and signals are answered.
///
/// On a loopback address everybody may read, and only requests that name a loopback host are answered, so that a page from
/// elsewhere in the same browser cannot read the data. Beyond that, reading needs a login, as writing always does.
///
/// # Errors
/// The system refuses threads, signals or the socket.
pub fn run(
    project: Project,
    listener: TcpListener,
    threads: Option<NonZeroUsize>,
    ready: impl FnOnce(&Ready) + Send,
) -> io::Result<()> {
    let threads = threads.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let (hosts, read) = if listener.local_addr()?.ip().is_loopback() {
        (Hosts::Loopback, Who::Everybody)
    } else {
        (Hosts::Any, Who::Users)
    };
    let log = std::env::var_os("TAIPAN_ACCESS_LOG").is_some();
    let (app, token) = app_to_set_up(project, Options::new().read(read).log(log));
    let app = app.hosts(hosts).report(|line| eprintln!("{line}"));
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
    serve_on_threads(app, listener, threads, shutdown).map_err(io::Error::other)
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
