//! What a client and the agent say to each other: one JSON document a line, over a Unix socket.
//!
//! `{"v":1,"say":…}`: the version comes first, so that an old client and a new agent can tell each other that they will not
//! understand each other, and go on without. Within a version fields are only ever added.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, is_throttling};
use crate::host::Process;
use crate::session::{Record, SessionKey};

/// The version of these messages.
pub(super) const VERSION: u32 = 1;

/// The longest line: a session's token has 4 KiB at most, and everything else is shorter.
pub(super) const LONGEST_LINE: usize = 64 * 1024;

/// How long one side may take for the rest of a line it has begun, and for an answer that needs nobody else.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// How often who waits hears that there still is something to wait for; the first time sooner, for then a person is told.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(3);
pub(super) const FIRST_HEARTBEAT: Duration = Duration::from_secs(1);

/// The longest text that is kept of what a client says of itself and of its session, in characters. They are for people.
const LONGEST_TEXT: usize = 512;
/// The longest sentence of a failure, of which there are five at most. An AWS error can quote a policy.
const LONGEST_SENTENCE: usize = 2048;

/// A line of either side.
#[derive(Deserialize, Serialize)]
pub(super) struct Line<T> {
    v: u32,
    say: T,
}

/// What a client says.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ask {
    /// The session, if there is one; nothing is waited for.
    Peek(Want),
    /// The session, or the lease to get it.
    Acquire(Want),
    /// What came of a lease; on its connection only.
    Settle(Settled),
    /// To be told when sessions are wiped; the connection stays.
    Attach(Attach),
    /// What is live: each is told of, and then [`Tell::Done`].
    Sessions,
    /// Wipe these; without any, all. Each that was there is told of, and then [`Tell::Done`].
    Forget(Option<Vec<SessionKey>>),
    /// How the agent is.
    Status,
    /// Wipe everything and end.
    Stop,
}

/// Which session, what for, and for whom.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Want {
    pub(super) key: SessionKey,
    /// The access key id of a session that is no help: the asker has it, and wants its successor.
    pub(super) not: Option<String>,
    /// That session is refused by AWS: nobody is to be given it any more.
    pub(super) is_rejected: bool,
    /// Only to know: whoever looks uses nothing, and is told to renew nothing.
    #[serde(default)]
    pub(super) is_glance: bool,
    pub(super) about: About,
    pub(super) who: Caller,
}

/// What a session is, for people.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct About {
    /// What the user named.
    pub target: String,
    /// The role; none of a source's own session.
    pub role_arn: Option<String>,
    /// The session's name in CloudTrail.
    pub session_name: Option<String>,
    /// Whose rate of calls a new one counts for: the calling account and the region.
    pub account_and_region: String,
    /// The start URL of the sign-in that it stands on: to sign out ends it too.
    #[serde(default)]
    pub sign_in: Option<String>,
}

/// Who asks, as far as only it can tell: the kernel tells its number and its user.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Caller {
    /// The program it is for: the one that started `rolecall`, where that is known.
    pub program: Option<String>,
    /// What becomes of the session: `exec`, `env`, `credential-process`, ….
    pub delivery: String,
    /// Its own executable: the kernel hides it of a hardened process.
    pub executable: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Settled {
    Minted(Record),
    Failed(Failure),
}

/// An error on its way to another process: to those who wait for the same session, or to a terminal.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Failure {
    kind: String,
    message: String,
    hints: Vec<String>,
    hop: Option<String>,
    aws_code: Option<String>,
    request_id: Option<String>,
    /// A person was asked: whoever waits for the same would only ask them again.
    was_asked: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Attach {
    pub(super) keys: Vec<SessionKey>,
    pub(super) who: Caller,
}

/// What the agent says.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tell {
    /// It speaks another version. Every version says this in the same way.
    OtherVersion {
        speaks: u32,
        release: String,
    },
    /// There is one.
    Session(Given),
    /// There is none.
    Nothing,
    /// The asker gets it, and settles the lease on this connection. What is still valid is to be served if that fails.
    Lease {
        valid: Option<Record>,
    },
    /// Somebody else is getting it; said again and again while that is so.
    Wait(Holder),
    /// The lease comes as soon as AWS's limit allows one more call; said again and again while that is so.
    Paced,
    /// Somebody else was refused it.
    Refused(Failure),
    /// It has been taken in.
    Done,
    /// To who is attached: these are no more; without any, all.
    Wiped(Option<Vec<SessionKey>>),
    /// One of the sessions that were asked about, or wiped.
    Live(Box<Live>),
    Status(Status),
    /// What was said was not understood.
    Misunderstood {
        why: String,
    },
}

#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Given {
    pub(super) record: Record,
    /// It is time for a successor, and nobody else was told so.
    pub(super) is_yours_to_renew: bool,
}

impl Given {
    /// A session whose successor is not the asker's to get.
    pub(super) fn as_it_is(record: Record) -> Self {
        Self {
            record,
            is_yours_to_renew: false,
        }
    }
}

/// Who holds a lease.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Holder {
    /// The process.
    pub process: Process,
    /// What it said of itself.
    pub caller: Caller,
}

/// A session that the agent keeps, for people.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Live {
    /// What it is.
    pub about: About,
    /// Its key.
    pub session_key: SessionKey,
    /// Its access key id.
    pub access_key_id: String,
    /// When it was issued, in microseconds since 1970.
    pub issued_at: u64,
    /// When it truly ends.
    pub expires_at: u64,
    /// `fresh`, `due` for renewal, or `renewing`.
    pub state: String,
    /// How often it was obtained.
    pub renewals: u64,
    /// Who asked for it, the last ones last.
    pub users: Vec<Holder>,
}

/// How the agent is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Status {
    /// The process.
    pub pid: u32,
    /// The release of rolecall it is.
    pub release: String,
    /// How many sessions it keeps.
    pub sessions: usize,
    /// How many are being obtained.
    pub leases: usize,
    /// How many clients are connected, this one left out.
    pub clients: usize,
    /// When it was started, in microseconds since 1970.
    pub started_at: u64,
    /// How the key that seals the sessions is held: `secret`, `locked` or `plain`.
    pub key_memory: String,
}

impl About {
    /// The same, no larger than what is kept of one.
    pub(super) fn bounded(mut self) -> Self {
        cut(&mut self.target, LONGEST_TEXT);
        cut(&mut self.account_and_region, LONGEST_TEXT);
        for text in [&mut self.role_arn, &mut self.session_name, &mut self.sign_in] {
            text.iter_mut().for_each(|text| cut(text, LONGEST_TEXT));
        }
        self
    }
}

impl Want {
    /// The same, no larger than what is kept of one.
    pub(super) fn bounded(self) -> Self {
        Self {
            about: self.about.bounded(),
            who: self.who.bounded(),
            ..self
        }
    }
}

impl Attach {
    /// The same, no larger than what is kept of one.
    pub(super) fn bounded(self) -> Self {
        Self {
            who: self.who.bounded(),
            ..self
        }
    }
}

impl Caller {
    /// The same, no larger than what is kept of one.
    pub(super) fn bounded(mut self) -> Self {
        cut(&mut self.delivery, LONGEST_TEXT);
        for text in [&mut self.program, &mut self.executable] {
            text.iter_mut().for_each(|text| cut(text, LONGEST_TEXT));
        }
        self
    }
}

fn cut(text: &mut String, longest: usize) {
    if let Some((at, _)) = text.char_indices().nth(longest) {
        text.truncate(at);
        text.shrink_to_fit();
    }
}

impl Failure {
    /// What another process is told of an error.
    pub fn of(error: &Error) -> Self {
        Self {
            kind: error.kind().name().to_owned(),
            message: error.to_string(),
            hints: error.hints().iter().take(4).cloned().collect(),
            hop: error.hop().map(str::to_owned),
            aws_code: error.aws_code().map(str::to_owned),
            request_id: error.request_id().map(str::to_owned),
            was_asked: error.was_asked(),
        }
    }

    pub(super) fn kind(&self) -> ErrorKind {
        ErrorKind::named(&self.kind)
    }

    /// Whether it is everybody's: AWS's answer is, and so is a person's who was asked. What is wrong with one client's
    /// settings, or that nobody is there to be asked, is its own.
    pub(super) fn is_everybodys(&self) -> bool {
        match self.kind() {
            ErrorKind::Denied | ErrorKind::Unavailable => true,
            ErrorKind::NeedsUser => self.was_asked,
            _ => false,
        }
    }

    /// The same, no larger than what is kept of one.
    pub(super) fn bounded(mut self) -> Self {
        self.hints.truncate(4);
        cut(&mut self.message, LONGEST_SENTENCE);
        self.hints.iter_mut().for_each(|hint| cut(hint, LONGEST_SENTENCE));
        for text in [&mut self.hop, &mut self.aws_code, &mut self.request_id] {
            text.iter_mut().for_each(|text| cut(text, LONGEST_TEXT));
        }
        cut(&mut self.kind, LONGEST_TEXT);
        self
    }

    /// Whether AWS wants fewer calls.
    pub(super) fn is_throttling(&self) -> bool {
        self.aws_code.as_deref().is_some_and(is_throttling)
    }

    /// The error that it was, without its cause.
    pub fn into_error(self) -> Error {
        let mut error = Error::new(self.kind(), self.message);
        for hint in self.hints {
            error = error.with_hint(hint);
        }
        if let Some(hop) = self.hop {
            error = error.with_hop(hop);
        }
        if self.was_asked {
            error = error.after_asking();
        }
        error.with_aws(self.aws_code.as_deref(), self.request_id.as_deref())
    }
}

/// Why a line was not understood.
#[derive(Debug)]
pub(super) enum Garbled {
    /// The other side speaks another version, and may have said which release it is.
    Version(u32, Option<String>),
    Nonsense(String),
}

/// A line with its newline. It may hold a session, so that it is wiped.
pub(super) fn written(say: &impl Serialize) -> Zeroizing<Vec<u8>> {
    // Grown once: a buffer that moves leaves copies behind it.
    let mut line = Zeroizing::new(Vec::with_capacity(16 * 1024));
    let written = serde_json::to_writer(&mut *line, &Line { v: VERSION, say });
    debug_assert!(written.is_ok(), "these messages always serialize");
    line.push(b'\n');
    line
}

/// What a line says, without its newline.
pub(super) fn read<T: DeserializeOwned>(line: &[u8]) -> Result<T, Garbled> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    #[derive(Deserialize)]
    struct Other {
        say: Say,
    }
    #[derive(Deserialize)]
    struct Say {
        other_version: Release,
    }
    #[derive(Deserialize)]
    struct Release {
        release: String,
    }
    // serde's own words could quote the line.
    let nonsense = |why: &str| Garbled::Nonsense(why.to_owned());
    let version: Version = serde_json::from_slice(line).map_err(|_| nonsense("not a message"))?;
    if version.v != VERSION {
        let other: Option<Other> = serde_json::from_slice(line).ok();
        let release = other.map(|other| {
            let mut release = other.say.other_version.release;
            cut(&mut release, 32);
            release
        });
        return Err(Garbled::Version(version.v, release));
    }
    let line: Line<T> = serde_json::from_slice(line).map_err(|_| nonsense("a message of no known kind"))?;
    Ok(line.say)
}
