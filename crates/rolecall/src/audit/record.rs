//! What a record says. It is made of typed parts, so that no secret can get in.

use std::time::SystemTime;

use serde::Serialize;

use crate::arn::RoleArn;
use crate::error::{Error, ErrorKind, printable};
use crate::host::Process;
use crate::session::{Session, SessionKey};
use crate::time::rfc3339;

/// No text of a record is longer; a role's ARN and a path have at most 2048 and 4096 characters.
const LONGEST: usize = 2048;

/// What was done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Op {
    /// AWS issued a session.
    Mint,
    /// A session was handed over.
    Serve,
    /// Somebody got none: refused by AWS, by us, or because it failed.
    Refuse,
    /// Sessions were wiped before their end.
    Wipe,
    /// The log itself was put in order.
    Repair,
}

impl Op {
    /// The name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mint => "mint",
            Self::Serve => "serve",
            Self::Refuse => "refuse",
            Self::Wipe => "wipe",
            Self::Repair => "repair",
        }
    }

    /// Whether a record of it is on the disk before anything goes on. It costs milliseconds, so that what happens all the
    /// time is left to the kernel, which loses it only with the whole machine.
    pub(super) fn is_synced(self) -> bool {
        matches!(self, Self::Refuse | Self::Wipe)
    }
}

impl Serialize for Op {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// By which way a session reaches its user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Delivery {
    /// From the agent to a client.
    Agent,
    /// A link to the console.
    Console,
    /// `credential_process` JSON.
    CredentialProcess,
    /// The local HTTP server.
    Endpoint,
    /// Shell code.
    Env,
    /// The environment of a child, or the endpoint of one.
    Exec,
    /// To find out why a role can be assumed or not; it goes nowhere.
    Explain,
    /// A program of its own, through the library.
    Library,
    /// A sign-in ahead of time.
    Login,
    /// To nobody yet: a session is renewed for whoever asks next.
    Renewal,
    /// To find or to prove what may be assumed; it goes nowhere.
    Roles,
    /// Pointers to an endpoint in a shell.
    Use,
    /// To ask who the session is; it goes nowhere.
    Whoami,
}

impl Delivery {
    /// The name in the log, and in the list of who uses a session.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Console => "console",
            Self::CredentialProcess => "credential-process",
            Self::Endpoint => "endpoint",
            Self::Env => "env",
            Self::Exec => "exec",
            Self::Explain => "explain",
            Self::Library => "library",
            Self::Login => "login",
            Self::Renewal => "renewal",
            Self::Roles => "roles",
            Self::Use => "use",
            Self::Whoami => "whoami",
        }
    }
}

impl Serialize for Delivery {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Who did it, or for whom it was done: a process, and what else is known of it.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Who {
    process: Process,
    note: Option<String>,
}

impl Who {
    /// This process; the note says which program started it.
    pub fn current() -> Self {
        let who = Self::from(Process::current());
        match Process::parent() {
            Some(parent) => who.with_note(&match parent.executable {
                Some(executable) => format!("started by {executable} ({})", parent.pid),
                None => format!("started by process {}", parent.pid),
            }),
            None => who,
        }
    }

    /// The same with a note, such as which program it was started by. Never anything that was answered or typed.
    #[must_use]
    pub fn with_note(mut self, note: &str) -> Self {
        self.note = Some(bounded(note));
        self
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

impl From<Process> for Who {
    fn from(process: Process) -> Self {
        Self { process, note: None }
    }
}

/// One record, before it has a place in the chain.
#[derive(Clone, Debug)]
pub struct Record {
    op: Op,
    who: Who,
    delivery: Option<Delivery>,
    target: Option<String>,
    session_key: Option<SessionKey>,
    role_arn: Option<String>,
    session_name: Option<String>,
    source_identity: Option<String>,
    access_key_id: Option<String>,
    expires_at: Option<SystemTime>,
    request_id: Option<String>,
    error: Option<Failure>,
    count: u64,
    detail: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Failure {
    kind: &'static str,
    aws_code: Option<String>,
}

impl Record {
    /// A record of `op`, to fill.
    pub fn new(op: Op, who: &Who, delivery: Delivery) -> Self {
        Self {
            delivery: Some(delivery),
            ..Self::bare(op, who)
        }
    }

    fn bare(op: Op, who: &Who) -> Self {
        Self {
            op,
            who: who.clone(),
            delivery: None,
            target: None,
            session_key: None,
            role_arn: None,
            session_name: None,
            source_identity: None,
            access_key_id: None,
            expires_at: None,
            request_id: None,
            error: None,
            count: 1,
            detail: None,
        }
    }

    /// AWS issued this session.
    pub fn mint(session: &Session, who: &Who, delivery: Delivery) -> Self {
        Self::new(Op::Mint, who, delivery).session(session)
    }

    /// This session was handed over.
    pub fn serve(session: &Session, who: &Who, delivery: Delivery) -> Self {
        Self::new(Op::Serve, who, delivery).session(session)
    }

    /// There was no session for this reason. Of the error its kind, AWS's code and the id of the request are kept; its
    /// message is not, because it quotes.
    pub fn refuse(error: &Error, who: &Who, delivery: Delivery) -> Self {
        let mut record = Self::new(Op::Refuse, who, delivery);
        record.request_id = error.request_id().and_then(identifier);
        record.error = Some(Failure {
            kind: error.kind().name(),
            aws_code: error.aws_code().and_then(identifier),
        });
        record
    }

    /// So many sessions were wiped.
    pub fn wipe(count: u64, who: &Who, delivery: Delivery) -> Self {
        Self::new(Op::Wipe, who, delivery).count(count)
    }

    /// The log was put in order. The words are this module's own.
    pub(super) fn repair(detail: String, who: &Who) -> Self {
        Self {
            detail: Some(detail),
            ..Self::bare(Op::Repair, who)
        }
    }

    /// Of which session: its access key id, its end and whom it acts as.
    fn session(mut self, session: &Session) -> Self {
        if let Some(principal) = session.principal() {
            // The session's ARN has no path; who knows the role's own ARN sets it.
            self.role_arn = Some(bounded(&principal.to_string()));
            self.session_name = Some(bounded(principal.session_name()));
        }
        self.request_id = session.request_id().and_then(identifier);
        self.access_key_id(session.credentials().access_key_id())
            .expires_at(session.expires_at())
    }

    /// What the user named.
    #[must_use]
    pub fn target(mut self, target: &str) -> Self {
        self.target = Some(bounded(target));
        self
    }

    /// The key of the session.
    #[must_use]
    pub fn session_key(mut self, key: SessionKey) -> Self {
        self.session_key = Some(key);
        self
    }

    /// The role.
    #[must_use]
    pub fn role(mut self, role: &RoleArn) -> Self {
        self.role_arn = Some(bounded(&role.to_string()));
        self
    }

    /// The session's name.
    #[must_use]
    pub fn session_name(mut self, name: &str) -> Self {
        self.session_name = Some(bounded(name));
        self
    }

    /// Who is behind the session, as AWS was told.
    #[must_use]
    pub fn source_identity(mut self, identity: &str) -> Self {
        self.source_identity = Some(bounded(identity));
        self
    }

    /// The access key id, whole: it is what joins a record to CloudTrail, and no secret. What cannot be one is not kept.
    #[must_use]
    pub fn access_key_id(mut self, id: &str) -> Self {
        let is_one = (16..=128).contains(&id.len())
            && id.starts_with('A')
            && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        self.access_key_id = Some(if is_one { id } else { "…" }.to_owned());
        self
    }

    /// When the session ends.
    #[must_use]
    pub fn expires_at(mut self, end: SystemTime) -> Self {
        self.expires_at = Some(end);
        self
    }

    /// How often it was done.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// Whether the session it tells of may still be used.
    pub(super) fn is_current(&self, now: SystemTime) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }

    pub(super) fn op(&self) -> Op {
        self.op
    }

    /// The record as JSON, in its place, without its hash.
    pub(super) fn json(&self, seq: u64, time: SystemTime, prev: Option<&str>) -> String {
        let process = self.who.process();
        let line = Line {
            seq,
            time: rfc3339(time),
            op: self.op,
            who: WhoLine {
                pid: process.pid,
                uid: process.uid,
                started: process.started,
                executable: process.executable.as_deref().map(bounded),
                note: self.who.note.as_deref(),
            },
            delivery: self.delivery,
            target: self.target.as_deref(),
            session_key: self.session_key.map(|key| key.to_string()),
            role_arn: self.role_arn.as_deref(),
            session_name: self.session_name.as_deref(),
            source_identity: self.source_identity.as_deref(),
            access_key_id: self.access_key_id.as_deref(),
            expires_at: self.expires_at.map(rfc3339),
            request_id: self.request_id.as_deref(),
            outcome: match (&self.error, self.op) {
                (None, Op::Refuse) => "refused",
                (None, _) => "ok",
                (Some(error), _) if error.kind == ErrorKind::Denied.name() => "refused",
                (Some(_), _) => "failed",
            },
            error: self.error.as_ref(),
            count: self.count,
            detail: self.detail.as_deref(),
            prev,
        };
        // Texts and numbers: nothing of it can fail.
        serde_json::to_string(&line).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    time: String,
    op: Op,
    who: WhoLine<'a>,
    delivery: Option<Delivery>,
    target: Option<&'a str>,
    session_key: Option<String>,
    role_arn: Option<&'a str>,
    session_name: Option<&'a str>,
    source_identity: Option<&'a str>,
    access_key_id: Option<&'a str>,
    expires_at: Option<String>,
    request_id: Option<&'a str>,
    outcome: &'static str,
    error: Option<&'a Failure>,
    count: u64,
    detail: Option<&'a str>,
    prev: Option<&'a str>,
}

#[derive(Serialize)]
struct WhoLine<'a> {
    pid: u32,
    uid: u32,
    started: Option<u64>,
    executable: Option<String>,
    note: Option<&'a str>,
}

/// Text that a terminal may show, not longer than any that belongs here.
fn bounded(text: &str) -> String {
    let mut text = printable(text);
    if text.len() > LONGEST {
        let end = (0..=LONGEST - 3).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
        text.push('…');
    }
    text
}

/// A code or an id as AWS makes them. What looks otherwise was made by somebody else, and is not kept.
fn identifier(text: &str) -> Option<String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
    ((1..=128).contains(&text.len()) && text.bytes().all(fits)).then(|| text.to_owned())
}
