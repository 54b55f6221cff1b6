//! Listening: HTTP/1.1 with keep-alive, and an orderly end.

use crate::{App, Error, Result, Service};
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::io;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::thread;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a connection may stay silent before its next request's headers are complete.
const HEADER_TIMEOUT: Duration = Duration::from_mins(1);

/// Answers requests from `listener` until `shutdown` is ready. Then no new connection is taken, idle ones are closed,
/// and running requests may finish within the app's [grace period](App::grace); what still runs after it is cut off.
///
/// # Errors
/// When the listener fails for a reason that waiting does not mend.
pub async fn serve(app: App, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
    let grace = app.grace_period();
    serve_connections(app.into_service(), grace, listener, shutdown).await
}

/// The same on `threads` threads, each with connections of its own: no request is handed from one thread to another, which
/// costs more than answering a small one. `shutdown` runs on the calling thread, which waits for the others.
///
/// Handlers must not compute or wait on these threads for long, since their neighbours' connections wait with them:
/// that is what [`blocking`](crate::blocking) is for.
///
/// # Errors
/// When the system refuses threads, or the listener fails for a reason that waiting does not mend.
pub fn serve_on_threads(
    app: App,
    listener: std::net::TcpListener,
    threads: NonZeroUsize,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<()> {
    let grace = app.grace_period();
    let service = app.into_service();
    listener.set_nonblocking(true).map_err(Error::listen)?;
    let (stop, stopped) = watch::channel(false);
    thread::scope(move |scope| {
        let mut workers = Vec::new();
        for number in 0..threads.get() {
            let (service, mut stopped) = (service.clone(), stopped.clone());
            let listener = listener.try_clone().map_err(Error::listen)?;
            let serve = move || -> Result<()> {
                let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::listen)?;
                runtime.block_on(async {
                    let listener = TcpListener::from_std(listener).map_err(Error::listen)?;
                    let shutdown = async move { drop(stopped.wait_for(|stop| *stop).await) };
                    serve_connections(service, grace, listener, shutdown).await
                })
            };
            let name = format!("taipan-web-{number}");
            workers.push(thread::Builder::new().name(name).spawn_scoped(scope, serve).map_err(Error::listen)?);
        }
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::listen)?;
        runtime.block_on(shutdown);
        // Workers that have failed already no longer listen to this.
        let _ = stop.send(true);
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(served) => served,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}

async fn serve_connections(
    service: Service,
    grace: Duration,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<()> {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    let mut shutdown = pin!(shutdown);
    loop {
        let stream = tokio::select! {
            // Finished connections are let go of as they end, or the set would only grow.
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener) => accepted?,
            () = &mut shutdown => break,
        };
        let service = service.clone();
        let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let service = service.clone();
            async move { Ok::<_, Infallible>(service.respond(request.map(Body::new)).await) }
        });
        let connection = graceful.watch(server.serve_connection(TokioIo::new(stream), answer));
        // How a connection ends is its client's affair: it went away, or sent what is not HTTP and was told so.
        connections.spawn(async move { drop(connection.await) });
    }
    drop(listener);
    // Past the grace period, dropping the set cuts what still runs.
    let _ = tokio::time::timeout(grace, graceful.shutdown()).await;
    Ok(())
}

/// The next connection. A client that is gone already is passed over; when the process is out of file descriptors,
/// others may soon be closed.
async fn accept(listener: &TcpListener) -> Result<TcpStream> {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers should not wait for the acknowledgement of the one before.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => match error.kind() {
                io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::Interrupted => {}
                io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected | io::ErrorKind::Unsupported => {
                    return Err(Error::listen(error));
                }
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            },
        }
    }
}
