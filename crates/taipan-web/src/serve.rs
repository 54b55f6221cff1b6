//! Listening: HTTP/1.1 with keep-alive, and an orderly end.

use crate::{App, Error, Result};
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
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
    let service = app.into_service();
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
