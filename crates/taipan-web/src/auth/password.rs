//! Passwords, kept as argon2id hashes in the PHC string format.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::secret::{random_bytes, same};
use crate::{Error, Result};

/// The shortest password taken.
pub(super) const SHORTEST: usize = 8;
/// The longest: a hash of more would only keep the server busy.
pub(super) const LONGEST: usize = 1000;

/// How costly a guess is: memory in KiB and passes, as OWASP recommends for argon2id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) memory: u32,
    pub(super) passes: u32,
}

pub(super) const USUAL: Cost = Cost { memory: 19_456, passes: 2 };

/// The hash of a password, with a salt of its own.
pub(super) fn hash(password: &str, cost: Cost) -> Result<String> {
    let salt = random_bytes::<16>()?;
    let tag = derive(password, &salt, cost)?;
    let (salt, tag) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(tag));
    Ok(format!("$argon2id$v=19$m={},t={},p=1${salt}${tag}", cost.memory, cost.passes))
}

/// Whether a hash is of this password.
pub(super) fn verify(password: &str, hash: &str) -> bool {
    let parse = || {
        let rest = hash.strip_prefix("$argon2id$v=19$m=")?;
        let mut parts = rest.split('$');
        let (memory, passes) = parts.next()?.strip_suffix(",p=1")?.split_once(",t=")?;
        let cost = Cost { memory: memory.parse().ok()?, passes: passes.parse().ok()? };
        let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        Some((cost, salt, parts.next()?))
    };
    let Some((cost, salt, expected)) = parse() else { return false };
    derive(password, &salt, cost).is_ok_and(|tag| same(&STANDARD_NO_PAD.encode(tag), expected))
}

fn derive(password: &str, salt: &[u8], cost: Cost) -> Result<[u8; 32]> {
    let failed = |error: argon2::Error| Error::system("the password cannot be hashed", error.to_string());
    let params = Params::new(cost.memory, cost.passes, 1, Some(32)).map_err(failed)?;
    let mut tag = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut tag)
        .map_err(failed)?;
    Ok(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_its_password_alone() {
        let cost = Cost { memory: 64, passes: 1 };
        let hash = hash("correct horse", cost).expect("a hash");
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        assert!(verify("correct horse", &hash));
        for (password, hash) in [("correct horsf", hash.as_str()), ("", &hash), ("x", ""), ("x", "$argon2id$v=19$m=x")]
        {
            assert!(!verify(password, hash), "{password} {hash}");
        }
    }
}
