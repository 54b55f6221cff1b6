//! HTTP/2 as servers speak it that were asked over TLS: many requests on one connection, streams that are reset, a
//! connection that is closed after so many. The certificate is trusted by `SSL_CERT_FILE`, so the client is a process of
//! its own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use http::{Request, Response};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use taipan_io::fetch::{FetchOptions, Fetcher, Keep};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const URL: &str = "TAIPAN_HTTP2_URL";

/// How many pages are asked for.
const PAGES: usize = 60;

/// What the other process does; without a URL it is no test.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn job() {
    let Ok(url) = std::env::var(URL) else { return };
    let options = FetchOptions::default().per_host(20).keep(Keep::Body).backoff(Duration::from_millis(1));
    let fetcher = Fetcher::new(options).unwrap();
    let mut urls = (0..PAGES).map(|page| format!("{url}/{page}"));
    // What the server speaks is known from the first answer on.
    let first: Vec<String> = urls.by_ref().take(1).collect();
    for (page, mut fetched) in fetcher.fetch(first).chain(fetcher.fetch(urls)).enumerate() {
        let mut body = String::new();
        if let Some(content) = &mut fetched.body {
            std::io::Read::read_to_string(content, &mut body).unwrap();
        }
        let failure = fetched.failure.map(|failure| failure.to_string()).unwrap_or_default();
        println!("answer: {page} {:?} {} {body} {failure}", fetched.status, fetched.attempts);
    }
}

/// What the server has seen.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    paths: Mutex<HashSet<String>>,
    /// So many are answered on the first connection, and no more.
    most: usize,
}

/// The page of a path: its number as often as it says.
fn page(path: &str) -> String {
    path.trim_start_matches('/').repeat(100)
}

/// Answers; the first request of each seventh page is reset.
fn answer(request: &Request<h2::RecvStream>, mut respond: SendResponse<Bytes>, seen: &Seen) {
    let path = request.uri().path().to_owned();
    let first = seen.paths.lock().unwrap().insert(path.clone());
    let number: usize = path.trim_start_matches('/').parse().unwrap();
    if first && number % 7 == 3 {
        respond.send_reset(h2::Reason::INTERNAL_ERROR);
        return;
    }
    // Whoever resets the stream is not answered.
    if let Ok(mut body) = respond.send_response(Response::new(()), false) {
        let _ = body.send_data(Bytes::from(page(&path)), true);
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, seen: Arc<Seen>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let number = seen.connections.fetch_add(1, Ordering::SeqCst);
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    let mut answered = 0;
    while let Some(Ok((request, respond))) = connection.accept().await {
        answer(&request, respond, &seen);
        answered += 1;
        if number == 0 && answered == seen.most {
            connection.graceful_shutdown();
        }
    }
}

/// Fetches all pages from a server that closes its first connection after so many, and answers how many there were.
fn connections(most: usize) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let trusted = folder.path().join("trusted.pem");
    fs::write(&trusted, certified.cert.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_io().build().unwrap();
    let seen = Arc::new(Seen { most, ..Seen::default() });
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = seen.clone();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, acceptor.clone(), served.clone()));
        }
    });

    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "job", "--ignored", "--nocapture", "--quiet"]);
    command.env(URL, format!("https://localhost:{port}")).env("SSL_CERT_FILE", &trusted).env_remove("SSL_CERT_DIR");
    let printed = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let answers: Vec<&str> = printed.lines().filter_map(|line| Some(line.split_once("answer: ")?.1.trim())).collect();
    assert_eq!(answers.len(), PAGES, "{printed}");
    for (number, answer) in answers.iter().enumerate() {
        let mut words = answer.split(' ');
        assert_eq!(words.next(), Some(number.to_string().as_str()));
        assert_eq!(words.next(), Some("Some(200)"), "{answer}");
        let attempts: u32 = words.next().unwrap().parse().unwrap();
        assert!(attempts > u32::from(number % 7 == 3), "{answer}");
        assert_eq!(words.next(), Some(page(&number.to_string()).as_str()));
        assert_eq!(words.next(), None, "{answer}");
    }
    seen.connections.load(Ordering::SeqCst)
}

#[test]
fn requests_share_a_connection() {
    assert_eq!(connections(usize::MAX), 1);
}

#[test]
fn a_connection_may_be_closed() {
    assert!(connections(PAGES / 2) > 1);
}
