//! Decisions in words: who asked for what, who decided, and by which statement.

use std::fmt::Write as _;

use rolecall::policy::{Matched, Verdict};
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
        let by_policy = self
            .decided
            .iter()
            .any(|decided| !matches!(decided.verdict, Verdict::Allowed(_)));
        if let Some(message) = self.message.as_ref().filter(|_| !by_policy) {
            let _ = writeln!(text, "  says: {}", message.trim());
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
            "decided": decided,
        })
    }
}

impl Decided {
    fn explain(&self, text: &mut String) {
        let word = match self.verdict {
            Verdict::Allowed(_) => "allowed",
            _ => "refused",
        };
        let _ = writeln!(text, "  {word}: {} on {}", self.action, self.resource);
        for ground in self.grounds() {
            let _ = writeln!(text, "    {ground}");
        }
    }

    /// Why, a clause for each policy that had a say.
    fn grounds(&self) -> Vec<String> {
        match &self.verdict {
            Verdict::Allowed(granted) if granted.is_empty() => {
                vec!["by nobody's policy: the account's root user may".to_owned()]
            }
            Verdict::Allowed(granted) => granted
                .iter()
                .map(|matched| format!("by {}", statement(matched)))
                .collect(),
            Verdict::ExplicitDeny(matched) => vec![format!("by an explicit Deny: {}", statement(matched))],
            Verdict::ImplicitDeny(kind) => vec![format!("because no {} allows it", kind.name())],
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
