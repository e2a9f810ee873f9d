//! What STS answers: whether it is there, what its clock says, and who the targets are that were named.

use futures_util::future::join_all;

use super::{Area, Doctor, Finding, Severity};
use crate::chain::{Chain, Request, StsEndpoint};
use crate::error::{Error, ErrorKind};
use crate::host::Host;
use crate::profile::ProfileSet;
use crate::provider::{Provider, reach};
use crate::time::{rfc3339, spoken};

/// A target, and what gets its session; or why it cannot be tried.
#[derive(Clone, Debug)]
pub struct Try {
    /// As it was named.
    pub target: String,
    /// Its provider.
    pub provider: Result<Provider, Error>,
}

/// As many endpoints are asked, where no target and no default says which.
const MOST_ENDPOINTS: usize = 4;
/// From here on AWS refuses what is signed: fifteen minutes (`RequestExpired`, `SignatureDoesNotMatch`).
const REFUSED: u64 = 15 * 60;
/// From here on a clock is wrong, and not imprecise.
const WRONG: u64 = 60;

fn finding(severity: Severity, check: &'static str, what: String) -> Finding {
    Finding::new(Area::Aws, severity, check, what)
}

impl Doctor {
    /// Calls STS: once without credentials at each place that the targets are called at, and once for each target with its
    /// session, which is got for that and may ask the person. Without targets the place of the default is asked, else those of
    /// the first profiles. All at once, and each with its own end.
    pub async fn call(&self, tries: &[Try]) -> Vec<Finding> {
        let endpoints = match tries {
            [] => self.endpoints(),
            tries => of_tries(tries),
        };
        let reached = join_all(endpoints.iter().map(|sts| look_at(&self.host, sts)));
        let proved = join_all(tries.iter().map(|attempt| prove(&self.host, attempt)));
        let (reached, proved) = futures_util::join!(reached, proved);
        let mut found: Vec<_> = reached.into_iter().flatten().collect();
        found.extend(proved);
        if found.is_empty() {
            found.push(finding(
                Severity::Note,
                "reach",
                "nothing was asked of AWS: no profile says where".to_owned(),
            ));
        }
        // One clock, however many endpoints tell of it.
        let mut has_clock = false;
        found.retain(|finding| finding.check != "clock" || !std::mem::replace(&mut has_clock, true));
        found
    }

    fn endpoints(&self) -> Vec<StsEndpoint> {
        let Ok(profiles) = self.profiles() else {
            return Vec::new();
        };
        let of = |target: Option<String>| {
            let request = Request {
                target,
                ..Request::default()
            };
            Some(endpoint(&Chain::resolve(profiles, &self.host, &request).ok()?))
        };
        match of(None) {
            Some(default) => vec![default],
            None => of_profiles(profiles, of),
        }
    }
}

fn of_profiles(
    profiles: &ProfileSet,
    of: impl Fn(Option<String>) -> Option<StsEndpoint>,
) -> Vec<StsEndpoint> {
    let mut endpoints: Vec<StsEndpoint> = Vec::new();
    for profile in profiles.profiles() {
        if endpoints.len() == MOST_ENDPOINTS {
            break;
        }
        endpoints.extend(
            of(Some(profile.name().to_owned()))
                .filter(|new| endpoints.iter().all(|known| known.url != new.url)),
        );
    }
    endpoints
}

fn of_tries(tries: &[Try]) -> Vec<StsEndpoint> {
    let mut endpoints: Vec<StsEndpoint> = Vec::new();
    for attempt in tries {
        let Ok(provider) = &attempt.provider else { continue };
        let new = endpoint(provider.chain());
        if endpoints.iter().all(|known| known.url != new.url) {
            endpoints.push(new);
        }
    }
    endpoints
}

/// Where the last call of a chain goes.
fn endpoint(chain: &Chain) -> StsEndpoint {
    chain
        .roles
        .last()
        .map_or(&chain.source_sts, |role| &role.sts)
        .clone()
}

/// One endpoint, and its clock.
async fn look_at(host: &Host, sts: &StsEndpoint) -> Vec<Finding> {
    let reached = match reach(host, sts).await {
        Ok(reached) => reached,
        Err(error) => {
            let otherwise =
                "Check the network and the region; `rolecall plan` says where the address comes from.";
            let finding = Finding::of_error(Area::Aws, Severity::Problem, "reach", &error, otherwise);
            return vec![finding.at(&sts.origin)];
        }
    };
    let mut found = vec![finding(
        Severity::Ok,
        "reach",
        format!("STS answers at {}", sts.url),
    )];
    if let Some(ahead) = reached.clock_ahead {
        found.push(clock(ahead));
    }
    found
}

fn clock(ahead: i64) -> Finding {
    let off = ahead.unsigned_abs();
    if off < WRONG {
        return finding(Severity::Ok, "clock", "the clock agrees with AWS's".to_owned());
    }
    let way = if ahead > 0 { "behind" } else { "ahead of" };
    let span = spoken(std::time::Duration::from_secs(off));
    let (severity, more) = match off >= REFUSED {
        true => (
            Severity::Problem,
            "rolecall corrects for it, and AWS refuses other programs",
        ),
        false => (Severity::Warning, "AWS refuses programs from 15 minutes on"),
    };
    finding(
        severity,
        "clock",
        format!("this machine's clock is {span} {way} AWS's: {more}"),
    )
    .hint("Set the clock (`timedatectl set-ntp true`; in WSL `hwclock -s`).")
}

/// Whether a target works: its session is got, and STS says who it is.
async fn prove(host: &Host, attempt: &Try) -> Finding {
    let outcome = match &attempt.provider {
        Ok(provider) => provider.caller_identity().await.map(|identity| {
            let end = provider.valid_session().map(|session| session.expires_at());
            (identity, end)
        }),
        Err(error) => Err(error.clone()),
    };
    let target = &attempt.target;
    match outcome {
        Ok((identity, end)) => {
            let left = end.and_then(|end| {
                let left = end.duration_since(host.now()).ok()?;
                Some(format!(", until {} (in {})", rfc3339(end), spoken(left)))
            });
            finding(
                Severity::Ok,
                "target",
                format!("`{target}` is {}{}", identity.arn, left.unwrap_or_default()),
            )
        }
        Err(error) => {
            let otherwise = format!("`rolecall explain {target}` says why.");
            let found = Finding::of_error(Area::Aws, Severity::Problem, "target", &error, &otherwise);
            let found = match (error.kind(), &found.hint) {
                (ErrorKind::Denied, Some(hint)) if *hint != otherwise => {
                    let hint = format!("{hint} {otherwise}");
                    found.hint(hint)
                }
                _ => found,
            };
            Finding {
                what: format!("`{target}`: {}", found.what),
                ..found
            }
        }
    }
}
