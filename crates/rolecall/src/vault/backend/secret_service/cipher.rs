//! The cipher that secrets cross the bus under: `dh-ietf1024-sha256-aes128-cbc-pkcs7` of the Secret Service specification.
//!
//! It keeps them out of the bus's buffers, logs and swap, and authenticates nothing: whoever can answer in the service's
//! place gets what is saved there. Its group is small by today's measure, and the specification knows no other.

use aes::Aes128;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockDecryptMut as _, BlockEncryptMut as _, KeyIvInit as _};
use crypto_bigint::modular::runtime_mod::{DynResidue, DynResidueParams};
use crypto_bigint::{Encoding as _, U256, U1024};
use ring::hkdf;
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::{Error, ErrorKind};

pub(super) const NAME: &str = "dh-ietf1024-sha256-aes128-cbc-pkcs7";
/// The prime of the second Oakley group (RFC 2409, 6.2); its generator is 2.
const PRIME: U1024 = U1024::from_be_hex(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74\
     020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437\
     4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
     EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
);
const BLOCK: usize = 16;

/// Our half of the exchange. 256 bits are more than the group is worth.
pub(super) struct Half(Zeroizing<U256>);

/// What both sides have then.
pub(super) struct Cipher(Zeroizing<[u8; BLOCK]>);

struct KeyLength;

impl hkdf::KeyType for KeyLength {
    fn len(&self) -> usize {
        BLOCK
    }
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Error> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes)
        .map_err(|_| Error::new(ErrorKind::Unavailable, "the system gives no random numbers"))?;
    Ok(bytes)
}

impl Half {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self(Zeroizing::new(U256::from_be_slice(&*random::<32>()?))))
    }

    /// `base` to the power of our secret, in constant time.
    fn power(&self, base: &U1024) -> Zeroizing<U1024> {
        let params = DynResidueParams::new(&PRIME);
        let mut power = DynResidue::new(base, params).pow(&*self.0);
        let number = Zeroizing::new(power.retrieve());
        power.zeroize();
        number
    }

    pub(super) fn public(&self) -> Vec<u8> {
        self.power(&U1024::from_u8(2)).to_be_bytes().to_vec()
    }

    /// With the other half. The numbers that make the key guessable are refused.
    pub(super) fn with(&self, public: &[u8]) -> Result<Cipher, Error> {
        let odd = || Error::new(ErrorKind::Untrusted, "the Secret Service sent a key that is none");
        let digits = public
            .iter()
            .position(|byte| *byte != 0)
            .map_or(&[][..], |at| &public[at..]);
        let mut number = [0; 128];
        let from = number.len().checked_sub(digits.len()).ok_or_else(odd)?;
        number[from..].copy_from_slice(digits);
        let other = U1024::from_be_slice(&number);
        if other <= U1024::ONE || other >= PRIME.wrapping_sub(&U1024::ONE) {
            return Err(odd());
        }
        let shared = Zeroizing::new(self.power(&other).to_be_bytes());
        let key = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&*shared);
        let mut bytes = Zeroizing::new([0; BLOCK]);
        key.expand(&[], KeyLength)
            .and_then(|output| output.fill(&mut *bytes))
            .map_err(|_| Error::new(ErrorKind::Internal, "a key could not be derived"))?;
        Ok(Cipher(bytes))
    }
}

impl Cipher {
    /// The text under a new vector, and the vector.
    pub(super) fn encrypt(&self, text: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let vector = random::<BLOCK>()?;
        // Room for the padding: a buffer that grew would leave the text behind.
        let mut buffer = Zeroizing::new(vec![0; (text.len() / BLOCK + 1) * BLOCK]);
        buffer[..text.len()].copy_from_slice(text);
        cbc::Encryptor::<Aes128>::new((&*self.0).into(), (&*vector).into())
            .encrypt_padded_mut::<Pkcs7>(&mut buffer, text.len())
            .map_err(|_| Error::new(ErrorKind::Internal, "a secret could not be encrypted"))?;
        Ok((std::mem::take(&mut *buffer), vector.to_vec()))
    }

    pub(super) fn decrypt(&self, sealed: Vec<u8>, vector: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let odd = || {
            Error::new(
                ErrorKind::Untrusted,
                "the Secret Service sent a secret that cannot be read",
            )
            .with_hint("Try again; `rolecall doctor` looks at the vault.")
        };
        let vector: &[u8; BLOCK] = vector.try_into().map_err(|_| odd())?;
        let mut buffer = Zeroizing::new(sealed);
        let length = cbc::Decryptor::<Aes128>::new((&*self.0).into(), vector.into())
            .decrypt_padded_mut::<Pkcs7>(&mut buffer)
            .map_err(|_| odd())?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_have_the_same_key() {
        let (ours, theirs) = (Half::new().unwrap(), Half::new().unwrap());
        let here = ours.with(&theirs.public()).unwrap();
        let there = theirs.with(&ours.public()).unwrap();
        for length in [0, 1, 15, 16, 17, 5000] {
            let text = vec![7; length];
            let (sealed, vector) = here.encrypt(&text).unwrap();
            assert_ne!(sealed[..], text[..]);
            assert_eq!(*there.decrypt(sealed, &vector).unwrap(), text);
        }
        let (sealed, vector) = here.encrypt(b"text").unwrap();
        assert_ne!(here.encrypt(b"text").unwrap().0, sealed);
        for (sealed, vector) in [
            (sealed.clone(), &vector[1..]),
            (sealed[1..].to_vec(), &vector[..]),
            (Vec::new(), &vector[..]),
        ] {
            assert_eq!(
                there.decrypt(sealed, vector).unwrap_err().kind(),
                ErrorKind::Untrusted
            );
        }
    }

    #[test]
    fn a_half_that_makes_the_key_guessable_is_refused() {
        let half = Half::new().unwrap();
        let prime = PRIME.to_be_bytes();
        let below = PRIME.wrapping_sub(&U1024::ONE).to_be_bytes();
        for public in [&[][..], &[0], &[1], &[0, 1], &prime, &below, &[1; 129]] {
            assert!(half.with(public).is_err(), "{public:?}");
        }
        // Leading zeros are not digits.
        assert!(half.with(&[&[0; 40][..], &[9; 128]].concat()).is_ok());
        assert!(half.with(&[2]).is_ok());
    }
}
