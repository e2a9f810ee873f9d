//! Names for what the sandbox issues. Keys are canaries: recognisable at sight and in a scan, and useless at AWS.

const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789AB";
/// Tokens hold the characters that escaping changes, as AWS's own do.
const TOKEN: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const HEX: &[u8] = b"0123456789abcdef";

/// What every secret access key begins with.
pub(crate) const SECRET_PREFIX: &str = "CANARYSECRET";
/// What every session token begins with.
pub(crate) const TOKEN_PREFIX: &str = "CANARYTOKEN";

/// `count` random characters of an alphabet whose length divides 256, so that none is likelier than another.
fn random(alphabet: &[u8], count: usize) -> String {
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
        .into_iter()
        .map(|byte| char::from(alphabet[usize::from(byte) % alphabet.len()]))
        .collect()
}

pub(crate) fn long_term_key() -> String {
    format!("AKIACANARY{}", random(UPPER, 10))
}

pub(crate) fn temporary_key() -> String {
    format!("ASIACANARY{}", random(UPPER, 10))
}

pub(crate) fn secret() -> String {
    format!("{SECRET_PREFIX}{}", random(ALNUM, 28))
}

pub(crate) fn token() -> String {
    token_of(0)
}

/// A session token of at least so many bytes.
pub(crate) fn token_of(least: usize) -> String {
    let rest = least.saturating_sub(TOKEN_PREFIX.len() + 2).max(243);
    format!("{TOKEN_PREFIX}{}==", random(TOKEN, rest))
}

/// The seed of a virtual MFA device, in base32 as authenticators take it.
pub(crate) fn seed() -> String {
    format!("{SECRET_PREFIX}{}", random(UPPER, 52))
}

/// What makes a web identity token a canary: inside of a token there are only characters that base64url leaves alone.
pub(crate) fn token_id() -> String {
    format!("{TOKEN_PREFIX}{}", random(ALNUM, 40))
}

/// A unique id of IAM: `AIDA` for users, `AROA` for roles, `ANPA` for managed policies.
pub(crate) fn unique(prefix: &str) -> String {
    format!("{prefix}CANARY{}", random(UPPER, 11))
}

/// An id of AWS Organizations: a prefix and eight lower-case letters and digits.
pub(crate) fn directory(prefix: &str) -> String {
    format!("{prefix}{}", random(UPPER, 8).to_ascii_lowercase())
}

/// The id of a client of Identity Center; no secret.
pub(crate) fn client() -> String {
    format!("CANARYCLIENT{}", random(ALNUM, 20))
}

/// What a person compares or types, `ABCD-EFGH`.
pub(crate) fn user_code() -> String {
    format!("{}-{}", random(UPPER, 4), random(UPPER, 4))
}

/// The id of an instance of EC2.
pub(crate) fn instance() -> String {
    format!("i-0{}", random(HEX, 16))
}

/// The id of a task of ECS.
pub(crate) fn task() -> String {
    random(HEX, 32)
}

/// A request or message id, in the shape of a UUID.
pub(crate) fn request() -> String {
    let hex = random(HEX, 32);
    let [a, b, c, d] = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20]];
    format!("{a}-{b}-{c}-{d}-{}", &hex[20..])
}
