//! `rolecall audit`: reads the local audit log, and proves that nobody changed it.

use std::time::{Duration, SystemTime};

use rolecall::audit::{Break, Entry, Log};
use rolecall::time::rfc3339;
use rolecall::{Error, ErrorKind, Host};
use serde_json::{Value, json};

use crate::cli::AuditArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

const HEADINGS: [&str; 7] = ["TIME", "OP", "WHO", "WHAT", "KEY", "UNTIL", "OUTCOME"];

pub(crate) fn run(host: &Host, args: &AuditArgs) -> Result<Ended, CommandError> {
    let log = Log::of(host);
    if !log.is_on() {
        return Err(Error::new(ErrorKind::NotConfigured, "there is no audit log here")
            .with_hint("ROLECALL_AUDIT=off does without it; else it needs HOME or XDG_STATE_HOME.")
            .into());
    }
    let from = args.since.map(|since| since.from(host.now()));
    let mut history = log.history()?;
    if let Some(hash) = &args.since_hash {
        history = history.since(hash);
    }
    let mut shown = Vec::new();
    let mut broken = None;
    for next in history.by_ref() {
        match next {
            Ok(entry) if !args.verify_only && args.wants(&entry, from) => shown.push(entry),
            Ok(_) => {}
            Err(found) => broken = Some(found),
        }
    }
    let torn = history
        .torn()
        .map(|(file, line)| format!("{}:{line}", file.display()));
    if args.json {
        let records: Vec<_> = shown.iter().map(|entry| &entry.record).collect();
        output::print_json(&json!({
            "records": records,
            "checked": history.records(),
            "last_hash": history.last_hash(),
            "broken_at": broken.as_ref().map(|broken| json!({
                "file": broken.file.display().to_string(), "line": broken.line, "why": broken.why,
            })),
            "torn_at": torn,
        }))?;
    } else if !args.verify_only && history.records() > 0 {
        let mut rows = vec![HEADINGS.map(str::to_owned).to_vec()];
        rows.extend(shown.iter().map(row));
        output::print(&output::table(&rows))?;
    }
    if let Some(broken) = broken {
        return Err(not_whole(&broken));
    }
    if let Some(place) = torn {
        tracing::warn!(
            "{place}: the last record is not whole: its writer was ended, and the next one cuts it off"
        );
    }
    if !history.has_kept() {
        return Err(Error::new(
            ErrorKind::Untrusted,
            "the audit log does not hold the hash that was kept",
        )
        .with_hint(
            "Its end was cut off after the hash was kept, it was begun anew, or it is another log's hash.",
        )
        .into());
    }
    if !args.json {
        output::hint(&match history.last_hash() {
            None => "nothing has been recorded yet".to_owned(),
            Some(hash) => format!(
                "{} records, none changed; the last is {hash} (keep it elsewhere, and ask for it later with --since-hash)",
                history.records()
            ),
        });
    }
    Ok(Ended::WELL)
}

fn not_whole(broken: &Break) -> CommandError {
    Error::new(ErrorKind::Untrusted, broken.to_string())
        .with_hint(
            "Nothing from there on is proved. Look at that line, and compare with CloudTrail. Where you put older files \
             elsewhere yourself, give the last hash of those with --since-hash.",
        )
        .into()
}

impl AuditArgs {
    fn wants(&self, entry: &Entry, from: Option<SystemTime>) -> bool {
        let text = |key: &str| entry.record[key].as_str().unwrap_or_default();
        let is_role =
            |role: &String| text("target") == role.as_str() || text("role_arn").contains(role.as_str());
        entry.is_new
            && self.op.as_ref().is_none_or(|op| text("op") == op)
            && self.role.as_ref().is_none_or(is_role)
            // Both are of one form, so that they compare as texts.
            && from.is_none_or(|from| text("time") >= rfc3339(from).as_str())
    }
}

fn row(entry: &Entry) -> Vec<String> {
    let record = &entry.record;
    let text = |value: &Value| value.as_str().map(shown);
    let who = &record["who"];
    let program = text(&who["executable"]).map(|path| match path.rsplit_once('/') {
        Some((_, name)) => name.to_owned(),
        None => path,
    });
    let who = format!(
        "{} {}",
        program.as_deref().unwrap_or("process"),
        who["pid"].as_u64().unwrap_or_default()
    );
    let what = [&record["target"], &record["role_arn"], &record["detail"]];
    let what = what.into_iter().find_map(text);
    let outcome = match (text(&record["outcome"]), text(&record["error"]["aws_code"])) {
        (Some(outcome), Some(code)) => format!("{outcome}: {code}"),
        (outcome, _) => match (outcome, text(&record["error"]["kind"])) {
            (Some(outcome), Some(kind)) => format!("{outcome}: {kind}"),
            (outcome, _) => outcome.unwrap_or_else(none),
        },
    };
    let op = text(&record["op"]).unwrap_or_else(none);
    let op = match (record["count"].as_u64(), text(&record["delivery"])) {
        (Some(count), _) if count > 1 => format!("{op} ×{count}"),
        (_, Some(delivery)) => format!("{op} {delivery}"),
        _ => op,
    };
    vec![
        text(&record["time"]).unwrap_or_else(none),
        op,
        who,
        what.unwrap_or_else(none),
        text(&record["access_key_id"]).unwrap_or_else(none),
        text(&record["expires_at"]).unwrap_or_else(none),
        outcome,
    ]
}

/// A log that somebody else wrote may hold anything: nothing in it moves the cursor.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| {
            if rolecall::error::is_hidden(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

fn none() -> String {
    "-".to_owned()
}

/// A moment: some time ago, or on a day.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Since {
    Ago(Duration),
    At(SystemTime),
}

impl Since {
    /// The value parser of `--since`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let ago = text
            .split_at_checked(text.len().saturating_sub(1))
            .and_then(|(number, unit)| {
                let seconds = match unit {
                    "s" => 1,
                    "m" => 60,
                    "h" => 3600,
                    "d" => 86_400,
                    _ => return None,
                };
                let number: u32 = number.parse().ok()?;
                Some(Self::Ago(Duration::from_secs(u64::from(number) * seconds)))
            });
        let at = || rolecall::time::parsed(text).map(Self::At);
        let day = || rolecall::time::parsed(&format!("{text}T00:00:00Z")).map(Self::At);
        ago.or_else(at).or_else(day).ok_or_else(|| {
            "write how long ago (30m, 12h, 7d), a day (2026-01-31) or a time (2026-01-31T12:00:00Z)"
                .to_owned()
        })
    }

    fn from(self, now: SystemTime) -> SystemTime {
        match self {
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH),
            Self::At(time) => time,
        }
    }
}
