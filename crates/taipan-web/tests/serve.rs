//! A real server on a loopback port: keep-alive, and how it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use taipan_web::{App, Body, Router, Stopping, TcpListener, get, serve, serve_on_threads};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<taipan_web::Result<()>>,
}

async fn start(app: App) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(serve(app, listener, async {
        let _ = stopped.await;
    }));
    Server { address, stop, ended }
}

async fn ask(stream: &mut TcpStream, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"done") {
        if stream.read_buf(&mut bytes).await.expect("read") == 0 {
            break;
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

#[tokio::test]
async fn a_connection_serves_several_requests() {
    let server = start(App::new().routes(Router::new().route("/", get(|| async { "done" })))).await;
    let mut stream = TcpStream::connect(server.address).await.expect("connected");
    for _ in 0..3 {
        let answer = ask(&mut stream, "/").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("content-security-policy: default-src 'none'"), "{answer}");
    }
    // The idle connection above must not hold the server up.
    server.stop.send(()).expect("the server runs");
    server.ended.await.expect("no panic").expect("a clean end");
    assert!(TcpStream::connect(server.address).await.is_err(), "the port is free again");
}

#[tokio::test]
async fn several_threads_serve_one_port_and_end_together() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let app = App::new().routes(Router::new().route("/", get(|| async { "done" })));
    let threads = std::num::NonZeroUsize::new(3).expect("three");
    let server = std::thread::spawn(move || serve_on_threads(app, listener, threads, async { drop(stopped.await) }));
    let mut connections = Vec::new();
    for _ in 0..12 {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        assert!(ask(&mut stream, "/").await.ends_with("done"));
        connections.push(stream);
    }
    stop.send(()).expect("the server runs");
    let served = tokio::task::spawn_blocking(|| server.join()).await.expect("joined");
    served.expect("no panic").expect("a clean end");
    assert!(TcpStream::connect(address).await.is_err(), "the port is free again");
}

#[tokio::test]
async fn a_running_request_is_finished_before_the_end() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begun_here, go_here) = (Arc::clone(&begun), Arc::clone(&go));
    let slow = move || async move {
        begun_here.notify_one();
        go_here.notified().await;
        "done"
    };
    let server = start(App::new().routes(Router::new().route("/", get(slow)))).await;
    let address = server.address;
    let answer = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        ask(&mut stream, "/").await
    });
    begun.notified().await;
    server.stop.send(()).expect("the server runs");
    go.notify_one();
    server.ended.await.expect("no panic").expect("a clean end");
    assert!(answer.await.expect("no panic").ends_with("done"));
}

/// With a grace that the test does not live to see.
#[tokio::test]
async fn a_stream_without_end_ends_with_the_server_and_nobody_new_is_taken() {
    let stopping = Stopping::new();
    let (ends, begun, go) = (stopping.clone(), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begun_here, go_here) = (Arc::clone(&begun), Arc::clone(&go));
    let news = move || async move {
        let first = futures::stream::iter([Ok::<_, std::io::Error>("first")]);
        Body::from_stream(ends.ends(futures::StreamExt::chain(first, futures::stream::pending())))
    };
    let slow = move || async move {
        begun_here.notify_one();
        go_here.notified().await;
        "done"
    };
    let routes = Router::new().route("/news", get(news)).route("/slow", get(slow));
    let app = App::new().routes(routes).grace(Duration::from_hours(1)).stopping(stopping);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let threads = std::num::NonZeroUsize::new(2).expect("two");
    let server = std::thread::spawn(move || serve_on_threads(app, listener, threads, async { drop(stopped.await) }));
    let mut listening = TcpStream::connect(address).await.expect("connected");
    listening.write_all(b"GET /news HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("sent");
    let mut bytes = Vec::new();
    while !String::from_utf8_lossy(&bytes).contains("first") {
        assert!(listening.read_buf(&mut bytes).await.expect("read") > 0);
    }
    let answer = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        ask(&mut stream, "/slow").await
    });
    begun.notified().await;
    stop.send(()).expect("the server runs");
    listening.read_to_end(&mut bytes).await.expect("the rest");
    assert!(bytes.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&bytes));
    // While that request is answered still.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go.notify_one();
    assert!(answer.await.expect("no panic").ends_with("done"));
    let served = tokio::task::spawn_blocking(|| server.join()).await.expect("joined");
    served.expect("no panic").expect("a clean end");
}

#[tokio::test]
async fn a_request_without_end_is_cut_off_after_the_grace_period() {
    let begun = Arc::new(Notify::new());
    let begun_here = Arc::clone(&begun);
    let endless = move || async move {
        begun_here.notify_one();
        std::future::pending::<&str>().await
    };
    let app = App::new().routes(Router::new().route("/", get(endless))).grace(Duration::from_millis(50));
    let server = start(app).await;
    let address = server.address;
    let answer = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        ask(&mut stream, "/").await
    });
    begun.notified().await;
    server.stop.send(()).expect("the server runs");
    server.ended.await.expect("no panic").expect("a clean end");
    assert_eq!(answer.await.expect("no panic"), "", "the connection was closed without an answer");
}

#[tokio::test]
async fn what_is_not_http_does_not_stop_the_server() {
    let server = start(App::new().routes(Router::new().route("/", get(|| async { "done" })))).await;
    let mut stream = TcpStream::connect(server.address).await.expect("connected");
    stream.write_all(b"\x16\x03\x01 not http\r\n\r\n").await.expect("sent");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let mut stream = TcpStream::connect(server.address).await.expect("connected");
    assert!(ask(&mut stream, "/").await.ends_with("done"));
    server.stop.send(()).expect("the server runs");
    server.ended.await.expect("no panic").expect("a clean end");
}
