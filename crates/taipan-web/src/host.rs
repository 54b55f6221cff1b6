//! Which Host headers an app answers to.
//!
//! A server on 127.0.0.1 can be reached by any page in the user's browser: a foreign name that is made to resolve to
//! 127.0.0.1 (DNS rebinding) is same-origin with itself, so its script may read every answer. The attacker cannot,
//! however, change the Host header; refusing foreign names closes that door.

/// The host names that an [`App`](crate::App) answers to; the port is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hosts {
    /// Any name: for a server behind a proxy that checks names itself.
    #[default]
    Any,
    /// `localhost`, names under it, and loopback addresses. Right for a server that listens on loopback only.
    Loopback,
    /// These names (without port, compared without case; `*.example.org` is each name one level below), and loopback ones.
    List(Vec<String>),
    /// The same, and every address: right for a server beyond loopback. Whoever makes a foreign name resolve to it cannot
    /// make a browser send an address in the name's place.
    ListAndAddresses(Vec<String>),
}

impl Hosts {
    /// True when a request that names `host` (a Host header or the URL's authority) is answered.
    pub fn allows(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Loopback => is_loopback(name_of(host)),
            Self::List(names) => {
                let name = name_of(host);
                is_loopback(name) || names.iter().any(|allowed| is_named(allowed, name))
            }
            Self::ListAndAddresses(names) => {
                let name = name_of(host);
                name.parse::<std::net::IpAddr>().is_ok()
                    || is_loopback(name)
                    || names.iter().any(|allowed| is_named(allowed, name))
            }
        }
    }
}

/// The name without the port; an IPv6 address keeps its brackets off.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

fn is_named(allowed: &str, name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    match (allowed.strip_prefix("*."), name.split_once('.')) {
        (Some(allowed), Some((first, rest))) => !first.is_empty() && allowed.eq_ignore_ascii_case(rest),
        (Some(_), None) => false,
        (None, _) => allowed.eq_ignore_ascii_case(name),
    }
}

fn is_loopback(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name == "127.0.0.1" || name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    if let Ok(address) = name.parse::<std::net::IpAddr>() {
        return address.is_loopback();
    }
    name.len() > 10 && name.get(name.len() - 10..).is_some_and(|end| end.eq_ignore_ascii_case(".localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let list = Hosts::List(vec!["data.example.org".to_owned(), "*.example.net".to_owned()]);
        let addresses = Hosts::ListAndAddresses(vec!["data.example.org".to_owned()]);
        // host, any, loopback, list
        let cases = [
            ("localhost", true, true, true),
            ("LocalHost:8787", true, true, true),
            ("localhost.", true, true, true),
            ("demo.localhost:80", true, true, true),
            ("127.0.0.1:8787", true, true, true),
            ("127.8.9.10", true, true, true),
            ("[::1]:8787", true, true, true),
            ("[::1]", true, true, true),
            ("data.example.org", true, false, true),
            ("Data.Example.ORG:443", true, false, true),
            ("evil.example", true, false, false),
            ("127.0.0.1.evil.example", true, false, false),
            ("evil-localhost", true, false, false),
            ("localhost.evil.example", true, false, false),
            ("0.0.0.0:8787", true, false, false),
            ("[::2]:80", true, false, false),
            ("", true, false, false),
            (":80", true, false, false),
            (".localhost", true, false, false),
        ];
        for (host, any, loopback, listed) in cases {
            assert_eq!(Hosts::Any.allows(host), any, "Any {host:?}");
            assert_eq!(Hosts::Loopback.allows(host), loopback, "Loopback {host:?}");
            assert_eq!(list.allows(host), listed, "List {host:?}");
        }
        for (host, expected) in
            [("a.example.net", true), ("a.b.example.net", false), ("example.net", false), (".example.net", false)]
        {
            assert_eq!(list.allows(host), expected, "{host:?}");
        }
        for (host, expected) in [
            ("192.0.2.7:8787", true),
            ("[2001:db8::1]:443", true),
            ("localhost", true),
            ("data.example.org.", true),
            ("evil.example", false),
            ("192.0.2.7.evil.example", false),
        ] {
            assert_eq!(addresses.allows(host), expected, "{host:?}");
        }
    }
}
