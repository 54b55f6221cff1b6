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
    /// These names (without port, compared without case), and loopback ones.
    List(Vec<String>),
}

impl Hosts {
    /// True when a request that names `host` (a Host header or the URL's authority) is answered.
    pub fn allows(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Loopback => is_loopback(name_of(host)),
            Self::List(names) => {
                let name = name_of(host);
                is_loopback(name) || names.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
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
        let list = Hosts::List(vec!["data.example.org".to_owned()]);
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
    }
}
