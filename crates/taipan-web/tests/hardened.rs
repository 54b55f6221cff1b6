//! What a server beyond loopback meets: TLS, proxies in front, foreign host names, and clients that dawdle, flood or idle.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use taipan_web::{App, Hosts, Peer, Proxies, Router, Session, Sessions, TcpListener, Tls, get, post, serve};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Long enough for a machine that is busy with something else.
const SOON: Duration = Duration::from_mins(1);

async fn start(app: App) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(serve(app, listener, std::future::pending()));
    address
}

/// An app that tells who asks.
fn app() -> App {
    let who = |peer: Peer| async move { format!("{} {}\n", peer.address(), peer.is_secure()) };
    let enter = |session: Session| async move {
        session.set("user", &"ada");
        "in\n"
    };
    let take = |body: taipan_web::Bytes| async move { format!("{} bytes\n", body.len()) };
    let routes = Router::new().route("/", get(who)).route("/enter", get(enter)).route("/take", post(take));
    App::new().sessions(Sessions::in_memory()).body_limit(1 << 20).routes(routes)
}

/// Sends a request as it stands, and reads until the connection is closed.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    // A server that refuses closes while the rest is still being sent.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await.expect("an answer in time");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn connected(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("connected")
}

fn plain(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n")
}

/// A certificate for some names, as files in a folder.
fn certificate(folder: &Path, names: &[&str]) -> CertificateDer<'static> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    fs::write(folder.join("cert.pem"), made.cert.pem()).expect("written");
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("written");
    CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).expect("a certificate")
}

/// A connection of a client that trusts this certificate alone.
async fn encrypted(address: SocketAddr, trusted: &CertificateDer<'static>) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, connected(address).await).await
}

#[tokio::test]
async fn tls_by_files_that_are_renewed_while_it_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = certificate(folder.path(), &["localhost"]);
    let tls = Tls::from_files(folder.path().join("cert.pem"), folder.path().join("key.pem")).expect("a pair");
    let address = start(app().tls(tls)).await;
    let answer = ask(encrypted(address, &first).await.expect("a handshake"), &plain("/", "")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("127.0.0.1 true\n"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=31536000"), "{answer}");
    let answer = ask(encrypted(address, &first).await.expect("a handshake"), &plain("/enter", "")).await;
    let cookie = answer.lines().find(|line| line.starts_with("set-cookie: ")).expect("a cookie");
    for flag in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(flag), "{flag} in {cookie}");
    }

    let told = ask(connected(address).await, &plain("/", "")).await;
    assert!(told.starts_with("HTTP/1.1 400 Bad Request") && told.contains("put https:// before"), "{told}");

    // A key alone that does not fit changes nothing; both together do.
    fs::write(folder.path().join("key.pem"), "half written").expect("written");
    assert!(encrypted(address, &first).await.is_ok());
    let second = certificate(folder.path(), &["localhost", "again.example"]);
    assert!(encrypted(address, &second).await.is_ok());
    assert!(encrypted(address, &first).await.is_err(), "the old one is not shown any more");
}

#[tokio::test]
async fn over_plain_http_cookies_and_answers_say_nothing_of_tls() {
    let address = start(app()).await;
    let answer = ask(connected(address).await, &plain("/enter", "")).await;
    assert!(answer.contains("set-cookie: ") && !answer.contains("Secure"), "{answer}");
    assert!(!answer.contains("strict-transport-security"), "{answer}");
}

#[tokio::test]
async fn forwarded_headers_count_only_from_listed_proxies() {
    let forwarded =
        "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: data.example.org\r\n";
    let direct = start(app()).await;
    let answer = ask(connected(direct).await, &plain("/", forwarded)).await;
    assert!(answer.ends_with("127.0.0.1 false\n"), "{answer}");

    let hosts = Hosts::List(vec!["data.example.org".to_owned()]);
    let behind = start(app().hosts(hosts).proxies(Proxies::new(["127.0.0.0/8"]).expect("a network"))).await;
    let answer = ask(connected(behind).await, &plain("/", forwarded)).await;
    assert!(answer.ends_with("198.51.100.7 true\n"), "{answer}");
    let answer = ask(connected(behind).await, &plain("/enter", forwarded)).await;
    assert!(answer.contains("; Secure"), "{answer}");
    let foreign = forwarded.replace("data.example.org", "evil.example");
    let answer = ask(connected(behind).await, &plain("/", &foreign)).await;
    assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
}

#[tokio::test]
async fn headers_and_addresses_without_end_are_refused() {
    let address = start(app()).await;
    let long = "a".repeat(200 << 10);
    let many = "X-Many: 1\r\n".repeat(500);
    let cases = [
        (plain("/", &format!("X-Long: {long}\r\n")), "HTTP/1.1 431 "),
        (plain("/", &many), "HTTP/1.1 431 "),
        (plain(&format!("/{}", &long[..70_000]), ""), "HTTP/1.1 414 "),
        (plain("/\u{0}", ""), "HTTP/1.1 400 "),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), "HTTP/1.1 200 "),
    ];
    for (request, expected) in cases {
        let answer = ask(connected(address).await, &request).await;
        assert!(answer.starts_with(expected), "{expected}: {answer:.300}");
        let code = expected.split(' ').nth(1).expect("a status");
        let is_told = answer.contains(&format!("\r\n\r\n{{\"code\":\"{code}\",\"message\":\"The request"));
        assert_eq!(is_told, code != "200", "{answer:.600}");
    }
    assert!(ask(connected(address).await, &plain("/", "")).await.starts_with("HTTP/1.1 200 "), "others are served");
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_refused_whether_announced_or_not() {
    let address = start(app()).await;
    let head = "POST /take HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    let whole = format!("{head}Content-Length: 1000\r\n\r\n{}", "x".repeat(1000));
    assert!(ask(connected(address).await, &whole).await.ends_with("1000 bytes\n"));
    let announced = format!("{head}Content-Length: 999999999999\r\n\r\n");
    assert!(ask(connected(address).await, &announced).await.starts_with("HTTP/1.1 413 "));
    let piece = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", piece.repeat(40));
    let answer = ask(connected(address).await, &chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer:.300}");
    let both =
        format!("{head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /enter HTTP/1.1\r\n\r\n");
    let answer = ask(connected(address).await, &both).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "no second request is smuggled in: {answer}");
}

/// Slow-loris: headers, bodies and handshakes that never end are cut off, and others are served meanwhile.
#[tokio::test]
async fn clients_that_dawdle_are_cut_off_and_others_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let trusted = certificate(folder.path(), &["localhost"]);
    let tls = Tls::from_files(folder.path().join("cert.pem"), folder.path().join("key.pem")).expect("a pair");
    let patience = Duration::from_millis(600);
    let (plainly, secretly) = (start(app().patience(patience)).await, start(app().patience(patience).tls(tls)).await);

    let mut slow = Vec::new();
    for begun in [
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ",
        "POST /take HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n",
    ] {
        for _ in 0..50 {
            let mut stream = connected(plainly).await;
            stream.write_all(begun.as_bytes()).await.expect("begun");
            slow.push(tokio::spawn(async move {
                // A byte now and then, until the server has had enough.
                loop {
                    let mut answer = [0; 4096];
                    match tokio::time::timeout(Duration::from_millis(50), stream.read(&mut answer)).await {
                        Ok(Ok(0) | Err(_)) => break,
                        Err(_) if stream.write_all(b"a").await.is_err() => break,
                        Ok(Ok(_)) | Err(_) => {}
                    }
                }
            }));
        }
    }
    let mut silent = connected(secretly).await;
    // This machine may be so busy that these are slow as well: they try again, as people do.
    let served = async {
        while !ask(connected(plainly).await, &plain("/", "")).await.starts_with("HTTP/1.1 200 ") {}
        loop {
            let Ok(stream) = encrypted(secretly, &trusted).await else { continue };
            if ask(stream, &plain("/", "")).await.starts_with("HTTP/1.1 200 ") {
                break;
            }
        }
    };
    tokio::time::timeout(SOON, served).await.expect("others are served");
    for slow in slow {
        tokio::time::timeout(SOON, slow).await.expect("cut off in time").expect("no panic");
    }
    let read = tokio::time::timeout(SOON, silent.read(&mut [0])).await.expect("cut off in time");
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

/// Ten thousand connections that say nothing, within what this process may open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections_leave_others_served() {
    let wanted = 10_000;
    let most = taipan_web::allow_connections(2 * wanted + 200);
    let count = usize::try_from(most.saturating_sub(200) / 2).unwrap_or(0).min(10_000);
    let address = start(app()).await;
    let mut idle = Vec::with_capacity(count);
    for _ in 0..count {
        idle.push(connected(address).await);
    }
    for _ in 0..100 {
        assert!(ask(connected(address).await, &plain("/", "")).await.starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(idle.len(), count);
    assert!(count >= 1000, "only {most} files may be open here");
}
