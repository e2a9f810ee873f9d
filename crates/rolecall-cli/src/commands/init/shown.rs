//! What a person and a program see of it.

use std::fmt::Write as _;

use rolecall::Host;
use rolecall::doctor::{Doctor, Severity};
use serde_json::{Value, json};

use super::super::doctor::{Style, count, lines};
use super::act::Done;
use super::look::Seen;
use super::planning::{From, Plan};

/// What the config file is to say, and why.
const PROCESS: &str = "By `credential_process = rolecall credential-process PROFILE` the AWS CLI and SDKs get sessions, and never the key:";

/// What was found, and what would be done about it, each with its reason.
pub(super) fn text(seen: &Seen, plan: &Plan) -> String {
    let mut out = String::from("Found:\n");
    for line in seen.lines() {
        let _ = writeln!(out, "  {line}");
    }
    if plan.is_nothing() {
        if !seen.import.left.is_empty() {
            out.push('\n');
            out.push_str(&seen.import.text());
        }
        out.push('\n');
        out.push_str(match seen.is_empty() {
            true => "There is nothing that could be done without you.\n",
            false => "Everything is set up: there is nothing to do.\n",
        });
        advice(&mut out, plan);
        return out;
    }
    out.push_str("\nThis would be done:\n");
    let mut number = 0;
    let mut step = |out: &mut String, what: &str, why: &str| {
        number += 1;
        let _ = writeln!(out, "{number}. {what}.\n   {why}");
    };
    if plan.passphrase {
        step(
            &mut out,
            "You choose a passphrase, which opens the vault's encrypted file",
            "It is asked for about once a day of work; without it nobody reads the keys, and nobody can help you if you forget it.",
        );
    }
    if plan.imports {
        step(
            &mut out,
            "The keys are taken out of the AWS files and put into the vault, as `rolecall vault import` does",
            &format!("In a file in plain text every program you run can read them. {PROCESS}"),
        );
        indented(&mut out, &seen.import.text());
    }
    if let Some(new) = &plan.new {
        let whence = match &new.from {
            From::Person => "You are asked for the access key; the secret is not shown".to_owned(),
            From::Csv(path) => format!("The access key is read from {}", path.display()),
            From::Environment => "The access key is taken from the environment".to_owned(),
        };
        step(
            &mut out,
            &format!("{whence}, and AWS is asked whose it is"),
            "That needs no permission (GetCallerIdentity). A key that AWS refuses is not saved.",
        );
        step(
            &mut out,
            &format!("It is put into the vault, in {}", new.chosen.kind),
            &format!("There because {}.", new.chosen.why),
        );
        step(
            &mut out,
            &format!("The profile `{}` is written", new.profile),
            PROCESS,
        );
        indented(&mut out, &new.edit.diff());
    }
    if let Some((names, edit)) = &plan.written {
        step(
            &mut out,
            &format!(
                "A section is written for {}, in the vault and in no file",
                quoted(names)
            ),
            PROCESS,
        );
        indented(&mut out, &edit.diff());
    }
    if plan.would_ask {
        step(
            &mut out,
            "You are asked how you sign in: with Identity Center you are told how, and nothing is done",
            "Else for the name of a profile, its region and the access key, which AWS is asked about.",
        );
        step(
            &mut out,
            "The key is put into the vault, and the profile is written into the config file",
            "All of it is shown before it is done, and you are asked once.",
        );
    } else {
        step(
            &mut out,
            &format!("AWS is asked who {} is", quoted(&plan.tried)),
            "So you know that it works.",
        );
    }
    advice(&mut out, plan);
    out
}

fn quoted(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn indented(out: &mut String, text: &str) {
    for line in text.lines() {
        let _ = writeln!(out, "{}", format!("   {line}").trim_end());
    }
}

fn advice(out: &mut String, plan: &Plan) {
    if plan.advice.is_empty() {
        return;
    }
    out.push_str("\nLeft to you:\n");
    for sentence in &plan.advice {
        let _ = writeln!(out, "  {sentence}");
    }
}

/// What was done, and what comes next.
pub(super) fn told(plan: &Plan, done: &Done) -> String {
    let mut out = String::new();
    for path in &done.written {
        let _ = writeln!(out, "Wrote {}.", path.display());
    }
    for tried in &done.tried {
        let _ = match &tried.identity {
            Ok(identity) => writeln!(out, "`{}` works: you are {}.", tried.target, identity.arn),
            Err(error) => {
                let hints = error.hints().join(" ");
                writeln!(out, "`{}` does not work yet: {error}. {hints}", tried.target)
            }
        };
    }
    let first = plan.tried.first().map_or("TARGET", String::as_str);
    out.push_str("\nNext:\n");
    let _ = writeln!(
        out,
        "  rolecall roles {first} --write    finds the roles you may assume, and writes a profile for each\n  \
         rolecall exec {first} -- CMD      runs a command with a session that stays fresh\n  \
         rolecall doctor {first}           looks at everything, and says what to do"
    );
    if plan.imports {
        let _ = writeln!(
            out,
            "  rolecall vault rotate {first}     makes a new key: the old one lay in plain text, and copies of it may be left"
        );
    }
    advice(&mut out, plan);
    out
}

/// The problems that `doctor` finds without calling or asking anybody, and how many warnings.
pub(super) fn in_short(host: &Host) -> String {
    let found = Doctor::of(host).look_without_asking();
    let problems: Vec<_> = found
        .iter()
        .filter(|finding| finding.severity == Severity::Problem)
        .collect();
    let mut out = String::from("\n");
    lines(&mut out, &problems, Style::of_stdout(host));
    let _ = match (problems.len(), count(&found, Severity::Warning)) {
        (0, 0) => writeln!(out, "`rolecall doctor` finds nothing to mend."),
        (_, 0) => writeln!(out, "`rolecall doctor` says more."),
        (_, 1) => writeln!(out, "`rolecall doctor` has 1 warning besides."),
        (_, warnings) => writeln!(out, "`rolecall doctor` has {warnings} warnings besides."),
    };
    out
}

/// For machines.
pub(super) fn json(seen: &Seen, plan: &Plan, done: Option<&Done>, has_declined: bool) -> Value {
    let mut steps = Vec::new();
    if plan.imports {
        steps.push(json!({"step": "import", "import": seen.import.json(None, false)}));
    }
    if let Some(new) = &plan.new {
        let from = match &new.from {
            From::Person => "person",
            From::Csv(_) => "csv",
            From::Environment => "environment",
        };
        steps.push(json!({
            "step": "add", "profile": new.profile, "from": from, "backend": new.chosen.kind.name(), "why": new.chosen.why,
        }));
        steps.push(json!({
            "step": "write", "profiles": [&new.profile], "file": new.edit.path(), "diff": new.edit.diff(),
        }));
    }
    if let Some((names, edit)) = &plan.written {
        steps.push(json!({"step": "write", "profiles": names, "file": edit.path(), "diff": edit.diff()}));
    }
    if plan.would_ask {
        steps.push(json!({"step": "ask"}));
    }
    if !plan.tried.is_empty() {
        steps.push(json!({"step": "try", "profiles": plan.tried}));
    }
    json!({
        "found": seen.lines(),
        "steps": steps,
        "passphrase": plan.passphrase,
        "advice": plan.advice,
        "done": done.is_some(),
        "declined": has_declined,
        "written": done.map(|done| &done.written),
        "tried": done.map(|done| done.tried.iter().map(|tried| json!({
            "profile": tried.target,
            "arn": tried.identity.as_ref().ok().map(|identity| &identity.arn),
            "error": tried.identity.as_ref().err().map(ToString::to_string),
        })).collect::<Vec<_>>()),
    })
}
