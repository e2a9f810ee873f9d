//! Authorities, servers and proxies, each with a record of what reached it, and the log of the test's thread.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rolecall::host::{Fetch, FetchError, Transport};
use rolecall::{Error, Host};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What no message, log or record may hold.
pub(crate) const PASSWORD: &str = "CANARYPROXY/pass@word";

/// A certificate authority that nobody trusts yet, and its certificate in a file.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
    pub(crate) der: Vec<u8>,
    directory: tempfile::TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("Blah Inspection CA")
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), certificate.pem()).unwrap();
        Self {
            pem: certificate.pem(),
            der: certificate.der().to_vec(),
            issuer: Issuer::new(params, key),
            directory,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// The acceptor of a server that is called `names`.
    pub(crate) fn acceptor(&self, names: &[&str]) -> TlsAcceptor {
        self.acceptor_until(names, 4000)
    }

    /// The same, with a certificate that ends with that year.
    pub(crate) fn acceptor_until(&self, names: &[&str], year: i32) -> TlsAcceptor {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// What reached a server, a request a line.
#[derive(Clone, Default)]
pub(crate) struct Record(Arc<Mutex<Vec<String>>>);

impl Record {
    pub(crate) fn add(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// The tunnels that were asked for.
    pub(crate) fn tunnels(&self) -> usize {
        let requests = self.0.lock().unwrap();
        requests
            .iter()
            .filter(|text| text.starts_with("CONNECT "))
            .count()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A listener on a port of its own, and what it does with each connection.
pub(crate) async fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// The head of a request, up to the empty line.
pub(crate) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// Answers every request with `answer` and closes.
pub(crate) async fn answering(answer: &'static str, record: &Record) -> SocketAddr {
    let record = record.clone();
    listen(move |mut stream| {
        let record = record.clone();
        async move { exchange(&mut stream, answer, &record).await }
    })
    .await
}

/// The same behind TLS. A connection that does not come through the handshake leaves no record.
pub(crate) async fn answering_tls(
    acceptor: TlsAcceptor,
    answer: &'static str,
    record: &Record,
) -> SocketAddr {
    let record = record.clone();
    listen(move |stream| {
        let (record, acceptor) = (record.clone(), acceptor.clone());
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                exchange(&mut stream, answer, &record).await;
            }
        }
    })
    .await
}

async fn exchange(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), answer: &str, record: &Record) {
    let Some(head) = head(stream).await else { return };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse::<usize>().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    if stream.read_exact(&mut body).await.is_err() {
        return;
    }
    record.add(format!("{head}{}", String::from_utf8_lossy(&body)));
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Ends TLS and passes on what was in it: a server that speaks plain HTTP gets a TLS front.
pub(crate) async fn terminating(acceptor: TlsAcceptor, to: SocketAddr) -> SocketAddr {
    listen(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let (Ok(mut front), Ok(mut back)) = (acceptor.accept(stream).await, TcpStream::connect(to).await)
            else {
                return;
            };
            let _ = tokio::io::copy_bidirectional(&mut front, &mut back).await;
        }
    })
    .await
}

/// What a proxy does with those who call it.
#[derive(Clone)]
pub(crate) struct Proxying {
    /// Where every tunnel leads, whatever name was asked for.
    pub(crate) to: SocketAddr,
    /// `USER:PASSWORD`, where it wants one.
    pub(crate) wants: Option<String>,
    /// What it says where it lets nobody through.
    pub(crate) refuses: Option<&'static str>,
}

impl Proxying {
    pub(crate) fn to(to: SocketAddr) -> Self {
        Self {
            to,
            wants: None,
            refuses: None,
        }
    }

    /// A CONNECT proxy; its record has each request's head and then every byte that the caller sent through it.
    pub(crate) async fn start(self, record: &Record) -> SocketAddr {
        let record = record.clone();
        listen(move |stream| {
            let (proxying, record) = (self.clone(), record.clone());
            async move { proxying.serve(stream, &record).await }
        })
        .await
    }

    pub(crate) async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin, record: &Record) {
        let Some(head) = head(&mut stream).await else {
            return;
        };
        record.add(&head);
        let given = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("proxy-authorization").then_some(value)
        });
        let wanted = self
            .wants
            .map(|pair| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)));
        if wanted.is_some() && wanted.as_deref() != given {
            let answer = "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes()).await;
            return;
        }
        if let Some(refusal) = self.refuses {
            let _ = stream.write_all(refusal.as_bytes()).await;
            return;
        }
        if !head.starts_with("CONNECT ") {
            let _ = stream.write_all(OK.as_bytes()).await;
            return;
        }
        let mut to = TcpStream::connect(self.to).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .await
            .unwrap();
        let (mut from_client, mut to_client) = tokio::io::split(stream);
        let (mut from_server, mut to_server) = to.split();
        let up = async {
            let mut buffer = [0; 16 * 1024];
            while let Ok(length) = from_client.read(&mut buffer).await {
                if length == 0 || to_server.write_all(&buffer[..length]).await.is_err() {
                    break;
                }
                record.add(String::from_utf8_lossy(&buffer[..length]));
            }
        };
        let down = tokio::io::copy(&mut from_server, &mut to_client);
        let _ = tokio::join!(up, down);
    }
}

/// A small answer.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

pub(crate) fn host(env: &[(&str, &str)]) -> Host {
    env.iter()
        .fold(Host::builder(), |host, (name, value)| host.env(name, value))
        .build()
}

/// `AWS_CA_BUNDLE` as a test's host has it.
pub(crate) fn bundle(path: &Path) -> (&'static str, &str) {
    ("AWS_CA_BUNDLE", path.to_str().unwrap())
}

pub(crate) async fn get(host: &Host, url: &str) -> Result<String, FetchError> {
    let answer = host
        .fetch(Fetch::new(http::Method::GET, Transport::to(url)))
        .await?;
    Ok(answer.text().unwrap().to_owned())
}

/// Everything a person or a log may see of an error.
pub(crate) fn all_of(error: &Error) -> String {
    let mut all = format!("{error} {error:?} {:?} {:?}", error.hints(), error.hop());
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(next) = cause {
        all.push_str(&format!("{next} {next:?}"));
        cause = next.source();
    }
    all
}
