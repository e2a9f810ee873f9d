//! The target of a command, as arguments and as words.

use clap::{Args, Parser as _};
use rolecall::parameters::{ExternalId, MfaSerial, SessionName, SessionPolicy, SourceIdentity, Tag};
use rolecall::{AskedDuration, Error, Host, Invalid, PolicyArn, Region, Request};

use super::{Cli, Command, parse};

/// The target, and what overrides its settings.
#[derive(Args, Debug)]
pub(crate) struct TargetArgs {
    /// A profile, a role ARN, or ACCOUNT/[PATH/]ROLE
    pub(crate) target: Option<String>,
    /// Pick the target from a list of profiles and roles that were found
    #[arg(long, conflicts_with = "target")]
    pub(crate) pick: bool,
    /// What a third party's role demands to know you by
    #[arg(long, value_name = "ID", value_parser = parse::<ExternalId>)]
    external_id: Option<ExternalId>,
    /// The session's name in CloudTrail [default: your login name]
    #[arg(long, value_name = "NAME", value_parser = parse::<SessionName>)]
    session_name: Option<SessionName>,
    /// How long the session is asked for: seconds, 1h, 90m, or `max` for as long as the role allows [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = parse::<AskedDuration>)]
    duration: Option<AskedDuration>,
    /// The region, for STS and for what you run
    #[arg(long, value_parser = parse::<Region>)]
    region: Option<Region>,
    /// The profile whose credentials assume the role
    #[arg(long, value_name = "PROFILE")]
    source_profile: Option<String>,
    /// Hold the session to this policy: a file, or the JSON itself
    #[arg(long, value_name = "FILE|JSON")]
    policy: Option<String>,
    /// Hold the session to this managed policy (may be repeated)
    #[arg(long, value_name = "ARN", value_parser = parse::<PolicyArn>)]
    policy_arn: Vec<PolicyArn>,
    /// Hold the session to AWS's ReadOnlyAccess
    #[arg(long)]
    read_only: bool,
    /// Who is behind the session, fixed for the whole chain and shown in CloudTrail
    #[arg(long, value_name = "NAME", value_parser = parse::<SourceIdentity>)]
    source_identity: Option<SourceIdentity>,
    /// A tag of the session (may be repeated)
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse::<Tag>)]
    tag: Vec<Tag>,
    /// The key of a tag that later roles of a chain inherit (may be repeated)
    #[arg(long, value_name = "KEY")]
    transitive_tag: Vec<String>,
    /// Prove your MFA device, whether or not a profile names one; it is looked up when none does
    #[arg(long)]
    mfa: bool,
    /// The serial number or ARN of the MFA device to prove
    #[arg(long, value_name = "SERIAL", value_parser = parse::<MfaSerial>)]
    mfa_serial: Option<MfaSerial>,
    /// Read the MFA code from this open file descriptor: one line, once
    #[arg(long, value_name = "N")]
    pub(super) mfa_fd: Option<u32>,
    /// Call endpoints of plain http outside of this machine too; whoever listens on the way reads the credentials
    #[arg(long)]
    insecure_endpoint: bool,
    /// Print JSON where there is text to print, and errors as JSON on stderr
    #[arg(long)]
    pub(crate) json: bool,
}

impl TargetArgs {
    /// The region of the command line.
    pub(crate) fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    /// Names the target that was picked, and what it starts from where nothing else was said.
    pub(crate) fn take_picked(&mut self, target: &str, source: Option<&str>) {
        self.pick = false;
        self.target = Some(target.to_owned());
        if self.source_profile.is_none() {
            self.source_profile = source.map(str::to_owned);
        }
    }

    /// The library's request for these arguments.
    pub(crate) fn request(self, host: &Host) -> Result<Request, Error> {
        let policy = match self.policy {
            Some(text) if text.trim_start().starts_with('{') => Some(text.parse::<SessionPolicy>()?),
            Some(path) => Some(policy_file(host, &path)?),
            None => None,
        };
        Ok(Request {
            target: self.target,
            external_id: self.external_id,
            session_name: self.session_name,
            duration: self.duration,
            source_identity: self.source_identity,
            tags: self.tag,
            transitive_tags: self.transitive_tag,
            mfa: self.mfa,
            mfa_serial: self.mfa_serial,
            insecure_endpoint: self.insecure_endpoint,
            region: self.region,
            source_profile: self.source_profile,
            policy,
            policy_arns: self.policy_arn,
            read_only: self.read_only,
        })
    }
}

impl TargetArgs {
    /// The same arguments as words, for another rolecall of this release: a file's text in the place of its name, and no
    /// descriptor of ours.
    pub(crate) fn words(&self, host: &Host) -> Result<Vec<String>, Error> {
        // Every field by its name, so that none is forgotten.
        let Self {
            target,
            pick: _,
            external_id,
            session_name,
            duration,
            region,
            source_profile,
            policy,
            policy_arn,
            read_only,
            source_identity,
            tag,
            transitive_tag,
            mfa,
            mfa_serial,
            mfa_fd: _,
            insecure_endpoint,
            json: _,
        } = self;
        let policy = match policy {
            Some(text) if text.trim_start().starts_with('{') => Some(text.clone()),
            Some(path) => Some(policy_file(host, path)?.as_str().to_owned()),
            None => None,
        };
        let duration = duration.map(|duration| match duration {
            AskedDuration::For(duration) => duration.seconds().to_string(),
            AskedDuration::Longest => "max".to_owned(),
        });
        let mut words = Vec::new();
        let one = |value: Option<&str>| value.map(str::to_owned).into_iter().collect::<Vec<_>>();
        for (flag, values) in [
            ("--external-id", one(external_id.as_ref().map(ExternalId::as_str))),
            (
                "--session-name",
                one(session_name.as_ref().map(SessionName::as_str)),
            ),
            ("--duration", duration.into_iter().collect()),
            ("--region", one(region.as_ref().map(Region::as_str))),
            ("--source-profile", one(source_profile.as_deref())),
            ("--policy", policy.into_iter().collect()),
            (
                "--policy-arn",
                policy_arn.iter().map(|arn| arn.as_str().to_owned()).collect(),
            ),
            (
                "--source-identity",
                one(source_identity.as_ref().map(SourceIdentity::as_str)),
            ),
            (
                "--tag",
                tag.iter()
                    .map(|tag| format!("{}={}", tag.key(), tag.value()))
                    .collect(),
            ),
            ("--transitive-tag", transitive_tag.clone()),
            ("--mfa-serial", one(mfa_serial.as_ref().map(MfaSerial::as_str))),
        ] {
            // With `=`, so that a value may begin with a dash.
            words.extend(values.into_iter().map(|value| format!("{flag}={value}")));
        }
        for (flag, is_set) in [
            ("--read-only", *read_only),
            ("--mfa", *mfa),
            ("--insecure-endpoint", *insecure_endpoint),
        ] {
            words.extend(is_set.then(|| flag.to_owned()));
        }
        words.extend(target.iter().flat_map(|target| ["--".to_owned(), target.clone()]));
        Ok(words)
    }

    /// The arguments that these words are.
    pub(crate) fn of_words(words: &[String]) -> Result<Self, Error> {
        let all = ["rolecall", "plan"]
            .into_iter()
            .chain(words.iter().map(String::as_str));
        match Cli::try_parse_from(all).map(|cli| cli.command) {
            Ok(Command::Plan(target)) => Ok(target),
            _ => Err(Error::config(
                "the arguments of another release of rolecall are not understood",
            )),
        }
    }
}

fn policy_file(host: &Host, path: &str) -> Result<SessionPolicy, Error> {
    const HINT: &str = "--policy takes a file with the JSON document, or the document itself.";
    let text = host.read(path.as_ref()).map_err(|error| error.with_hint(HINT))?;
    let text =
        text.ok_or_else(|| Error::config(format!("there is no policy file `{path}`")).with_hint(HINT))?;
    text.parse()
        .map_err(|invalid: Invalid| Error::config(format!("{path}: {}", invalid.sentence())).with_hint(HINT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_the_same_again_as_words() {
        let given = [
            "--external-id=-x=1",
            "--session-name=me",
            "--duration=max",
            "--region=eu-west-1",
            "--source-profile=it's \"joe\"",
            "--policy-arn=arn:aws:iam::aws:policy/ReadOnlyAccess",
            "--policy-arn=arn:aws:iam::aws:policy/job-function/ViewOnlyAccess",
            "--source-identity=joe",
            "--tag=a=b=c",
            "--tag=d=",
            "--transitive-tag=a",
            "--mfa-serial=arn:aws:iam::111111111111:mfa/phone",
            "--read-only",
            "--mfa",
            "--insecure-endpoint",
            "--",
            "-prod",
        ]
        .map(str::to_owned);
        let host = Host::builder().build();
        let target = TargetArgs::of_words(&given).unwrap();
        assert_eq!(target.words(&host).unwrap(), given);
        // A file's text goes in its place, for the other process may stand elsewhere.
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), r#"{"Version":"2012-10-17","Statement":[]}"#).unwrap();
        let given = [format!("--policy={}", file.path().display())];
        let words = TargetArgs::of_words(&given).unwrap().words(&host).unwrap();
        assert!(words[0].starts_with("--policy={"), "{words:?}");
        assert!(TargetArgs::of_words(&["--no-such-flag".to_owned()]).is_err());
    }
}
