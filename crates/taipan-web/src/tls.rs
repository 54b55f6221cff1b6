//! TLS by certificate files, such as an authority's client keeps them up to date on disk.

use crate::{Error, Result};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio_rustls::TlsAcceptor;

/// A certificate and its key; an [`App`](crate::App) that has them speaks TLS 1.2 and 1.3 and nothing else.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    names: Arc<[String]>,
}

impl Tls {
    /// Reads a chain of certificates, the server's own first, and its key, both PEM. The files are looked at anew as
    /// connections come: a renewed certificate is shown from then on, without a restart.
    ///
    /// # Errors
    /// `Invalid`, with the file: it cannot be read, holds none, or the key is not the certificate's.
    pub fn from_files(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let files = Files { certificate: certificate.as_ref().to_owned(), key: key.as_ref().to_owned() };
        let stamp = files.stamp();
        let current = files.load(&provider)?;
        let names = names(&current);
        let resolver = Renewed { files, provider: Arc::clone(&provider), current: Mutex::new((stamp, current)) };
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::system("TLS", error))?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), names })
    }

    /// The host names that the certificate is for, `*.example.org` among them.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("names", &self.names).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// When each file was changed, and how long it is.
type Stamp = [Option<(SystemTime, u64)>; 2];

impl Files {
    fn stamp(&self) -> Stamp {
        [&self.certificate, &self.key].map(|file| {
            let found = fs::metadata(file).ok()?;
            Some((found.modified().ok()?, found.len()))
        })
    }

    fn load(&self, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>> {
        let wrong =
            |file: &Path, error: &dyn fmt::Display| Error::invalid("tls", format!("{}: {error}", file.display()));
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect)
            .map_err(|error| wrong(&self.certificate, &reason(&error)))?;
        if chain.is_empty() {
            return Err(wrong(&self.certificate, &"no certificate in it"));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| wrong(&self.key, &reason(&error)))?;
        let certified = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => wrong(&self.key, &"not the key of the certificate"),
            other => wrong(&self.certificate, &other),
        })?;
        Ok(Arc::new(certified))
    }
}

fn reason(error: &rustls::pki_types::pem::Error) -> String {
    match error {
        rustls::pki_types::pem::Error::Io(error) => error.to_string(),
        rustls::pki_types::pem::Error::NoItemsFound => "no PEM of that kind in it".to_owned(),
        other => other.to_string(),
    }
}

/// Shows the certificate that the files hold now.
#[derive(Debug)]
struct Renewed {
    files: Files,
    provider: Arc<CryptoProvider>,
    current: Mutex<(Stamp, Arc<CertifiedKey>)>,
}

impl ResolvesServerCert for Renewed {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let stamp = self.files.stamp();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != stamp {
            // Of files that are just being written the last good pair is kept; they change once more when they are whole.
            current.0 = stamp;
            if let Ok(key) = self.files.load(&self.provider) {
                current.1 = key;
            }
        }
        Some(Arc::clone(&current.1))
    }
}

fn names(key: &CertifiedKey) -> Arc<[String]> {
    let Some(Ok(certificate)) = key.cert.first().map(webpki::EndEntityCert::try_from) else {
        return Arc::default();
    };
    certificate.valid_dns_names().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_certificate_or_key_are_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = |names: &[&str]| {
            let key =
                rcgen::generate_simple_self_signed(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
            let key = key.expect("a certificate");
            (key.cert.pem(), key.signing_key.serialize_pem())
        };
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("written");
            path
        };
        let (certificate, key) = made(&["data.example.org", "*.example.net"]);
        let (other, _) = made(&["other.example.org"]);
        let (certificate, key, other) =
            (write("cert.pem", &certificate), write("key.pem", &key), write("other.pem", &other));
        let tls = Tls::from_files(&certificate, &key).expect("a pair");
        assert_eq!(tls.names(), ["data.example.org", "*.example.net"]);
        let empty = write("empty.pem", "");
        let cases = [
            (&other, &key, "key.pem: not the key of the certificate"),
            (&empty, &key, "empty.pem: no certificate in it"),
            (&certificate, &empty, "empty.pem: no PEM of that kind in it"),
            (&certificate, &folder.path().join("gone.pem"), "gone.pem: No such file or directory (os error 2)"),
        ];
        for (certificate, key, expected) in cases {
            let error = Tls::from_files(certificate, key).expect_err(expected).to_string();
            assert!(error.starts_with("tls: ") && error.ends_with(expected), "{error}, not {expected}");
        }
    }
}
