//! Why a role can or cannot be assumed: every hop of a chain, every policy that has a say, and the smallest change that
//! would let it.
//!
//! The order of the rooms is the order of the work: [`explain`] walks the chain and reads, the call of each hop is put into a
//! context, every policy is weighed by it, the smallest change is found by trying it, and the causes that people meet most
//! are recognised and told in a sentence. [`brief`] is the same in two lines, for a command that has been refused already.
//!
//! What is read is told apart from what STS says: STS is asked as any command would ask it, and where the two disagree the
//! explanation says what could not be read.

mod brief;
mod call;
mod causes;
mod decoded;
mod grounds;
mod mend;
mod statement;
mod walk;
mod weigh;

use std::time::SystemTime;

use crate::discover::{Ground, Unread};
use crate::error::{Error, ErrorKind};
use crate::policy::{Mismatch, PolicyKind};

pub use crate::error::encoded_message;
pub use brief::{Brief, brief};
pub use decoded::Decoded;
pub use grounds::ground_sentence;
pub use walk::explain;

/// How a hop, or the whole of a chain, ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// STS gives the session.
    Works,
    /// It does not.
    Refused,
    /// Neither STS nor what could be read tells.
    Unknown,
}

impl Outcome {
    /// The name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// Why a target works or does not.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The target, as the user named it.
    pub target: String,
    /// Where the first credentials come from.
    pub source: String,
    /// Every hop that was walked, in order; the last may be one that refuses.
    pub hops: Vec<Hop>,
    /// How many hops the chain has.
    pub of: usize,
    /// Why there are no credentials to begin with, where there are none.
    pub source_refused: Option<Error>,
    /// What is recognised about that.
    pub source_causes: Vec<Cause>,
    /// Who the source is, where a target has no role.
    pub identity: Option<String>,
}

impl Explanation {
    /// How the whole of it ends.
    pub fn outcome(&self) -> Outcome {
        match (&self.source_refused, self.hops.last()) {
            (Some(error), _) if is_refusal(error) => Outcome::Refused,
            (Some(_), _) => Outcome::Unknown,
            (None, Some(hop)) => hop.outcome,
            (None, None) => Outcome::Works,
        }
    }
}

/// Whether AWS said no, and not that it could not be asked.
fn is_refusal(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Denied => true,
        ErrorKind::Config => error.aws_code().is_some(),
        _ => false,
    }
}

/// One `AssumeRole`, explained.
#[derive(Clone, Debug)]
pub struct Hop {
    /// The role's ARN, as the chain has it.
    pub role: String,
    /// The role's account.
    pub account: String,
    /// Who calls, as STS says; `None` of a token, which is nobody yet.
    pub caller: Option<String>,
    /// How it ends.
    pub outcome: Outcome,
    /// What STS, or whoever stands before it, answered in place of a session.
    pub refusal: Option<Error>,
    /// When the session ends that STS gave.
    pub until: Option<SystemTime>,
    /// What was read, by itself.
    pub reading: Reading,
    /// What every kind of policy says, for every action that the call needs.
    pub layers: Vec<Layer>,
    /// With whose credentials the role's trust policy was read.
    pub trust_read_by: Option<String>,
    /// What is recognised, the surest first.
    pub causes: Vec<Cause>,
    /// The smallest change that lets it, on each side where one is missing.
    pub changes: Vec<Change>,
    /// What else a person should know, a sentence each.
    pub notes: Vec<String>,
    /// What could not be read, and the permission that would let it.
    pub unread: Vec<Unread>,
    /// What an encoded message in the refusal says, where it may be decoded.
    pub decoded: Option<Decoded>,
}

/// What was read, by itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reading {
    /// Everything that could be read allows it.
    Allowed,
    /// It is denied, whatever could not be read.
    Denied,
    /// That depends on these: condition keys of which nothing is known, and `unread: …`.
    Depends(Vec<String>),
    /// Nothing could be read.
    Nothing,
}

impl Reading {
    /// The name used in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Depends(_) => "depends",
            Self::Nothing => "nothing",
        }
    }
}

/// What the policies of one kind say about one action.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The action, as in `sts:AssumeRole`.
    pub action: String,
    /// Where the policies are attached.
    pub kind: PolicyKind,
    /// What they say.
    pub says: Says,
}

/// What the policies of one kind say.
#[derive(Clone, Debug)]
pub enum Says {
    /// These statements allow it.
    Allows(Vec<Ground>),
    /// These deny it.
    Denies(Vec<Ground>),
    /// It depends on keys of which nothing is known, in these statements.
    Depends {
        /// The condition keys.
        keys: Vec<String>,
        /// The statements.
        on: Vec<Ground>,
    },
    /// Nothing allows it; this is the statement that nearly does, and what keeps it.
    Silent(Option<(Ground, Vec<Mismatch>)>),
    /// It could not be read; these permissions would let it.
    Unread(Vec<String>),
}

impl Says {
    /// The name used in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Allows(_) => "allows",
            Self::Denies(_) => "denies",
            Self::Depends { .. } => "depends",
            Self::Silent(_) => "silent",
            Self::Unread(_) => "unread",
        }
    }
}

/// A cause that is recognised.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cause {
    /// What it is called, for programs: `external-id-missing` and the like. `docs/explain.md` has them all.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub sentence: String,
    /// What to do, in a sentence.
    pub fix: String,
}

/// One change that is needed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which side it is on.
    pub side: Side,
    /// The account whose owner can make it; `None` of the call itself.
    pub account: Option<String>,
    /// What to do, in a sentence.
    pub what: String,
    /// How.
    pub how: How,
    /// The statement, ready to paste.
    pub statement: Option<serde_json::Value>,
    /// Whether it is known to be missing. Where the side could not be read it is what that side has to say.
    pub is_certain: bool,
}

/// Which side a change is on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// What the call sends: a flag, or a line of a profile.
    Call,
    /// A policy.
    Policy(PolicyKind),
}

impl Side {
    /// The name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Policy(kind) => kind.name(),
        }
    }
}

/// How a change is made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum How {
    /// This flag, with this value.
    Argument {
        /// As in `--external-id`.
        flag: &'static str,
        /// Its value; `None` of a flag without one, and of a value that cannot be known.
        value: Option<String>,
    },
    /// The statement is added to a policy.
    Add {
        /// The policy, where it has to be this one.
        policy: Option<String>,
    },
    /// The statement takes the place of one that is there.
    Replace {
        /// The policy.
        policy: String,
        /// Which of its statements, from 0.
        statement: usize,
    },
    /// A statement is taken away.
    Remove {
        /// The policy.
        policy: String,
        /// Which of its statements, from 0.
        statement: usize,
    },
}
