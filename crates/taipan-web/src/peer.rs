//! Who is at the other end of a connection, and which servers in front may say that it is somebody else.
//!
//! `X-Forwarded-For`, `-Proto` and `-Host` are believed only of a peer whose address is listed in [`Proxies`]: anybody else
//! could write them. Nothing else reads them; a handler takes a [`Peer`].

use crate::{Error, Problem, Result};
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Who sent a request, as far as that can be known; an argument for handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    address: IpAddr,
    is_secure: bool,
}

impl Peer {
    /// A client at an address, over TLS or not.
    pub fn new(address: IpAddr, is_secure: bool) -> Self {
        Self { address: address.to_canonical(), is_secure }
    }

    /// Its address: that of the connection, or what a listed proxy says.
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// What attempts are counted by: the address, or of IPv6 the network of 64 bits, which is one customer's.
    pub fn origin(self) -> String {
        match self.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("{}/64", Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        }
    }

    /// Whether it speaks TLS, to this server or to a listed proxy.
    pub fn is_secure(self) -> bool {
        self.is_secure
    }
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    /// A request that came over no socket, as a test's, is one of this machine.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Peer>().copied();
        Ok(known.unwrap_or_else(|| Peer::new(IpAddr::V4(Ipv4Addr::LOCALHOST), false)))
    }
}

/// Servers in front of this one that are believed about their clients.
///
/// ```
/// use taipan_web::Proxies;
/// let proxies = Proxies::new(["10.0.0.0/8", "::1"])?;
/// assert!(proxies.contains("10.1.2.3".parse()?) && !proxies.contains("11.1.2.3".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Proxies(Arc<[Network]>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u8,
}

impl Proxies {
    /// Those at these addresses (`192.0.2.1`, `::1`) and in these networks (`10.0.0.0/8`).
    ///
    /// # Errors
    /// `Invalid` for what is neither.
    pub fn new<T: AsRef<str>>(list: impl IntoIterator<Item = T>) -> Result<Self> {
        list.into_iter()
            .map(|text| Network::parse(text.as_ref()))
            .collect::<Result<Vec<_>>>()
            .map(|all| Self(all.into()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }

    /// Puts what a listed proxy says in the place of what the connection says.
    ///
    /// # Errors
    /// 400 where a proxy names a host that cannot be one.
    pub(crate) fn apply(&self, request: &mut Request) -> Result<(), Problem> {
        let Some(peer) = request.extensions().get::<Peer>().copied().filter(|peer| self.contains(peer.address)) else {
            return Ok(());
        };
        let headers = request.headers();
        let address = self.client(peer.address, headers);
        let is_secure = last(headers, "x-forwarded-proto").map_or(peer.is_secure, |scheme| scheme == "https");
        let host = last(headers, "x-forwarded-host").map(HeaderValue::try_from);
        request.extensions_mut().insert(Peer { address, is_secure });
        if let Some(host) = host {
            let host = host.map_err(|_| Problem::bad_request("The forwarded host cannot be read."))?;
            request.headers_mut().insert(header::HOST, host);
        }
        Ok(())
    }

    /// The nearest address of `X-Forwarded-For` that is no proxy's: each proxy appends whom it heard from, and what stands
    /// before the first that is not listed may be made up.
    fn client(&self, connection: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = connection;
        let lines: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().map(|line| line.to_str().unwrap_or("?")).collect();
        for word in lines.iter().flat_map(|line| line.split(',')).rev() {
            let Some(address) = address(word.trim()) else { break };
            client = address;
            if !self.contains(address) {
                break;
            }
        }
        client
    }
}

impl Network {
    fn parse(text: &str) -> Result<Self> {
        let wrong =
            || Error::invalid("proxy", format!("“{text}” is neither an address nor a network such as 10.0.0.0/8"));
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits > most {
            return Err(wrong());
        }
        Ok(Self { address, bits })
    }

    fn contains(self, other: IpAddr) -> bool {
        let shift = |width: u32| width - u32::from(self.bits);
        match (self.address, other) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                (ours.to_bits() ^ other.to_bits()).checked_shr(shift(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => {
                (ours.to_bits() ^ other.to_bits()).checked_shr(shift(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// The last of the values of a header that each proxy appends to.
fn last<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    line.rsplit(',').next().map(str::trim).filter(|value| !value.is_empty())
}

/// An address with or without port, IPv6 in brackets or not.
fn address(word: &str) -> Option<IpAddr> {
    if let Ok(address) = word.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Ok(address) = word.parse::<std::net::SocketAddr>() {
        return Some(address.ip().to_canonical());
    }
    word.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn networks_hold_addresses() {
        let cases = [
            ("10.0.0.0/8", "10.255.1.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.0/31", "192.0.2.2", false),
            ("2001:db8::/32", "2001:db8:1::9", true),
            ("2001:db8::/32", "2001:db9::", false),
            ("::/0", "::1", true),
            ("::1", "::1", true),
        ];
        for (network, address, expected) in cases {
            let proxies = Proxies::new([network]).expect(network);
            assert_eq!(proxies.contains(ip(address)), expected, "{address} in {network}");
        }
        for wrong in ["", "10.0.0.0/33", "::/129", "proxy.example", "10.0.0.0/-1", "10.0.0.0/x", "/8"] {
            let error = Proxies::new([wrong]).expect_err(wrong);
            let expected = format!("proxy: “{wrong}” is neither an address nor a network such as 10.0.0.0/8");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn attempts_are_counted_by_customer() {
        for (address, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("::1", "::/64"),
        ] {
            assert_eq!(Peer::new(ip(address), false).origin(), expected);
        }
    }

    #[test]
    fn only_listed_proxies_are_believed() {
        let proxies = Proxies::new(["10.0.0.0/8"]).expect("a network");
        // connection, X-Forwarded-For, -Proto, -Host; address, secure, host
        let cases = [
            ("203.0.113.9", "1.1.1.1", "https", "evil.example", "203.0.113.9", false, "here"),
            ("10.0.0.1", "", "", "", "10.0.0.1", false, "here"),
            ("10.0.0.1", "198.51.100.7", "https", "data.example.org", "198.51.100.7", true, "data.example.org"),
            ("10.0.0.1", "6.6.6.6, 198.51.100.7", "http", "", "198.51.100.7", false, "here"),
            ("10.0.0.1", "6.6.6.6, 198.51.100.7, 10.9.9.9", "http, https", "", "198.51.100.7", true, "here"),
            ("10.0.0.1", "6.6.6.6, nonsense", "https", "", "10.0.0.1", true, "here"),
            ("10.0.0.1", "[2001:db8::5]:4711", "https", "", "2001:db8::5", true, "here"),
            ("10.0.0.1", "198.51.100.7:80", "ftp", "a, b", "198.51.100.7", false, "b"),
        ];
        for (connection, forwarded, scheme, named, address, is_secure, host) in cases {
            let mut request = Request::builder().header("host", "here").body(Body::empty()).expect("a request");
            for (name, value) in
                [("x-forwarded-for", forwarded), ("x-forwarded-proto", scheme), ("x-forwarded-host", named)]
            {
                if !value.is_empty() {
                    request.headers_mut().insert(name, value.parse().expect("a value"));
                }
            }
            request.extensions_mut().insert(Peer::new(ip(connection), false));
            proxies.apply(&mut request).expect("applied");
            let peer = request.extensions().get::<Peer>().copied().expect("a peer");
            let place = format!("{connection} {forwarded} {scheme} {named}");
            assert_eq!((peer.address(), peer.is_secure()), (ip(address), is_secure), "{place}");
            assert_eq!(request.headers()["host"], host, "{place}");
        }
    }
}
