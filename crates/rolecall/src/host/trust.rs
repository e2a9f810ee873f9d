//! Whom TLS trusts: the operating system's authorities, or those of one file in their place.

use std::error::Error as StdError;
use std::io::Read as _;
use std::path::Path;

use rustls::CertificateError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};

use super::CaBundle;
use crate::error::Error;

/// A bundle larger than this is none; the largest in use are below a megabyte.
const LARGEST_BUNDLE: u64 = 16 * 1024 * 1024;

/// The certificates of a bundle as PEM, every one of which has been read: the connector takes what it cannot read for a
/// bug of the program, and panics.
pub(super) fn read(bundle: &CaBundle<'_>) -> Result<Vec<u8>, Error> {
    const REPLACES: &str = "It takes the place of the operating system's store: name a PEM file with every authority that is to be trusted, or unset it.";
    let fail = |why: &str| {
        Error::config(format!(
            "the CA bundle {} ({}) {why}",
            bundle.path.display(),
            bundle.origin
        ))
    };
    let bytes = bytes(bundle.path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => fail("is not there").with_hint(REPLACES),
        _ => fail(&format!("cannot be read: {error}"))
            .with_hint("Check who owns the file and its mode (ls -l)."),
    })?;
    if bytes.len() as u64 > LARGEST_BUNDLE {
        return Err(fail("is larger than 16 MiB").with_hint(REPLACES));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(fail("is empty").with_hint(REPLACES));
    }
    // A SEQUENCE: one certificate in DER, as Windows and Java export it.
    if bytes.starts_with(&[0x30, 0x82]) {
        return Err(
            fail("is DER, not PEM").with_hint("Convert it: openssl x509 -inform der -in FILE -out FILE.pem.")
        );
    }
    let mut roots = rustls::RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(&bytes).enumerate() {
        let number = index + 1;
        // Not what the parser says: it quotes lines, and the file may hold a private key.
        let certificate = certificate.map_err(|error| {
            fail(&match error {
                PemError::MissingSectionEnd { .. } => format!("breaks off within certificate {number}"),
                _ => format!("is no longer PEM at certificate {number}"),
            })
            .with_hint("Fetch the file again; each certificate goes from a BEGIN line to an END line.")
        })?;
        roots.add(certificate).map_err(|_| {
            fail(&format!("holds no certificate in block {number}"))
                .with_hint("Take the block out, or write the certificate anew.")
        })?;
    }
    if roots.is_empty() {
        return Err(fail("holds no certificate").with_hint(REPLACES));
    }
    Ok(bytes)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is a part of the door that the ban points to"
)]
fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(LARGEST_BUNDLE + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Every cause of an error. A system error hides what it wraps: its `source` is the source of that.
pub(super) fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

fn of_tls<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>())
}

/// Whether a handshake failed because nobody here knows the authority behind the certificate: [`Host::issuer_seen`] may
/// say which it is.
///
/// [`Host::issuer_seen`]: super::Host::issuer_seen
pub fn is_unknown_authority(error: &(dyn StdError + 'static)) -> bool {
    // The second: one that was made anew under its old name.
    const UNKNOWN: [CertificateError; 2] = [CertificateError::UnknownIssuer, CertificateError::BadSignature];
    matches!(of_tls(error), Some(rustls::Error::InvalidCertificate(why)) if UNKNOWN.contains(why))
}

/// What went wrong in a TLS handshake and what to do, as a sentence or two; `None` for every other error.
pub fn tls_hint(error: &(dyn StdError + 'static)) -> Option<String> {
    if is_unknown_authority(error) {
        return Some("The certificate of the server comes from an authority that is not trusted here. Where a proxy opens TLS, or the endpoint is your own, put the authority's certificate into a PEM file and name it in AWS_CA_BUNDLE or `ca_bundle`.".to_owned());
    }
    let error = of_tls(error)?;
    Some(match error {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "The certificate of the server is for other names: check the endpoint's URL, and whether a proxy answers in its place.".to_owned()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "The certificate of the server has expired: check this machine's clock, then tell whoever runs the server.".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "The certificate of the server is not valid yet: check this machine's clock.".to_owned()
            }
            _ => "The certificate of the server is not accepted: check whether a proxy answers in its place, and what AWS_CA_BUNDLE or `ca_bundle` names.".to_owned(),
        },
        rustls::Error::InvalidMessage(_) => {
            "The other side does not speak TLS: check the port, and whether the URL should begin with http.".to_owned()
        }
        rustls::Error::AlertReceived(_) | rustls::Error::PeerIncompatible(_) => {
            "The server ended the handshake: TLS 1.2 or 1.3 with AES-GCM or ChaCha20 is spoken here, without a client certificate.".to_owned()
        }
        _ => "The TLS handshake failed: check what answers at the endpoint.".to_owned(),
    })
}

/// What a proxy did not do, and what to do about it; `None` for every other error.
///
/// The connector's own type is out of reach here, so its words are read; a test holds them.
pub fn proxy_hint(error: &(dyn StdError + 'static)) -> Option<String> {
    let words = causes(error)
        .map(ToString::to_string)
        .find_map(|text| text.strip_prefix("tunnel error: ").map(str::to_owned))?;
    Some(match words.as_str() {
        "proxy authorization required" => {
            "The proxy asks who is calling: write user and password into HTTPS_PROXY, as in `http://USER:PASSWORD@HOST:PORT`.".to_owned()
        }
        "failed to create underlying connection" => {
            "The proxy cannot be reached: check HTTPS_PROXY, or name the endpoint's host in NO_PROXY.".to_owned()
        }
        _ => "The proxy does not let the call through: ask whoever runs it, or name the endpoint's host in NO_PROXY.".to_owned(),
    })
}
