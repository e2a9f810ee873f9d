//! `aws-chunked` bodies: chunks that may be signed one by one, and trailing headers with a checksum.
//!
//! "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks" and "Including Trailing
//! Headers (Chunked Upload)" of the S3 API reference. Every current SDK sends uploads like this unless told otherwise.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use super::{hex, hmac, mismatch, same};
use crate::api::Refusal;

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Signed,
    SignedTrailer,
    UnsignedTrailer,
}

impl Kind {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Some(Self::Signed),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Some(Self::SignedTrailer),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Some(Self::UnsignedTrailer),
            _ => None,
        }
    }
}

/// Each chunk's signature covers the one before; the first covers that of the headers.
pub(super) struct Chain {
    pub(super) key: [u8; 32],
    pub(super) at: String,
    pub(super) scope: String,
    pub(super) previous: String,
}

impl Chain {
    fn check(&mut self, algorithm: &str, text: &str, signature: &str) -> Result<(), Refusal> {
        let to_sign = format!(
            "{algorithm}\n{}\n{}\n{}\n{text}",
            self.at, self.scope, self.previous
        );
        let expected = hex(&hmac(&self.key, to_sign.as_bytes()));
        if !same(&expected, signature) {
            return Err(mismatch());
        }
        self.previous = expected;
        Ok(())
    }
}

fn incomplete() -> Refusal {
    Refusal::new(400, "IncompleteBody", "The request body terminated unexpectedly")
}

/// The bytes inside of the chunks, which must be `length` long.
pub(super) fn decode(body: &[u8], kind: Kind, mut chain: Chain, length: usize) -> Result<Vec<u8>, Refusal> {
    let mut rest = body;
    let mut decoded = Vec::with_capacity(length.min(body.len()));
    loop {
        let (line, after) = split_line(rest).ok_or_else(incomplete)?;
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let size = usize::from_str_radix(size.trim(), 16).map_err(|_| incomplete())?;
        let chunk = after.get(..size).ok_or_else(incomplete)?;
        if !matches!(kind, Kind::UnsignedTrailer) {
            let signature = extension.strip_prefix("chunk-signature=").ok_or_else(mismatch)?;
            let text = format!("{}\n{}", hex(&Sha256::digest(b"")), hex(&Sha256::digest(chunk)));
            chain.check("AWS4-HMAC-SHA256-PAYLOAD", &text, signature)?;
        }
        rest = &after[size..];
        if size == 0 {
            break;
        }
        decoded.extend_from_slice(chunk);
        rest = rest.strip_prefix(b"\r\n").ok_or_else(incomplete)?;
    }
    if decoded.len() != length {
        return Err(incomplete());
    }
    check_trailers(rest, kind, chain, &decoded)?;
    Ok(decoded)
}

fn check_trailers(mut rest: &[u8], kind: Kind, mut chain: Chain, decoded: &[u8]) -> Result<(), Refusal> {
    let mut signed = String::new();
    let mut signature = None;
    // Each checksum is one more reading of all that was sent.
    let mut seen = HashSet::new();
    while let Some((line, after)) = split_line(rest) {
        rest = after;
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if !seen.insert(name.clone()) {
            return Err(Refusal::new(
                400,
                "MalformedTrailerError",
                "The request contained trailing data that was not well-formed or did not conform to our published \
                 schema.",
            ));
        }
        if name == "x-amz-trailer-signature" {
            signature = Some(value.to_owned());
            continue;
        }
        signed.push_str(&format!("{name}:{value}\n"));
        if let Some(computed) = checksum(&name, decoded)
            && computed != value
        {
            return Err(bad_digest(&name));
        }
    }
    if matches!(kind, Kind::SignedTrailer) {
        let text = hex(&Sha256::digest(signed.as_bytes()));
        let signature = signature.ok_or_else(mismatch)?;
        chain.check("AWS4-HMAC-SHA256-TRAILER", &text, &signature)?;
    }
    Ok(())
}

pub(super) fn bad_digest(name: &str) -> Refusal {
    Refusal::new(
        400,
        "BadDigest",
        format!("The {name} you specified did not match the calculated checksum."),
    )
}

/// The checksums that SDKs send unless told otherwise, as base64; others are taken on trust.
pub(super) fn checksum(name: &str, bytes: &[u8]) -> Option<String> {
    use base64::Engine;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    match name {
        "x-amz-checksum-crc32" => Some(encode(&crc32(bytes).to_be_bytes())),
        "x-amz-checksum-sha256" => Some(encode(&Sha256::digest(bytes))),
        _ => None,
    }
}

/// CRC-32 as in ISO 3309, bit by bit: uploads here are small.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

fn split_line(text: &[u8]) -> Option<(&str, &[u8])> {
    let end = text.windows(2).position(|pair| pair == b"\r\n")?;
    Some((std::str::from_utf8(&text[..end]).ok()?, &text[end + 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Chain {
        Chain {
            key: [7; 32],
            at: "20260501T120000Z".into(),
            scope: "20260501/us-east-1/s3/aws4_request".into(),
            previous: "seed".into(),
        }
    }

    fn unsigned(body: &str, length: usize) -> Result<Vec<u8>, &'static str> {
        decode(body.as_bytes(), Kind::UnsignedTrailer, chain(), length).map_err(|refusal| refusal.code)
    }

    #[test]
    fn crc32_has_its_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn chunks_are_joined_and_checked() {
        assert_eq!(unsigned("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 5).unwrap(), b"abcde");
        assert_eq!(
            unsigned("9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n", 9).unwrap(),
            b"123456789"
        );
        for (body, length, code) in [
            ("3\r\nabc\r\n0\r\n\r\n", 4, "IncompleteBody"),
            ("5\r\nabc\r\n0\r\n\r\n", 3, "IncompleteBody"),
            ("ffffffffffffffff\r\nabc", 3, "IncompleteBody"),
            ("x\r\nabc\r\n0\r\n\r\n", 3, "IncompleteBody"),
            ("3\r\nabc\r\n", 3, "IncompleteBody"),
            ("", 0, "IncompleteBody"),
            (
                "9\r\n123456780\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n",
                9,
                "BadDigest",
            ),
        ] {
            assert_eq!(unsigned(body, length), Err(code), "{body:?}");
        }
    }

    #[test]
    fn signed_chunks_follow_each_other() {
        let mut chain_of = chain();
        let mut body = String::new();
        for chunk in ["abc", ""] {
            let text = format!(
                "{}\n{}",
                hex(&Sha256::digest(b"")),
                hex(&Sha256::digest(chunk.as_bytes()))
            );
            let to_sign = format!(
                "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{text}",
                chain_of.at, chain_of.scope, chain_of.previous
            );
            chain_of.previous = hex(&hmac(&chain_of.key, to_sign.as_bytes()));
            body.push_str(&format!(
                "{:x};chunk-signature={}\r\n{chunk}\r\n",
                chunk.len(),
                chain_of.previous
            ));
        }
        assert_eq!(decode(body.as_bytes(), Kind::Signed, chain(), 3).unwrap(), b"abc");
        let changed = body.replace("abc", "abd");
        let refused = decode(changed.as_bytes(), Kind::Signed, chain(), 3).unwrap_err();
        assert_eq!(refused.code, "SignatureDoesNotMatch");
    }

    #[test]
    fn signed_trailers_follow_the_last_chunk() {
        let sum = "x-amz-checksum-crc32:y/Q5Jg==";
        let mut chain_of = chain();
        let mut sign = |algorithm: &str, text: &str| {
            let to_sign = format!(
                "{algorithm}\n{}\n{}\n{}\n{text}",
                chain_of.at, chain_of.scope, chain_of.previous
            );
            chain_of.previous = hex(&hmac(&chain_of.key, to_sign.as_bytes()));
            chain_of.previous.clone()
        };
        let mut body = String::new();
        for chunk in ["123456789", ""] {
            let hash = |bytes: &[u8]| hex(&Sha256::digest(bytes));
            let text = format!("{}\n{}", hash(b""), hash(chunk.as_bytes()));
            let signature = sign("AWS4-HMAC-SHA256-PAYLOAD", &text);
            body.push_str(&format!("{:x};chunk-signature={signature}\r\n", chunk.len()));
            if !chunk.is_empty() {
                body.push_str(&format!("{chunk}\r\n"));
            }
        }
        let trailer = sign(
            "AWS4-HMAC-SHA256-TRAILER",
            &hex(&Sha256::digest(format!("{sum}\n"))),
        );
        let whole = |signature: &str| format!("{body}{sum}\r\n{signature}\r\n");
        let read = |body: String| {
            decode(body.as_bytes(), Kind::SignedTrailer, chain(), 9).map_err(|refusal| refusal.code)
        };
        let stated = |signature: &str| whole(&format!("x-amz-trailer-signature:{signature}\r\n"));
        assert_eq!(read(stated(&trailer)).unwrap(), b"123456789");
        for wrong in [stated(&"0".repeat(64)), whole("")] {
            assert_eq!(read(wrong), Err("SignatureDoesNotMatch"));
        }
    }
}
