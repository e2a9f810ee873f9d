//! Whether an MFA device is proved on the way, which one, and by which of the two ways that AWS has.

use super::resolve::{Resolver, Step, parsed};
use super::{Configured, Role, Service, Source, SourceKind, StsEndpoint};
use crate::command_line::CommandLine;
use crate::error::Error;
use crate::parameters::{MfaSerial, SessionDuration, spoken_seconds};
use crate::partition::Region;
use crate::profile::{Origin, Profile, Property};

/// How an MFA device is proved.
#[derive(Clone, Debug)]
pub struct Mfa {
    /// The device. None: it is looked up with the source's key (`ListMFADevices`).
    pub serial: Option<Configured<MfaSerial>>,
    /// A command that prints the code, so that no person is asked.
    pub process: Option<Configured<CommandLine>>,
    /// Where the devices are listed, where none is named.
    pub devices: Option<StsEndpoint>,
    /// With which call.
    pub strategy: MfaStrategy,
    /// Why with that one.
    pub why: &'static str,
    /// How long a session is asked for that the code is given for, in seconds, where the strategy is the session.
    pub session_seconds: Configured<u32>,
}

/// How long an MFA session may be, and is where nobody says: `GetSessionToken`'s own bounds and default.
const SHORTEST_SESSION: u32 = 900;
const LONGEST_SESSION: u32 = 129_600;
const SESSION: u32 = 43_200;

impl Mfa {
    pub(super) fn serial_text(&self) -> Option<&str> {
        self.serial.as_ref().map(|serial| serial.value.as_str())
    }
}

/// With which call an MFA code is sent. AWS has two ways, and each is good at what the other cannot do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MfaStrategy {
    /// With `AssumeRole` itself: up to twelve hours, one code for each role and each renewal.
    Direct,
    /// With `GetSessionToken`: one code for every role for twelve hours; each role lasts an hour and renews silently.
    Session,
}

impl MfaStrategy {
    /// The name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Session => "session",
        }
    }
}

impl<'a> Resolver<'a> {
    /// The device comes from the flag, else from the profile of the first role, else from the source's, else from a later
    /// role's: a role's session proves no device, so whatever a chain proves is proved at its beginning.
    pub(super) fn mfa(
        &mut self,
        steps: &[Step<'a>],
        source: &Source,
        roles: &[Role],
        region: &Region,
    ) -> Result<Option<Mfa>, Error> {
        let source_profile = source
            .profile
            .as_deref()
            .and_then(|name| self.profiles.profile(name));
        // The last step is the first hop.
        let mut hops = steps.iter().rev().filter_map(|step| step.profile);
        let first = hops.next();
        let named = |profile: Option<&'a Profile>| Some((profile?, profile?.property("mfa_serial")?));
        let found = named(first)
            .or_else(|| named(source_profile))
            .or_else(|| hops.find_map(|profile| named(Some(profile))));
        let serial = match (&self.request.mfa_serial, found) {
            (Some(serial), _) => Some(Configured::new(serial.clone(), Origin::Flag("mfa-serial"))),
            (None, Some((_, property))) => Some(Configured::new(
                parsed::<MfaSerial>(property, "mfa_serial")?,
                property.origin().clone(),
            )),
            (None, None) => None,
        };
        if serial.is_none() && !self.request.mfa {
            return Ok(None);
        }
        if let SourceKind::WebIdentity(_) = source.kind {
            if self.request.mfa || self.request.mfa_serial.is_some() {
                return Err(
                    Error::config("a web identity has no MFA device that AWS could ask for").with_hint(
                        "Leave --mfa and --mfa-serial away: where the token comes from decides about MFA.",
                    ),
                );
            }
            if let Some(serial) = &serial {
                self.warn(format!(
                    "a web identity has no MFA device: `mfa_serial` ({}) is not used",
                    serial.origin
                ));
            }
            return Ok(None);
        }
        let process = found
            .map(|(profile, _)| profile)
            .into_iter()
            .chain(first)
            .chain(source_profile)
            .find_map(|profile| profile.property("mfa_process"));
        let process = match process {
            Some(property) => Some(Configured::new(
                parsed::<CommandLine>(property, "mfa_process")?,
                property.origin().clone(),
            )),
            None => None,
        };
        let length = [first, source_profile]
            .into_iter()
            .flatten()
            .find_map(|profile| profile.property("session_token_duration"));
        let session_seconds = match length {
            Some(property) => Configured::new(session_seconds(property)?, property.origin().clone()),
            None => Configured::new(SESSION, Origin::Default("twelve hours")),
        };
        let devices = match &serial {
            Some(_) => None,
            None => Some(self.located(Service::Iam, source_profile, region)?),
        };
        let (strategy, why) = strategy(source, roles.first());
        Ok(Some(Mfa {
            serial,
            process,
            devices,
            strategy,
            why,
            session_seconds,
        }))
    }
}

/// `session_token_duration` as aws-runas writes it: `12h`, `1h30m`, or seconds.
fn session_seconds(property: &Property) -> Result<u32, Error> {
    let text = property.one_line("session_token_duration")?;
    let seconds = spoken_seconds(text).ok();
    match seconds.and_then(|seconds| u32::try_from(seconds).ok()) {
        Some(seconds @ SHORTEST_SESSION..=LONGEST_SESSION) => Ok(seconds),
        _ => Err(Error::config(format!(
            "{}: session_token_duration: `{text}` is no length that an MFA session can have",
            property.origin()
        ))
        .with_hint("AWS takes 15m to 36h; the root user of an account at most 1h.")),
    }
}

/// The session by default: one code for everything. Direct where the source cannot get a session, and where the first
/// role is wanted for longer than the hour that a role gets through one.
fn strategy(source: &Source, first: Option<&Role>) -> (MfaStrategy, &'static str) {
    let may_have_a_long_term_key = source.is_long_term_key() || matches!(source.kind, SourceKind::Process(_));
    match first {
        Some(_) if !may_have_a_long_term_key => (
            MfaStrategy::Direct,
            "the source's credentials are temporary, and such get no MFA session",
        ),
        Some(role) if source.is_long_term_key() && role.duration.value > SessionDuration::HOUR => (
            MfaStrategy::Direct,
            "the role is wanted for longer than the hour that it gets through an MFA session; each renewal asks for a code",
        ),
        _ => (
            MfaStrategy::Session,
            "one code proves the device for every role of this source, until its session ends",
        ),
    }
}
