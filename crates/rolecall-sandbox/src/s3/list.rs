//! ListObjects and ListObjectsV2.

use std::fmt::Write as _;

use super::{listed, xml};
use crate::api::{Answer, Incoming, Refusal};
use crate::clock;
use crate::state::Bucket;

/// What a page of a listing holds.
enum Entry<'a> {
    Key(&'a str),
    Prefix(String),
}

impl Entry<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Key(key) => key,
            Self::Prefix(prefix) => prefix,
        }
    }
}

pub(super) fn objects(incoming: &Incoming, name: &str, bucket: &Bucket) -> Result<Answer, Refusal> {
    let v2 = incoming.query("list-type") == Some("2");
    let url = incoming.query("encoding-type") == Some("url");
    let prefix = incoming.query("prefix").unwrap_or_default();
    let delimiter = incoming.query("delimiter").unwrap_or_default();
    let most = match incoming.query("max-keys").map(str::parse::<usize>) {
        None => 1000,
        Some(Ok(most)) => most.min(1000),
        Some(Err(_)) => {
            return Err(Refusal::new(
                400,
                "InvalidArgument",
                "Provided max-keys not an integer or within integer range",
            ));
        }
    };
    let after = if v2 {
        incoming
            .query("continuation-token")
            .or_else(|| incoming.query("start-after"))
    } else {
        incoming.query("marker")
    }
    .unwrap_or_default();

    let mut entries: Vec<Entry<'_>> = Vec::new();
    for key in bucket.objects.keys().filter(|key| key.starts_with(prefix)) {
        let rest = &key[prefix.len()..];
        let cut = (!delimiter.is_empty()).then(|| rest.find(delimiter)).flatten();
        let entry = match cut {
            Some(at) => Entry::Prefix(format!("{prefix}{}", &rest[..at + delimiter.len()])),
            None => Entry::Key(key),
        };
        let repeated = entries.last().is_some_and(|last| last.text() == entry.text());
        if entry.text() > after && !repeated {
            entries.push(entry);
        }
    }
    let truncated = entries.len() > most;
    entries.truncate(most);

    let mut text = String::new();
    let _ = write!(
        text,
        "<Name>{name}</Name><Prefix>{}</Prefix><MaxKeys>{most}</MaxKeys><IsTruncated>{truncated}</IsTruncated>",
        listed(prefix, url)
    );
    if !delimiter.is_empty() {
        let _ = write!(text, "<Delimiter>{}</Delimiter>", listed(delimiter, url));
    }
    if url {
        text.push_str("<EncodingType>url</EncodingType>");
    }
    if v2 {
        let _ = write!(text, "<KeyCount>{}</KeyCount>", entries.len());
    } else {
        let _ = write!(text, "<Marker>{}</Marker>", listed(after, url));
    }
    if truncated && let Some(last) = entries.last() {
        // The token is the last key itself; AWS's is opaque, and nobody may read either.
        let (element, last) = if v2 {
            ("NextContinuationToken", crate::api::escaped(last.text()))
        } else {
            ("NextMarker", listed(last.text(), url))
        };
        let _ = write!(text, "<{element}>{last}</{element}>");
    }
    for entry in &entries {
        match entry {
            Entry::Prefix(prefix) => {
                let prefix = listed(prefix, url);
                let _ = write!(text, "<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>");
            }
            Entry::Key(key) => {
                let object = &bucket.objects[*key];
                let _ = write!(
                    text,
                    "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size>\
                     <StorageClass>STANDARD</StorageClass></Contents>",
                    listed(key, url),
                    clock::iso8601(object.modified),
                    crate::api::escaped(&object.etag),
                    object.body.len()
                );
            }
        }
    }
    Ok(xml("ListBucketResult", &text))
}
