//! Which addresses are public. Others are refused where a server fetches on behalf of someone who must not reach its
//! own network (SSRF).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::failure::Failure;

/// Whether packets for this address leave for the public Internet (IANA's special-purpose registries).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Refuses a URL whose host is an address that is not public. Names are looked at when they are resolved.
pub(super) fn check(url: &reqwest::Url) -> Result<(), Failure> {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match address {
        Ok(address) if !is_public(address) => Err(Failure::Private(host.to_owned())),
        _ => Ok(()),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let local = match a {
        // This network, private, loopback, multicast and reserved.
        0 | 10 | 127 | 224..=255 => true,
        // Carriers' translation.
        100 => (64..=127).contains(&b),
        // Link-local.
        169 => b == 254,
        // Private.
        172 => (16..=31).contains(&b),
        // Private; protocol assignments, documentation, the old 6to4 relays.
        192 => b == 168 || matches!((b, c), (0, 0 | 2) | (88, 99)),
        // Benchmarks, documentation.
        198 => matches!((b, c), (18..=19, _) | (51, 100)),
        203 => (b, c) == (0, 113),
        _ => false,
    };
    !local
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // Translated to IPv4 on the way: the well-known prefix, and 6to4.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low),
        // Protocol assignments (Teredo among them), documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Global unicast; everything else is loopback, mapped, local, multicast or not assigned.
        [0x2000..=0x3fff, ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let private = "0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.255.0.1 169.254.169.254 172.16.0.1 172.31.255.255 \
                       192.0.0.8 192.168.1.1 198.18.0.1 203.0.113.9 224.0.0.1 255.255.255.255 :: ::1 ::ffff:127.0.0.1 \
                       ::ffff:8.8.8.8 ::127.0.0.1 64:ff9b::10.0.0.1 2002:7f00:1:: 2001::1 2001:db8::1 fc00::1 fd12::1 \
                       fe80::1 fec0::1 ff02::1";
        for address in private.split_whitespace() {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        let public = "1.1.1.1 8.8.8.8 100.63.0.1 100.128.0.1 172.15.0.1 172.32.0.1 192.0.1.1 223.255.255.255 \
                      2606:4700::1111 2a00::1 64:ff9b::8.8.8.8 2002:808:808::1";
        for address in public.split_whitespace() {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn hosts_of_urls() {
        // The URL's parser turns every spelling of an address into one.
        for url in
            ["http://127.0.0.1/", "http://2130706433/", "http://0x7f.1/", "http://[::1]:80/", "http://017700000001"]
        {
            assert!(matches!(check(&url.parse().unwrap()), Err(Failure::Private(_))), "{url}");
        }
        for url in ["http://8.8.8.8/", "http://localhost/", "https://[2606:4700::1111]/"] {
            assert_eq!(check(&url.parse().unwrap()), Ok(()), "{url}");
        }
    }
}
