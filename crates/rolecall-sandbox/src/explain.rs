//! Decisions in words: who asked for what, who decided, and by which statement.

use std::fmt::Write as _;

use rolecall::policy::{Matched, Mismatch, NearMiss, Policies, Request, Verdict, evaluate, near_misses};
use serde_json::{Value, json};

use crate::calls::{Call, Decided};
use crate::clock;

impl Call {
    /// The call and every decision that was made for it, in a few lines that end with a line break. No secret is in it.
    ///
    /// ```text
    /// 12:00:01 sts AssumeRole by arn:aws:iam::111111111111:user/joe.bloggs: 403 AccessDenied
    ///   refused: sts:AssumeRole on arn:aws:iam::666666666666:role/Forbidden
    ///     by an explicit Deny: identity-based policy `assume-in-blah`, statement 2 `NeverForbidden`
    /// ```
    pub fn explain(&self) -> String {
        let time = &clock::iso8601(self.at)[11..19];
        let mut text = format!("{time} {} {}", self.service, self.operation);
        if let Some(principal) = &self.principal {
            let _ = write!(text, " by {principal}");
        }
        match self.status {
            0 => text.push_str(": no answer, by a fault\n"),
            status => {
                let _ = writeln!(text, ": {status} {}", self.code.as_deref().unwrap_or("OK"));
            }
        }
        for decided in &self.decided {
            decided.explain(&mut text);
        }
        // A refusal that no policy made has its reason in its message; the others say no more than the decision.
        if let Some(untold) = &self.untold {
            let _ = writeln!(text, "  refused: {}", printable(untold));
        }
        let by_policy = !self.decided.iter().all(Decided::is_allowed);
        if let Some(message) = self
            .message
            .as_ref()
            .filter(|_| !by_policy && self.untold.is_none())
        {
            let _ = writeln!(text, "  says: {}", printable(message.trim()));
        }
        text
    }

    /// The call as the record of calls has it.
    pub(crate) fn to_json(&self) -> Value {
        let decided: Vec<Value> = self.decided.iter().map(Decided::to_json).collect();
        json!({
            "at": clock::iso8601(self.at),
            "request_id": self.request_id,
            "service": self.service,
            "operation": self.operation,
            "principal": self.principal,
            "status": self.status,
            "code": self.code,
            "message": self.message,
            "untold": self.untold,
            "decided": decided,
        })
    }
}

impl Decided {
    /// Decides, and keeps the grounds.
    pub(crate) fn of(request: &Request<'_>, policies: &Policies<'_>) -> Self {
        let decision = evaluate(request, policies);
        let near_misses = match decision.verdict() {
            Verdict::ImplicitDeny(kind) => near_misses(request, policies, *kind),
            _ => Vec::new(),
        };
        Self {
            principal: request.principal.arn().to_owned(),
            action: request.action.to_owned(),
            resource: request.resource.to_owned(),
            verdict: decision.verdict().clone(),
            near_misses,
        }
    }

    pub(crate) fn is_allowed(&self) -> bool {
        matches!(self.verdict, Verdict::Allowed(_))
    }

    fn explain(&self, text: &mut String) {
        let word = if self.is_allowed() { "allowed" } else { "refused" };
        let _ = writeln!(text, "  {word}: {} on {}", self.action, printable(&self.resource));
        for ground in self.grounds() {
            let _ = writeln!(text, "    {}", printable(&ground));
        }
    }

    /// Why, a clause for each policy that had a say.
    fn grounds(&self) -> Vec<String> {
        match &self.verdict {
            Verdict::Allowed(granted) if granted.is_empty() => {
                vec!["by nobody's policy: the account's root user may".to_owned()]
            }
            Verdict::Allowed(granted) => {
                let mut grounds: Vec<_> = granted
                    .iter()
                    .map(|matched| format!("by {}", statement(matched)))
                    .collect();
                // `FullAWSAccess` grants at every level of an organization, which need not be said for each.
                grounds.dedup();
                grounds
            }
            Verdict::ExplicitDeny(matched) => vec![format!("by an explicit Deny: {}", statement(matched))],
            Verdict::ImplicitDeny(kind) => {
                let mut grounds = vec![format!("because no {} allows it", kind.name())];
                // The nearest are enough: a policy of a hundred statements has a hundred misses.
                grounds.extend(self.near_misses.iter().take(3).map(nearly));
                grounds
            }
        }
    }

    fn to_json(&self) -> Value {
        let verdict = match self.verdict {
            Verdict::Allowed(_) => "allowed",
            Verdict::ExplicitDeny(_) => "explicitDeny",
            Verdict::ImplicitDeny(_) => "implicitDeny",
        };
        json!({
            "principal": self.principal,
            "action": self.action,
            "resource": self.resource,
            "verdict": verdict,
            "because": self.grounds(),
        })
    }
}

/// What clients wrote goes to a terminal: it must neither steer that nor begin a line of its own.
fn printable(text: &str) -> String {
    let shown = |c: char| {
        if c.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    text.chars().map(shown).collect()
}

/// `identity-based policy ‘name’, statement 2 ‘Sid’`, counted from 1 as people do.
fn statement(matched: &Matched) -> String {
    let mut text = format!(
        "{} `{}`, statement {}",
        matched.kind.name(),
        matched.policy,
        matched.statement + 1
    );
    if let Some(sid) = &matched.sid {
        let _ = write!(text, " `{sid}`");
    }
    text
}

fn quoted(values: &[String]) -> String {
    let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
    values.join(", ")
}

/// The first three, and how many more.
fn few(values: &[String]) -> String {
    match values.split_at_checked(3) {
        Some((first, more)) if !more.is_empty() => format!("{} and {} more", quoted(first), more.len()),
        _ => quoted(values),
    }
}

/// A grant that was nearly there.
fn nearly(miss: &NearMiss) -> String {
    let reasons: Vec<_> = miss.because.iter().map(mismatch).collect();
    format!(
        "nearly: {}, but {}",
        statement(&miss.statement),
        reasons.join(", and ")
    )
}

fn mismatch(mismatch: &Mismatch) -> String {
    match mismatch {
        Mismatch::Condition {
            operator,
            key,
            wanted,
            found,
        } => {
            let found = match found {
                Some(values) => format!("the request has {}", quoted(values)),
                None => "the request has none".to_owned(),
            };
            format!("{operator} on {key} wants {} where {found}", quoted(wanted))
        }
        Mismatch::Principal(named) if named.is_empty() => "it names other principals".to_owned(),
        Mismatch::Principal(named) => format!("it names {}", few(named)),
        Mismatch::Resource(named) if named.is_empty() => "it is about other resources".to_owned(),
        Mismatch::Resource(named) => format!("it is about {}", few(named)),
        _ => "it does not fit".to_owned(),
    }
}
