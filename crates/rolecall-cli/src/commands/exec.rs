//! `rolecall exec`: a command under a role, with credentials that outlive any session.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;

use rolecall::arn::RoleArn;
use rolecall::audit::{Delivery, Who};
use rolecall::endpoint::{Endpoint, Grant, Metadata};
use rolecall::export::shell;
use rolecall::partition::{Partition, Region};
use rolecall::{Error, ErrorKind, Host, Provider, Session};
use tokio::net::TcpListener;

use crate::child::{self, Signals};
use crate::child_env::{self, ChildEnv};
use crate::cli::{ExecArgs, Imds};
use crate::command_error::{CommandError, Ended};
use crate::person::Asker;
use crate::private_dir::PrivateDir;
use crate::serving::{self, Used};

/// Our own failure before there is a child.
const OWN_FAILURE: u8 = 125;

pub(crate) fn run(host: &Host, person: &Asker, args: ExecArgs) -> Result<Ended, CommandError> {
    let own = |error: CommandError| error.with_code(OWN_FAILURE);
    let provider = super::provider(host, args.target, Delivery::Exec).map_err(|error| own(error.into()))?;
    super::block_on(async {
        // The first session before anything else: what is refused is refused here, and the child's first request is
        // warm. Until there is a child a signal ends us as it would any command.
        let session = provider.session().await.map_err(|error| own(error.into()))?;
        let (env, private) = child_env::isolated(host, &provider, args.keep_config, "exec")
            .map_err(|error| own(error.into()))?;
        if args.env {
            provider.served(&session);
            return Err(with_keys(host, &session, &args.command, env, private));
        }
        let pointers = Pointers {
            token_file: args.token_file,
            imds: args.imds,
            account: session.account().map(|account| account.to_string()),
        };
        // It is the provider's from here on: what is wiped there is in no variable of ours.
        drop(session);
        with_endpoint(host, person, provider, env, private, &args.command, pointers).await
    })
}

/// `--env`: fixed keys, and the command in our place.
fn with_keys(
    host: &Host,
    session: &Session,
    words: &[OsString],
    mut env: ChildEnv,
    private: Option<PrivateDir>,
) -> CommandError {
    // The region is set already.
    for (name, value) in shell::variables(session, None) {
        env.set(name, value.as_str());
    }
    let command = child::command(host, words, &env);
    // What keeps files for the command has to outlive us, for nothing comes after us to keep them.
    private.into_iter().for_each(PrivateDir::hand_over);
    child::replace(command)
}

/// How the child is told of the endpoint.
struct Pointers {
    token_file: bool,
    imds: Option<Imds>,
    account: Option<String>,
}

async fn with_endpoint(
    host: &Host,
    person: &Asker,
    provider: Provider,
    mut env: ChildEnv,
    mut private: Option<PrivateDir>,
    words: &[OsString],
    pointers: Pointers,
) -> Result<Ended, CommandError> {
    let own = |error: Error| CommandError::from(error).with_code(OWN_FAILURE);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(|error| {
            own(Error::new(
                ErrorKind::Unavailable,
                format!("cannot listen on 127.0.0.1: {error}"),
            ))
        })?;
    let address = listener.local_addr().map_err(|error| {
        own(Error::new(
            ErrorKind::Internal,
            format!("the endpoint has no address: {error}"),
        ))
    })?;
    let endpoint = Endpoint::new(address).map_err(own)?;
    let used = Arc::new(Used::of(provider, Who::current()));
    if pointers.imds != Some(Imds::Only) {
        let access = endpoint.grant(Arc::clone(&used) as Arc<dyn Grant>).map_err(own)?;
        env.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", access.uri());
        if pointers.token_file {
            let folder = match private.take() {
                Some(folder) => folder,
                None => PrivateDir::new(host, "exec").map_err(own)?,
            };
            // Without a newline behind it: botocore, Go and Rust take it for a part of the token.
            let path = folder.write("token", access.token().expose()).map_err(own)?;
            env.set(
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                path.display().to_string(),
            );
            private = Some(folder);
        } else {
            env.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", access.token().expose());
        }
    }
    if pointers.imds.is_some() {
        serve_metadata(&endpoint, &used, pointers.account, &mut env).map_err(own)?;
    }
    let command = child::command(host, words, &env);
    if words.is_empty() && std::io::stderr().is_terminal() {
        announce(&used.provider, &command);
    }
    // The child holds the port too. Should we be killed, it stays taken, and nobody else can answer the child in our place.
    let _ = rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::empty());
    private.iter().for_each(PrivateDir::share);
    let signals = Signals::hold(host).map_err(own)?;
    person.hand_over_terminal();
    let mut command = tokio::process::Command::from(command);
    let mut child = command
        .spawn()
        .map_err(|error| child::not_started(command.as_std(), &error))?;
    if let Some(pid) = child.id() {
        signals.forward_to(pid);
    }
    serving::look_after(&used, &endpoint);
    tokio::spawn(endpoint.serve(listener, std::future::pending()));
    let ended = child.wait().await;
    // What was counted is told before we end, for tasks may end later than we do.
    used.flush();
    match ended {
        Ok(status) => Ok(child::ended(status)),
        Err(error) => Err(own(Error::new(
            ErrorKind::Internal,
            format!("lost sight of the child: {error}"),
        ))),
    }
}

/// Lets the child find the role as an instance finds its own.
fn serve_metadata(
    endpoint: &Endpoint,
    used: &Arc<Used>,
    account: Option<String>,
    env: &mut ChildEnv,
) -> Result<(), Error> {
    let chain = used.provider.chain();
    let role = chain.roles.last().map(|role| &role.arn);
    let region = chain.region.as_ref().map(|region| &region.value);
    let partition = role
        .map(RoleArn::partition)
        .or(region.map(Region::partition))
        .unwrap_or(Partition::Aws);
    let about = Metadata {
        role: role.map_or("rolecall", RoleArn::name).to_owned(),
        partition,
        region: region.map(ToString::to_string),
        account,
    };
    let uri = endpoint.metadata(about, Arc::clone(used) as Arc<dyn Grant>)?;
    env.unset("AWS_EC2_METADATA_DISABLED");
    // An SDK that gets no token must not go on without one.
    env.set("AWS_EC2_METADATA_V1_DISABLED", "true");
    env.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", uri);
    env.set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv4");
    Ok(())
}

fn announce(provider: &Provider, command: &Command) {
    use std::io::Write as _;
    let shell = command.get_program().to_string_lossy();
    let _ = writeln!(
        std::io::stderr(),
        "{shell} under {}; credentials renew themselves. `exit` leaves.",
        provider.chain().target
    );
}
