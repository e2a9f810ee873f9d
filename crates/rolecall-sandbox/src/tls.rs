//! TLS in front of the server: an authority that is made for one sandbox and goes with it.
//!
//! Its key never leaves memory, and it may sign for nothing but this machine's loopback names, so that whoever trusts
//! `ca.pem` trusts nothing else by it.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SanType, date_time_ymd,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto::ring};
use tokio_rustls::server::TlsStream;

use crate::clock;

/// How long a client may take to shake hands, and to hear why it cannot.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);
/// The first byte of every TLS connection: a handshake record ("The Transport Layer Security Protocol", RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;
/// How long certificates are good around now, in days: longer than any sandbox runs.
const DAYS: i64 = 30;

pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    authority: String,
}

impl Tls {
    /// A new authority, and a certificate of its for 127.0.0.1, ::1 and localhost.
    pub(crate) fn new() -> io::Result<Self> {
        let broken = |error: rcgen::Error| io::Error::other(format!("no certificate can be made: {error}"));
        let (authority, issuer) = authority().map_err(broken)?;
        let key = KeyPair::generate().map_err(broken)?;
        let mut leaf = params("rolecall sandbox").map_err(broken)?;
        leaf.subject_alt_names = vec![
            SanType::IpAddress(Ipv4Addr::LOCALHOST.into()),
            SanType::IpAddress(Ipv6Addr::LOCALHOST.into()),
            SanType::DnsName("localhost".try_into().map_err(broken)?),
        ];
        leaf.use_authority_key_identifier_extension = true;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = leaf.signed_by(&key, &issuer).map_err(broken)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_no_client_auth()
                    .with_single_cert(vec![certificate.into()], key)
            })
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            authority,
        })
    }

    /// The authority's certificate, in PEM.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// The connection under TLS. `None` where the client speaks something else, does not trust the authority, or takes
    /// too long.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        tokio::time::timeout(HANDSHAKE_TIMEOUT, self.shake_hands(stream))
            .await
            .ok()
            .flatten()
    }

    async fn shake_hands(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let mut first = [0];
        if stream.peek(&mut first).await.ok()? == 0 {
            return None;
        }
        if first != [HANDSHAKE] {
            let _ = tokio::time::timeout(GOODBYE_TIMEOUT, say_that_it_is_tls(stream)).await;
            return None;
        }
        self.acceptor.accept(stream).await.ok()
    }
}

/// A certificate's parameters, from yesterday on.
fn params(name: &str) -> Result<CertificateParams, rcgen::Error> {
    let day = |days: i64| {
        let date = clock::date(days);
        date_time_ymd(date.year().into(), date.month() as u8, date.day() as u8)
    };
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.not_before = day(-1);
    params.not_after = day(DAYS);
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

fn authority() -> Result<(String, Issuer<'static, KeyPair>), rcgen::Error> {
    let mut params = params("rolecall sandbox, for this run alone")?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::V4(Ipv4Addr::LOCALHOST.octets(), [255; 4])),
            GeneralSubtree::IpAddress(CidrSubnet::V6(Ipv6Addr::LOCALHOST.octets(), [255; 16])),
        ],
        excluded_subtrees: Vec::new(),
    });
    let key = KeyPair::generate()?;
    let pem = params.self_signed(&key)?.pem();
    Ok((pem, Issuer::new(params, key)))
}

/// Answers a plain request in its own language, and lets it end without a reset, which would take the answer along.
async fn say_that_it_is_tls(mut stream: TcpStream) {
    const BODY: &str = "This port speaks TLS: the address begins with https://.\n";
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{BODY}",
        BODY.len()
    );
    if stream.write_all(answer.as_bytes()).await.is_err() || stream.shutdown().await.is_err() {
        return;
    }
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// On a clock that jumps to whatever is waited for.
    #[tokio::test(start_paused = true)]
    async fn a_handshake_that_never_ends_is_not_waited_for() {
        let tls = Tls::new().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        for begun in [&[][..], &[HANDSHAKE], &[HANDSHAKE, 3, 1, 2, 0, 1]] {
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            client.write_all(begun).await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            assert!(tls.accept(stream).await.is_none(), "{begun:?}");
        }
    }
}
