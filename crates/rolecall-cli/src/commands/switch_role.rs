//! `rolecall switch-role`: the console's own link to switch to a role. It reads the files and what was found before; no
//! credential is touched, and nothing is called.

mod all;
mod page;

use rolecall::chain::{Endpoints, Request, Service};
use rolecall::command_line::CommandLine;
use rolecall::index::{IndexedRole, RoleIndex, RoleVerdict};
use rolecall::profile::{Origin, Profile, ProfileSet};
use rolecall::switch_role::{Color, DisplayName, SwitchLink, SwitchPage, Way, name_with_path};
use rolecall::{AccountId, Chain, Error, ErrorKind, Host, Partition, Region, RoleArn};
use serde_json::json;

use crate::browser;
use crate::cli::SwitchRoleArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

pub(crate) fn run(host: &Host, args: SwitchRoleArgs) -> Result<Ended, CommandError> {
    let json = args.target.json;
    let request = args.target.request(host)?;
    refuse_flags(&request, args.all.is_some())?;
    let profiles = ProfileSet::load(host)?;
    let index = RoleIndex::load(host);
    let maker = Maker {
        host,
        profiles: &profiles,
        request: &request,
        color: args.color,
    };
    if let Some(path) = &args.all {
        return all::run(&maker, &index, path, json);
    }
    let Known {
        role,
        profile,
        mut way,
        region,
        mut warnings,
    } = maker.known(&request)?;
    let found: Vec<_> = index.roles.iter().filter(|found| found.arn == role).collect();
    if let Some(found) = way_found(&found) {
        way = way.with_found(found);
    }
    match way.check(&role) {
        Ok(notes) => warnings.extend_from_slice(notes),
        Err(obstacle) => return Err(obstacle.error(&role).into()),
    }
    let place = maker.place(&role, profile.as_deref(), region.as_ref())?;
    warnings.extend(place.warning());
    let (color, warning) = maker.color_of(profile.as_deref());
    warnings.extend(warning);
    if let Some(color) = color.filter(|color| !color.is_of_palette()) {
        warnings.push(format!(
            "the console's own page does not offer the colour {color}, and AWS documents none: it may show another"
        ));
    }
    let name = args
        .display_name
        .map_or_else(|| display_name(&index, &role, profile.as_deref()), Ok)?;
    let url = SwitchLink {
        page: &place.page,
        role: &role,
        display_name: &name,
        color,
    }
    .to_string();
    if args.open {
        open(host, &url, args.browser.as_ref())?;
    }
    if json {
        output::print_json(&json!({
            "url": url,
            "role_arn": role.to_string(),
            "account_id": role.account().as_str(),
            "role_name": name_with_path(&role),
            "profile": profile,
            "display_name": name.as_str(),
            "color": color.map(|color| color.to_string()),
            "page_origin": place.origin.as_ref().map(ToString::to_string),
            "page_is_inferred": place.page.is_inferred(),
            "opened": args.open,
            "warnings": warnings,
        }))?;
        return Ok(Ended::WELL);
    }
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    if !args.open {
        output::print(&format!("{url}\n"))?;
    }
    Ok(Ended::WELL)
}

/// A switch in the console carries nothing but the role: whoever asks for less with a session policy would get more.
fn refuse_flags(request: &Request, is_all: bool) -> Result<(), Error> {
    let never = [
        ("policy", request.policy.is_some()),
        ("policy-arn", !request.policy_arns.is_empty()),
        ("read-only", request.read_only),
        ("tag", !request.tags.is_empty()),
        ("transitive-tag", !request.transitive_tags.is_empty()),
        ("source-identity", request.source_identity.is_some()),
        ("session-name", request.session_name.is_some()),
        ("duration", request.duration.is_some()),
        ("mfa", request.mfa),
        ("mfa-serial", request.mfa_serial.is_some()),
    ];
    if let Some((flag, _)) = never.iter().find(|(_, is_given)| *is_given) {
        return Err(Error::config(format!(
            "--{flag} has no place in a link: the console switches to the role and knows nothing else"
        ))
        .with_hint(format!(
            "Leave --{flag} out, or open the console with `rolecall console`."
        )));
    }
    let of_one = [
        ("external-id", request.external_id.is_some()),
        ("source-profile", request.source_profile.is_some()),
        ("region", request.region.is_some()),
    ];
    match of_one.iter().find(|(_, is_given)| is_all && *is_given) {
        Some((flag, _)) => Err(Error::config(format!(
            "--{flag} belongs to one role, and --all is about every role"
        ))
        .with_hint(format!("Leave --{flag} out, or name the role in place of --all."))),
        None => Ok(()),
    }
}

fn open(host: &Host, url: &str, command: Option<&CommandLine>) -> Result<(), Error> {
    if command.is_none() && browser::place(host) != rolecall::host::Browser::Here {
        return Err(Error::new(
            ErrorKind::Unavailable,
            "there is no browser here: no display, and BROWSER is not set",
        )
        .with_hint("Without --open the link is printed: it is no secret, and opens in any browser."));
    }
    browser::start(host, command, url).map(drop)
}

/// A role, and what is known of the way to it.
struct Known {
    role: RoleArn,
    /// The profile it stands in.
    profile: Option<String>,
    way: Way,
    region: Option<Region>,
    warnings: Vec<String>,
}

/// A page that switches, and what put it there in the place of AWS's.
struct Place {
    page: SwitchPage,
    origin: Option<Origin>,
    partition: Partition,
}

impl Place {
    /// What whoever opens the link should know of where it leads.
    fn warning(&self) -> Option<String> {
        let url = self.page.url();
        match &self.origin {
            Some(origin) => {
                let host = url.split("://").nth(1).unwrap_or_default();
                let host = host.split(['/', ':']).next().unwrap_or_default();
                let is_local = host.starts_with("127.") || host.starts_with('[') || host == "localhost";
                (!is_local && !Partition::is_aws_host(host))
                    .then(|| format!("the link leads to {url} ({origin}), which is no page of AWS"))
            }
            None => self.page.is_inferred().then(|| {
                format!(
                    "AWS documents no such link for partition `{}`: {url} is where it signs in",
                    self.partition
                )
            }),
        }
    }
}

/// What makes links.
struct Maker<'a> {
    host: &'a Host,
    profiles: &'a ProfileSet,
    request: &'a Request,
    color: Option<Color>,
}

impl Maker<'_> {
    /// The role of a request, and what its chain says of the way. Where no chain leads to it from this machine the role is
    /// still one: somebody else may hold the keys, or nobody but the console knows them.
    fn known(&self, request: &Request) -> Result<Known, Error> {
        let error = match Chain::resolve(self.profiles, self.host, request) {
            Ok(chain) => {
                let (Some(role), Some(way)) = (chain.roles.last(), Way::of_chain(&chain)) else {
                    return Err(Error::config(format!(
                        "`{}` assumes no role, and there is nothing to switch to",
                        chain.target
                    ))
                    .with_hint("Name a role: a profile with `role_arn`, a role ARN, or ACCOUNT/ROLE.")
                    .with_hint("`rolecall console` opens the console under what it is."));
                };
                return Ok(Known {
                    role: role.arn.clone(),
                    profile: match &chain.target {
                        rolecall::chain::Target::Profile(name) => Some(name.clone()),
                        rolecall::chain::Target::Role(_) => None,
                    },
                    way,
                    region: chain.region.as_ref().map(|region| region.value.clone()),
                    warnings: Vec::new(),
                });
            }
            Err(error) => error,
        };
        let text = request.target.as_deref().unwrap_or_default();
        let profile = self.profiles.profile(text);
        let role = match profile {
            Some(profile) => profile.value("role_arn").and_then(|arn| arn.parse().ok()),
            None => text.parse().ok(),
        };
        match role {
            // A source that was named has to be there.
            Some(role) if request.source_profile.is_none() => Ok(Known {
                role,
                profile: profile.map(|profile| profile.name().to_owned()),
                way: Way::unknown(self.external_id(profile)),
                region: request.region.clone(),
                warnings: vec![format!("the way to the role is not known here: {error}")],
            }),
            _ => Err(error),
        }
    }

    /// Where an ExternalId of the role stands.
    fn external_id(&self, profile: Option<&Profile>) -> Option<String> {
        let flag = self
            .request
            .external_id
            .as_ref()
            .map(|_| "--external-id".to_owned());
        let property = || profile?.property("external_id").map(|id| id.origin().to_string());
        flag.or_else(property)
    }

    /// The page that switches to a role: what the profile, or the one in use, puts in the place of AWS's.
    fn place(&self, role: &RoleArn, profile: Option<&str>, region: Option<&Region>) -> Result<Place, Error> {
        let endpoints = Endpoints {
            profiles: self.profiles,
            host: self.host,
            insecure: self.request.insecure_endpoint,
        };
        let selected = || self.host.env("AWS_PROFILE").unwrap_or("default");
        let set_up_by = profile.or(self.request.source_profile.as_deref());
        let set_up_by = self.profiles.profile(set_up_by.unwrap_or_else(selected));
        let partition = role.partition();
        Ok(match endpoints.stand_in(Service::Signin, set_up_by)? {
            Some(stand_in) => Place {
                page: SwitchPage::at(&stand_in.value),
                origin: Some(stand_in.origin),
                partition,
            },
            None => Place {
                page: SwitchPage::of(partition, region),
                origin: None,
                partition,
            },
        })
    }

    /// The colour that was asked for, else the one in the profile, where AWS Extend Switch Roles keeps it; with a warning
    /// where that is none.
    fn color_of(&self, profile: Option<&str>) -> (Option<Color>, Option<String>) {
        let property = || self.profiles.profile(profile?)?.property("color");
        match (self.color, property()) {
            (None, Some(property)) => match property.value().parse::<Color>() {
                Ok(color) => (Some(color), None),
                Err(invalid) => (
                    None,
                    Some(format!("{}: {}", property.origin(), invalid.sentence())),
                ),
            },
            (color, _) => (color, None),
        }
    }
}

/// The way to a role by what was found of it; a pattern is no role.
fn way_found(found: &[&IndexedRole]) -> Option<Way> {
    let roles: Vec<_> = found
        .iter()
        .copied()
        .filter(|role| role.verdict != RoleVerdict::Pattern)
        .collect();
    Way::of_index(&roles)
}

/// The profile's name, else the account's and the role's.
fn display_name(index: &RoleIndex, role: &RoleArn, profile: Option<&str>) -> Result<DisplayName, Error> {
    let account = |id: AccountId| {
        index
            .account_name(id)
            .map_or_else(|| id.to_string(), str::to_owned)
    };
    let text = profile.map_or_else(
        || format!("{}/{}", account(role.account()), name_with_path(role)),
        str::to_owned,
    );
    DisplayName::of(&text).ok_or_else(|| Error::config("the role has no name to show"))
}
