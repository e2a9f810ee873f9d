//! What a record's file is called, so that the list can be made anew from the names alone.
//!
//! A name has to be told from every other where upper and lower case are the same (macOS, Windows), and has to fit where
//! names are short (143 bytes in eCryptfs). So capital letters of a profile's name are written as `%41`, like everything
//! else that is no letter, digit, `-` or `_`; and what does not fit is called by its hash, with a file of the same name
//! beside it that says what it is.

use std::fmt::Write as _;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::hex::hex;
use crate::vault::{RecordKey, RecordKind};

/// The longest name of a file. Most systems allow 255 bytes.
const LONGEST: usize = 140;
/// Between the parts of a record's name.
const BETWEEN: char = '.';
/// What a name by hash begins with, after the kind; nothing is written so in the other form.
const BY_HASH: char = '~';
const RECORD: &str = ".age";
const LABEL: &str = ".name";

/// What a file's name says.
#[derive(Debug, Eq, PartialEq)]
pub(in crate::vault::backend) enum Named {
    /// Which record it is.
    Record(RecordKey),
    /// That the file of this name beside it says it.
    Elsewhere(String),
}

/// What a file beside a record says.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Label {
    kind: String,
    name: String,
    id: String,
}

/// The file of a record.
pub(in crate::vault::backend) fn file(key: &RecordKey) -> String {
    readable(key).unwrap_or_else(|| by_hash(key)) + RECORD
}

/// The file beside it that says which one it is, and what it says, where its name does not.
pub(in crate::vault::backend) fn label(key: &RecordKey) -> Option<(String, Vec<u8>)> {
    if readable(key).is_some() {
        return None;
    }
    let label = Label {
        kind: key.kind.name().to_owned(),
        name: key.name.clone(),
        id: key.id.clone(),
    };
    Some((
        by_hash(key) + LABEL,
        serde_json::to_vec(&label).unwrap_or_default(),
    ))
}

/// What the file of that name is, if we named it.
pub(in crate::vault::backend) fn read(file: &str) -> Option<Named> {
    let stem = file.strip_suffix(RECORD)?;
    let mut parts = stem.split(BETWEEN);
    let kind = RecordKind::named(parts.next()?)?;
    let name = parts.next()?;
    if name.starts_with(BY_HASH) {
        return Some(Named::Elsewhere(stem.to_owned() + LABEL));
    }
    let part = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
    let key = RecordKey {
        kind,
        name: part(name)?,
        id: part(parts.next()?)?,
    };
    // Written in another way, it is not the file that would be read.
    (self::file(&key) == file).then_some(Named::Record(key))
}

/// Which record the file is beside which that label lies.
pub(in crate::vault::backend) fn read_label(file: &str, label: &[u8]) -> Option<RecordKey> {
    let label: Label = serde_json::from_slice(label).ok()?;
    let key = RecordKey {
        kind: RecordKind::named(&label.kind)?,
        name: label.name,
        id: label.id,
    };
    (self::file(&key) == file).then_some(key)
}

fn readable(key: &RecordKey) -> Option<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let name = escaped(&key.name, plain);
    // An id is in capitals: one that is not is told from those.
    let id = escaped(&key.id, |c| {
        c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '-' | '_')
    });
    let all = [key.kind.name(), &name, &id].join(&BETWEEN.to_string());
    (all.len() + RECORD.len().max(LABEL.len()) <= LONGEST).then_some(all)
}

fn escaped(text: &str, is_plain: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) {
            escaped.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a `String` does not fail.
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}

fn by_hash(key: &RecordKey) -> String {
    let kind = key.kind.name();
    let mut hash = Sha256::new();
    for part in [kind, &key.name, &key.id] {
        // Of the length too, so that no two ways to cut one text are the same.
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let hash = hex(&hash.finalize());
    format!("{kind}{BETWEEN}{BY_HASH}{}", hash.get(..32).unwrap_or(&hash))
}
