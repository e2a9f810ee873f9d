//! Equal keys, interchangeable sessions: whatever STS is told is in the key, and nothing else is.

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;
use rolecall::profile::{FileKind, ProfileSet};
use rolecall::{Chain, Host, Request, SessionKey};

/// Everything of one role's hop that a file or a flag can say. Every field is a small number, so that equal ones are
/// common enough for the proof to go both ways.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Said {
    partition: u8,
    account: u8,
    role: u8,
    session_name: u8,
    duration: u8,
    external_id: Option<u8>,
    source_identity: Option<u8>,
    mfa: Option<u8>,
    tags: [Option<u8>; 2],
    transitive: bool,
    region: u8,
    url: Option<u8>,
    policy: Option<u8>,
    policy_arns: [bool; 2],
    key_id: u8,
    hub: Option<u8>,
    /// Says the same in another order, and with another key for the same id. Not part of what is asked.
    shuffled: bool,
}

impl Said {
    /// Whether the two ask STS for the same session.
    fn same(&self, other: &Self) -> bool {
        let plain = |said: &Self| {
            let mut said = said.clone();
            said.shuffled = false;
            said.transitive = said.transitive && said.tags[0].is_some();
            said
        };
        plain(self) == plain(other)
    }

    fn key(&self) -> SessionKey {
        let (partition, regions) = [
            ("aws", ["us-east-1", "eu-west-1"]),
            ("aws-cn", ["cn-north-1", "cn-northwest-1"]),
        ][usize::from(self.partition)];
        let mut config = format!(
            "[profile t]\nrole_arn = arn:{partition}:iam::66666666666{}:role/R{}\nsource_profile = s\n\
             role_session_name = name{}\nduration_seconds = {}\n",
            self.account,
            self.role,
            self.session_name,
            900 + u32::from(self.duration)
        );
        let mut line = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                let _ = writeln!(config, "{key} = {value}");
            }
        };
        line("external_id", self.external_id.map(|n| format!("id{n}")));
        line("source_identity", self.source_identity.map(|n| format!("who{n}")));
        line("mfa_serial", self.mfa.map(|n| format!("GAHT1234567{n}")));
        let mut tags: Vec<_> = ["x", "y"]
            .iter()
            .zip(self.tags)
            .filter_map(|(key, value)| value.map(|value| format!("{key}={value}")))
            .collect();
        if self.shuffled {
            tags.reverse();
        }
        line("session_tags", (!tags.is_empty()).then(|| tags.join(",")));
        line(
            "transitive_session_tags",
            (self.transitive && self.tags[0].is_some()).then(|| "x".to_owned()),
        );
        line("endpoint_url", self.url.map(|n| format!("http://127.0.0.{n}")));
        if let Some(hub) = self.hub {
            let _ = writeln!(
                config,
                "[profile s]\nrole_arn = arn:{partition}:iam::111111111111:role/Hub{hub}\nsource_profile = k"
            );
        }
        let credentials = format!(
            "[{}]\naws_access_key_id = AKIAEXAMPLE{}\naws_secret_access_key = CANARY{}\n",
            if self.hub.is_some() { "k" } else { "s" },
            self.key_id,
            self.shuffled
        );
        let mut set = ProfileSet::default();
        set.add(FileKind::Config, Path::new("config"), &config).unwrap();
        set.add(FileKind::Credentials, Path::new("credentials"), &credentials)
            .unwrap();
        let mut policy_arns: Vec<_> = ["A", "B"]
            .iter()
            .zip(self.policy_arns)
            .filter(|(_, wanted)| *wanted)
            .map(|(name, _)| format!("arn:{partition}:iam::aws:policy/{name}").parse().unwrap())
            .collect();
        if self.shuffled {
            policy_arns.reverse();
        }
        let request = Request {
            target: Some("t".to_owned()),
            region: Some(regions[usize::from(self.region)].parse().unwrap()),
            policy: self
                .policy
                .map(|n| format!(r#"{{"Statement":[{{"Sid":"P{n}"}}]}}"#).parse().unwrap()),
            policy_arns,
            ..Request::default()
        };
        Chain::resolve(&set, &Host::builder().login_name("joe").build(), &request)
            .unwrap()
            .session_key()
    }
}

fn said() -> impl Strategy<Value = Said> {
    let two = || 0_u8..2;
    let maybe = move || proptest::option::of(two());
    let first = (two(), two(), two(), two(), two(), maybe(), maybe(), maybe());
    let second = (
        [maybe(), maybe()],
        any::<bool>(),
        two(),
        maybe(),
        maybe(),
        any::<[bool; 2]>(),
    );
    (first, second, two(), maybe(), any::<bool>()).prop_map(|(first, second, key_id, hub, shuffled)| {
        let (partition, account, role, session_name, duration, external_id, source_identity, mfa) = first;
        let (tags, transitive, region, url, policy, policy_arns) = second;
        Said {
            partition,
            account,
            role,
            session_name,
            duration,
            external_id,
            source_identity,
            mfa,
            tags,
            transitive,
            region,
            url,
            policy,
            policy_arns,
            key_id,
            hub,
            shuffled,
        }
    })
}

/// The same with exactly one thing said otherwise.
fn changed(said: &Said, which: usize) -> Said {
    let mut other = said.clone();
    let flip = |n: &mut u8| *n = 1 - *n;
    let turn = |n: &mut Option<u8>| *n = if n.is_some() { None } else { Some(0) };
    match which {
        0 => flip(&mut other.partition),
        1 => flip(&mut other.account),
        2 => flip(&mut other.role),
        3 => flip(&mut other.session_name),
        4 => flip(&mut other.duration),
        5 => turn(&mut other.external_id),
        6 => turn(&mut other.source_identity),
        7 => turn(&mut other.mfa),
        8 => turn(&mut other.tags[0]),
        9 => turn(&mut other.tags[1]),
        10 => {
            other.tags[0] = other.tags[0].or(Some(0));
            other.transitive = !said.transitive || said.tags[0].is_none();
        }
        11 => flip(&mut other.region),
        12 => turn(&mut other.url),
        13 => turn(&mut other.policy),
        14 => other.policy_arns[0] = !other.policy_arns[0],
        15 => other.policy_arns[1] = !other.policy_arns[1],
        16 => flip(&mut other.key_id),
        _ => turn(&mut other.hub),
    }
    other
}

proptest! {
    #[test]
    fn any_one_change_changes_the_key(said in said(), which in 0_usize..18) {
        prop_assert_ne!(said.key(), changed(&said, which).key());
    }

    #[test]
    fn order_and_the_secret_do_not_matter(said in said()) {
        let shuffled = Said { shuffled: !said.shuffled, ..said.clone() };
        prop_assert_eq!(said.key(), shuffled.key());
    }

    #[test]
    fn keys_are_equal_exactly_where_what_is_asked_is(one in said(), other in said()) {
        prop_assert_eq!(one.key() == other.key(), one.same(&other));
    }
}

fn key(request: Request, env: &[(&str, &str)]) -> SessionKey {
    let host = env
        .iter()
        .fold(Host::builder(), |host, (name, value)| host.env(name, value))
        .build();
    let mut set = ProfileSet::default();
    let config = "[profile blah]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\nsource_profile = joe\n\
                  [profile joe]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARY\n";
    set.add(FileKind::Config, Path::new("config"), config).unwrap();
    Chain::resolve(&set, &host, &request).unwrap().session_key()
}

fn blah() -> Request {
    Request {
        target: Some("blah".to_owned()),
        ..Request::default()
    }
}

#[test]
fn external_ids_of_two_customers_never_meet() {
    let with = |id: Option<&str>, policy: bool| {
        let request = Request {
            external_id: id.map(|id| id.parse().unwrap()),
            policy: policy.then(|| r#"{"Statement":[]}"#.parse().unwrap()),
            ..blah()
        };
        key(request, &[])
    };
    let mut keys = [
        with(None, false),
        with(Some("customer-a"), false),
        with(Some("customer-b"), false),
        with(None, true),
        with(Some("customer-a"), true),
        with(Some("customer-b"), true),
    ];
    keys.sort();
    assert!(keys.windows(2).all(|pair| pair[0] != pair[1]));
    assert_eq!(with(Some("customer-a"), true), with(Some("customer-a"), true));
}

#[test]
fn a_sandboxs_key_is_never_a_real_one() {
    let real = key(blah(), &[]);
    let sandbox = key(blah(), &[("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")]);
    let other = key(blah(), &[("AWS_ENDPOINT_URL", "http://127.0.0.1:4567")]);
    assert!(real != sandbox && sandbox != other && real != other);
    // The source's own session, too.
    let joe = || Request {
        target: Some("joe".to_owned()),
        ..Request::default()
    };
    assert_ne!(
        key(joe(), &[]),
        key(joe(), &[("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")])
    );
}

#[test]
fn where_a_value_stands_is_not_part_of_the_key() {
    let flag = Request {
        region: Some("us-east-1".parse().unwrap()),
        ..blah()
    };
    assert_eq!(key(flag, &[]), key(blah(), &[("AWS_REGION", "us-east-1")]));
    // A role by its ARN, from the same source, is the same session.
    let arn = Request {
        target: Some("arn:aws:iam::666666666666:role/BlahRole".to_owned()),
        source_profile: Some("joe".to_owned()),
        ..Request::default()
    };
    assert_eq!(key(arn, &[]), key(blah(), &[]));
}

#[test]
fn a_policy_that_differs_in_blanks_only_is_the_same() {
    let with = |text: &str| {
        key(
            Request {
                policy: Some(text.parse().unwrap()),
                ..blah()
            },
            &[],
        )
    };
    assert_eq!(with(r#"{"Statement":[]}"#), with("{ \"Statement\" :\n [ ] }"));
}
