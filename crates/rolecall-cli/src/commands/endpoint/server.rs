//! The endpoint's process: a grant for each shell that has put a target to use, taken back when the shell ends.

use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rolecall::agent::{Connection, Failure, LONGEST_LOCAL_LINE, SocketFile};
use rolecall::audit::{Delivery, Who};
use rolecall::chain::{SourceKind, Target};
use rolecall::endpoint::{Access, Endpoint, Grant, Peer};
use rolecall::host::Process;
use rolecall::time::rfc3339;
use rolecall::{Error, ErrorKind, Host, Session, SessionCache};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep};

use super::keeper::Keeper;
use super::protocol::{Ask, Granted, Held, Status, Tell, Want};
use crate::child_env::{self, ChildEnv};
use crate::cli::TargetArgs;
use crate::private_dir::PrivateDir;
use crate::serving::{self, Used};

/// More commands than this at once are nobody's shells.
const MOST_CONNECTIONS: usize = 64;
/// Who connects says at once what they want.
const PATIENCE: Duration = Duration::from_secs(2);
/// Shells that may have something in use at once.
const MOST_SHELLS: usize = 1024;
/// Between looks at what only a look tells: whether a shell lives, and whether the socket is still ours.
const LOOK: Duration = Duration::from_secs(1);
/// A person is told that they will be asked no more often than this.
const NEWS: Duration = Duration::from_secs(300);

/// Serves until it is stopped, its socket is another's, or there has been no shell for `idle`, or `shutdown`.
pub(super) async fn serve(
    control: UnixListener,
    socket: &Path,
    listener: TcpListener,
    keeper: Keeper,
    idle: Duration,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let fail = |error: std::io::Error| {
        Error::new(
            ErrorKind::Internal,
            format!("the endpoint has no address: {error}"),
        )
    };
    let address = listener.local_addr().map_err(fail)?;
    let endpoint = Endpoint::new(address)?;
    let server = Arc::new(Server {
        endpoint: endpoint.clone(),
        port: address.port(),
        keeper,
        cache: Arc::default(),
        shells: Mutex::default(),
        stop: Notify::new(),
        left: Mutex::new(Instant::now()),
    });
    let serving = tokio::spawn(endpoint.serve(listener, std::future::pending()));
    let mut tasks = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    let mut idle = std::pin::pin!(server.look_around(socket, idle));
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            () = server.stop.notified() => break,
            () = &mut idle => break,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
            accepted = control.accept() => match accepted {
                Ok((stream, _)) if tasks.len() < MOST_CONNECTIONS => {
                    tasks.spawn(Arc::clone(&server).answer(stream));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "cannot accept a connection");
                    sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    // Nobody finds it from here on.
    drop(control);
    lock(&server.shells).clear();
    server.keeper.end();
    serving.abort();
    Ok(())
}

struct Server {
    endpoint: Endpoint,
    port: u16,
    keeper: Keeper,
    /// One for all shells: what their chains have in common is obtained once.
    cache: Arc<SessionCache>,
    shells: Mutex<HashMap<Shell, InUse>>,
    stop: Notify,
    /// When the last shell left.
    left: Mutex<Instant>,
}

/// A shell by its number and start: with both it is one process and no later one.
type Shell = (u32, Option<u64>);

/// What one shell has. Dropped, it is taken back.
struct InUse {
    shell: Process,
    access: Access,
    used: Arc<Used>,
    target: String,
    tasks: [AbortHandle; 2],
    told: Option<Instant>,
    /// The files that the shell's programs see instead of the user's.
    _private: Option<PrivateDir>,
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.access.withdraw();
        self.tasks.iter().for_each(AbortHandle::abort);
        self.used.flush();
    }
}

impl Server {
    async fn look_around(&self, socket: &Path, idle: Duration) {
        let file = SocketFile::at(socket);
        loop {
            sleep(LOOK.min(idle / 2)).await;
            if !file.is_still_there() {
                tracing::info!("the endpoint's socket is gone, and so is the endpoint");
                return;
            }
            let is_alone = self.only_living();
            if is_alone && lock(&self.left).elapsed() >= idle {
                return;
            }
        }
    }

    async fn answer(self: Arc<Self>, stream: UnixStream) {
        let Ok(mut connection) = Connection::admit(stream, LONGEST_LOCAL_LINE) else {
            return;
        };
        let Ok(ask) = connection.hear::<Ask>(PATIENCE).await else {
            return;
        };
        let is_last = matches!(ask, Ask::Stop);
        let tell = match ask {
            Ask::Grant(want) => match Arc::clone(&self).grant(*want).await {
                Ok(granted) => Tell::Granted(granted),
                Err(error) => Tell::Refused(Failure::of(&error)),
            },
            Ask::Withdraw(shell) => {
                self.withdraw(key(&shell));
                Tell::Done
            }
            Ask::Look(shell) => Tell::Held(self.held(key(&shell))),
            Ask::Status => Tell::Status(Status {
                pid: std::process::id(),
                release: env!("CARGO_PKG_VERSION").to_owned(),
                port: self.port,
                shells: lock(&self.shells).len(),
            }),
            Ask::Stop => {
                lock(&self.shells).clear();
                Tell::Done
            }
        };
        let _ = connection.tell(&tell).await;
        if is_last {
            self.stop.notify_one();
        }
    }

    async fn grant(self: Arc<Self>, want: Want) -> Result<Granted, Error> {
        let shell = want.shell.clone();
        if !is_alive(&shell) {
            return Err(Error::config(format!("there is no shell {}", shell.pid)));
        }
        let cache = Arc::clone(&self.cache);
        // It reads the user's files, which may be far away; who is served meanwhile does not wait for that.
        let prepared = tokio::task::spawn_blocking(move || prepare(&want, &cache)).await;
        let prepared = prepared.map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                format!("the target could not be read: {error}"),
            )
        })??;
        let Prepared {
            used,
            mut env,
            private,
            target,
        } = prepared;
        let used = Arc::new(used);
        let grant = ForShell {
            used: Arc::clone(&used),
            target: target.clone(),
        };
        let mut shells = lock(&self.shells);
        if shells.len() >= MOST_SHELLS && !shells.contains_key(&key(&shell)) {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "there are too many shells with something in use",
            ));
        }
        let access = self.endpoint.grant_as(target.clone(), Arc::new(grant))?;
        env.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", access.uri());
        env.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", access.token().expose());
        env.set("ROLECALL_USE", target.as_str());
        let tasks = serving::look_after(&used, &self.endpoint);
        let in_use = InUse {
            shell: shell.clone(),
            access,
            used,
            target: target.clone(),
            tasks,
            told: None,
            _private: private,
        };
        self.keeper.tell(&shell);
        // What the shell had before is taken back with this.
        shells.insert(key(&shell), in_use);
        let remove = env.remove.iter().filter_map(|name| name.to_str());
        Ok(Granted {
            target,
            remove: remove.map(str::to_owned).collect(),
            set: env
                .set
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        })
    }

    /// Takes back what the shells had that have ended; whether there is none left.
    fn only_living(&self) -> bool {
        let mut shells = lock(&self.shells);
        let before = shells.len();
        shells.retain(|_, in_use| is_alive(&in_use.shell));
        if shells.len() < before {
            *lock(&self.left) = Instant::now();
        }
        shells.is_empty()
    }

    fn withdraw(&self, shell: Shell) {
        let mut shells = lock(&self.shells);
        if shells.remove(&shell).is_some() {
            *lock(&self.left) = Instant::now();
        }
    }

    fn held(&self, shell: Shell) -> Option<Held> {
        let mut shells = lock(&self.shells);
        let in_use = shells.get_mut(&shell)?;
        let provider = &in_use.used.provider;
        let now = provider.host().now();
        let needed_in = provider
            .person_is_needed_at()
            .map(|at| at.duration_since(now).unwrap_or_default().as_secs());
        let is_news = needed_in.is_some() && in_use.told.is_none_or(|told| told.elapsed() >= NEWS);
        if is_news {
            in_use.told = Some(Instant::now());
        }
        Some(Held {
            target: in_use.target.clone(),
            role_arn: provider.about().role_arn,
            expires_at: provider
                .valid_session()
                .map(|session| rfc3339(session.expires_at())),
            person_is_needed_in: needed_in,
            is_news,
        })
    }
}

/// What a grant is made of, read and resolved in the shell's own surroundings.
struct Prepared {
    used: Used,
    env: ChildEnv,
    private: Option<PrivateDir>,
    target: String,
}

fn prepare(want: &Want, cache: &Arc<SessionCache>) -> Result<Prepared, Error> {
    let mut builder = Host::builder();
    for (name, value) in &want.env {
        builder = builder.env(name, value);
    }
    if let Some(home) = &want.home {
        builder = builder.home(home);
    }
    if let Some(name) = &want.login_name {
        builder = builder.login_name(name);
    }
    let host = builder.build();
    let provider =
        crate::commands::provider_in(&host, TargetArgs::of_words(&want.words)?, Delivery::Use, cache)?;
    provider.take_over(&want.sessions);
    let (env, private) = child_env::isolated(&host, &provider, want.keep_config, "use")?;
    let target = match &provider.chain().target {
        Target::Profile(name) => name.clone(),
        role => role.to_string(),
    };
    Ok(Prepared {
        used: Used::of(provider, Who::from(want.shell.clone())),
        env,
        private,
        target,
    })
}

/// What a shell's programs are handed: nobody is behind it who could be asked, and so it is said where somebody is.
struct ForShell {
    used: Arc<Used>,
    target: String,
}

impl Grant for ForShell {
    fn valid(&self) -> Option<Session> {
        self.used.valid()
    }

    fn session(&self) -> Pin<Box<dyn Future<Output = Result<Session, Error>> + Send + '_>> {
        Box::pin(async { self.used.session().await.map_err(|error| self.told(error)) })
    }

    fn waits_for_person(&self) -> Option<Error> {
        self.used.waits_for_person().map(|error| self.told(error))
    }

    fn served(&self, session: &Session, peer: &Peer) {
        self.used.served(session, peer);
    }
}

impl ForShell {
    fn told(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::NeedsUser {
            return error;
        }
        let target = &self.target;
        let hint = match self.used.provider.chain().source.kind {
            SourceKind::Sso(_) => {
                format!("Run `rolecall use {target}` again, or `rolecall login {target}` in any terminal.")
            }
            _ => format!("Run `rolecall use {target}` again."),
        };
        Error::new(ErrorKind::NeedsUser, error.to_string()).with_hint(hint)
    }
}

pub(super) fn is_alive(shell: &Process) -> bool {
    if shell.started.is_some() {
        return shell.is_running();
    }
    // Where the system tells no start, the number has to do.
    let pid = i32::try_from(shell.pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

fn key(shell: &Process) -> Shell {
    (shell.pid, shell.started)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
