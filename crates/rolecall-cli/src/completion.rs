//! What a line that is being typed may go on with: the parser is walked as far as the words go. Calls nothing, and says
//! nothing that is no candidate.

mod line;
mod scripts;
mod values;

use clap::{Arg, Command, CommandFactory as _};
use rolecall::Host;
use rolecall::error::is_hidden;
use rolecall::export::shell::Shell;

use crate::cli::{Cli, CompleteArgs};
use crate::person::plain;

use line::Line;
pub(crate) use scripts::script;
pub(crate) use values::profiles;

/// One thing that may stand there, and what it is.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Candidate {
    value: String,
    about: String,
}

impl Candidate {
    fn new(value: impl Into<String>, about: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            about: about.into(),
        }
    }
}

/// What completes a word.
#[derive(Debug, Eq, PartialEq)]
enum Completion {
    Values(Vec<Candidate>),
    Files,
    Folders,
    /// A command of its own, which the shell knows how to complete.
    Command,
}

/// What the scripts of [`script`] read: a word that says how, then one candidate a line.
pub(crate) fn answer(host: &Host, args: &CompleteArgs) -> String {
    let text = |at: usize| -> String {
        let word = args.words.get(at);
        word.map(|word| word.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let line = match args.shell {
        // Zsh parts the words itself.
        Shell::Zsh => Line::of_words(args.words.iter().map(|word| word.to_string_lossy().into_owned())),
        Shell::Fish => Line::read(&text(0), ""),
        _ => Line::read(&text(0), &text(1)),
    };
    let mut root = Cli::command();
    root.build();
    let candidates = match complete(&root, host, &line.words, &line.current) {
        Completion::Files => return "files\n".to_owned(),
        Completion::Folders => return "dirs\n".to_owned(),
        Completion::Command => return format!("command\n{}\n", line.behind_dashes()),
        Completion::Values(candidates) => fitting(candidates, &line.current),
    };
    let mut out = "values\n".to_owned();
    for Candidate { value, about } in candidates {
        match args.shell {
            Shell::Zsh | Shell::Fish => {
                let about = plain(about.lines().next().unwrap_or_default());
                out.push_str(&format!("{value}\t{about}\n"));
            }
            _ => out.push_str(&format!("{}\n", line.replacement(&value))),
        }
    }
    out
}

/// Those that begin with what was typed; in any case of letters, where none has its own. What no line can hold is left out.
fn fitting(candidates: Vec<Candidate>, typed: &str) -> Vec<Candidate> {
    let can_be_typed = |candidate: &Candidate| !candidate.value.chars().any(is_hidden);
    let all: Vec<_> = candidates.into_iter().filter(can_be_typed).collect();
    if all.iter().any(|one| one.value.starts_with(typed)) {
        return all
            .into_iter()
            .filter(|one| one.value.starts_with(typed))
            .collect();
    }
    let begins = |one: &Candidate| {
        let start = one.value.get(..typed.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(typed))
    };
    all.into_iter().filter(begins).collect()
}

/// `words` are those before the current one, without the program's own name.
fn complete(root: &Command, host: &Host, words: &[String], current: &str) -> Completion {
    let mut command = root;
    let mut pending: Option<&Arg> = None;
    let mut used: Vec<&str> = Vec::new();
    let mut positional = 0;
    let mut has_dashes = false;
    for word in words {
        if pending.take().is_some() {
            continue;
        }
        if has_dashes {
            positional += 1;
        } else if word == "--" {
            if command.get_positionals().any(Arg::is_last_set) {
                return Completion::Command;
            }
            has_dashes = true;
        } else if let Some(option) = option_of(command, word) {
            used.push(option.get_id().as_str());
            let is_whole = word.contains('=') || option.is_require_equals_set() || !takes_value(option);
            pending = (!is_whole).then_some(option);
        } else if word.starts_with('-') && word.len() > 1 {
            // An option that is none of ours.
        } else if let Some(inner) = command.find_subcommand(word).filter(|_| positional == 0) {
            command = inner;
            used.clear();
        } else {
            positional += 1;
        }
    }
    if let Some(option) = pending {
        return values::of(host, command, option, current);
    }
    if !has_dashes && current.starts_with('-') {
        return match current.split_once('=') {
            Some((name, typed)) => match option_of(command, name).filter(|option| takes_value(option)) {
                Some(option) => behind(&format!("{name}="), values::of(host, command, option, typed)),
                None => Completion::Values(Vec::new()),
            },
            None => Completion::Values(options(command, &used)),
        };
    }
    let positionals = || command.get_positionals().filter(|arg| !arg.is_last_set());
    // The last one may take all that follow, as `doctor prod dev`.
    let takes_all = |arg: &&Arg| matches!(arg.get_action(), clap::ArgAction::Append);
    let nth = positionals()
        .nth(positional)
        .or_else(|| positionals().last().filter(takes_all));
    let inner = command.get_subcommands().filter(|inner| !inner.is_hide_set());
    let inner = inner.map(|inner| Candidate::new(inner.get_name(), about(inner.get_about())));
    match nth {
        Some(arg) => values::of(host, command, arg, current),
        None if positional == 0 => Completion::Values(inner.collect()),
        None => Completion::Values(Vec::new()),
    }
}

/// The same values as the end of a word that begins so.
fn behind(start: &str, completion: Completion) -> Completion {
    match completion {
        Completion::Values(values) => Completion::Values(
            values
                .into_iter()
                .map(|one| Candidate::new(format!("{start}{}", one.value), one.about))
                .collect(),
        ),
        other => other,
    }
}

/// The option that a word is: `--name`, `--name=…`, or a cluster of letters of which the last one counts.
fn option_of<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let mut all = command.get_arguments();
    if let Some(long) = word.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or(long);
        return all.find(|arg| arg.get_long() == Some(name));
    }
    let letters = word.strip_prefix('-')?;
    let last = letters.chars().last()?;
    all.find(|arg| arg.get_short() == Some(last))
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

/// Every option that may still be given.
fn options(command: &Command, used: &[&str]) -> Vec<Candidate> {
    let is_repeated =
        |arg: &Arg| matches!(arg.get_action(), clap::ArgAction::Append | clap::ArgAction::Count);
    let given = |arg: &Arg| used.contains(&arg.get_id().as_str()) && !is_repeated(arg);
    let open = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !given(arg));
    open.filter_map(|arg| {
        Some(Candidate::new(
            format!("--{}", arg.get_long()?),
            about(arg.get_help()),
        ))
    })
    .collect()
}

fn about(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(words: &[&str]) -> Vec<String> {
        let (current, before) = words.split_last().unwrap();
        let before: Vec<_> = before.iter().map(|word| (*word).to_owned()).collect();
        let mut root = Cli::command();
        root.build();
        let host = Host::builder().build();
        match complete(&root, &host, &before, current) {
            Completion::Values(all) => fitting(all, current).into_iter().map(|one| one.value).collect(),
            other => vec![format!("{other:?}")],
        }
    }

    #[test]
    fn words_are_completed_by_where_they_stand() {
        for (words, expected) in [
            (&["ex"][..], "exec explain"),
            // Hidden ones are nobody's to type.
            (&["endp"], ""),
            (&["exec", "--read"], "--read-only"),
            (&["exec", "--read-only", "--read"], ""),
            (&["exec", "--tag", "a=b", "--ta"], "--tag"),
            (&["exec", "prod", "--", "a"], "Command"),
            (&["exec", "--region", "eu-west"], "eu-west-1 eu-west-2 eu-west-3"),
            (
                &["exec", "--region=eu-west"],
                "--region=eu-west-1 --region=eu-west-2 --region=eu-west-3",
            ),
            (&["exec", "--policy", ""], "Files"),
            (&["exec", "--policy=x"], "Files"),
            (&["sandbox", "--tls", ""], "Folders"),
            (&["sandbox", "--world", "or"], "organization"),
            (&["sandbox", "--print-world", "art"], "article"),
            (&["sandbox", "--fault", "AssumeRole:thr"], "AssumeRole:throttle"),
            (
                &["sandbox", "--fault", "Assume"],
                "AssumeRole: AssumeRoleWithWebIdentity:",
            ),
            (&["completion", ""], "bash zsh fish"),
            (&["hook", "z"], "zsh"),
            (&["agent", "st"], "start stop status"),
            (&["audit", "--op", "mi"], "mint"),
            (&["exec", "--imds=o"], "--imds=only"),
            (&["-v", "hook", "b"], "bash"),
            (&["--nonsense", "hook", "b"], "bash"),
            (&["exec", "--external-id", ""], ""),
        ] {
            assert_eq!(values(words).join(" "), expected, "{words:?}");
        }
    }

    /// An option that is added is to be thought of: what it takes is completed, or is nobody's to guess.
    #[test]
    fn every_argument_that_takes_a_value_has_been_thought_of() {
        fn walk(command: &Command) {
            for arg in command
                .get_arguments()
                .filter(|arg| takes_value(arg) && !arg.is_hide_set())
            {
                let id = arg.get_id().as_str();
                assert!(
                    values::is_known(arg),
                    "`{id}` of `{}`: say in completion/values.rs what completes it",
                    command.get_name()
                );
            }
            command
                .get_subcommands()
                .filter(|inner| !inner.is_hide_set() && inner.get_name() != "help")
                .for_each(walk);
        }
        let mut root = Cli::command();
        root.build();
        walk(&root);
    }
}
