//! `rolecall sandbox`: the embedded AWS, alone or around a command.

mod authority;

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use rolecall::agent::{Agent, Caller};
use rolecall::{Error, ErrorKind, Host};
use rolecall_sandbox::{Builder, Sandbox, World, WorldError, WorldErrors};
use tokio::signal::unix::{SignalKind, signal};

use crate::child::{self, Signals};
use crate::child_env::ChildEnv;
use crate::cli::SandboxArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;
use crate::private_dir::PrivateDir;
use authority::AuthorityDir;

pub(crate) fn run(host: &Host, args: &SandboxArgs) -> Result<Ended, CommandError> {
    if let Some(text) = args.print_world.as_deref().and_then(World::ready_toml) {
        output::print(text)?;
        return Ok(Ended::WELL);
    }
    let mut builder = Sandbox::builder().port(args.port).world(world(args)?);
    if let Some(seconds) = args.session_seconds {
        builder = builder.session_seconds(seconds);
    }
    if let Some(to) = &args.explain {
        builder = explained(builder, to.as_deref())?;
    }
    for planned in &args.fault {
        builder = builder.fault(planned.clone());
    }
    let authority = args.tls.as_deref().map(AuthorityDir::open).transpose()?;
    if authority.is_some() {
        builder = builder.tls();
    }
    let sandbox = builder.skew(args.skew).start().map_err(|error| {
        Error::config(format!("the sandbox cannot start: {error}"))
            .with_hint("The port may be in use: --port 0 takes any free one.")
    })?;
    let ca_bundle = match (&authority, sandbox.certificate_authority()) {
        (Some(folder), Some(certificate)) => Some(folder.write(certificate)?),
        _ => None,
    };
    let ca_bundle = ca_bundle.as_deref();
    if !args.command.is_empty() {
        return around(host, &sandbox, args, ca_bundle);
    }
    let ready = if args.json {
        format!("{}\n", sandbox.ready_line_with(ca_bundle))
    } else {
        how_to_reach(&sandbox, ca_bundle)
    };
    super::block_on(until_ended(&ready))?;
    tell_of_idle_faults(&sandbox, args);
    Ok(Ended::WELL)
}

/// Lets the sandbox say of every request who decided it: on stderr, or in a file that is added to.
fn explained(builder: Builder, to: Option<&Path>) -> Result<Builder, Error> {
    let Some(path) = to else {
        return Ok(builder.observe(|call| {
            let _ = std::io::stderr().lock().write_all(call.explain().as_bytes());
        }));
    };
    let file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|error| Error::config(format!("cannot write to `{}`: {error}", path.display())))?;
    Ok(builder.observe(move |call| {
        // One write a call, so that a reader never sees half of one.
        let _ = (&file).write_all(call.explain().as_bytes());
    }))
}

/// The world that was asked for: a ready one by its name, or a file.
fn world(args: &SandboxArgs) -> Result<World, CommandError> {
    let named = match &args.world {
        Some(named) => named.as_os_str(),
        None if args.empty => OsStr::new("empty"),
        None => OsStr::new("article"),
    };
    if let Some(world) = named.to_str().and_then(World::ready) {
        let file = Path::new(named);
        if args.world.is_some() && file.is_file() {
            let name = file.display();
            output::hint(&format!(
                "This is the ready world {name}. The file of that name is ./{name}."
            ));
        }
        return Ok(world);
    }
    let ready = format!(
        "The ready worlds are {}; anything else is the path of a TOML file.",
        World::ready_names().collect::<Vec<_>>().join(", ")
    );
    if named.is_empty() {
        return Err(Error::config("--world names no world").with_hint(ready).into());
    }
    World::from_file(named).map_err(|errors| refused(&named.to_string_lossy(), &errors, &ready))
}

/// Why a file is no world: each problem as an error of its own.
fn refused(name: &str, errors: &WorldErrors, ready: &str) -> CommandError {
    let told = |error: &WorldError| {
        // Without a line, it is the file that is wrong and not what stands in it.
        let hint = error.hint().or(error.line().is_none().then_some(ready));
        hint.into_iter()
            .fold(Error::config(error.to_string()), Error::with_hint)
    };
    let mut each: Vec<_> = errors.errors().iter().map(told).collect();
    if errors.left_out() > 0 {
        let left_out = errors.left_out();
        each.push(Error::config(format!("{name} has {left_out} more problems")));
    }
    CommandError::several(format!("the world file {name} cannot be used"), each)
}

/// What a person pastes into another terminal. A world of many accounts would fill the screen with keys: it says where
/// they are.
fn how_to_reach(sandbox: &Sandbox, ca_bundle: Option<&Path>) -> String {
    const SHOWN: usize = 3;
    let endpoint = sandbox.endpoint();
    let curl = match ca_bundle {
        Some(path) => format!("curl -s --cacert {}", quoted(path)),
        None => "curl -s".to_owned(),
    };
    // Only the world's instance has one; the machine's own stays out of it.
    let metadata = sandbox.metadata_endpoint().map_or_else(String::new, |endpoint| {
        format!(" AWS_EC2_METADATA_SERVICE_ENDPOINT={endpoint}")
    });
    let mut text = format!(
        "The sandbox answers as AWS at {endpoint}. Ctrl-C ends it, and everything in it.\n\n\
         export AWS_ENDPOINT_URL={endpoint} AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1{metadata}\n"
    );
    if let Some(path) = ca_bundle {
        text.push_str(&format!("export AWS_CA_BUNDLE={}\n", quoted(path)));
    }
    let accounts = sandbox.accounts();
    for account in accounts.iter().take(SHOWN) {
        text.push_str(&format!(
            "\n# the administrator of {}\nexport AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}\n",
            account.id, account.access_key_id, account.secret_access_key
        ));
    }
    if accounts.len() > SHOWN {
        let count = accounts.len();
        text.push_str(&format!(
            "\n# the administrators of all {count} accounts, as JSON\n{curl} {endpoint}/_sandbox/accounts\n"
        ));
    }
    let profiles = sandbox.profiles();
    if !profiles.is_empty() {
        text.push_str(&format!(
            "\n# or the profiles {}\ndir=$(mktemp -d)\n\
             {curl} {endpoint}/_sandbox/config >$dir/config\n\
             {curl} {endpoint}/_sandbox/credentials >$dir/credentials\n\
             export AWS_CONFIG_FILE=$dir/config AWS_SHARED_CREDENTIALS_FILE=$dir/credentials\n",
            few(&profiles)
        ));
    }
    let devices = sandbox.mfa_devices();
    if let Some(device) = devices.first() {
        text.push_str(&format!(
            "\n# the code that answers a prompt of the MFA device {}\n\
             {curl} '{endpoint}/_sandbox/mfa-code?serial={device}'\n",
            few(&devices)
        ));
    }
    if let Some(start_url) = sandbox.start_url() {
        text.push_str(&format!(
            "\n# Identity Center {start_url}: `aws sso login` (AWS CLI 2) opens the page on which you say who you are\n"
        ));
    }
    let containers = sandbox.containers();
    if !containers.is_empty() {
        text.push_str(&format!(
            "\n# the environments of the containers {}: {curl} {endpoint}/_sandbox/containers\n",
            few(&containers)
        ));
    }
    text.push_str("\n`rolecall sandbox -- CMD`, with the same --world, runs CMD with all of this set.\n");
    text
}

/// A path as shells take it.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

/// The first few names, and how many more there are.
fn few(names: &[String]) -> String {
    match names.split_at_checked(5) {
        Some((first, more)) if !more.is_empty() => format!("{} and {} more", first.join(", "), more.len()),
        _ => names.join(", "),
    }
}

/// Says that it is ready when a signal already ends it well, and waits for one.
async fn until_ended(ready: &str) -> Result<(), CommandError> {
    let listen = |kind| {
        signal(kind)
            .map_err(|error| Error::new(ErrorKind::Internal, format!("cannot listen for signals: {error}")))
    };
    let (mut interrupt, mut terminate, mut hangup) = (
        listen(SignalKind::interrupt())?,
        listen(SignalKind::terminate())?,
        listen(SignalKind::hangup())?,
    );
    output::print(ready)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

/// Runs the command with a home, files and runtime directory of its own; the user's stay as they are.
fn around(
    host: &Host,
    sandbox: &Sandbox,
    args: &SandboxArgs,
    ca_bundle: Option<&Path>,
) -> Result<Ended, CommandError> {
    let own = |what: &str, error: &std::io::Error| {
        CommandError::from(Error::config(format!(
            "cannot make the sandbox's {what}: {error}"
        )))
        .with_code(125)
    };
    let home = PrivateDir::new(host, "sandbox").map_err(|error| CommandError::from(error).with_code(125))?;
    let mut env = furnish(host, sandbox, home.path()).map_err(|error| own("home", &error))?;
    if let Some(path) = ca_bundle {
        env.set("AWS_CA_BUNDLE", path.display().to_string());
    }
    let signals = Signals::hold(host).map_err(|error| CommandError::from(error).with_code(125))?;
    if args.json {
        output::print(&format!("{}\n", sandbox.ready_line_with(ca_bundle)))?;
    }
    let mut command = child::command(host, &args.command, &env);
    home.share();
    let mut child = command
        .spawn()
        .map_err(|error| child::not_started(&command, &error))?;
    signals.forward_to(child.id());
    let status = child.wait().map_err(|error| own("child", &error))?;
    stop_what_was_started(home.path());
    tell_of_idle_faults(sandbox, args);
    Ok(child::ended(status))
}

/// The agent and the endpoint of what ran inside end with it: their sessions are of nobody any more.
fn stop_what_was_started(home: &Path) {
    let runtime = home.join(RUNTIME).display().to_string();
    let inside = Host::builder().env("ROLECALL_RUNTIME_DIR", &runtime).build();
    // The endpoint first: it is a client of the agent's.
    if let Err(error) = super::endpoint::stop(&inside) {
        tracing::debug!(%error, "the endpoint inside was not stopped");
    }
    let stopped = Agent::of(&inside, Caller::default()).and_then(|agent| agent.stop());
    if let Err(error) = stopped {
        tracing::debug!(%error, "the agent inside was not stopped");
    }
}

/// The runtime directory of what runs inside, in its home.
const RUNTIME: &str = "run/rolecall";

/// A fault for an operation that was never called is mostly a misspelled one, and a rehearsal of nothing.
fn tell_of_idle_faults(sandbox: &Sandbox, args: &SandboxArgs) {
    for planned in &args.fault {
        let (operation, fault) = (&planned.operation, planned.fault);
        if operation != "*" && sandbox.count(operation) == 0 {
            output::hint(&format!(
                "The fault {operation}:{fault} met nothing: {operation} was not called. Operations are as AWS spells \
                 them, as in AssumeRole."
            ));
        }
    }
}

/// Fills the home, and gives the environment that points to it.
fn furnish(host: &Host, sandbox: &Sandbox, home: &Path) -> std::io::Result<ChildEnv> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    let folder = |name: &str| {
        let path = home.join(name);
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&path)
            .map(|()| path)
    };
    let file = |path: &Path, text: &str| {
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?
            .write_all(text.as_bytes())
    };
    let aws = folder(".aws")?;
    file(&aws.join("config"), &sandbox.config_file())?;
    file(&aws.join("credentials"), &sandbox.credentials_file())?;
    let bin = folder("bin")?;
    if let Some(own) = fs::read_link("/proc/self/exe")
        .ok()
        .filter(|path| path.is_absolute())
    {
        std::os::unix::fs::symlink(own, bin.join("rolecall"))?;
    }
    let is_aws = |name: &&OsStr| {
        let name = name.as_encoded_bytes();
        let prefixes: [&[u8]; 3] = [b"AWS_", b"AMAZON_", b"ROLECALL_"];
        prefixes.iter().any(|prefix| name.starts_with(prefix)) && name != b"ROLECALL_LOG"
    };
    let mut env = ChildEnv {
        remove: host.env_names_os().filter(is_aws).map(OsStr::to_owned).collect(),
        ..ChildEnv::default()
    };
    // The person's own keyring is outside.
    env.remove.push("DBUS_SESSION_BUS_ADDRESS".into());
    for (name, place) in [
        ("XDG_CONFIG_HOME", ".config"),
        ("XDG_CACHE_HOME", ".cache"),
        ("XDG_DATA_HOME", ".local/share"),
        ("XDG_STATE_HOME", ".local/state"),
        ("XDG_RUNTIME_DIR", "run"),
        ("ROLECALL_RUNTIME_DIR", RUNTIME),
    ] {
        env.set(name, folder(place)?.display().to_string());
    }
    env.set("HOME", home.display().to_string());
    // Named as well, so that a command that loses its HOME does not find the user's own files.
    env.set("AWS_CONFIG_FILE", aws.join("config").display().to_string());
    env.set(
        "AWS_SHARED_CREDENTIALS_FILE",
        aws.join("credentials").display().to_string(),
    );
    env.set("AWS_ENDPOINT_URL", sandbox.endpoint());
    // Nothing inside may look for a machine's role in the network: it finds the world's, or none.
    if let Some(endpoint) = sandbox.metadata_endpoint() {
        env.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint);
    } else {
        env.set("AWS_EC2_METADATA_DISABLED", "true");
    }
    let path = host.env("PATH").unwrap_or("/usr/local/bin:/usr/bin:/bin");
    env.set("PATH", format!("{}:{path}", bin.display()));
    Ok(env)
}
