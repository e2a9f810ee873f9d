//! Whose certificate a server shows, asked only where a handshake has failed because nobody here knows its authority.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Host;
use super::http::{Transport, uri};

/// It is asked on the way to an error that a person waits for.
const PATIENCE: Duration = Duration::from_secs(2);
/// A proxy's answer to CONNECT is a few lines.
const LONGEST_HEAD: usize = 8 * 1024;

impl Host {
    /// The name of the authority behind the certificate that a server shows: of the one that would have to be trusted.
    /// `None` where it cannot be learnt, as behind a proxy that wants a password or TLS of its own.
    ///
    /// rustls does not say whom it did not know. So the server is asked once more, and the handshake broken off when its
    /// certificate is there: nothing is trusted, and nothing sent. The name is the server's word, for a person to read.
    pub async fn issuer_seen(&self, transport: &Transport<'_>) -> Option<String> {
        tokio::time::timeout(PATIENCE, self.ask(transport))
            .await
            .ok()
            .flatten()
    }

    async fn ask(&self, transport: &Transport<'_>) -> Option<String> {
        let uri = uri(transport.url).ok()?;
        if uri.scheme_str() != Some("https") {
            return None;
        }
        let host = uri.host()?.trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(443);
        let stream = match self.proxy(transport, &uri).ok()? {
            None => TcpStream::connect((host, port)).await.ok()?,
            Some(proxy) => tunnel(proxy.open_address()?, host, port).await?,
        };
        let seen = Arc::new(Refusing::default());
        let config =
            rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .ok()?
                .dangerous()
                .with_custom_certificate_verifier(Arc::clone(&seen) as Arc<dyn ServerCertVerifier>)
                .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).ok()?;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        // It always fails: what is wanted has been left behind by then.
        let _ = connector.connect(name, stream).await;
        seen.issuer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

async fn tunnel(proxy: (String, u16), host: &str, port: u16) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(proxy).await.ok()?;
    let request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == LONGEST_HEAD {
            return None;
        }
        // Byte by byte: what follows the empty line is TLS.
        head.push(stream.read_u8().await.ok()?);
    }
    let is_through = head.starts_with(b"HTTP/1.1 200 ") || head.starts_with(b"HTTP/1.0 200 ");
    is_through.then_some(stream)
}

/// Refuses every certificate, and remembers whose it was.
#[derive(Debug, Default)]
struct Refusing {
    issuer: Mutex<Option<String>>,
}

impl ServerCertVerifier for Refusing {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let last = intermediates.last().unwrap_or(end_entity);
        *self.issuer.lock().unwrap_or_else(PoisonError::into_inner) = issuer(last);
        Err(CertificateError::UnknownIssuer.into())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(CertificateError::UnknownIssuer.into())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(CertificateError::UnknownIssuer.into())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// The issuer's common name, else its organization (RFC 5280, 4.1.2.4).
fn issuer(certificate: &[u8]) -> Option<String> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    const ORGANIZATION: &[u8] = &[0x55, 4, 10];
    let (tag, certificate, _) = element(certificate)?;
    let (inner, signed, _) = element(certificate)?;
    if (tag, inner) != (SEQUENCE, SEQUENCE) {
        return None;
    }
    let (tag, _, after) = element(signed)?;
    // The version is there from version 2 on; then come serial number, algorithm and issuer.
    let after = if tag == VERSION { element(after)?.2 } else { after };
    let (_, _, after) = element(after)?;
    let (_, mut names, _) = element(after)?;
    let mut organization = None;
    while let Some((_, set, rest)) = element(names) {
        names = rest;
        let (_, pair, _) = element(set)?;
        let (_, kind, value) = element(pair)?;
        let (_, value, _) = element(value)?;
        let text = || {
            let text = String::from_utf8_lossy(value);
            text.chars().take(100).collect::<String>()
        };
        match kind {
            COMMON_NAME => return Some(text()),
            ORGANIZATION => organization = Some(text()),
            _ => {}
        }
    }
    organization
}

/// The first element of some DER: its tag, its contents, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => {
            let length = u16::from_be_bytes([*rest.first()?, *rest.get(1)?]);
            (usize::from(length), rest.get(2..)?)
        }
        // Longer than 64 KiB, or no DER.
        _ => return None,
    };
    Some((tag, rest.get(..length)?, rest.get(length..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_is_read_from_whole_certificates_and_never_past_the_end_of_broken_ones() {
        let named = |kind: rcgen::DnType, name: &str| {
            let mut params = rcgen::CertificateParams::new(vec!["sts.example".to_owned()]).unwrap();
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(rcgen::DnType::CountryName, "DE");
            params.distinguished_name.push(kind, name);
            params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap()
        };
        for kind in [rcgen::DnType::CommonName, rcgen::DnType::OrganizationName] {
            let certificate = named(kind, "Blah Inspection é");
            assert_eq!(issuer(certificate.der()).as_deref(), Some("Blah Inspection é"));
            for length in 0..certificate.der().len() {
                assert_eq!(issuer(&certificate.der()[..length]), None);
            }
            for index in 0..certificate.der().len() {
                let mut broken = certificate.der().to_vec();
                broken[index] ^= 0xff;
                let _ = issuer(&broken);
            }
        }
        assert_eq!(issuer(named(rcgen::DnType::LocalityName, "Blah").der()), None);
        let long = named(rcgen::DnType::CommonName, &"x".repeat(5000));
        assert_eq!(issuer(long.der()).unwrap().len(), 100, "it is the server's text");
    }
}
