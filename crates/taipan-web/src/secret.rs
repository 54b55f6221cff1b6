//! Keys, signatures and names that nobody can guess.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;

/// The key with which an app signs what it hands out. Whoever knows it can forge that: keep it like a password.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl Secret {
    /// A new key, from the system's randomness.
    ///
    /// # Errors
    /// The system has none to give.
    pub fn random() -> crate::Result<Self> {
        random_bytes().map(Self)
    }

    /// The key that these bytes stand for, of whatever length; 32 random ones are right.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A value with its signature. `purpose` tells apart what is signed: a value signed for one does not pass for another.
    pub fn sign(&self, purpose: &str, value: &str) -> String {
        let signature = URL_SAFE_NO_PAD.encode(self.mac(purpose, value).finalize().into_bytes());
        format!("{}.{signature}", URL_SAFE_NO_PAD.encode(value))
    }

    /// The value, if this key signed it for this purpose. It takes as long whether or not the signature is nearly right.
    pub fn verify(&self, purpose: &str, signed: &str) -> Option<String> {
        let (value, signature) = signed.split_once('.')?;
        let value = String::from_utf8(URL_SAFE_NO_PAD.decode(value).ok()?).ok()?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac(purpose, &value).verify_slice(&signature).ok()?;
        Some(value)
    }

    fn mac(&self, purpose: &str, value: &str) -> Hmac<Sha256> {
        // HMAC takes a key of a block's length, and a shorter one as if zeros followed.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        // The length first, so that what ends one and begins the other cannot be moved.
        mac.update(&(purpose.len() as u64).to_be_bytes());
        mac.update(purpose.as_bytes());
        mac.update(value.as_bytes());
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A name that nobody can guess, of 43 letters, digits, `-` and `_`.
///
/// # Errors
/// The system has no randomness to give.
pub fn random_token() -> crate::Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<32>()?))
}

/// What is kept of a token, by which it is recognised but cannot be made again.
pub(crate) fn token_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()))
}

/// Whether two texts are the same, in a time that does not tell how much of them is.
pub(crate) fn same(one: &str, other: &str) -> bool {
    let (one, other) = (Sha256::digest(one.as_bytes()), Sha256::digest(other.as_bytes()));
    one.iter().zip(other.iter()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

pub(crate) fn random_bytes<const N: usize>() -> crate::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| crate::Error::system("no randomness", error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_purpose_and_value() {
        let secret = Secret::random().expect("randomness");
        let signed = secret.sign("cookie:a", "value; with=signs");
        assert_eq!(secret.verify("cookie:a", &signed).as_deref(), Some("value; with=signs"));
        assert_eq!(secret.verify("cookie:b", &signed), None);
        assert_eq!(Secret::from_bytes(b"other").verify("cookie:a", &signed), None);
        let mut changed = signed.clone().into_bytes();
        for at in 0..changed.len() {
            changed[at] ^= 1;
            let text = String::from_utf8_lossy(&changed).into_owned();
            let verified = secret.verify("cookie:a", &text);
            // The last digit of base64 has bits that mean nothing, and must then be zero.
            assert_eq!(verified, None, "{text}");
            changed[at] ^= 1;
        }
        for text in ["", ".", "a.b", "....", "é"] {
            assert_eq!(secret.verify("cookie:a", text), None, "{text}");
        }
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let tokens: std::collections::HashSet<String> = (0..100).map(|_| random_token().expect("randomness")).collect();
        assert_eq!(tokens.len(), 100);
        assert!(tokens.iter().all(|token| token.len() == 43));
        assert!(same("abc", "abc") && !same("abc", "abd") && !same("", "a"));
    }
}
