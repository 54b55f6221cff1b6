//! The HTTP client: how it connects, what it refuses, whom it trusts.

use std::error::Error as StdError;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};

use super::FetchOptions;
use super::address;
use super::failure::Failure;

/// A client that keeps connections and cookies, and decodes nothing: that is left to whoever resumes and counts.
pub(super) fn client(options: &FetchOptions) -> Result<Client, Failure> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Whoever comes first wins; any provider will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    match builder(options).build() {
        Ok(client) => Ok(client),
        // A system without certificates can still be asked for what is not encrypted.
        Err(_) => builder(options).tls_certs_only([]).build().map_err(|error| Failure::of_request(&error)),
    }
}

fn builder(options: &FetchOptions) -> ClientBuilder {
    let mut builder = Client::builder()
        .user_agent(options.user_agent.clone())
        .connect_timeout(options.connect_timeout)
        .pool_max_idle_per_host(options.per_host)
        .cookie_store(true)
        .referer(false)
        .redirect(policy(options));
    if options.public_only {
        // A proxy would resolve names itself, beyond our check.
        builder = builder.no_proxy().dns_resolver(Arc::new(PublicResolver));
    }
    builder
}

fn policy(options: &FetchOptions) -> Policy {
    let (limit, public_only) = (options.redirects, options.public_only);
    Policy::custom(move |attempt| {
        if attempt.previous().len() > limit {
            return attempt.error(Failure::Redirects(limit));
        }
        if !matches!(attempt.url().scheme(), "http" | "https") {
            let message = format!("redirected to `{}`", attempt.url());
            return attempt.error(Failure::Url(message));
        }
        match address::check(attempt.url()) {
            Err(failure) if public_only => attempt.error(failure),
            _ => attempt.follow(),
        }
    })
}

/// Resolves names as the system does, to public addresses alone. The connection is made to an address that was checked,
/// so a name that changes its mind in between gains nothing.
#[derive(Debug)]
struct PublicResolver;

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<_> = found.filter(|found| address::is_public(found.ip())).collect();
            if public.is_empty() {
                let refused: Box<dyn StdError + Send + Sync> = Failure::Private(name.as_str().to_owned()).into();
                return Err(refused);
            }
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}
