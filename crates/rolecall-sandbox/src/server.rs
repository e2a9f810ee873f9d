//! The HTTP server: connections in, answers out, and nothing a client sends takes it down.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming as Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};

use crate::api::{self, Answer, Incoming, Params, Refusal};
use crate::authorization_message::Messages;
use crate::call::{Call, Open};
use crate::calls::{Call as Logged, Log};
use crate::clock::{self, Clock};
use crate::faults::{Fault, Faults};
use crate::issuer::Issuer;
use crate::secrets::Recorder;
use crate::service::{Protocol, Service};
use crate::state::State;
use crate::tls::Tls;
use crate::world::World;
use crate::{container, control, iam, ids, instance, oidc, organizations, s3, signin, sigv4, sns, sso, sts};

/// The largest body that is read.
const BODY_LIMIT: usize = 16 * 1024 * 1024;
/// How much of a request line and headers is read before there is a whole one (hyper may read as much again at once).
/// Conditions are measured by headers, step by step.
const HEAD_LIMIT: usize = 64 * 1024;
/// How many connections are served at once; further ones wait for their turn.
const CONNECTIONS: usize = 1024;
/// How long a client may take to send its headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may take to send its body after them.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What the server and its owner share.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) state: Mutex<State>,
    /// What it was made from: the profiles are only there.
    pub(crate) world: World,
    pub(crate) recorder: Recorder,
    pub(crate) log: Log,
    pub(crate) faults: Faults,
    pub(crate) session_seconds: Option<u64>,
    pub(crate) endpoint: String,
    /// Where metadata and containers' credentials are, in plain HTTP.
    pub(crate) machines: String,
    pub(crate) issuer: Issuer,
    pub(crate) messages: Messages,
    /// Where it answers over TLS.
    pub(crate) tls: Option<Tls>,
}

impl Shared {
    pub(crate) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The fault that ends a connection; hyper carries it out of the service.
#[derive(Debug)]
struct ResetConnection;

impl fmt::Display for ResetConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fault resets this connection")
    }
}

impl std::error::Error for ResetConnection {}

/// What is served at a port.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Port {
    /// All of it, over TLS where there is some.
    Everything,
    /// What machines ask in plain HTTP, whatever AWS speaks: metadata and containers' credentials.
    Machines,
}

/// Serves until `stop` is dropped or told.
pub(crate) async fn serve(
    listener: TcpListener,
    machines: Option<TcpListener>,
    shared: Arc<Shared>,
    stop: oneshot::Receiver<Infallible>,
) {
    let accepting = accept(listener, Port::Everything, Arc::clone(&shared));
    let machines = async {
        match machines {
            Some(listener) => accept(listener, Port::Machines, shared).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = accepting => {}
        () = machines => {}
        _ = stop => {}
    }
}

async fn accept(listener: TcpListener, port: Port, shared: Arc<Shared>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, from)) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    connection(stream, from, port, shared).await;
                    drop(permit);
                });
            }
            // Out of file descriptors, most likely: some connection has to end first.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn connection(stream: TcpStream, from: SocketAddr, port: Port, shared: Arc<Shared>) {
    // Answers are small and waited for.
    let _ = stream.set_nodelay(true);
    match shared.tls.as_ref().filter(|_| port == Port::Everything) {
        None => speak(stream, |stream| stream, from, port, shared).await,
        Some(tls) => {
            if let Some(stream) = tls.accept(stream).await {
                speak(
                    stream,
                    |stream| stream.get_ref().0,
                    from,
                    port,
                    Arc::clone(&shared),
                )
                .await;
            }
        }
    }
}

/// HTTP, over a stream and what is below it.
async fn speak<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    below: fn(&S) -> &TcpStream,
    from: SocketAddr,
    port: Port,
    shared: Arc<Shared>,
) {
    let service = service_fn(move |request| handle(request, from.ip(), port, Arc::clone(&shared)));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    if (&mut connection).await.is_err() {
        let stream = connection.into_parts().io.into_inner();
        // What is left unread or unsaid is dropped at once; for a reset, the client must see one.
        let _ = below(&stream).set_zero_linger();
    }
}

async fn handle(
    request: Request<Body>,
    from: IpAddr,
    port: Port,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, ResetConnection> {
    let request_id = ids::request();
    let (parts, body) = request.into_parts();
    let mut incoming = Incoming {
        path: parts.uri.path().to_owned(),
        query: api::pairs(
            parts.uri.query().unwrap_or_default(),
            Service::is_for_browsers(parts.uri.path()),
        ),
        method: parts.method,
        headers: parts.headers,
        body: Bytes::new(),
        from,
    };
    let read = whole(body).await.map(|body| incoming.body = body);
    let params = Params::of(&incoming);
    let service = Service::of(&incoming, &params);
    let operation = service.operation(&incoming, &params);
    // The sandbox's own calls are no part of what is tested: they meet no fault, and are not recorded.
    let own = service == Service::Control;
    let fault = if own { None } else { shared.faults.take(&operation) };
    let mut logged = Logged {
        service: service.name(),
        request_id: request_id.clone(),
        operation,
        principal: None,
        status: 0,
        code: None,
        message: None,
        untold: None,
        decided: Vec::new(),
        at: shared.clock.wall(),
    };
    match fault {
        Some(Fault::Delay(by)) => tokio::time::sleep(by).await,
        Some(Fault::Hang) => {
            shared.log.record(logged);
            return std::future::pending().await;
        }
        Some(Fault::Reset) => {
            shared.log.record(logged);
            return Err(ResetConnection);
        }
        _ => {}
    }

    let head = incoming.method == Method::HEAD;
    let outcome = read.and_then(|()| {
        if port == Port::Machines && !matches!(service, Service::Container | Service::Instance) {
            let why = format!("the service answers at {}", shared.endpoint);
            return Err(Refusal::new(400, "BadRequest", why));
        }
        if let Some((fault, refusal)) = fault.and_then(|fault| Some((fault, fault.refusal(service)?))) {
            logged.untold = Some(format!("by the fault {fault}"));
            return Err(refusal);
        }
        if fault == Some(Fault::Garbage) {
            return Ok(Answer {
                body: b"<html>this is not the service you are looking for".to_vec(),
                ..Answer::default()
            });
        }
        answer(
            &mut incoming,
            &params,
            service,
            fault,
            &request_id,
            &shared,
            &mut logged,
        )
    });
    let mut answer = outcome.unwrap_or_else(|refusal| {
        logged.code = Some(refusal.code.to_owned());
        logged.message = Some(refusal.message.clone());
        api::refused(service, &refusal, &request_id, head)
    });
    if fault == Some(Fault::TruncatedXml) {
        answer.body.truncate(answer.body.len() / 2);
    }
    logged.status = answer.status.as_u16();
    if !own {
        shared.log.record(logged);
    }
    if fault == Some(Fault::LostAnswer) {
        return Err(ResetConnection);
    }
    let date = clock::http_date(shared.clock.wall());
    Ok(api::response(answer, service, &request_id, &date))
}

/// The body, if it comes to its end: connections are numbered, and one that waits for ever is taken from all others.
async fn whole<B>(body: B) -> Result<Bytes, Refusal>
where
    B: hyper::body::Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_LIMIT).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => Err(Refusal::new(
            413,
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed size",
        )),
        Err(_) => Err(Refusal::new(
            400,
            "RequestTimeout",
            "Your socket connection to the server was not read from or written to within the timeout period. Idle \
             connections will be closed.",
        )),
    }
}

fn answer(
    incoming: &mut Incoming,
    params: &Params,
    service: Service,
    fault: Option<Fault>,
    request_id: &str,
    shared: &Shared,
    logged: &mut Logged,
) -> Result<Answer, Refusal> {
    let mut state = shared.state();
    let operation = logged.operation.clone();
    let (decided, untold) = (RefCell::default(), RefCell::default());
    let verified = if service.is_signed(&operation) {
        let verified = sigv4::verify(incoming, service, &state, &shared.clock)?;
        logged.principal = Some(verified.caller.principal.arn().to_owned());
        Some(verified)
    } else {
        None
    };
    let open = Open {
        service,
        incoming,
        params,
        clock: &shared.clock,
        endpoint: &shared.endpoint,
        session_seconds: shared.session_seconds,
        fault,
        request_id,
        decided: &decided,
        untold: &untold,
        messages: &shared.messages,
    };
    let answer = match &verified {
        Some(verified) => signed(
            &operation,
            &Call {
                open: &open,
                verified,
            },
            &mut state,
        ),
        None => unsigned(&operation, &open, &mut state, shared),
    };
    // Only now: AWS tracks uses with a lag, so that a call which asks for the last one is not told of itself.
    if let Some(verified) = &verified {
        state.used(verified, service.name(), shared.clock.wall());
    }
    logged.decided = decided.take();
    logged.untold = untold.take();
    answer
}

fn signed(operation: &str, call: &Call<'_>, state: &mut State) -> Result<Answer, Refusal> {
    if call.service.protocol() == Protocol::Query && call.params.find("Action").is_none() {
        return Err(Refusal::new(
            400,
            "MissingAction",
            "The request is missing an action or a required parameter",
        ));
    }
    check_version(operation, call)?;
    match call.service {
        Service::Iam => iam::answer(operation, call, state),
        Service::Organizations => organizations::answer(operation, call, state),
        Service::S3 => s3::answer(operation, call, state),
        Service::Sns => sns::answer(operation, call, state),
        Service::Sts => sts::answer(operation, call, state),
        _ => Err(unknown(operation)),
    }
}

/// `Version` is a common parameter, "Required: Yes" (STS and IAM API references): what it names has the operation, or not.
fn check_version(operation: &str, call: &Open<'_>) -> Result<(), Refusal> {
    let version = call.params.find("Version");
    let good = match call.service {
        Service::Iam | Service::Sts => version.and_then(Service::from_version) == Some(call.service),
        _ => true,
    };
    if good {
        return Ok(());
    }
    let version = version.unwrap_or("NO_VERSION_SPECIFIED");
    Err(Refusal::new(
        400,
        "InvalidAction",
        format!("Could not find operation {operation} for version {version}"),
    ))
}

/// The calls that carry no signature, or whose proof is something else.
fn unsigned(operation: &str, call: &Open<'_>, state: &mut State, shared: &Shared) -> Result<Answer, Refusal> {
    check_version(operation, call)?;
    match call.service {
        Service::Container => container::answer(call, state),
        Service::Control => control::answer(call, state, shared),
        Service::Instance => instance::answer(call, state),
        Service::Sts => sts::unsigned(operation, call, state, &shared.issuer),
        Service::Oidc => oidc::answer(operation, call, state),
        Service::SignIn => signin::answer(operation, call, state),
        Service::Sso => sso::answer(operation, call, state),
        _ => Err(unknown(operation)),
    }
}

fn unknown(operation: &str) -> Refusal {
    Refusal::new(
        404,
        "UnknownOperationException",
        format!("the sandbox does not know the operation `{operation}`"),
    )
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    /// A body of which no more comes.
    struct Silent;

    impl hyper::body::Body for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    /// On a clock that jumps to whatever is waited for.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_not_waited_for() {
        let refused = whole(Silent).await.unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.code), (400, "RequestTimeout"));
        let body = Full::new(Bytes::from_static(b"all of it"));
        assert_eq!(whole(body).await.unwrap(), "all of it");
        let large = Full::new(Bytes::from(vec![0; BODY_LIMIT + 1]));
        assert_eq!(whole(large).await.unwrap_err().code, "EntityTooLarge");
    }
}
