//! IAM policy documents, and what they decide. Pure.
//!
//! The order of the parts is the order of the work: a [`Document`] is parsed, its patterns are matched against a
//! [`Request`], its conditions against the request's [`Context`], and [`evaluate`] weighs every policy that applies and
//! says which statement decided; [`layers`] tells what each of them said, [`missing_keys`] what was not known, and
//! [`near_misses`] which grants were nearly there. The rules are those of the IAM user guide ("Policy evaluation logic", "IAM JSON policy elements reference"); where a rule
//! is not obvious, its place says which page has it.

mod condition;
mod context;
mod document;
mod evaluate;
mod matching;

pub use context::Context;
pub use document::{Document, Effect, PrincipalClause, Statement, Version};
pub use evaluate::{
    Decision, Layer, Matched, Mismatch, NearMiss, Outcome, Policies, PolicyKind, PolicySource, Possible,
    Principal, Request, Said, Verdict, evaluate, layers, missing_keys, near_misses, possible,
    possible_layers,
};
pub use matching::{action_matches, filled_in, resource_matches, wildcard_matches};
