//! Secrets at rest in memory: sealed under one key, opened only to answer.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::hardening::{Held, KeyPage, on_a_clean_stack};

/// A key of 256 random bits in a locked page, and what it seals: ChaCha20-Poly1305 (RFC 8439).
///
/// A sealed record says nothing without the key, so that of all that lies in a keeper's memory only one page is worth
/// protecting, and wiping it wipes every record at once, wherever their bytes have got to.
pub struct Seal {
    page: KeyPage,
    /// The nonce of the next record. Counted, for a counter cannot repeat where a random number of 96 bits might, and
    /// no other process ever has the key.
    next: AtomicU64,
    /// False where the system gave no new key: zeros are none.
    has_key: bool,
}

/// A record that only its [`Seal`] opens.
#[derive(Clone, Eq, PartialEq)]
pub struct Sealed {
    nonce: u64,
    text: Vec<u8>,
}

impl Seal {
    /// A seal under a new key, held as well as the system allows.
    ///
    /// # Errors
    /// `unavailable` when the system gives neither memory nor randomness.
    pub fn new() -> Result<Self, Error> {
        Self::held_at_best(Held::Secret)
    }

    /// The same, with a key that is held no better than this: while [`Held::Secret`] memory is in use a machine does not
    /// hibernate.
    ///
    /// # Errors
    /// As [`Seal::new`].
    pub fn held_at_best(best: Held) -> Result<Self, Error> {
        let mut seal = Self {
            page: KeyPage::new(best)?,
            next: AtomicU64::new(0),
            has_key: false,
        };
        seal.rekey()?;
        Ok(seal)
    }

    /// Puts a new key in the place of the old one: nothing that was sealed before can be opened ever again.
    ///
    /// # Errors
    /// `unavailable` when the system gives no randomness; the old key is gone all the same, and nothing is sealed
    /// or opened until there is a new one.
    pub fn rekey(&mut self) -> Result<(), Error> {
        let key = self.page.key_mut();
        key.fill(0);
        self.has_key = getrandom::fill(key).is_ok();
        if self.has_key {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            "the system gives no random numbers",
        ))
    }

    /// Seals `secret`. Whoever opens it must say the same of it, `about`, which is not secret and not kept.
    ///
    /// # Errors
    /// `internal` when the record is longer than the cipher takes, 256 GiB.
    pub fn seal(&self, secret: &[u8], about: &[u8]) -> Result<Sealed, Error> {
        let nonce = self.next.fetch_add(1, Ordering::Relaxed);
        // With room for the tag: a buffer that grew would leave the secret behind.
        let mut text = Zeroizing::new(Vec::with_capacity(secret.len() + CHACHA20_POLY1305.tag_len()));
        text.extend_from_slice(secret);
        self.with_key(|key| key.seal_in_place_append_tag(unique(nonce), Aad::from(about), &mut *text))
            .map_err(|_| Error::new(ErrorKind::Internal, "a record could not be sealed"))?;
        Ok(Sealed {
            nonce,
            text: std::mem::take(&mut *text),
        })
    }

    /// What was sealed.
    ///
    /// # Errors
    /// `untrusted` when it was sealed under another key, said of something else, or changed since.
    pub fn open(&self, sealed: &Sealed, about: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut text = Zeroizing::new(sealed.text.clone());
        let bytes = self
            .with_key(|key| {
                let opened = key.open_in_place(unique(sealed.nonce), Aad::from(about), &mut text);
                opened.map(|secret| secret.len())
            })
            .map_err(|_| Error::new(ErrorKind::Untrusted, "a sealed record does not open"))?;
        text.truncate(bytes);
        Ok(text)
    }

    /// How well the key is held.
    pub fn held(&self) -> Held {
        self.page.held()
    }

    /// ring takes the key by value and does not wipe it: it lives on a stack that is.
    fn with_key<T>(
        &self,
        work: impl FnOnce(&LessSafeKey) -> Result<T, ring::error::Unspecified>,
    ) -> Result<T, ring::error::Unspecified> {
        if !self.has_key {
            return Err(ring::error::Unspecified);
        }
        on_a_clean_stack(|| {
            let key = UnboundKey::new(&CHACHA20_POLY1305, self.page.key())?;
            work(&LessSafeKey::new(key))
        })
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal")
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}

impl Sealed {
    /// How many bytes it holds, its tag included.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Never: a tag is always there.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.text.len())
    }
}

fn unique(count: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - 8..].copy_from_slice(&count.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_held_no_better_than_it_may_be() {
        let seal = Seal::held_at_best(Held::Locked).unwrap();
        assert!(matches!(seal.held(), Held::Locked | Held::Plain), "{seal:?}");
        let sealed = seal.seal(b"CANARYSECRET", b"a").unwrap();
        assert_eq!(*seal.open(&sealed, b"a").unwrap(), b"CANARYSECRET");
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens(secret: Vec<u8>, about: Vec<u8>) {
            let seal = Seal::new().unwrap();
            let sealed = seal.seal(&secret, &about).unwrap();
            prop_assert_eq!(&**seal.open(&sealed, &about).unwrap(), &secret);
            prop_assert_eq!(sealed.len(), secret.len() + 16);
        }

        #[test]
        fn another_word_about_it_opens_nothing(secret: Vec<u8>, about: Vec<u8>, other: Vec<u8>) {
            prop_assume!(about != other);
            let seal = Seal::new().unwrap();
            let sealed = seal.seal(&secret, &about).unwrap();
            prop_assert_eq!(seal.open(&sealed, &other).unwrap_err().kind(), ErrorKind::Untrusted);
        }

        #[test]
        fn any_flipped_bit_opens_nothing(secret: Vec<u8>, at: prop::sample::Index, bit in 0u32..8) {
            let seal = Seal::new().unwrap();
            let mut sealed = seal.seal(&secret, b"about").unwrap();
            let at = at.index(sealed.text.len());
            sealed.text[at] ^= 1 << bit;
            prop_assert!(seal.open(&sealed, b"about").is_err());
            sealed.text[at] ^= 1 << bit;
            sealed.nonce ^= 1 << bit;
            prop_assert!(seal.open(&sealed, b"about").is_err());
        }
    }

    #[test]
    fn records_of_equal_text_differ() {
        let seal = Seal::new().unwrap();
        let sealed: Vec<_> = (0..100)
            .map(|_| seal.seal(b"CANARYSECRET", b"").unwrap().text)
            .collect();
        let distinct: std::collections::BTreeSet<_> = sealed.iter().collect();
        assert_eq!(distinct.len(), sealed.len());
        assert!(sealed.iter().all(|text| !text.starts_with(b"CANARY")));
    }

    #[test]
    fn a_new_key_makes_the_old_records_worthless() {
        let mut seal = Seal::new().unwrap();
        let sealed = seal.seal(b"CANARYSECRET", b"").unwrap();
        assert!(Seal::new().unwrap().open(&sealed, b"").is_err(), "another's key");
        seal.rekey().unwrap();
        assert!(seal.open(&sealed, b"").is_err());
        let sealed = seal.seal(b"after", b"").unwrap();
        assert_eq!(&**seal.open(&sealed, b"").unwrap(), b"after");
    }

    #[test]
    fn debug_says_its_length_only() {
        let seal = Seal::new().unwrap();
        let sealed = seal.seal(b"CANARYSECRET", b"").unwrap();
        assert_eq!(format!("{sealed:?}"), "Sealed(28 bytes)");
        assert!(format!("{seal:?}").starts_with("Seal { held: "));
    }

    /// Where this process's memory holds half a key or more, the key's own page and the reader's buffer left out.
    #[cfg(target_os = "linux")]
    fn copies(seal: &Seal) -> Vec<String> {
        use std::os::unix::fs::FileExt as _;

        const CHUNK: usize = 1 << 16;
        let read = |path: &str| {
            std::fs::OpenOptions::new()
                .read(true)
                .open(path)
                .expect("our own memory")
        };
        let maps = std::io::read_to_string(read("/proc/self/maps")).expect("text");
        let memory = read("/proc/self/mem");
        let key = seal.page.key();
        let mut buffer = vec![0; CHUNK];
        let ours = buffer.as_ptr() as usize..buffer.as_ptr() as usize + CHUNK;
        let page = key.as_ptr() as usize;
        let mut found = Vec::new();
        for line in maps.lines() {
            let range = line.split([' ', '-']).collect::<Vec<_>>();
            let [from, to] =
                [range[0], range[1]].map(|hex| usize::from_str_radix(hex, 16).expect("an address"));
            if from == page {
                continue;
            }
            // Chunks overlap by a key, so that none is missed at an edge.
            for at in (from..to).step_by(CHUNK - key.len()) {
                let bytes = CHUNK.min(to - at);
                let Ok(bytes) = memory.read_at(&mut buffer[..bytes], at as u64) else {
                    break;
                };
                for offset in 0..bytes.saturating_sub(15) {
                    let here = &buffer[offset..offset + 16];
                    if here[0] != key[0] && here[0] != key[16] {
                        continue;
                    }
                    let is_half = here == &key[..16] || here == &key[16..];
                    if is_half && !ours.contains(&(at + offset)) {
                        found.push(format!("{:x} in {line}", at + offset));
                    }
                }
            }
        }
        found
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_key_is_in_its_page_and_nowhere_else() {
        let seal = Seal::new().unwrap();
        for _ in 0..10 {
            let sealed = seal.seal(b"CANARYSECRET", b"about").unwrap();
            assert_eq!(&**seal.open(&sealed, b"about").unwrap(), b"CANARYSECRET");
        }
        assert_eq!(copies(&seal), Vec::<String>::new());
        let copy = std::hint::black_box(Box::new(*seal.page.key()));
        assert!(!copies(&seal).is_empty(), "the search finds one that is there");
        drop(copy);
    }
}
