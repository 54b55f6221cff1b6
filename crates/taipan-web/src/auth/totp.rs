//! One-time passwords by time, RFC 6238 with HMAC-SHA-1, six digits and steps of 30 seconds: what authenticator apps know.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::Result;
use crate::secret::{random_bytes, same};

/// The length of a step in seconds.
const STEP: u64 = 30;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A new key, in base 32 as apps take it.
pub(super) fn new_key() -> Result<String> {
    Ok(base32(&random_bytes::<20>()?))
}

/// What a QR code for an app holds.
pub(super) fn address(key: &str, site: &str, user: &str) -> String {
    let (site, user) = (crate::format::url_part(site), crate::format::url_part(user));
    format!("otpauth://totp/{site}:{user}?secret={key}&issuer={site}")
}

/// The step for which a code is right at this time, one step early or late included; none if it is wrong. A step that was
/// used must not be used again: keep it, and take only later ones.
pub(super) fn verify(key: &str, code: &str, seconds: u64) -> Option<u64> {
    let key = from_base32(key)?;
    let code: String = code.chars().filter(|digit| !digit.is_whitespace()).collect();
    let now = seconds / STEP;
    // All are tried, so that the time does not tell which.
    (now.saturating_sub(1)..=now + 1)
        .fold(None, |found, step| if same(&digits(&key, step), &code) { Some(step) } else { found })
}

fn digits(key: &[u8], step: u64) -> String {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key) else { return String::new() };
    mac.update(&step.to_be_bytes());
    let tag = mac.finalize().into_bytes();
    let at = usize::from(tag.last().copied().unwrap_or(0) & 15);
    let word = tag.iter().skip(at).take(4).fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

fn base32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut bits, mut held) = (0_u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            out.push(char::from(ALPHABET[(bits >> held & 31) as usize]));
        }
        bits &= (1 << held) - 1;
    }
    if held > 0 {
        out.push(char::from(ALPHABET[(bits << (5 - held) & 31) as usize]));
    }
    out
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 5 / 8);
    let (mut bits, mut held) = (0_u32, 0);
    for byte in text.bytes() {
        let digit = ALPHABET.iter().position(|known| known.eq_ignore_ascii_case(&byte))?;
        bits = bits << 5 | digit as u32;
        held += 5;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(out)
}

/// The code at a time, as an app would show it.
pub(super) fn code_at(key: &str, seconds: u64) -> Option<String> {
    from_base32(key).map(|key| digits(&key, seconds / STEP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        let key = base32(b"12345678901234567890");
        assert_eq!(key, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            assert_eq!(code_at(&key, seconds).as_deref(), Some(code), "{seconds}");
            assert_eq!(verify(&key, code, seconds), Some(seconds / 30));
            assert_eq!(verify(&key, code, seconds + 30), Some(seconds / 30), "one step late");
            assert_eq!(verify(&key, code, seconds + 90), None, "too late");
        }
        assert_eq!(verify(&key, "287 082", 59), Some(1));
        for code in ["", "28708", "2870822", "abcdef"] {
            assert_eq!(verify(&key, code, 59), None, "{code}");
        }
    }

    #[test]
    fn base_32_comes_back() {
        for bytes in [&b""[..], b"f", b"fo", b"foo", b"foob", b"fooba", b"foobar"] {
            assert_eq!(from_base32(&base32(bytes)).as_deref(), Some(bytes));
        }
        assert_eq!(from_base32("01"), None);
        assert_eq!(address("KEY", "my site", "ada"), "otpauth://totp/my%20site:ada?secret=KEY&issuer=my%20site");
    }
}
