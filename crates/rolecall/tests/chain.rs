//! Every rule of resolving, one scenario a rule: what the user wrote, and the chain or the refusal that follows from it.
//!
//! A scenario is one text file in `tests/scenarios`: why it is there, then `-- config --`, `-- credentials --`,
//! `-- env --`, `-- index --` (the file of found roles), `-- request --` and `-- expect --`. After a change that is meant,
//! `UPDATE_SCENARIOS=1 cargo test -p rolecall --test chain` writes what is now the outcome, to be read in the diff.
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

#[path = "support/sentences.rs"]
mod sentences;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rolecall::chain::{Configured, OwnSession};
use rolecall::profile::{FileKind, ProfileSet};
use rolecall::{Chain, Error, Host, PolicyArn, Request};

struct Scenario {
    path: PathBuf,
    /// Everything before the outcome, as it stands.
    given: String,
    sections: BTreeMap<String, String>,
}

impl Scenario {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test reads its own data, not the user's"
    )]
    fn read(path: PathBuf) -> Self {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut sections = BTreeMap::new();
        let mut name = String::new();
        for line in text.lines() {
            match line.strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --")) {
                Some(next) => next.clone_into(&mut name),
                None => {
                    let section: &mut String = sections.entry(name.clone()).or_default();
                    section.push_str(line);
                    section.push('\n');
                }
            }
        }
        let given = text
            .split_once("-- expect --\n")
            .map_or(text.as_str(), |(given, _)| given);
        Self {
            path,
            given: given.to_owned(),
            sections,
        }
    }

    fn section(&self, name: &str) -> &str {
        self.sections.get(name).map_or("", String::as_str)
    }

    fn pairs(&self, name: &str) -> Vec<(&str, &str)> {
        self.section(name)
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.trim(), value.trim()))
            .collect()
    }

    fn request(&self) -> Request {
        let mut request = Request::default();
        for (key, value) in self.pairs("request") {
            match key {
                "target" => request.target = Some(value.to_owned()),
                "external-id" => request.external_id = Some(value.parse().unwrap()),
                "session-name" => request.session_name = Some(value.parse().unwrap()),
                "duration" => request.duration = Some(value.parse().unwrap()),
                "region" => request.region = Some(value.parse().unwrap()),
                "source-profile" => request.source_profile = Some(value.to_owned()),
                "policy" => request.policy = Some(value.parse().unwrap()),
                "policy-arn" => request.policy_arns.push(value.parse::<PolicyArn>().unwrap()),
                "source-identity" => request.source_identity = Some(value.parse().unwrap()),
                "tag" => request.tags.push(value.parse().unwrap()),
                "transitive-tag" => request.transitive_tags.push(value.to_owned()),
                "insecure-endpoint" => request.insecure_endpoint = value == "true",
                "mfa" => request.mfa = value == "true",
                "mfa-serial" => request.mfa_serial = Some(value.parse().unwrap()),
                "read-only" => request.read_only = value == "true",
                other => panic!("{}: no flag `{other}`", self.path.display()),
            }
        }
        request
    }

    fn outcome(&self) -> String {
        let home = tempfile::tempdir().unwrap();
        let host = self
            .pairs("env")
            .into_iter()
            .fold(Host::builder().login_name("joe.bloggs"), |host, (name, value)| {
                host.env(name, value)
            })
            .home(home.path())
            .build();
        let index = self.section("index");
        if !index.is_empty() {
            let path = host.state_dir().unwrap().join("roles.json");
            host.write_private(&path, index).unwrap();
        }
        let mut profiles = ProfileSet::default();
        let chain = profiles
            .add(FileKind::Config, Path::new("config"), self.section("config"))
            .and_then(|()| {
                profiles.add(
                    FileKind::Credentials,
                    Path::new("credentials"),
                    self.section("credentials"),
                )
            })
            .and_then(|()| Chain::resolve(&profiles, &host, &self.request()));
        let shown = match &chain {
            Ok(chain) => rendered(chain),
            Err(error) => refused(error),
        };
        let whole = format!("{shown}{profiles:?}{chain:?}");
        assert!(
            !whole.contains(sentences::EXAMPLE_SECRET),
            "{}",
            self.path.display()
        );
        shown
    }
}

fn rendered(chain: &Chain) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "target: {}", chain.target);
    let _ = writeln!(out, "source: {} ({})", chain.source, chain.source.origin);
    if chain.source.is_temporary_key() {
        out.push_str("  temporary\n");
    }
    if let Some(region) = &chain.region {
        let _ = writeln!(out, "region: {}", from(region));
    }
    for role in &chain.roles {
        let _ = writeln!(out, "role: {} ({})", role.arn, role.origin);
        let _ = writeln!(out, "  session_name: {}", from(&role.session_name));
        let _ = write!(
            out,
            "  duration: {} s ({})",
            role.duration.value.seconds(),
            role.duration.origin
        );
        if role.duration_is_longest {
            out.push_str(", or what the role allows");
        }
        match role.duration_capped_by {
            Some(why) => {
                let _ = writeln!(out, ", because {why}");
            }
            None => out.push('\n'),
        }
        let mut optional = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                let _ = writeln!(out, "  {name}: {value}");
            }
        };
        optional("external_id", role.external_id.as_ref().map(from));
        optional("mfa_serial", role.mfa_serial.as_ref().map(from));
        optional("source_identity", role.source_identity.as_ref().map(from));
        let tags: Vec<_> = role
            .tags
            .iter()
            .map(|tag| format!("{}={}", tag.key(), tag.value()))
            .collect();
        optional("tags", (!tags.is_empty()).then(|| tags.join(", ")));
        let transitive = role.tags.transitive();
        optional(
            "transitive",
            (!transitive.is_empty()).then(|| transitive.join(", ")),
        );
        optional("policy", role.policy.as_ref().map(from));
        let arns: Vec<_> = role.policy_arns.iter().map(PolicyArn::as_str).collect();
        optional("policy_arns", (!arns.is_empty()).then(|| arns.join(", ")));
        optional(
            "sts",
            Some(format!(
                "{} in {} ({})",
                role.sts.url, role.sts.region, role.sts.origin
            )),
        );
    }
    if let Some(mfa) = &chain.mfa {
        let serial = mfa.serial.as_ref().map_or_else(|| "looked up".to_owned(), from);
        let _ = writeln!(out, "mfa: {serial}, {}, because {}", mfa.strategy.name(), mfa.why);
        if let Some(process) = &mfa.process {
            let _ = writeln!(out, "  process: {} ({})", process.value, process.origin);
        }
    }
    if let Some(OwnSession::Fetched) = chain.own {
        out.push_str("own session: the source's\n");
    }
    if let Some(OwnSession::Token { seconds }) = chain.own {
        let _ = writeln!(out, "own session: {seconds} s");
        let sts = &chain.source_sts;
        let _ = writeln!(out, "  sts: {} in {} ({})", sts.url, sts.region, sts.origin);
    }
    for warning in &chain.warnings {
        let _ = writeln!(out, "warning: {warning}");
    }
    out
}

fn from<T: Text>(configured: &Configured<T>) -> String {
    format!("{} ({})", configured.value.text(), configured.origin)
}

/// The types whose values a scenario shows have no `Display`: most are shown only where they are asked for.
trait Text {
    fn text(&self) -> String;
}

macro_rules! text {
    ($($kind:ty),*) => { $(impl Text for $kind { fn text(&self) -> String { self.as_str().to_owned() } })* };
}
text!(
    rolecall::ExternalId,
    rolecall::MfaSerial,
    rolecall::Region,
    rolecall::SessionName,
    rolecall::SessionPolicy,
    rolecall::SourceIdentity
);

fn refused(error: &Error) -> String {
    sentences::assert_well_spoken(error);
    let mut out = format!("error: {}: {error}\n", error.kind().name());
    if let Some(hop) = error.hop() {
        let _ = writeln!(out, "  hop: {hop}");
    }
    for hint in error.hints() {
        let _ = writeln!(out, "  hint: {hint}");
    }
    out
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test reads and renews its own data, not the user's"
)]
fn scenarios() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() > 60, "only {} scenarios", paths.len());
    let update = std::env::var_os("UPDATE_SCENARIOS").is_some();
    let mut wrong = Vec::new();
    for path in paths {
        let scenario = Scenario::read(path);
        let outcome = scenario.outcome();
        if update {
            std::fs::write(
                &scenario.path,
                format!("{}-- expect --\n{outcome}", scenario.given),
            )
            .unwrap();
        } else if scenario.section("expect") != outcome {
            let name = scenario.path.file_name().unwrap().to_string_lossy().into_owned();
            wrong.push(format!(
                "=== {name}\n--- expected\n{}+++ got\n{outcome}",
                scenario.section("expect")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `[profile r1]` is assumed from `r0`'s key, `r2` from `r1`, and so on.
fn long_chain(roles: usize) -> ProfileSet {
    let mut config = String::new();
    for n in 1..=roles {
        let _ = writeln!(
            config,
            "[profile r{n}]\nrole_arn = arn:aws:iam::666666666666:role/R{n}\nsource_profile = r{}",
            n - 1
        );
    }
    let keys = format!(
        "[r0]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {}\n",
        sentences::EXAMPLE_SECRET
    );
    let mut set = ProfileSet::default();
    set.add(FileKind::Config, Path::new("config"), &config).unwrap();
    set.add(FileKind::Credentials, Path::new("credentials"), &keys)
        .unwrap();
    set
}

#[test]
fn chains_of_any_length_keep_their_order_and_share_their_beginnings() {
    let host = Host::builder().build();
    for roles in [1, 2, 5, 50] {
        let profiles = long_chain(roles);
        let resolve = |name: String| {
            Chain::resolve(
                &profiles,
                &host,
                &Request {
                    target: Some(name),
                    ..Request::default()
                },
            )
            .unwrap()
        };
        let chain = resolve(format!("r{roles}"));
        let names: Vec<_> = chain
            .roles
            .iter()
            .map(|role| role.arn.name().to_owned())
            .collect();
        let expected: Vec<_> = (1..=roles).map(|n| format!("R{n}")).collect();
        assert_eq!(names, expected);
        let keys = chain.role_keys();
        for shorter in 1..=roles {
            assert_eq!(resolve(format!("r{shorter}")).role_keys(), keys[..shorter]);
        }
        let mut different = keys.clone();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), roles, "every hop has a key of its own");
    }
}

#[test]
fn a_circle_of_fifty_is_named_whole() {
    let mut profiles = long_chain(50);
    let closing = "[profile r0]\nrole_arn = arn:aws:iam::666666666666:role/R0\nsource_profile = r50\n\
                   aws_access_key_id =\n";
    profiles
        .add(FileKind::Config, Path::new("more"), closing)
        .unwrap();
    profiles
        .add(
            FileKind::Credentials,
            Path::new("none"),
            "[r0]\naws_access_key_id =\naws_secret_access_key =\n",
        )
        .unwrap();
    let request = Request {
        target: Some("r50".to_owned()),
        ..Request::default()
    };
    let error = Chain::resolve(&profiles, &Host::builder().build(), &request).unwrap_err();
    sentences::assert_well_spoken(&error);
    assert_eq!(error.to_string().matches('→').count(), 51);
    assert!(
        error
            .to_string()
            .starts_with("the source profiles go round in a circle: `r50` → `r49`")
    );
    assert!(error.to_string().ends_with("`r1` → `r0` → `r50`"));
}
