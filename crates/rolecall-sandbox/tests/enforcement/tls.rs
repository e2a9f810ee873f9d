//! The endpoint over TLS: who trusts its authority is served, and nobody else.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use aws_sdk_sts::config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_sdk_sts::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rolecall_sandbox::{Account, Fault, Sandbox, User, World};

use crate::common::{exchange, user};
use crate::sts_world::ONE;

fn start() -> Sandbox {
    Sandbox::builder().tls().start().expect("a sandbox")
}

fn authority(sandbox: &Sandbox) -> String {
    sandbox.certificate_authority().expect("it speaks TLS").to_owned()
}

/// A client that trusts these certificates and no others.
fn trusting(certificates: &str) -> SharedHttpClient {
    let mut store = TrustStore::empty();
    if !certificates.is_empty() {
        store = store.with_pem_certificate(certificates);
    }
    let context = TlsContext::builder()
        .with_trust_store(store)
        .build()
        .expect("a TLS context");
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context)
        .build_https()
}

/// Who joe is by AWS's own client, or why it cannot tell.
fn ask(sandbox: &Sandbox, endpoint: &str, http: SharedHttpClient) -> Result<String, String> {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(user(sandbox, "joe.bloggs"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(endpoint)
        .http_client(http)
        .build();
    let client = aws_sdk_sts::Client::from_conf(config);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    match runtime.block_on(client.get_caller_identity().send()) {
        Ok(identity) => Ok(identity.arn().unwrap_or_default().to_owned()),
        Err(error @ SdkError::ServiceError(_)) => Err(error.code().unwrap_or_default().to_owned()),
        Err(error) => Err(DisplayErrorContext(error).to_string()),
    }
}

#[test]
fn who_trusts_the_authority_is_served_and_nobody_else() {
    let sandbox = start();
    assert!(sandbox.endpoint().starts_with("https://127.0.0.1:"));
    let joe = Ok("arn:aws:iam::111111111111:user/joe.bloggs".to_owned());
    let ours = authority(&sandbox);
    let by_name = sandbox.endpoint().replace("127.0.0.1", "localhost");
    for endpoint in [sandbox.endpoint(), by_name.as_str()] {
        assert_eq!(ask(&sandbox, endpoint, trusting(&ours)), joe, "{endpoint}");
    }
    let another = authority(&start());
    assert_ne!(ours, another);
    let calls = sandbox.calls().len();
    for certificates in [another.as_str(), ""] {
        let why = ask(&sandbox, sandbox.endpoint(), trusting(certificates)).unwrap_err();
        assert!(
            why.contains("UnknownIssuer") || why.contains("certificate"),
            "{why}"
        );
    }
    // 127.0.0.2 reaches the same machine and is no name in the certificate.
    let why = ask(
        &sandbox,
        &sandbox.endpoint().replace("127.0.0.1", "127.0.0.2"),
        trusting(&ours),
    );
    assert!(why.is_err(), "{why:?}");
    assert_eq!(sandbox.calls().len(), calls);
}

/// The certificate is public, its key is nowhere; and no plain sandbox has one.
#[test]
fn nothing_private_is_told() {
    let pem = authority(&start());
    assert_eq!(pem.matches("-----BEGIN ").count(), 1);
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"), "{pem}");
    let plain = Sandbox::builder().start().unwrap();
    assert_eq!(plain.certificate_authority(), None);
}

#[test]
fn plain_requests_end_in_words_and_the_server_goes_on() {
    let sandbox = start();
    let ours = authority(&sandbox);
    let address = sandbox.endpoint().trim_start_matches("https://").to_owned();
    let request = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello";
    let raw = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // A reset would be an error here.
        stream.read_to_end(&mut answer).unwrap();
        answer
    };
    let answer = String::from_utf8(raw(request)).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.contains("https://"),
        "{answer}"
    );
    // A record of no handshake: the alert is no secret, and nothing else comes.
    assert!(raw(&[22, 3, 1, 0, 4, 9, 0, 0, 0]).len() < 16);
    drop(TcpStream::connect(&address).unwrap());
    // One that says nothing holds nobody up.
    let silent = TcpStream::connect(&address).unwrap();
    assert!(ask(&sandbox, sandbox.endpoint(), trusting(&ours)).is_ok());
    drop(silent);
}

#[test]
fn faults_are_met_over_tls_too() {
    let sandbox = start();
    let ours = authority(&sandbox);
    let ask = || ask(&sandbox, sandbox.endpoint(), trusting(&ours));
    sandbox.inject(Fault::Throttle, "GetCallerIdentity", 1);
    assert_eq!(ask().unwrap_err(), "Throttling");
    sandbox.inject(Fault::Reset, "GetCallerIdentity", 1);
    assert!(ask().unwrap_err().contains("dispatch failure"));
    assert!(ask().is_ok());
    assert_eq!(sandbox.count("GetCallerIdentity"), 3);
}

/// Machines ask in plain HTTP, as at AWS: at a port of their own, where nothing else is served.
#[test]
fn machines_are_answered_in_plain_http() {
    let sandbox = Sandbox::builder()
        .tls()
        .world(World::organization_of_twenty())
        .start()
        .unwrap();
    let endpoint = sandbox.metadata_endpoint().unwrap().to_owned();
    assert!(endpoint.starts_with("http://127.0.0.1:") && endpoint != sandbox.endpoint());
    let (uri, token) = sandbox.container("indexer").unwrap();
    let path = uri.strip_prefix(&endpoint).unwrap();
    let ask = |head: &str| {
        let mut stream = TcpStream::connect(endpoint.trim_start_matches("http://")).unwrap();
        let request = format!("{head}\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).map(str::to_owned)
    };
    let put = "PUT /latest/api/token HTTP/1.1\r\nx-aws-ec2-metadata-token-ttl-seconds: 60";
    assert_eq!(ask(put).as_deref(), Some("200"));
    let credentials = format!("GET {path} HTTP/1.1\r\nauthorization: {token}");
    assert_eq!(ask(&credentials).as_deref(), Some("200"));
    for head in [
        "GET /_sandbox/accounts HTTP/1.1",
        "GET / HTTP/1.1",
        "POST /token HTTP/1.1",
    ] {
        assert_eq!(ask(head).as_deref(), Some("400"), "{head}");
    }
}

/// `aws:SecureTransport` says which it was.
#[test]
fn policies_see_whether_it_was_tls() {
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:GetAccessKeyInfo",
        "Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}}"#;
    let world = || World::new().account(Account::new(ONE).user(User::new("ann").policy("may", policy)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for (builder, allowed) in [(Sandbox::builder(), false), (Sandbox::builder().tls(), true)] {
        let sandbox = builder.world(world()).start().unwrap();
        let ann = user(&sandbox, "ann");
        let mut config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(sandbox.endpoint())
            .retry_config(RetryConfig::disabled());
        let http = match sandbox.certificate_authority() {
            Some(ours) => trusting(ours),
            None => aws_smithy_http_client::Builder::new().build_http(),
        };
        config = config.http_client(http);
        let id = ann.access_key_id().to_owned();
        let client = aws_sdk_sts::Client::from_conf(config.credentials_provider(ann).build());
        let answer = runtime.block_on(client.get_access_key_info().access_key_id(id).send());
        assert_eq!(answer.is_ok(), allowed, "{answer:?}");
    }
    // The control of the helper: a plain sandbox still answers plain requests.
    let sandbox = Sandbox::builder().start().unwrap();
    let head = b"GET /_sandbox/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(exchange(&sandbox, head, Duration::from_secs(10)).status, 200);
}
