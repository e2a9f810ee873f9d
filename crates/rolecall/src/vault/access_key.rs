//! A long-term access key, and how it stands in a record.

use std::fmt;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::RecordKey;
use crate::error::{Error, ErrorKind, Invalid};
use crate::secret::Secret;

/// The form of a record. Another one is not understood.
const VERSION: u32 = 1;

/// An access key of an IAM user: one that has no end. Its `Debug` says nothing of the secret.
pub struct AccessKey {
    id: String,
    secret: Secret,
}

/// As it stands in a record.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u32,
    profile: String,
    access_key_id: String,
    secret_access_key: Zeroizing<String>,
}

/// Whether it can be the id of an access key.
pub(super) fn is_id(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (16..=128).contains(&text.len()) && text.chars().all(is_word)
}

impl AccessKey {
    /// A key, looked at as far as that goes without asking AWS. An id has 16 to 128 letters, digits and `_`
    /// (`AccessKeyId`, IAM API reference), and none of them small; one that begins with `ASIA` is a session's, and ends.
    ///
    /// # Errors
    /// What is wrong about it; the secret is not quoted.
    pub fn new(id: &str, secret: Secret) -> Result<Self, Invalid> {
        if !is_id(id) {
            return Err(Invalid::new(
                "an access key id has 16 to 128 letters and digits, as in AKIAIOSFODNN7EXAMPLE",
            ));
        }
        // Every id that AWS makes is in capital letters; a secret is not, and would be listed and shown as an id.
        if id.contains(|c: char| c.is_ascii_lowercase()) {
            return Err(Invalid::new(
                "this is no access key id, which has capital letters and digits only: it may be the secret, and the two swapped",
            ));
        }
        if id.starts_with("ASIA") {
            return Err(Invalid::new(
                "the access key is temporary (ASIA…): the vault is for keys that have no end",
            ));
        }
        let text = secret.expose();
        if !(16..=128).contains(&text.len())
            || !text
                .chars()
                .all(|c| c.is_ascii_graphic() && c != '"' && c != '\\')
        {
            return Err(Invalid::new(
                "a secret access key has 40 letters, digits, `+` and `/`: this is none",
            ));
        }
        Ok(Self {
            id: id.to_owned(),
            secret,
        })
    }

    /// The id, which is no secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The secret.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// As it is saved: the profile stands in it, so that no record is taken for another's.
    pub(super) fn to_record(&self, profile: &str) -> Zeroizing<Vec<u8>> {
        let head = serde_json::json!({ "version": VERSION, "profile": profile, "access_key_id": self.id })
            .to_string();
        let secret = self.secret.expose();
        // Of the whole size from the beginning, and the secret has nothing in it to escape.
        let mut bytes = Zeroizing::new(Vec::with_capacity(head.len() + secret.len() + 32));
        bytes.extend_from_slice(head.trim_end_matches('}').as_bytes());
        bytes.extend_from_slice(b",\"secret_access_key\":\"");
        bytes.extend_from_slice(secret.as_bytes());
        bytes.extend_from_slice(b"\"}");
        bytes
    }

    /// What a record holds, which has to be the one it was looked up by.
    ///
    /// # Errors
    /// [`ErrorKind::Untrusted`]: it is no record, or another's. Nothing of it is quoted.
    pub fn from_record(key: &RecordKey, bytes: &[u8]) -> Result<Self, Error> {
        let odd = |why: &str| {
            Error::new(ErrorKind::Untrusted, format!("the record of {key} is not used: {why}")).with_hint(
                "It was changed or damaged. Add the key again (`rolecall vault add`), or a new one if you are not sure who changed it.",
            )
        };
        // serde quotes what it did not expect, which may be the secret.
        let record: Record =
            serde_json::from_slice(bytes).map_err(|_| odd("it is no record, or one of a newer rolecall"))?;
        if record.version != VERSION {
            return Err(odd("it is of another version of rolecall"));
        }
        if record.profile != key.name || record.access_key_id != key.id {
            return Err(odd("it is another profile's, or of another key"));
        }
        let secret = Secret::new(record.secret_access_key.to_string());
        Self::new(&record.access_key_id, secret).map_err(|invalid| odd(&invalid.to_string()))
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
