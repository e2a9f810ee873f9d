//! `rolecall doctor`: whether everything is as it should be, and what to do where it is not.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use rolecall::audit::{Delivery, Log};
use rolecall::doctor::{Area, Doctor, Finding, Severity, Try};
use rolecall::{Error, Host, Provider, Request};
use serde_json::{Value, json};

use crate::cli::DoctorArgs;
use crate::command_error::{CommandError, Ended};
use crate::{output, shared};

/// As many findings of one check are shown one by one; a program reads all of them (`--json`).
const MOST_OF_A_KIND: usize = 8;

pub(crate) fn run(host: &Host, args: &DoctorArgs) -> Result<Ended, CommandError> {
    if args.offline && !args.targets.is_empty() {
        return Err(
            Error::config("a target is tried by calling AWS, and --offline calls nobody")
                .with_hint("Leave one of the two away.")
                .into(),
        );
    }
    let doctor = Doctor::of(host);
    let mut found = doctor.look();
    if !args.offline {
        let tries = tries(host, &doctor, args)?;
        found.extend(super::block_on(async { Ok(doctor.call(&tries).await) })?);
    }
    if args.json {
        output::print_json(&as_json(&found))?;
    } else {
        output::print(&as_text(&found, Style::of_stdout(host)))?;
    }
    let ended = match count(&found, Severity::Problem) {
        0 => Ended::WELL,
        _ => Ended::Code(1),
    };
    Ok(ended)
}

/// What gets the sessions of the targets, as every command does.
fn tries(host: &Host, doctor: &Doctor, args: &DoctorArgs) -> Result<Vec<Try>, Error> {
    if args.targets.is_empty() {
        return Ok(Vec::new());
    }
    // Where it is set wrongly, that is a finding; the targets are tried without it.
    let agent = shared::agent(host, Delivery::Whoami).unwrap_or(None);
    let provider = |target: &String| -> Result<Provider, Error> {
        let request = Request {
            target: Some(target.clone()),
            insecure_endpoint: args.insecure_endpoint,
            ..Request::default()
        };
        Provider::builder(host.clone())
            .profiles(doctor.profiles()?)
            .vault(doctor.vault())
            .request(request)
            .agent(agent.clone())
            .audit(Log::of(host), Delivery::Whoami)
            .build()
    };
    let attempt = |target: &String| Try {
        target: target.clone(),
        provider: provider(target),
    };
    Ok(args.targets.iter().map(attempt).collect())
}

pub(super) fn count(found: &[Finding], severity: Severity) -> usize {
    found
        .iter()
        .filter(|finding| finding.severity == severity)
        .count()
}

fn as_json(found: &[Finding]) -> Value {
    json!({
        "findings": found.iter().map(finding_json).collect::<Vec<_>>(),
        "problems": count(found, Severity::Problem),
        "warnings": count(found, Severity::Warning),
        "notes": count(found, Severity::Note),
    })
}

pub(super) fn finding_json(finding: &Finding) -> Value {
    json!({
        "area": finding.area.name(),
        "severity": finding.severity.name(),
        "check": finding.check,
        "what": finding.what,
        "hint": finding.hint,
        "place": finding.place,
    })
}

/// How marks are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) enum Style {
    Plain,
    Coloured,
}

impl Style {
    /// In colour on a terminal, unless `NO_COLOR` (<https://no-color.org>) or a terminal without any says otherwise.
    pub(super) fn of_stdout(host: &Host) -> Self {
        let is_plain = host.env("NO_COLOR").is_some() || host.env("TERM") == Some("dumb");
        match io::stdout().is_terminal() && !is_plain {
            true => Self::Coloured,
            false => Self::Plain,
        }
    }

    fn mark(self, severity: Severity) -> String {
        let (word, colour) = match severity {
            Severity::Ok => ("ok", 32),
            Severity::Note => ("note", 36),
            Severity::Warning => ("warning", 33),
            Severity::Problem => ("problem", 31),
        };
        match self {
            Self::Plain => format!("{word:7}"),
            Self::Coloured => format!("\x1b[{colour}m{word:7}\x1b[0m"),
        }
    }
}

fn title(area: Area) -> &'static str {
    match area {
        Area::Files => "files and owners",
        Area::Profiles => "profiles",
        Area::Environment => "environment",
        Area::Vault => "vault",
        Area::Leftovers => "leftovers in plain text",
        Area::Machine => "this machine",
        Area::Aws => "AWS",
        _ => "more",
    }
}

fn as_text(found: &[Finding], style: Style) -> String {
    let mut out = String::new();
    for area in Area::ALL {
        let of_area: Vec<_> = found.iter().filter(|finding| finding.area == area).collect();
        if of_area.is_empty() {
            continue;
        }
        let _ = writeln!(out, "{}", title(area));
        lines(&mut out, &of_area, style);
    }
    let counted: Vec<_> = [
        (Severity::Problem, "problem"),
        (Severity::Warning, "warning"),
        (Severity::Note, "note"),
    ]
    .into_iter()
    .filter_map(|(severity, word)| match count(found, severity) {
        0 => None,
        1 => Some(format!("1 {word}")),
        several => Some(format!("{several} {word}s")),
    })
    .collect();
    let _ = match counted.as_slice() {
        [] => writeln!(out, "\neverything is as it should be"),
        counted => writeln!(out, "\n{}", counted.join(", ")),
    };
    out
}

/// Each finding in a line, and below it what to do; of many of a kind only the first.
pub(super) fn lines(out: &mut String, found: &[&Finding], style: Style) {
    const BELOW: &str = "           ";
    for (at, finding) in found.iter().enumerate() {
        let is_alike = |other: &&&Finding| (other.check, other.severity) == (finding.check, finding.severity);
        let before = found[..at].iter().filter(is_alike).count();
        if before >= MOST_OF_A_KIND {
            if before == MOST_OF_A_KIND {
                let more = found[at..].iter().filter(is_alike).count();
                let _ = writeln!(out, "{BELOW}and {more} more of this kind: `--json` has them all");
            }
            continue;
        }
        let place = match &finding.place {
            Some(place) if !finding.what.contains(place.trim_start_matches('$')) => format!(" ({place})"),
            _ => String::new(),
        };
        let _ = writeln!(out, "  {}  {}{place}", style.mark(finding.severity), finding.what);
        if let Some(hint) = &finding.hint {
            let _ = writeln!(out, "{BELOW}{hint}");
        }
    }
}
