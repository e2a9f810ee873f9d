//! Shells of a test's own, run step by step, and what their programs see.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use super::support::{BINARY, Machine, skip, wait_for};

pub(crate) type Env = BTreeMap<String, Vec<u8>>;

/// The shells that are installed here; the others are told of.
pub(crate) fn shells() -> Vec<&'static str> {
    let (there, missing): (Vec<_>, Vec<_>) = ["bash", "zsh", "fish"].into_iter().partition(|shell| {
        let mut command = Command::new(shell);
        command.args(["-c", "true"]).output().is_ok()
    });
    if !missing.is_empty() {
        skip(&format!("{missing:?} are not installed"));
    }
    there
}

/// A script in a shell. At each `@n@` it writes down its environment, and goes on when it is told to.
pub(crate) struct InShell<'a> {
    machine: &'a Machine,
    tag: String,
    child: Option<Child>,
}

impl<'a> InShell<'a> {
    /// With the hook, so that `rolecall use` is a function of the shell.
    pub(crate) fn hooked(
        machine: &'a Machine,
        shell: &str,
        tag: &str,
        text: &str,
        env: &[(&str, &str)],
    ) -> Self {
        let hook = match shell {
            "fish" => "rolecall hook fish | source".to_owned(),
            _ => format!("eval \"$(rolecall hook {shell})\""),
        };
        Self::start(machine, shell, tag, &format!("{hook}\n{text}"), env)
    }

    pub(crate) fn start(
        machine: &'a Machine,
        shell: &str,
        tag: &str,
        text: &str,
        env: &[(&str, &str)],
    ) -> Self {
        let mut text = text.to_owned();
        for step in 0..10 {
            let place = format!("@{step}@");
            if !text.contains(&place) {
                continue;
            }
            let go = machine.path(&format!("{tag}-go-{step}"));
            assert!(Command::new("mkfifo").arg(&go).status().unwrap().success());
            text = text.replace(
                &place,
                &format!(
                    "env -0 > \"$HOME/{tag}-env-{step}\"; mkdir \"$HOME/{tag}-at-{step}\"; cat \"$HOME/{tag}-go-{step}\""
                ),
            );
        }
        let script = machine.path(&format!("{tag}-script"));
        fs::write(&script, text).unwrap();
        let mut command = Command::new(shell);
        let plain: &[&str] = match shell {
            "bash" => &["--noprofile", "--norc"],
            "zsh" => &["-f"],
            _ => &["-N"],
        };
        machine.furnish(command.args(plain).arg(script));
        let child = command
            .env_remove("ROLECALL_LOG")
            .env("PATH", path())
            // fish takes every byte for a letter where the locale is none.
            .env("LC_ALL", "C.UTF-8")
            .envs(env.iter().copied())
            .current_dir(machine.home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            machine,
            tag: tag.to_owned(),
            child: Some(child),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// The environment of the shell's programs at that step.
    pub(crate) fn at(&self, step: u32) -> Env {
        let at = self.machine.path(&format!("{}-at-{step}", self.tag));
        wait_for(&format!("step {step} of {}", self.tag), || {
            at.exists().then_some(())
        });
        env_file(&self.machine.path(&format!("{}-env-{step}", self.tag)))
    }

    pub(crate) fn go(&self, step: u32) {
        fs::write(self.machine.path(&format!("{}-go-{step}", self.tag)), "").unwrap();
    }

    /// Waits for the end of the script; what it printed holds no secret.
    pub(crate) fn end(mut self) -> Output {
        let output = self.child.take().unwrap().wait_with_output().unwrap();
        self.machine.no_secret(&output.stdout);
        self.machine.no_secret(&output.stderr);
        output
    }
}

impl Drop for InShell<'_> {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The binary first.
pub(crate) fn path() -> String {
    let folder = Path::new(BINARY).parent().unwrap();
    format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display())
}

/// What `env -0` wrote, without what changes by itself.
pub(crate) fn env_file(path: &PathBuf) -> Env {
    let bytes = fs::read(path).unwrap();
    let pairs = bytes.split(|byte| *byte == 0).filter(|pair| !pair.is_empty());
    let mut env = Env::new();
    for pair in pairs {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap();
        env.insert(
            String::from_utf8(pair[..at].to_vec()).unwrap(),
            pair[at + 1..].to_vec(),
        );
    }
    for name in ["_", "OLDPWD", "PWD", "SHLVL"] {
        env.remove(name);
    }
    env
}

pub(crate) fn text(env: &Env, name: &str) -> String {
    let value = env
        .get(name)
        .unwrap_or_else(|| panic!("{name} is not set: {:?}", env.keys()));
    String::from_utf8(value.clone()).unwrap()
}

/// What a program of the shell gets that asks as an SDK does: the status and the body.
pub(crate) fn ask(env: &Env) -> std::io::Result<(u16, serde_json::Value)> {
    ask_at(
        &text(env, "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        &text(env, "AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    )
}

pub(crate) fn ask_at(uri: &str, token: &str) -> std::io::Result<(u16, serde_json::Value)> {
    let (authority, id) = uri.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(
        stream,
        "GET /{id} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((
        status.unwrap_or_default(),
        serde_json::from_str(body).unwrap_or_default(),
    ))
}

/// The access key id that a program of the shell signs with.
pub(crate) fn key_id(env: &Env) -> String {
    let (status, body) = ask(env).unwrap();
    assert_eq!(status, 200, "{}", body["Message"]);
    body["AccessKeyId"].as_str().unwrap().to_owned()
}

/// The endpoint's process, its port, and how many shells it serves.
pub(crate) fn status(machine: &Machine) -> Option<(u32, u16, u64)> {
    let said = machine.run_quietly(&["endpoint", "status", "--json"]).ok();
    let status: serde_json::Value = serde_json::from_str(&said).unwrap();
    let number = |name: &str| status[name].as_u64();
    Some((
        number("pid")?.try_into().unwrap(),
        number("port")?.try_into().unwrap(),
        number("shells")?,
    ))
}
