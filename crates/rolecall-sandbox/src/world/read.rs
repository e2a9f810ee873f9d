//! The text of a world file becomes a description.
//!
//! It is read by hand and not by serde: serde stops at the first mistake, and people want to see them all. What is wrong
//! in form is found here (syntax, keys, types, references within the organization), what is wrong in meaning by
//! [`super::build`], whose checks worlds made in code go through as well.

mod accounts;
mod fields;
mod identity_center;
mod organization;
mod policies;
mod profiles;
mod workloads;

use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use super::World;
use super::error::{Place, Problems, WorldErrors};
use fields::Fields;

/// Reads a world. `folder` is where the policies' files are, where it may name any.
pub(super) fn read(text: &str, file: &str, folder: Option<&Path>) -> Result<World, WorldErrors> {
    let mut reader = Reader {
        text,
        line_ends: text.match_indices('\n').map(|(at, _)| at).collect(),
        folder,
        problems: Problems::new(file),
        is_lossy: false,
    };
    // Each line of JSON is a mistake in TOML, and none of them is the one that was made.
    if text.trim_start().starts_with('{') {
        reader.problems.add_with_hint(
            Place::of_line(1),
            "this is JSON, and a world is TOML",
            "A policy belongs to somebody in a world, as in trust = { file = \"trust.json\" } of an [[account.role]].",
        );
        reader.problems.into_result()?;
        return Ok(World::default());
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut told = Place::default();
    for error in &errors {
        let at = error.span().map_or(Place::of_line(1), |span| reader.place(&span));
        // What follows on the same line is mostly what the first mistake made of it.
        if std::mem::replace(&mut told, at) == at {
            continue;
        }
        // The parser's messages may go over several lines, and end in what it expected.
        let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        match syntax_hint(&message) {
            Some(hint) => reader.problems.add_with_hint(at, message, hint),
            None => reader.problems.add(at, message),
        }
    }
    if !errors.is_empty() {
        reader.problems.into_result()?;
        return Ok(World::default());
    }
    let root = Fields {
        what: fields::WORLD,
        at: Place::of_line(1),
        table: root.get_ref(),
    };
    let world = reader.world(root, file);
    let mut problems = reader.problems;
    // What was left out would only be missed: each further problem would be one that is not there.
    if !reader.is_lossy {
        problems.append(world.check());
    }
    problems.into_result()?;
    Ok(world)
}

/// Reads, and collects what is wrong.
struct Reader<'t> {
    text: &'t str,
    line_ends: Vec<usize>,
    folder: Option<&'t Path>,
    problems: Problems,
    /// Whether something that was written could not be taken over.
    is_lossy: bool,
}

impl<'t> Reader<'t> {
    fn place(&self, span: &Range<usize>) -> Place {
        Place::of_line(self.line_ends.partition_point(|end| *end < span.start) + 1)
    }

    /// A problem with something that is then left out.
    fn lose(&mut self, at: Place, message: impl Into<String>) {
        self.is_lossy = true;
        self.problems.add(at, message);
    }

    fn lose_with_hint(&mut self, at: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.is_lossy = true;
        self.problems.add_with_hint(at, message, hint);
    }

    fn world(&mut self, root: Fields<'t>, file: &str) -> World {
        self.known(
            &root,
            &[
                "account",
                "organization",
                "identity_center",
                "instance",
                "container",
                "profile",
            ],
        );
        let mut world = World {
            file: file.to_owned(),
            ..World::default()
        };
        let mut members = Vec::new();
        for fields in self.tables(&root, "account", "an account") {
            let Some(account) = self.account(&fields) else {
                continue;
            };
            members.push(self.member(&fields, &account));
            world.accounts.push(account);
        }
        world.organization = self.organization(&root, members);
        world.identity_center = self.identity_center(&root, &world.accounts);
        world.instance = self.instance(&root);
        world.containers = self.containers(&root);
        if world.accounts.is_empty() && !self.is_lossy {
            self.problems.add_with_hint(
                root.at,
                "the world has no account",
                "The least is [[account]] with its `id`.",
            );
        }
        for fields in self.tables(&root, "profile", "a profile") {
            world.profiles.extend(self.profile(&fields));
        }
        world
    }
}

fn syntax_hint(message: &str) -> Option<&'static str> {
    let hints = [
        (
            "invalid multi-line basic string",
            "A policy in JSON stands best between ''' and ''', where backslashes mean nothing.",
        ),
        (
            "invalid basic string",
            "A text of several lines stands between ''' and '''.",
        ),
        (
            "missing escaped value",
            "Between \"\"\" a backslash escapes; a policy in JSON stands best between ''' and '''.",
        ),
        (
            "missing assignment",
            "TOML says key = value; a policy in JSON stands between ''' and '''.",
        ),
        (
            "duplicate key",
            "A list of tables has two brackets on each side, as in [[account]].",
        ),
        (
            "string values must be quoted",
            "Texts stand in quotes, as in name = \"ann\".",
        ),
    ];
    let found = hints.iter().find(|(words, _)| message.contains(words));
    found.map(|(_, hint)| *hint)
}
