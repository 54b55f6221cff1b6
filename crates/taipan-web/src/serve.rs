//! Listening: HTTP/1.1 with keep-alive, over TLS or not, and an orderly end.

use crate::desk::Desk;
use crate::patience::{Patience, Taken, timed};
use crate::unread::{Begun, Worded};
use crate::{App, Error, Peer, Result, Service, Stopping, Tls};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// The bytes of a request's line and headers, at most; more are answered with 431.
const HEADER_BYTES: usize = 128 << 10;

/// Answers requests from `listener` until `shutdown` is ready. Then no new connection is taken, idle ones are closed,
/// and running requests may finish within the app's [grace period](App::grace); what still runs after it is cut off.
///
/// # Errors
/// When the listener fails for a reason that waiting does not mend.
pub async fn serve(app: App, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
    serve_connections(Serving::of(app), listener, None, shutdown).await
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
    let serving = Serving::of(app);
    listener.set_nonblocking(true).map_err(Error::listen)?;
    let (stop, stopped) = watch::channel(false);
    thread::scope(move |scope| {
        let mut workers = Vec::new();
        for (number, desk) in Desk::several(threads.get()).into_iter().enumerate() {
            let (serving, mut stopped) = (serving.clone(), stopped.clone());
            let listener = listener.try_clone().map_err(Error::listen)?;
            let serve = move || -> Result<()> {
                let mut builder = Builder::new_current_thread();
                // Before it sleeps, others that share its core go on: clients on the same machine, databases. Woken by
                // each of their messages, it would answer them one by one, and change places for each.
                builder.enable_all().on_thread_park(thread::yield_now);
                let runtime = builder.build().map_err(Error::listen)?;
                runtime.block_on(async {
                    let listener = TcpListener::from_std(listener).map_err(Error::listen)?;
                    let shutdown = async move { drop(stopped.wait_for(|stop| *stop).await) };
                    serve_connections(serving, listener, Some(desk), shutdown).await
                })
            };
            let name = format!("taipan-web-{number}");
            workers.push(thread::Builder::new().name(name).spawn_scoped(scope, serve).map_err(Error::listen)?);
        }
        // Only those who accept hold it open: who comes when they have stopped is refused rather than left to wait.
        drop(listener);
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

/// Lets this process have so many files open, connections among them, as far as the system allows; the number it may have.
#[cfg(unix)]
pub fn allow_connections(wanted: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let now = limit.current.unwrap_or(u64::MAX);
    let raised = wanted.min(limit.maximum.unwrap_or(u64::MAX));
    let raise = || setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum });
    if now < raised && raise().is_ok() { raised } else { now }
}

/// Lets this process have so many files open, connections among them: this system sets no limit that could be raised.
#[cfg(not(unix))]
pub fn allow_connections(_: u64) -> u64 {
    u64::MAX
}

/// What every connection is served with.
#[derive(Clone)]
struct Serving {
    service: Service,
    tls: Option<TlsAcceptor>,
    http: http1::Builder,
    patience: Patience,
    grace: Duration,
    stopping: Stopping,
}

impl Serving {
    fn of(app: App) -> Self {
        let (grace, patience, stopping) = (app.grace_period(), app.limits(), app.stop());
        let tls = app.certificate().map(Tls::acceptor);
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(patience.headers).max_buf_size(HEADER_BYTES);
        Self { service: app.into_service(), tls, http, patience, grace, stopping }
    }

    /// Answers all requests of a connection, over TLS where there is a certificate.
    async fn connection(self, stream: TcpStream, address: IpAddr, watcher: Watcher) {
        let Some(tls) = &self.tls else {
            return self.requests(stream, Peer::new(address, false), watcher).await;
        };
        let handshake = async {
            let mut first = [0];
            // A browser that was told http:// by mistake is told so, rather than a riddle.
            if stream.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
                return plain_answer(stream).await.map(|()| None);
            }
            tls.accept(stream).await.map(Some)
        };
        if let Ok(Ok(Some(stream))) = tokio::time::timeout(self.patience.handshake, handshake).await {
            self.requests(stream, Peer::new(address, true), watcher).await;
        }
    }

    async fn requests<S>(&self, stream: S, peer: Peer, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let begun = Begun::default();
        let answer = service_fn(|request: hyper::Request<Incoming>| {
            begun.mark();
            let service = self.service.clone();
            async move {
                let mut request = request.map(|body| timed(body, self.patience.body));
                request.extensions_mut().insert(peer);
                Ok::<_, Infallible>(service.respond(request).await)
            }
        });
        let stream = Worded::new(Taken::new(stream, self.patience.answer), begun.clone());
        let stream = TokioIo::new(stream);
        // How a connection ends is its client's affair: it went away, or sent what is not HTTP and was told so.
        let _ = watcher.watch(self.http.serve_connection(stream, answer)).await;
    }
}

async fn plain_answer(mut stream: TcpStream) -> io::Result<()> {
    let text = "This port speaks HTTPS: put https:// before the address.\n";
    let length = text.len();
    let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n";
    stream.write_all(format!("{head}Content-Length: {length}\r\n\r\n{text}").as_bytes()).await?;
    stream.shutdown().await
}

async fn serve_connections(
    serving: Serving,
    listener: TcpListener,
    mut desk: Option<Desk>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<()> {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let handed = async {
            match &mut desk {
                Some(desk) => desk.handed().await,
                None => std::future::pending().await,
            }
        };
        let (stream, address, seat) = tokio::select! {
            // Finished connections are let go of as they end, or the set would only grow.
            Some(_) = connections.join_next() => continue,
            (stream, address, seat) = handed => (stream, address, Some(seat)),
            accepted = accept(&listener) => {
                let (stream, address) = accepted?;
                match &desk {
                    None => (stream, address, None),
                    Some(desk) => match desk.share(stream, address) {
                        Some((stream, seat)) => (stream, address, Some(seat)),
                        None => continue,
                    },
                }
            }
            () = &mut shutdown => break,
        };
        let connection = serving.clone().connection(stream, address, graceful.watcher());
        connections.spawn(async move {
            connection.await;
            drop(seat);
        });
    }
    drop((listener, desk));
    serving.stopping.begin();
    // Past the grace period, dropping the set cuts what still runs.
    let _ = tokio::time::timeout(serving.grace, graceful.shutdown()).await;
    Ok(())
}

/// The next connection. A client that is gone already is passed over; when the process is out of file descriptors,
/// others may soon be closed.
async fn accept(listener: &TcpListener) -> Result<(TcpStream, IpAddr)> {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Small answers should not wait for the acknowledgement of the one before.
                let _ = stream.set_nodelay(true);
                return Ok((stream, address.ip()));
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
