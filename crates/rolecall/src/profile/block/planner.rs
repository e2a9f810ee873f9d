//! Which role gets which profile.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::sections::{Section, Sections};
use super::{Edit, Options, Start, Wanted, marks, names};
use crate::arn::AccountId;
use crate::profile::ProfileSet;

/// Every name that a profile of ours must not have.
pub(super) fn names_in(around: &str, outside: &ProfileSet) -> HashSet<String> {
    let mut taken: HashSet<_> = outside.profiles.keys().cloned().collect();
    // `[DEFAULT]` gives what stands in it to all sections where Python reads it.
    taken.extend(["default", "DEFAULT"].map(str::to_owned));
    // Headings that the SDKs read over are profiles to others: `[profile "prod"]` is one to botocore.
    for line in marks::lines(around) {
        let Some((inside, _)) = line
            .text()
            .strip_prefix('[')
            .and_then(|text| text.split_once(']'))
        else {
            continue;
        };
        let name = inside.trim().trim_start_matches("profile").trim();
        taken.insert(name.replace(['"', '\'', '\\'], ""));
    }
    taken
}

/// By account, role and start.
type Needed<'a> = BTreeMap<(AccountId, String, &'a Start), (&'a Wanted, &'a Start)>;

/// Who gets a profile, who keeps one, and how each is called.
pub(super) struct Planner<'a> {
    pub(super) outside: &'a ProfileSet,
    pub(super) old: &'a Sections<'a>,
    /// Names that no profile of ours may have.
    pub(super) taken: HashSet<String>,
    pub(super) edit: Edit,
}

impl<'a> Planner<'a> {
    /// The sections of the new block, in their order.
    pub(super) fn sections(&mut self, wanted: &'a [Wanted], options: &Options) -> Vec<Section<'a>> {
        let wanted = self.that_need_one(wanted);
        let in_use = self.in_use(&wanted);
        let mut sections: Vec<Section<'a>> = Vec::new();
        let mut to_name: Vec<(&Wanted, &Start)> = Vec::new();
        let mut renamed = Vec::new();
        let mut claimed = HashSet::new();
        for (wanted, start) in wanted.values().copied() {
            let old = self
                .old
                .of(wanted, start)
                .filter(|old| !self.taken.contains(&old.name));
            claimed.extend(old.map(|old| old.name.as_str()));
            match old {
                Some(old) if options.name.is_none() || in_use.contains(old.name.as_str()) => {
                    self.taken.insert(old.name.clone());
                    sections.push(Section::of(&old.name, wanted, start));
                }
                _ => {
                    to_name.push((wanted, start));
                    renamed.push(old);
                }
            }
        }
        for old in self.old.all() {
            if claimed.contains(old.name.as_str()) {
                continue;
            }
            let why = if self.taken.contains(&old.name) {
                // It stands outside of the block now, and two of one name stop the AWS CLI.
                None
            } else if in_use.contains(old.name.as_str()) {
                Some("another profile names it")
            } else if old
                .start
                .as_ref()
                .is_some_and(|start| !options.searched.contains(start))
            {
                Some("what its start may assume was not all found out this time")
            } else {
                None
            };
            match why {
                Some(why) => {
                    self.taken.insert(old.name.clone());
                    self.edit.left.push((old.entry(), why.to_owned()));
                    sections.push(old.clone());
                }
                None => self.edit.pruned.push(old.entry()),
            }
        }
        let template = options.name.clone().unwrap_or_default();
        let names = names::give(&template, &to_name, &mut self.taken);
        for ((name, (wanted, start)), old) in names.into_iter().zip(to_name).zip(renamed) {
            let section = Section::of(&name, wanted, start);
            match old {
                Some(old) if old.name != name => self.edit.changed.push(section.entry()),
                Some(_) => {}
                None => self.edit.added.push(section.entry()),
            }
            sections.push(section);
        }
        for section in &sections {
            match self.old.named(&section.name) {
                Some(old) if old.is(section) && claimed.contains(section.name.as_str()) => {
                    self.edit.kept.push(section.entry());
                }
                Some(_) if claimed.contains(section.name.as_str()) => self.edit.changed.push(section.entry()),
                _ => {}
            }
        }
        sections.sort_by(|one, other| one.order().cmp(&other.order()));
        let edit = &mut self.edit;
        for entries in [
            &mut edit.added,
            &mut edit.changed,
            &mut edit.kept,
            &mut edit.pruned,
        ] {
            entries.sort_by(|one, other| (&one.role, &one.name).cmp(&(&other.role, &other.name)));
            entries.dedup();
        }
        sections
    }

    /// Those that no profile outside of the block is for, each once, by account.
    fn that_need_one(&mut self, wanted: &'a [Wanted]) -> Needed<'a> {
        let mut there: HashMap<(&str, Start), &str> = HashMap::new();
        for profile in self.outside.profiles() {
            if let (Some(role), Some(start)) = (profile.value("role_arn"), Start::of(profile)) {
                there.entry((role, start)).or_insert(profile.name());
            }
        }
        let mut needed = Needed::new();
        let mut skipped = BTreeMap::new();
        for wanted in wanted {
            let arn = wanted.role.to_string();
            let why = match &wanted.start {
                None => "no profile can say what it is assumed with".to_owned(),
                Some(Start::Profile(name))
                    if self.outside.profile(name).is_none() && self.old.named(name).is_none() =>
                {
                    format!("there is no profile `{name}` to assume it with")
                }
                Some(start) => match there.get(&(arn.as_str(), start.clone())) {
                    Some(name) => format!("profile `{name}` is for it"),
                    None => {
                        needed.insert((wanted.role.account(), arn, start), (wanted, start));
                        continue;
                    }
                },
            };
            skipped.insert(arn, (wanted.role.clone(), why));
        }
        self.edit.skipped = skipped.into_values().collect();
        needed
    }

    /// The profiles of the block that somebody names: one outside of it, one that is wanted, or one that stays for that.
    fn in_use(&self, wanted: &Needed<'a>) -> HashSet<&'a str> {
        let outside = self.outside;
        let mut open: Vec<&'a str> = outside
            .profiles()
            .flat_map(|profile| {
                ["source_profile", "include_profile"]
                    .into_iter()
                    .filter_map(|key| profile.value(key))
            })
            .collect();
        open.extend(wanted.values().filter_map(|(_, start)| match start {
            Start::Profile(name) => Some(name.as_str()),
            _ => None,
        }));
        let mut in_use = HashSet::new();
        while let Some(name) = open.pop() {
            if let Some(old) = self.old.named(name)
                && in_use.insert(old.name.as_str())
                && let Some(Start::Profile(source)) = &old.start
            {
                open.push(source);
            }
        }
        in_use
    }
}
