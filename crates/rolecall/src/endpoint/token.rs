//! Ids and tokens: random, compared by digest in constant time.

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::secret::Secret;

/// SHA-256 of a token. Comparing digests takes a time that says nothing about either token, its length included.
#[derive(Clone, Copy)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    pub(super) fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    pub(super) fn matches(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

/// A token of 256 bits as 64 hexadecimal digits: nothing in it needs quoting in a header, a shell or a URL.
pub(super) fn new_token() -> Result<Secret, Error> {
    random_hex::<32>().map(Secret::new)
}

/// An id of 128 bits as 32 hexadecimal digits. It names nothing: no role, no profile.
pub(super) fn new_id() -> Result<String, Error> {
    random_hex::<16>()
}

fn random_hex<const N: usize>() -> Result<String, Error> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|error| {
        Error::new(ErrorKind::Internal, "the system gives no randomness").with_source(error)
    })?;
    // Grown once: a buffer that moves leaves copies behind it.
    let mut text = String::with_capacity(2 * N);
    for byte in *bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_ids_are_long_random_and_plain() {
        let token = new_token().unwrap();
        assert_eq!(token.expose().len(), 64);
        assert!(token.expose().bytes().all(|b| b.is_ascii_hexdigit()));
        assert_ne!(token.expose(), new_token().unwrap().expose());
        assert_eq!(new_id().unwrap().len(), 32);
        assert_ne!(new_id().unwrap(), new_id().unwrap());
    }

    /// What is compared has one length whatever was sent, and goes through `subtle`: no early exit to time.
    #[test]
    fn digests_are_compared_and_not_tokens() {
        let digest = Digest::of(b"token");
        let Digest(bytes) = digest;
        assert_eq!(bytes[..], Sha256::digest(b"token")[..]);
        let matches: Choice = digest.matches(&Digest::of(b"token"));
        assert!(bool::from(matches));
        for wrong in [&b"toke"[..], b"tokeN", b"token ", b"", &[b'x'; 8000]] {
            assert!(!bool::from(digest.matches(&Digest::of(wrong))));
        }
    }
}
