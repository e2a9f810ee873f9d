//! Buckets and their objects.

use std::collections::BTreeMap;
use std::time::SystemTime;

use bytes::Bytes;
use rolecall::AccountId;
use sha2::{Digest, Sha256};

use crate::clock;

pub(crate) struct Object {
    pub(crate) body: Bytes,
    pub(crate) content_type: String,
    pub(crate) etag: String,
    pub(crate) modified: SystemTime,
    /// `x-amz-meta-*`, lower case.
    pub(crate) metadata: Vec<(String, String)>,
}

impl Object {
    pub(crate) fn new(body: impl Into<Bytes>, content_type: &str) -> Self {
        let body = body.into();
        let digest = Sha256::digest(&body);
        let hex: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            // The suffix says that it is no MD5, as S3's own multi-part tags do.
            etag: format!("\"{hex}-1\""),
            body,
            content_type: content_type.to_owned(),
            modified: clock::now(),
            metadata: Vec::new(),
        }
    }
}

pub(crate) struct Bucket {
    pub(crate) owner: AccountId,
    pub(crate) created: SystemTime,
    pub(crate) objects: BTreeMap<String, Object>,
}
