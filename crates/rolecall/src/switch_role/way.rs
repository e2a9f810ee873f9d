//! What is known of the way to a role, and whether the console can go it.

use super::{MOST_CHARACTERS, name_with_path};
use crate::arn::RoleArn;
use crate::chain::{Chain, SourceKind};
use crate::error::Error;
use crate::index::{IndexedRole, RoleVerdict};

/// The condition key of an ExternalId.
const EXTERNAL_ID: &str = "sts:ExternalId";

/// What the console never sends with a switch, by the condition key that asks for it.
const NEVER_SENT: [&str; 4] = [
    "sts:SourceIdentity",
    "sts:TransitiveTagKeys",
    "aws:RequestTag/",
    "aws:TagKeys",
];

/// Why a link to switch to a role cannot work.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Obstacle {
    /// The role wants an ExternalId, which the console cannot send. Where that is known from.
    ExternalId(String),
    /// The role is reached from this role, and the console makes every switch with the identity that signed in.
    Hub(RoleArn),
    /// Path and name have so many characters; the cookie that carries them holds 64.
    LongName(usize),
    /// Whoever this is known for is the root user of an account, and cannot switch.
    Root(String),
}

impl Obstacle {
    /// The reason, as one clause. It names no place on this machine: a page of links may go to others.
    pub fn reason(&self) -> String {
        match self {
            Self::ExternalId(_) => "it wants an ExternalId, and the console cannot send one".to_owned(),
            Self::Hub(hub) => format!(
                "it is reached from the role {hub}, and the console switches from the identity that signed in"
            ),
            Self::LongName(characters) => format!(
                "its path and name have {characters} characters together, and the console takes {MOST_CHARACTERS}"
            ),
            Self::Root(who) => format!("{who} is a root user, which cannot switch roles"),
        }
    }

    /// The error of whoever wants the link to that role.
    pub fn error(&self, role: &RoleArn) -> Error {
        let error = Error::config(format!("no link switches to {role}: {}", self.reason()));
        match self {
            Self::ExternalId(known_from) => error.with_hint(format!("That it does is known from {known_from}.")),
            Self::LongName(_) => error,
            Self::Hub(_) => error.with_hint(
                "If the identity you sign in with may assume the role itself, name it by its ARN and that identity by --source-profile.",
            ),
            Self::Root(_) => error.with_hint("Sign in to the console as a user or a role, then open a link."),
        }
        .with_hint("`rolecall console` opens the console under the role without a switch.")
    }
}

/// What is known of how a role is reached.
#[derive(Clone, Debug, Default)]
pub struct Way {
    obstacle: Option<Obstacle>,
    notes: Vec<String>,
    /// Whether it was found for somebody who signs in to the console as no other role.
    is_of_person: bool,
}

impl Way {
    /// The way of a chain, to its last role. `None` where it has no role.
    pub fn of_chain(chain: &Chain) -> Option<Self> {
        let role = chain.roles.last()?;
        let before = chain
            .roles
            .len()
            .checked_sub(2)
            .and_then(|at| chain.roles.get(at));
        let obstacle = if let Some(id) = &role.external_id {
            Some(Obstacle::ExternalId(id.origin.to_string()))
        } else if let Some(before) = before {
            Some(Obstacle::Hub(before.arn.clone()))
        } else {
            match &chain.source.kind {
                SourceKind::Login(login) if is_root(&login.session) => {
                    Some(Obstacle::Root(login.session.clone()))
                }
                _ => None,
            }
        };
        let mut notes = Vec::new();
        if let Some(source) = of_no_person(&chain.source.kind) {
            notes.push(format!(
                "the chain starts from {source}, which nobody signs in to the console with: whoever opens the link switches as who they are there"
            ));
        }
        if role.mfa_serial.is_some() {
            notes.push(
                "it is assumed with an MFA code: sign in to the console with one, or the switch is refused"
                    .to_owned(),
            );
        }
        let lost = [
            ("source identity", role.source_identity.is_some()),
            ("session tags", role.tags.iter().next().is_some()),
        ];
        for (what, _) in lost.iter().filter(|(_, is_there)| *is_there) {
            notes.push(format!(
                "the console sends no {what}: a role that wants that refuses the switch"
            ));
        }
        Some(Self {
            obstacle,
            notes,
            is_of_person: false,
        })
    }

    /// The way to a role of which nothing but its ExternalId is known, and where that stands.
    pub fn unknown(external_id: Option<String>) -> Self {
        Self {
            obstacle: external_id.map(Obstacle::ExternalId),
            ..Self::default()
        }
    }

    /// The way to a role by what was found of it. `None` where nothing was, or only that nobody may assume it.
    pub fn of_index(found: &[&IndexedRole]) -> Option<Self> {
        let open: Vec<_> = found
            .iter()
            .filter(|role| role.verdict != RoleVerdict::Denied)
            .collect();
        let (first, rest) = open.split_first()?;
        let wants = |role: &IndexedRole, key: &str| role.conditions.iter().any(|found| is_key(found, key));
        let obstacle = if open.iter().all(|role| wants(role, EXTERNAL_ID)) {
            Some(Obstacle::ExternalId("what `rolecall roles` found".to_owned()))
        } else if open.iter().all(|role| is_root(&role.caller)) {
            Some(Obstacle::Root(first.caller.clone()))
        } else {
            None
        };
        let mut notes = Vec::new();
        if rest.is_empty() && is_plain_role(&first.caller) {
            notes.push(format!(
                "it was found for {}: the switch works for who signs in to the console as that",
                first.caller
            ));
        }
        let sometimes = [EXTERNAL_ID].into_iter().filter(|_| obstacle.is_none());
        for key in sometimes.chain(NEVER_SENT) {
            if open.iter().any(|role| wants(role, key)) {
                notes.push(format!(
                    "it depends on {}, which the console does not send",
                    key.trim_end_matches('/')
                ));
            }
        }
        if open.iter().any(|role| wants(role, "aws:MultiFactorAuth")) {
            notes.push("it depends on MFA: sign in to the console with it".to_owned());
        }
        Some(Self {
            obstacle,
            notes,
            is_of_person: open.iter().any(|role| !is_plain_role(&role.caller)),
        })
    }

    /// What is known of both: one way that can be gone is enough, and what is known of a dead one counts no more.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (&self.obstacle, &other.obstacle) {
            (Some(_), None) => other,
            _ => self,
        }
    }

    /// The same with what was found of the role: what is in the way by either is in the way, but that a role comes before
    /// it on this way counts no more once it was found for a person themselves.
    #[must_use]
    pub fn with_found(mut self, found: Self) -> Self {
        if matches!(self.obstacle, Some(Obstacle::Hub(_))) && found.obstacle.is_none() && found.is_of_person {
            return found;
        }
        self.obstacle = self.obstacle.or(found.obstacle);
        for note in found.notes {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        self
    }

    /// Whether a link to the role can work, as far as is known, and what whoever opens it should know.
    ///
    /// # Errors
    /// With the reason why it cannot. The limits are those of "Switch to an IAM role (console)": path and name of 64
    /// characters together, no ExternalId, no root user; each switch is made with the identity that signed in.
    pub fn check(&self, role: &RoleArn) -> Result<&[String], Obstacle> {
        let characters = name_with_path(role).chars().count();
        if characters > MOST_CHARACTERS {
            return Err(Obstacle::LongName(characters));
        }
        match &self.obstacle {
            Some(obstacle) => Err(obstacle.clone()),
            None => Ok(&self.notes),
        }
    }
}

/// A source that no person is behind in the console, by name.
fn of_no_person(kind: &SourceKind) -> Option<&'static str> {
    match kind {
        SourceKind::Container(_) => Some("a container's credentials"),
        SourceKind::InstanceMetadata(_) => Some("an instance's credentials"),
        SourceKind::WebIdentity(_) => Some("a web identity token"),
        // A user's key is a user's; Identity Center, `aws login` and helpers sign people in.
        _ => None,
    }
}

fn is_root(arn: &str) -> bool {
    arn.ends_with(":root")
}

/// A role that people do not sign in as by Identity Center.
fn is_plain_role(arn: &str) -> bool {
    arn.parse::<RoleArn>()
        .is_ok_and(|role| !role.name().starts_with("AWSReservedSSO_"))
}

/// A condition as it was found, which may say more than its key: `aws:RequestTag/team`, `aws:MultiFactorAuthAge`.
fn is_key(found: &str, key: &str) -> bool {
    found.to_ascii_lowercase().starts_with(&key.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::chain::Request;
    use crate::host::Host;
    use crate::profile::{FileKind, ProfileSet};

    const CONFIG: &str = "
[profile plain]
role_arn = arn:aws:iam::666666666666:role/Plain
source_profile = joe
[profile third]
role_arn = arn:aws:iam::666666666666:role/Third
source_profile = joe
external_id = CANARY-ID
[profile far]
role_arn = arn:aws:iam::777777777777:role/Far
source_profile = plain
[profile long]
role_arn = arn:aws:iam::666666666666:role/a-path-of-33-characters-in-all-ok/a-name-of-32-characters-in-a-all
source_profile = joe
[profile fits]
role_arn = arn:aws:iam::666666666666:role/a-path-of-32-characters-in-all-o/a-name-of-31-characters-in-alll
source_profile = joe
[profile root]
role_arn = arn:aws:iam::666666666666:role/Plain
source_profile = owner
[profile owner]
login_session = arn:aws:iam::111111111111:root
[profile signed]
role_arn = arn:aws:iam::666666666666:role/Plain
source_profile = ann
[profile ann]
login_session = arn:aws:iam::111111111111:user/ann
[profile box]
role_arn = arn:aws:iam::666666666666:role/Plain
credential_source = Ec2InstanceMetadata
[profile fussy]
role_arn = arn:aws:iam::666666666666:role/Plain
source_profile = joe
mfa_serial = arn:aws:iam::111111111111:mfa/phone
source_identity = joe
session_tags = a=b
[profile joe]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = none
";

    fn checked(profile: &str) -> Result<Vec<String>, Obstacle> {
        let mut profiles = ProfileSet::default();
        profiles
            .add(FileKind::Config, Path::new("config"), CONFIG)
            .unwrap();
        let request = Request {
            target: Some(profile.to_owned()),
            ..Request::default()
        };
        let chain = Chain::resolve(&profiles, &Host::builder().build(), &request).unwrap();
        let role = chain.roles.last().unwrap().arn.clone();
        let way = Way::of_chain(&chain).unwrap();
        way.check(&role).map(<[String]>::to_vec)
    }

    #[test]
    fn a_chain_says_whether_the_console_can_go_it() {
        let hub = "arn:aws:iam::666666666666:role/Plain".parse().unwrap();
        for (profile, expected) in [
            ("plain", Ok(vec![])),
            ("fits", Ok(vec![])),
            ("signed", Ok(vec![])),
            ("third", Err(Obstacle::ExternalId("config:8".to_owned()))),
            ("far", Err(Obstacle::Hub(hub))),
            ("long", Err(Obstacle::LongName(66))),
            (
                "root",
                Err(Obstacle::Root("arn:aws:iam::111111111111:root".to_owned())),
            ),
        ] {
            assert_eq!(checked(profile), expected, "{profile}");
        }
        for (profile, words) in [
            ("box", &["an instance's credentials"][..]),
            ("fussy", &["an MFA code", "no source identity", "no session tags"]),
        ] {
            let notes = checked(profile).unwrap();
            assert_eq!(notes.len(), words.len(), "{notes:?}");
            for (note, word) in notes.iter().zip(words) {
                assert!(note.contains(word), "{note}");
            }
        }
    }

    #[test]
    fn reasons_hold_no_external_id_and_say_what_to_do() {
        let role = "arn:aws:iam::666666666666:role/Third".parse().unwrap();
        for profile in ["third", "far", "long", "root"] {
            let obstacle = checked(profile).unwrap_err();
            let error = obstacle.error(&role);
            assert!(
                error.to_string().starts_with("no link switches to arn:aws"),
                "{error}"
            );
            assert!(!error.to_string().contains("CANARY"), "{error}");
            assert!(error.hints().last().unwrap().contains("rolecall console"));
        }
    }

    fn found(caller: &str, verdict: RoleVerdict, conditions: &[&str]) -> IndexedRole {
        IndexedRole {
            arn: "arn:aws:iam::666666666666:role/R".parse().unwrap(),
            caller: caller.to_owned(),
            source: None,
            verdict,
            conditions: conditions.iter().map(|key| (*key).to_owned()).collect(),
        }
    }

    #[test]
    fn what_was_found_says_so_too() {
        use RoleVerdict::{Allowed, Conditional, Denied};
        let (joe, root) = (
            "arn:aws:iam::111111111111:user/joe",
            "arn:aws:iam::111111111111:root",
        );
        let (hub, person) = (
            "arn:aws:iam::111111111111:role/hub",
            "arn:aws:iam::111111111111:role/AWSReservedSSO_Admin_0123456789abcdef",
        );
        let role: RoleArn = "arn:aws:iam::666666666666:role/R".parse().unwrap();
        let check = |roles: &[IndexedRole]| {
            let roles: Vec<_> = roles.iter().collect();
            Way::of_index(&roles).map(|way| way.check(&role).map(<[String]>::to_vec))
        };
        assert_eq!(check(&[]), None);
        assert_eq!(check(&[found(joe, Denied, &[])]), None);
        assert_eq!(check(&[found(joe, Allowed, &[])]), Some(Ok(vec![])));
        assert_eq!(check(&[found(person, Allowed, &[])]), Some(Ok(vec![])));
        let wanting = || found(joe, Conditional, &["STS:externalid"]);
        assert!(matches!(check(&[wanting()]), Some(Err(Obstacle::ExternalId(_)))));
        assert!(matches!(
            check(&[wanting(), found(hub, Denied, &[])]),
            Some(Err(Obstacle::ExternalId(_)))
        ));
        assert!(matches!(
            check(&[found(root, Allowed, &[])]),
            Some(Err(Obstacle::Root(_)))
        ));
        for (roles, word) in [
            (
                vec![wanting(), found(person, Allowed, &[])],
                "depends on sts:ExternalId",
            ),
            (vec![found(hub, Allowed, &[])], "it was found for"),
            (
                vec![found(joe, Conditional, &["aws:RequestTag/team"])],
                "depends on aws:RequestTag,",
            ),
            (
                vec![found(joe, Conditional, &["aws:MultiFactorAuthAge"])],
                "depends on MFA",
            ),
        ] {
            let notes = check(&roles).unwrap().unwrap();
            assert!(notes.len() == 1 && notes[0].contains(word), "{notes:?}");
        }
    }

    #[test]
    fn one_way_is_enough_and_both_can_be_asked_for() {
        let dead = || Way::unknown(Some("x".to_owned()));
        let role: RoleArn = "arn:aws:iam::666666666666:role/R".parse().unwrap();
        assert!(dead().or(Way::default()).check(&role).is_ok());
        assert!(Way::default().or(dead()).check(&role).is_ok());
        assert!(dead().or(dead()).check(&role).is_err());
        assert!(Way::default().with_found(dead()).check(&role).is_err());
        let far = || Way {
            obstacle: Some(Obstacle::Hub(role.clone())),
            ..Way::default()
        };
        for (caller, is_open) in [
            ("arn:aws:iam::111111111111:user/joe", true),
            ("arn:aws:iam::111111111111:role/hub", false),
        ] {
            let found = found(caller, RoleVerdict::Allowed, &[]);
            let way = far().with_found(Way::of_index(&[&found]).unwrap());
            assert_eq!(way.check(&role).is_ok(), is_open, "{caller}");
        }
    }
}
