//! An explanation for people: the chain from its source on, what every side says, why, and what to change.

use rolecall::explain::{Cause, Change, Decoded, Explanation, Hop, Layer, Outcome, Says};
use rolecall::policy::{Mismatch, PolicyKind};
use rolecall::time::rfc3339;

/// Lines as wide as the terminal, whatever stands in them.
struct Page {
    text: String,
    width: Option<usize>,
}

impl Page {
    /// A line that begins with `head`, its further lines under where the text began.
    fn line(&mut self, head: &str, text: &str) {
        let indent = head.chars().count();
        // Narrower than this nothing reads well, and then the terminal may break the lines itself.
        let room = self
            .width
            .map(|width| width.saturating_sub(indent))
            .filter(|room| *room >= 30);
        let mut line = String::new();
        let mut is_first = true;
        let mut flush = |line: &mut String, page: &mut String| {
            let start = if is_first {
                head.to_owned()
            } else {
                " ".repeat(indent)
            };
            is_first = false;
            page.push_str(format!("{start}{line}").trim_end());
            page.push('\n');
            line.clear();
        };
        for word in text.split(' ') {
            let would_be = line.chars().count() + 1 + word.chars().count();
            if !line.is_empty() && room.is_some_and(|room| would_be > room) {
                flush(&mut line, &mut self.text);
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        flush(&mut line, &mut self.text);
    }

    fn blank(&mut self) {
        self.text.push('\n');
    }

    /// Text that is pasted: it is never broken.
    fn verbatim(&mut self, indent: &str, text: &str) {
        for line in text.lines() {
            self.text.push_str(&format!("{indent}{line}\n"));
        }
    }
}

pub(super) fn explanation(explanation: &Explanation, width: Option<usize>) -> String {
    let mut page = Page {
        text: String::new(),
        width,
    };
    let verdict = match explanation.outcome() {
        Outcome::Works => "works",
        Outcome::Refused => "is refused",
        Outcome::Unknown => "cannot be told",
    };
    page.line("", &format!("{} {verdict}.", explanation.target));
    page.blank();
    page.line("source  ", &explanation.source);
    if let Some(identity) = &explanation.identity {
        page.line(
            "        ",
            &format!("which is {identity}, and no role is assumed"),
        );
    }
    if let Some(error) = &explanation.source_refused {
        page.line("        ", &format!("gives no credentials: {error}."));
        causes(&mut page, "        ", &explanation.source_causes);
        if explanation.source_causes.is_empty() {
            for hint in error.hints() {
                page.line("        - ", hint);
            }
        }
    }
    for (at, hop) in explanation.hops.iter().enumerate() {
        page.blank();
        told(&mut page, at + 1, explanation.of, hop);
    }
    let left = explanation.of - explanation.hops.len();
    if left > 0 && !explanation.hops.is_empty() {
        page.blank();
        page.line(
            "",
            &format!(
                "The walk ends here: {left} more of the chain's {} roles were not tried.",
                explanation.of
            ),
        );
    }
    page.text
}

fn told(page: &mut Page, number: usize, of: usize, hop: &Hop) {
    page.line(&format!("role {number} of {of}  "), &hop.role);
    if let Some(caller) = &hop.caller {
        page.line("  caller    ", caller);
    }
    match (hop.outcome, &hop.refusal, hop.until) {
        (Outcome::Works, _, Some(until)) => {
            page.line(
                "  STS       ",
                &format!("gives the session, until {}", rfc3339(until)),
            );
        }
        (Outcome::Works, _, None) => page.line("  STS       ", "gives the session"),
        (_, Some(error), _) => page.line("  STS       ", &format!("refuses: {error}")),
        (_, None, _) => page.line("  STS       ", "was not asked"),
    }
    if let Some(id) = hop.refusal.as_ref().and_then(|error| error.request_id()) {
        page.line("            ", &format!("request {id}"));
    }
    let mut action = "";
    for layer in &hop.layers {
        if layer.action != action {
            action = &layer.action;
            page.line("  ", action);
        }
        page.line(&format!("    {:<13} ", name(layer.kind)), &says(layer));
    }
    if !hop.causes.is_empty() {
        page.line("  ", "why");
        causes(page, "    ", &hop.causes);
    }
    // What the call itself suggests, where nothing that was read decides; the two kinds of hints that say no more than the
    // rest of the page are left out.
    let trust_allows = hop
        .layers
        .iter()
        .any(|layer| layer.kind == PolicyKind::Trust && matches!(layer.says, Says::Allows(_)));
    let refusal = hop.refusal.as_ref();
    if let Some(error) = refusal.filter(|_| hop.causes.is_empty() && !trust_allows) {
        let may_be: Vec<&String> = error
            .hints()
            .iter()
            .filter(|hint| !hint.starts_with("Both sides must allow it") && !hint.starts_with("CloudTrail"))
            .collect();
        if !may_be.is_empty() {
            page.line("  ", "what it may be");
        }
        for hint in may_be {
            page.line("    - ", hint);
        }
    }
    if let Some(decoded) = &hop.decoded {
        page.line("  ", "the message that AWS encoded");
        message(page, "    ", decoded);
    }
    let (certain, presumed): (Vec<&Change>, Vec<&Change>) =
        hop.changes.iter().partition(|change| change.is_certain);
    if !certain.is_empty() {
        page.line("  ", "the smallest change");
        changes(page, &certain);
    }
    if !presumed.is_empty() {
        page.line("  ", "what could not be read has to say");
        changes(page, &presumed);
    }
    for note in &hop.notes {
        page.line("  note      ", note);
    }
    if hop.outcome != Outcome::Works && !hop.unread.is_empty() {
        page.line("  ", "not read");
        for unread in &hop.unread {
            page.line(
                "    - ",
                &format!(
                    "{}: needs {} on {} ({})",
                    unread.what, unread.needs, unread.on, unread.why
                ),
            );
        }
    }
}

fn name(kind: PolicyKind) -> &'static str {
    match kind {
        PolicyKind::Identity => "caller",
        PolicyKind::Boundary => "boundary",
        PolicyKind::Session => "session",
        PolicyKind::ServiceControl => "organization",
        PolicyKind::Trust => "role's trust",
        _ => "resource",
    }
}

fn says(layer: &Layer) -> String {
    let first = |by: &[rolecall::discover::Ground]| match by {
        [] => String::new(),
        [one] => format!(": {}", one.sentence()),
        [one, rest @ ..] => format!(": {}, and {} more", one.sentence(), rest.len()),
    };
    match &layer.says {
        Says::Allows(by) => format!("allows{}", first(by)),
        Says::Denies(by) => format!("denies{}", first(by)),
        Says::Depends { keys, on } => format!("depends on {}{}", keys.join(", "), first(on)),
        Says::Silent(None) => "allows nothing of the sort".to_owned(),
        Says::Silent(Some((ground, because))) => {
            let because: Vec<String> = because.iter().map(Mismatch::clause).collect();
            format!(
                "is silent; nearest is {}, but {}",
                ground.sentence(),
                because.join(", and ")
            )
        }
        Says::Unread(needs) if needs.is_empty() => "could not be read".to_owned(),
        Says::Unread(needs) => format!("could not be read: that needs {}", needs.join(", ")),
    }
}

fn causes(page: &mut Page, indent: &str, causes: &[Cause]) {
    for cause in causes {
        page.line(
            &format!("{indent}- "),
            &format!("{} {}", cause.sentence, cause.fix),
        );
    }
}

fn changes(page: &mut Page, changes: &[&Change]) {
    for change in changes {
        page.line("    - ", &change.what);
        if let Some(statement) = &change.statement {
            let text = serde_json::to_string_pretty(statement).unwrap_or_default();
            page.verbatim("      ", &text);
        }
    }
}

/// What a message says that AWS encoded.
pub(super) fn decoded(decoded: &Decoded, width: Option<usize>) -> String {
    let mut page = Page {
        text: String::new(),
        width,
    };
    message(&mut page, "", decoded);
    page.text
}

fn message(page: &mut Page, indent: &str, decoded: &Decoded) {
    let verdict = match (decoded.allowed, decoded.explicit_deny) {
        (true, _) => "allowed",
        (false, true) => "denied by a statement",
        (false, false) => "not allowed by any statement",
    };
    let head = |name: &str| format!("{indent}{name:<11}");
    page.line(&head("decision"), verdict);
    for (name, value) in [
        ("principal", &decoded.principal),
        ("action", &decoded.action),
        ("resource", &decoded.resource),
    ] {
        if let Some(value) = value {
            page.line(&head(name), value);
        }
    }
    for statement in &decoded.statements {
        let sid = statement.sid.as_deref().unwrap_or("without a name");
        page.line(
            &head("statement"),
            &format!(
                "{} {sid}: {} on {}",
                statement.effect,
                statement.actions.join(", "),
                statement.resources.join(", ")
            ),
        );
    }
    for failure in &decoded.failures {
        page.line(&head("failure"), failure);
    }
    for (key, values) in &decoded.conditions {
        page.line(&head("condition"), &format!("{key} = {}", values.join(", ")));
    }
}
