//! How records hang together: each line ends in its hash, and names the hash of the one before.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::hex::hex;

/// No line that is written is as long: every text in it is bounded.
pub(super) const LONGEST_LINE: usize = 32 * 1024;

/// What stands between a record and its hash.
const SEAM: &str = ",\"hash\":\"";

/// Where the chain ends for now.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Link {
    pub(super) seq: u64,
    pub(super) hash: String,
}

/// What of a record hangs it into the chain.
#[derive(Deserialize)]
struct Place {
    seq: u64,
    prev: Option<String>,
}

/// One line that is whole: its hash is the hash of what stands before.
#[derive(Clone, Debug)]
pub(super) struct Sealed<'a> {
    pub(super) text: &'a str,
    pub(super) link: Link,
    pub(super) prev: Option<String>,
}

/// Why a line is no link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flaw {
    NotARecord,
    Changed,
}

/// A record as a line, with its hash over all of it as it would be without one.
pub(super) fn sealed(json: &str) -> (String, String) {
    let hash = hex(&Sha256::digest(json.as_bytes()));
    let body = json.strip_suffix('}').unwrap_or(json);
    (format!("{body}{SEAM}{hash}\"}}\n"), hash)
}

/// Reads a line, without its newline.
pub(super) fn unsealed(line: &[u8]) -> Result<Sealed<'_>, Flaw> {
    let text = std::str::from_utf8(line).map_err(|_| Flaw::NotARecord)?;
    let (body, hash) = text
        .strip_suffix("\"}")
        .and_then(|text| text.rsplit_once(SEAM))
        .ok_or(Flaw::NotARecord)?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_hash {
        return Err(Flaw::NotARecord);
    }
    let mut digest = Sha256::new();
    digest.update(body.as_bytes());
    digest.update(b"}");
    if hex(&digest.finalize()) != hash {
        return Err(Flaw::Changed);
    }
    let place: Place = serde_json::from_str(text).map_err(|_| Flaw::NotARecord)?;
    Ok(Sealed {
        text,
        link: Link {
            seq: place.seq,
            hash: hash.to_owned(),
        },
        prev: place.prev,
    })
}

/// What the end of a file says to whoever writes next.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct End {
    /// The last record, unless there is none.
    pub(super) last: Option<Link>,
    /// The bytes behind the last newline, to be cut off.
    pub(super) torn: u64,
    /// The last record is whole and only its newline is missing.
    pub(super) wants_newline: bool,
    /// Lines of somebody else behind the last record, or before where it should be.
    pub(super) has_strangers: bool,
}

impl End {
    /// Of the last bytes of a file; where they are not all of it, the first line is taken for a part of one.
    pub(super) fn of(tail: &[u8]) -> Self {
        let mut end = Self::default();
        let (whole, rest) = match tail.iter().rposition(|b| *b == b'\n') {
            Some(at) => tail.split_at(at + 1),
            None => (&[][..], tail),
        };
        if let Ok(sealed) = unsealed(rest) {
            end.wants_newline = true;
            end.last = Some(sealed.link);
            return end;
        }
        if rest.len() > LONGEST_LINE {
            // Nothing that we wrote in part: it stays, on a line of its own.
            end.wants_newline = true;
            end.has_strangers = true;
        } else {
            end.torn = rest.len() as u64;
        }
        for line in whole.split(|b| *b == b'\n').rev().skip(1) {
            match unsealed(line) {
                Ok(sealed) => {
                    end.last = Some(sealed.link);
                    return end;
                }
                Err(_) => end.has_strangers = true,
            }
        }
        end
    }
}
