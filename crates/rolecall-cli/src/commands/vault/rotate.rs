//! `rolecall vault rotate`: a new key in the place of the old one.

use std::time::{Duration, SystemTime};

use rolecall::rotation::{Done, KeyAbout, LastUse, Outlook, Rotation, Step, Unfinished};
use rolecall::session::masked_key_id;
use rolecall::time::{rfc3339, spoken};
use rolecall::{Error, ErrorKind, Host, Provider, Request};
use serde_json::{Value, json};

use crate::cli::VaultRotateArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

pub(crate) fn run(host: &Host, args: &VaultRotateArgs, json: bool) -> Result<Ended, CommandError> {
    // Said here and not by the chain, which knows a profile of that name or none.
    known(host, &args.profile)?;
    let request = Request {
        target: Some(args.profile.clone()),
        mfa: args.mfa,
        mfa_serial: args.mfa_serial.clone(),
        insecure_endpoint: args.insecure_endpoint,
        ..Request::default()
    };
    let provider = Provider::builder(host.clone()).request(request).build()?;
    crate::commands::block_on(async {
        let rotation = match (args.dry_run, args.abort) {
            (true, _) => Rotation::look(&provider, &args.profile).await?,
            (false, true) => Rotation::prepare_to_undo(&provider, &args.profile).await?,
            (false, false) => Rotation::prepare(&provider, &args.profile).await?,
        };
        let said = Said {
            host,
            quiet: json && args.yes,
            json,
        };
        if args.abort {
            return said.undo(rotation, args.yes).await;
        }
        if args.dry_run {
            return said.outlook(rotation.outlook());
        }
        said.rotate(rotation, args.yes).await
    })
}

fn known(host: &Host, profile: &str) -> Result<(), Error> {
    let list = rolecall::vault::List::load(host)?;
    if list.entry(profile).is_some() {
        return Ok(());
    }
    let error = Error::new(
        ErrorKind::NotConfigured,
        format!("the vault has no key of a profile `{profile}`"),
    );
    let unfinished = rolecall::rotation::unfinished(host)?;
    Err(match unfinished.iter().find(|it| it.profile == profile) {
        Some(it) => error
            .with_hint(format!("Yet {it}. {}", it.state()))
            .with_hint(format!(
                "Put a key of that user back with `rolecall vault add {profile}`; then `rolecall vault rotate {profile} --abort` clears up."
            )),
        None => error.with_hint("`rolecall vault list` shows what is in it, `rolecall vault add` adds to it."),
    })
}

/// The key that the vault's list names for a profile.
fn named(host: &Host, profile: &str) -> Result<Option<String>, Error> {
    let list = rolecall::vault::List::load(host)?;
    Ok(list.entry(profile).map(|entry| entry.access_key_id.clone()))
}

/// How it is said.
struct Said<'a> {
    host: &'a Host,
    /// Nothing is said but data: whoever reads it asked for nothing else.
    quiet: bool,
    json: bool,
}

impl Said<'_> {
    async fn rotate(&self, rotation: Rotation<'_>, yes: bool) -> Result<Ended, CommandError> {
        let outlook = rotation.outlook().clone();
        if let Some(unfinished) = outlook.unfinished.as_ref().filter(|it| it.is_undone) {
            return Err(Error::config(unfinished.to_string())
                .with_hint(unfinished.state())
                .with_hint(unfinished.advice())
                .into());
        }
        self.tell(&plan(&outlook, self.host.now()));
        let question = match &outlook.unfinished {
            Some(_) => format!("Go on with the key of profile `{}`", outlook.profile),
            None => format!("Replace the key of profile `{}`", outlook.profile),
        };
        if !self.agreed(question, yes).await? {
            return self.declined(&outlook);
        }
        let quiet = self.quiet;
        let mut told = move |done: &Done| tell_done(quiet, done);
        let rotated = rotation.run(&mut told).await?;
        if self.json {
            output::print_json(&json!({
                "state": "rotated",
                "profile": rotated.profile,
                "arn": rotated.arn,
                "old_access_key_id": rotated.old,
                "new_access_key_id": rotated.new,
                "warnings": outlook.warnings,
            }))?;
            return Ok(Ended::WELL);
        }
        output::print(&output::table(&[
            vec!["profile".to_owned(), rotated.profile],
            vec!["user".to_owned(), rotated.arn],
            vec!["new key".to_owned(), masked_key_id(&rotated.new)],
            vec![
                "old key".to_owned(),
                format!("{} (deleted)", masked_key_id(&rotated.old)),
            ],
        ]))?;
        Ok(Ended::WELL)
    }

    async fn undo(&self, rotation: Rotation<'_>, yes: bool) -> Result<Ended, CommandError> {
        let outlook = rotation.outlook().clone();
        if let Some(unfinished) = &outlook.unfinished {
            let named = named(self.host, &outlook.profile)?;
            let is_of_it = [Some(&unfinished.old), unfinished.new.as_ref()].contains(&named.as_ref());
            self.tell(&match named {
                Some(third) if !is_of_it => format!(
                    "{unfinished}.\nThe vault has {} by now, which stays; the new one is deleted, where that can be done.\n",
                    masked_key_id(&third)
                ),
                _ => format!(
                    "{}\nThe key {} is to be the only one again, and the new one is deleted.\n",
                    unfinished.state(),
                    masked_key_id(&unfinished.old)
                ),
            });
            let question = format!("Undo it for profile `{}`", outlook.profile);
            if !self.agreed(question, yes).await? {
                return self.declined(&outlook);
            }
        }
        let quiet = self.quiet;
        let mut told = move |done: &Done| tell_done(quiet, done);
        let undone = rotation.abort(&mut told).await?;
        if self.json {
            output::print_json(&json!({
                "state": "undone",
                "profile": undone.profile,
                "arn": outlook.arn,
                "kept_access_key_id": undone.kept,
                "dropped_access_key_id": undone.dropped,
                "left": undone.left,
            }))?;
            return Ok(Ended::WELL);
        }
        output::print(&output::table(&[
            vec!["profile".to_owned(), undone.profile],
            vec!["user".to_owned(), outlook.arn],
            vec![
                "key".to_owned(),
                match undone.left.is_empty() {
                    true => format!("{} (as before)", masked_key_id(&undone.kept)),
                    false => masked_key_id(&undone.kept),
                },
            ],
        ]))?;
        for left in &undone.left {
            output::hint(left);
        }
        Ok(Ended::WELL)
    }

    /// What would be done. It is what was asked for, and so it is data.
    fn outlook(&self, outlook: &Outlook) -> Result<Ended, CommandError> {
        if !self.json {
            output::print(&plan(outlook, self.host.now()))?;
            return Ok(Ended::WELL);
        }
        let unfinished = outlook.unfinished.as_ref().map(|it| {
            json!({
                "step": it.step.name(),
                "new_access_key_id": it.new,
                "being_undone": it.is_undone,
                "state": it.state(),
            })
        });
        output::print_json(&json!({
            "state": if outlook.unfinished.is_some() { "unfinished" } else { "ready" },
            "profile": outlook.profile,
            "arn": outlook.arn,
            "old_key": key_json(&outlook.old),
            "unfinished": unfinished,
            "mfa": outlook.proves_mfa,
            "steps": steps(outlook),
            "warnings": outlook.warnings,
        }))?;
        Ok(Ended::WELL)
    }

    fn declined(&self, outlook: &Outlook) -> Result<Ended, CommandError> {
        output::tell("Nothing was changed.\n");
        if self.json {
            output::print_json(&json!({"state": "declined", "profile": outlook.profile}))?;
        }
        Ok(Ended::Code(1))
    }

    /// Asks where others may work meanwhile.
    async fn agreed(&self, question: String, yes: bool) -> Result<bool, CommandError> {
        if yes {
            return Ok(true);
        }
        let person = self.host.person();
        let answer = tokio::task::spawn_blocking(move || person.confirm(&question)).await;
        let answer = answer
            .map_err(|error| Error::new(ErrorKind::Internal, format!("the question was lost: {error}")))?;
        Ok(answer.map_err(|error| match error.kind() {
            ErrorKind::NeedsUser => {
                error.with_hint("Nothing was changed. Say --yes to do it without being asked.")
            }
            _ => error,
        })?)
    }

    fn tell(&self, text: &str) {
        if !self.quiet {
            output::tell(text);
        }
    }
}

fn tell_done(quiet: bool, done: &Done) {
    if !quiet {
        output::tell(&format!("done: {done}\n"));
    }
}

/// What is to go, what is to be known, and what will be done.
fn plan(outlook: &Outlook, now: SystemTime) -> String {
    let mut rows = vec![
        vec!["profile".to_owned(), outlook.profile.clone()],
        vec!["user".to_owned(), outlook.arn.clone()],
        vec!["old key".to_owned(), key_text(&outlook.old, now)],
    ];
    if outlook.proves_mfa {
        rows.push(vec!["MFA".to_owned(), "proved, once for all of it".to_owned()]);
    }
    let mut text = output::table(&rows);
    if let Some(unfinished) = &outlook.unfinished {
        text.push_str(&format!("{}\n", unfinished.state()));
    }
    for warning in &outlook.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    for (number, step) in steps(outlook).iter().enumerate() {
        text.push_str(&format!("{}. {step}\n", number + 1));
    }
    text
}

fn key_text(key: &KeyAbout, now: SystemTime) -> String {
    let mut text = masked_key_id(&key.id);
    if let Some(age) = key.created.and_then(|made| now.duration_since(made).ok()) {
        text.push_str(&format!(", {} old", rough(age)));
    }
    match &key.last_use {
        LastUse::Never => text.push_str(", never used before"),
        LastUse::At { at, service, region } => {
            let ago = rough(now.duration_since(*at).unwrap_or_default());
            text.push_str(&format!(", last used {ago} ago ({service} in {region})"));
        }
        LastUse::Unknown => {}
    }
    text
}

/// Days where it is days, and otherwise what is left of it.
fn rough(span: Duration) -> String {
    match span.as_secs() / 86_400 {
        0 => spoken(Duration::from_secs(span.as_secs())),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

/// What is left to be done, in order.
fn steps(outlook: &Outlook) -> Vec<String> {
    let old = masked_key_id(&outlook.old.id);
    let from = outlook.unfinished.as_ref().map_or(Step::Create, |it| it.step);
    let new = match outlook
        .unfinished
        .as_ref()
        .and_then(|it: &Unfinished| it.new.as_deref())
    {
        Some(id) => masked_key_id(id),
        None => "the new key".to_owned(),
    };
    [
        (
            Step::Create,
            "Make a new key in IAM, and save it in the vault at once.".to_owned(),
        ),
        (
            Step::Verify,
            format!("Wait until AWS knows {new}, as the same user's."),
        ),
        (Step::Turn, format!("Make {new} the profile's key in the vault.")),
        (Step::Deactivate, format!("Deactivate {old}.")),
        (
            Step::Delete,
            format!("Try {new} once more, and delete {old} in IAM: it cannot be had back."),
        ),
        (Step::Sweep, format!("Delete {old} in the vault.")),
    ]
    .into_iter()
    .filter(|(step, _)| *step >= from)
    .map(|(_, text)| text)
    .collect()
}

fn key_json(key: &KeyAbout) -> Value {
    let last_use = match &key.last_use {
        LastUse::Never => json!({"known": true, "at": null}),
        LastUse::At { at, service, region } => {
            json!({"known": true, "at": rfc3339(*at), "service": service, "region": region})
        }
        LastUse::Unknown => json!({"known": false}),
    };
    json!({
        "access_key_id": key.id,
        "active": key.is_active,
        "created": key.created.map(rfc3339),
        "last_use": last_use,
    })
}
