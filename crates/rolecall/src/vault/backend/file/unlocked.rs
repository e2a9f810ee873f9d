//! The unlocked identity, in the memory of a process that may live for days.

use std::str::FromStr as _;

use age::x25519::Identity;

use super::{Digest, identity_text};
use crate::error::{Error, ErrorKind};
use crate::hardening::Held;
use crate::seal::{Seal, Sealed};

/// An identity, sealed but for the moment that it is worked with: no core, and no swapped page but the key's own, has it.
pub(super) struct Unlocked {
    seal: Seal,
    text: Sealed,
    /// Which `identity.age` it came out of.
    pub(super) wrapped: Digest,
}

impl Unlocked {
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the system gives neither memory nor randomness.
    pub(super) fn new(identity: &Identity, wrapped: Digest) -> Result<Self, Error> {
        // Better is to be had, and would keep a machine from hibernating as long as a server runs.
        let seal = Seal::held_at_best(Held::Locked)?;
        let text = seal.seal(&identity_text(identity), b"")?;
        Ok(Self { seal, text, wrapped })
    }

    pub(super) fn identity(&self) -> Result<Identity, Error> {
        let text = self.seal.open(&self.text, b"")?;
        parsed(&text).ok_or_else(|| Error::new(ErrorKind::Internal, "the vault's identity is none any more"))
    }
}

/// `None` where it is no identity.
pub(super) fn parsed(text: &[u8]) -> Option<Identity> {
    Identity::from_str(std::str::from_utf8(text).ok()?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_whenever_it_is_opened() {
        let identity = Identity::generate();
        let unlocked = Unlocked::new(&identity, [7; 32]).unwrap();
        for _ in 0..2 {
            let opened = unlocked.identity().unwrap();
            assert_eq!(opened.to_public().to_string(), identity.to_public().to_string());
        }
        assert!(parsed(&identity_text(&identity)).is_some());
        assert!(parsed(b"AGE-SECRET-KEY-1").is_none());
        assert!(parsed(&[0xff; 74]).is_none());
    }
}
