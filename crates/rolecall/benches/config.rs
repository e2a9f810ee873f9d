//! What reading the two AWS files costs, with 5,000 profiles in them, and what `plan` needs of it: reading and resolving one.

use std::path::Path;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use rolecall::profile::{FileKind, ProfileSet, Taken};
use rolecall::{Chain, Host, Request};

const PROFILES: usize = 5_000;

fn main() {
    divan::main();
}

/// The numbered one: the files' text becomes profiles, and one of them a chain.
#[divan::bench]
fn parse_5000_profiles_and_resolve_one(bencher: Bencher<'_, '_>) {
    let files = Files::new();
    let host = Host::builder().login_name("joe").build();
    let request = Request {
        target: Some("team-17/account-4321".to_owned()),
        ..Request::default()
    };
    bencher.counter(files.bytes()).bench(|| {
        let profiles = files.read();
        let chain = Chain::resolve(&profiles, &host, &request).expect("the files of this bench are right");
        assert_eq!(chain.roles.len(), 2);
        chain
    });
}

#[divan::bench]
fn parse_5000_profiles(bencher: Bencher<'_, '_>) {
    let files = Files::new();
    bencher.counter(files.bytes()).bench(|| files.read());
}

/// As most files of thousands of profiles are, which a tool wrote: each is signed in to through one session.
#[divan::bench]
fn parse_5000_profiles_of_identity_center(bencher: Bencher<'_, '_>) {
    let mut config =
        "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n"
            .to_owned();
    for n in 0..PROFILES {
        config += &format!(
            "[profile account-{n}]\nsso_session = corp\nsso_account_id = {n:012}\nsso_role_name = Administrator\n\
             region = eu-west-1\noutput = json\n\n"
        );
    }
    let files = Files {
        config,
        credentials: String::new(),
    };
    bencher.counter(files.bytes()).bench(|| files.read());
}

/// Everything odd in files of which every third profile has something odd.
#[divan::bench]
fn warnings_of_5000_profiles(bencher: Bencher<'_, '_>) {
    let profiles = Files::new().read();
    assert!(profiles.warnings().len() > PROFILES / 4);
    bencher.bench(|| profiles.warnings());
}

#[divan::bench]
fn warnings_for_two_of_them(bencher: Bencher<'_, '_>) {
    let profiles = Files::new().read();
    bencher.bench(|| {
        profiles.warnings_for([
            ("team-17/account-4321", Taken::AsTarget),
            ("hub-17", Taken::AsSource),
        ])
    });
}

/// The yardstick: the same bytes are copied, and cut into lines at their `=`, and that is all.
#[divan::bench]
fn split_the_same_lines(bencher: Bencher<'_, '_>) {
    let files = Files::new();
    bencher.counter(files.bytes()).bench(|| {
        let mut settings = 0;
        for text in [&files.config, &files.credentials] {
            let text = black_box(text).clone();
            settings += text.lines().filter(|line| line.split_once('=').is_some()).count();
        }
        settings
    });
}

struct Files {
    config: String,
    credentials: String,
}

impl Files {
    fn new() -> Self {
        let mut config =
            "# Written by hand and by tools, over years.\n[default]\nregion = eu-west-1\noutput = json\n\n"
                .to_owned();
        let mut credentials = String::new();
        for hub in 0..50 {
            config += &format!(
                "[profile hub-{hub}]\nrole_arn = arn:aws:iam::{hub:012}:role/Hub\nsource_profile = joe-{hub}\n\
                 mfa_serial = arn:aws:iam::111111111111:mfa/joe.bloggs\nregion = eu-west-1\n\n"
            );
            credentials += &format!(
                "[joe-{hub}]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n\
                 aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n\n"
            );
        }
        for n in 0..PROFILES - 100 {
            let (team, comment) = (n % 50, if n % 3 == 0 { "  # the team's own" } else { "" });
            config += &format!(
                "# Account {n} of team {team}, see the wiki.\n[profile team-{team}/account-{n}]\n\
                 role_arn = arn:aws:iam::{n:012}:role/platform/Deployer\nsource_profile = hub-{team}\n\
                 role_session_name = joe.bloggs@example.com\nexternal_id = partner-{n}\nregion = eu-central-1{comment}\n\
                 duration_seconds = 3600\n\n"
            );
        }
        let team = 17;
        config += &format!(
            "[profile team-{team}/account-4321]\nrole_arn = arn:aws:iam::{:012}:role/platform/Deployer\n\
             source_profile = hub-{team}\nregion = eu-central-1\n",
            4321
        );
        Self { config, credentials }
    }

    fn bytes(&self) -> BytesCount {
        BytesCount::new(self.config.len() + self.credentials.len())
    }

    fn read(&self) -> ProfileSet {
        let mut profiles = ProfileSet::default();
        for (kind, path, text) in [
            (FileKind::Config, "/home/joe/.aws/config", &self.config),
            (
                FileKind::Credentials,
                "/home/joe/.aws/credentials",
                &self.credentials,
            ),
        ] {
            profiles
                .add(kind, Path::new(path), black_box(text))
                .expect("the files of this bench are right");
        }
        profiles
    }
}
