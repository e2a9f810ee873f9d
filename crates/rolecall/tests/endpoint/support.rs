//! An endpoint on its own thread, and a client that writes bytes.

use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rolecall::endpoint::{Access, Endpoint, Grant, Limits};
use rolecall::session::SessionParts;
use rolecall::{Error, Session};
use tokio::sync::oneshot;

/// The secrets that must never be in a refusal.
pub(crate) const CANARIES: [&str; 3] = ["ASIACANARYAKID000001", "CANARYSECRET/one", "CANARYTOKEN+one=="];

/// When every test session was issued: far ahead, so that what is rendered is known to the second.
pub(crate) const ISSUED: u64 = 4_102_444_800;

pub(crate) fn session(number: u32) -> Session {
    let issued_at = UNIX_EPOCH + Duration::from_secs(ISSUED);
    Session::new(SessionParts {
        access_key_id: format!("ASIACANARYAKID{number:06}"),
        secret_access_key: CANARIES[1].to_owned(),
        session_token: CANARIES[2].to_owned(),
        account: Some("111122223333".parse().unwrap()),
        principal: None,
        issued_at,
        expires_at: issued_at + Duration::from_secs(3600),
    })
}

/// A grant that does what its test says.
pub(crate) struct Scripted {
    pub(crate) valid: Option<Session>,
    pub(crate) renewal: Mutex<Renewal>,
}

#[derive(Clone)]
pub(crate) enum Renewal {
    Gives(Session),
    Fails(Error),
    NeverEnds,
    Panics,
}

impl Scripted {
    pub(crate) fn giving(session: Session) -> Arc<Self> {
        Self::new(Some(session.clone()), Renewal::Gives(session))
    }

    pub(crate) fn new(valid: Option<Session>, renewal: Renewal) -> Arc<Self> {
        Arc::new(Self {
            valid,
            renewal: Mutex::new(renewal),
        })
    }
}

impl Grant for Scripted {
    fn valid(&self) -> Option<Session> {
        self.valid.clone()
    }

    fn session(&self) -> Pin<Box<dyn Future<Output = Result<Session, Error>> + Send + '_>> {
        let renewal = self.renewal.lock().unwrap().clone();
        Box::pin(async move {
            match renewal {
                Renewal::Gives(session) => Ok(session),
                Renewal::Fails(error) => Err(error),
                Renewal::NeverEnds => std::future::pending().await,
                Renewal::Panics => panic!("a grant that panics"),
            }
        })
    }
}

/// A running endpoint. Ends, and is waited for, when dropped.
pub(crate) struct Server {
    pub(crate) endpoint: Endpoint,
    pub(crate) address: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let endpoint = Endpoint::with_limits(address, limits).unwrap();
        let (shutdown, stopped) = oneshot::channel();
        let served = endpoint.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                served
                    .serve(listener, async {
                        _ = stopped.await;
                    })
                    .await;
            });
        });
        Self {
            endpoint,
            address,
            shutdown: Some(shutdown),
            thread: Some(thread),
        }
    }

    /// A server with one grant that always gives the same session, and a client of it.
    pub(crate) fn giving() -> (Self, Client) {
        let server = Self::start();
        let client = server.client(Scripted::giving(session(1)));
        (server, client)
    }

    pub(crate) fn client(&self, grant: Arc<dyn Grant>) -> Client {
        Client::of(self.address, &self.endpoint.grant(grant).unwrap())
    }

    pub(crate) fn shut_down(&mut self) {
        drop(self.shutdown.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shutdown.take());
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

/// What a client knows, and the right request it builds wrong ones from.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) token: String,
}

impl Client {
    pub(crate) fn of(address: SocketAddr, access: &Access) -> Self {
        let path = access.uri().strip_prefix(&format!("http://{address}")).unwrap();
        Self {
            address,
            path: path.to_owned(),
            token: access.token().expose().to_owned(),
        }
    }

    /// The request every SDK sends, which gets credentials.
    pub(crate) fn request(&self) -> Request {
        Request {
            line: format!("GET {} HTTP/1.1", self.path),
            headers: vec![
                format!("Host: {}", self.address),
                format!("Authorization: {}", self.token),
                "Accept: application/json".to_owned(),
            ],
        }
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    pub(crate) fn send(&self, request: &Request) -> Response {
        self.connect().send(request)
    }

    /// Sends bytes as they are; `None` where the connection ends without an answer.
    pub(crate) fn send_raw(&self, bytes: &[u8]) -> Option<Response> {
        let mut connection = self.connect();
        connection.write(bytes);
        connection.read()
    }
}

/// A request as lines.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
}

impl Request {
    pub(crate) fn line(mut self, line: impl Into<String>) -> Self {
        self.line = line.into();
        self
    }

    pub(crate) fn with(mut self, header: impl Into<String>) -> Self {
        self.headers.push(header.into());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers
            .retain(|header| !header.starts_with(&format!("{name}:")));
        self
    }

    /// The same with one header's value changed.
    pub(crate) fn set(self, name: &str, value: &str) -> Self {
        self.without(name).with(format!("{name}: {value}"))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        format!("{}\r\n{}\r\n\r\n", self.line, self.headers.join("\r\n")).into_bytes()
    }
}

/// A socket to the endpoint.
pub(crate) struct Connection(pub(crate) TcpStream);

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
        Self(stream)
    }

    /// Writes what can be written: a server that has refused may have closed.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        _ = self.0.write_all(bytes);
    }

    pub(crate) fn send(&mut self, request: &Request) -> Response {
        self.write(&request.bytes());
        let response = self.read().expect("an answer");
        if request.line.starts_with("HEAD ") {
            assert_eq!(response.body, "", "an answer to HEAD has no body");
        }
        response
    }

    /// One answer; `None` at the end of the connection.
    pub(crate) fn read(&mut self) -> Option<Response> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match self.0.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                Ok(_) if head.is_empty() => return None,
                Err(error) if head.is_empty() && error.kind() == std::io::ErrorKind::ConnectionReset => {
                    return None;
                }
                outcome => panic!(
                    "an answer broke off: {outcome:?} after {}",
                    String::from_utf8_lossy(&head)
                ),
            }
        }
        let head = String::from_utf8(head).unwrap();
        let mut response = Response {
            status: head[9..12].parse().unwrap(),
            head,
            body: String::new(),
        };
        let length: u64 = response.header("Content-Length").unwrap().parse().unwrap();
        if response.status == 405 {
            // HEAD is answered with the length and without the body; either way nothing follows it here.
            self.0.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            let mut body = vec![0; usize::try_from(length).unwrap()];
            let read = self.0.read(&mut body).unwrap_or(0);
            self.0.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
            response.body = String::from_utf8(body[..read].to_vec()).unwrap();
        } else {
            (&self.0).take(length).read_to_string(&mut response.body).unwrap();
            assert_eq!(response.body.len() as u64, length);
        }
        response.check();
        Some(response)
    }

    /// Whether the server has ended the connection.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(0)) || matches!(self.0.take_error(), Ok(Some(_)))
    }
}

/// An answer, checked for what every answer must hold to.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["Code"].as_str().unwrap().to_owned()
    }

    fn check(&self) {
        assert!(self.head.starts_with("HTTP/1.1 "), "{self:?}");
        let is_text = self.status == 200 && self.header("Content-Type") == Some("text/plain");
        assert!(
            is_text || self.header("Content-Type") == Some("application/json"),
            "{self:?}"
        );
        assert!(!is_text || !self.body.contains("CANARY"), "{self:?}");
        assert_eq!(self.header("Cache-Control"), Some("no-store"), "{self:?}");
        assert_eq!(self.header("X-Content-Type-Options"), Some("nosniff"), "{self:?}");
        assert_eq!(self.header("Server"), None, "{self:?}");
        let head = self.head.to_ascii_lowercase();
        assert!(
            !head.contains("access-control"),
            "no page may read an answer: {self:?}"
        );
        if self.status == 200 {
            return;
        }
        for canary in CANARIES {
            assert!(
                !self.head.contains(canary) && !self.body.contains(canary),
                "{self:?}"
            );
        }
        assert!(!self.body.contains("CANARY"), "{self:?}");
        if !self.body.is_empty() {
            let json = self.json();
            let keys: Vec<_> = json.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["Code", "Message"], "{self:?}");
            assert_ne!(json["Code"], "Success");
            assert!(!json["Message"].as_str().unwrap().is_empty());
        }
    }
}

/// The end of a test session as it is told.
pub(crate) fn advertised(session: &Session) -> String {
    rolecall::time::rfc3339(session.advertised_end())
}

/// Runs `work`, and says how long it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = SystemTime::now();
    let outcome = work();
    (outcome, start.elapsed().unwrap())
}
