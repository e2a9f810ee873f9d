//! `rolecall console`: federated sign-in to the AWS console.

use std::process::Child;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use rolecall::audit::{Delivery, Log};
use rolecall::chain::{Endpoints, MfaStrategy, Service as Called, SourceKind, StsEndpoint};
use rolecall::command_line::CommandLine;
use rolecall::endpoint::Redirect;
use rolecall::federation::{self, Destination, LINK_LIFETIME, Length, Link, Place, SERVICES, Ticket};
use rolecall::host::Browser;
use rolecall::parameters::SessionDuration;
use rolecall::provider::is_too_long;
use rolecall::time::{rfc3339, spoken};
use rolecall::vault::Vault;
use rolecall::{AskedDuration, Error, ErrorKind, Host, Provider, Request, Session};
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::ConsoleArgs;
use crate::command_error::{CommandError, Ended};
use crate::person::plain;
use crate::{browser, output, shared};

const OWN_SESSION: &str = "it lasts as long as the credentials that the source handed out";

pub(crate) fn run(host: &Host, args: ConsoleArgs) -> Result<Ended, CommandError> {
    if args.services {
        return services(args.target.json);
    }
    let prints = args.print || args.show;
    if prints {
        output::refuse_terminal(
            args.show,
            "Whoever has the link is signed in: without --print it is opened in the browser.",
        )?;
    }
    let as_json = args.target.json;
    let request = args.target.request(host)?;
    let asking = Asking {
        host,
        duration: request.duration,
        request,
        vault: Vault::of(host),
    };
    let provider = asking.provider(asking.duration.unwrap_or(AskedDuration::Longest))?;
    // What is wrong with the rest is said before anything is called.
    let (destination, service) = asking.where_to(&provider, args.service.as_deref())?;
    if !prints && args.browser.is_none() && browser::place(host) != Browser::Here {
        return Err(no_browser().into());
    }
    let opening = Opening {
        host,
        browser: args.browser.as_ref(),
        patience: Duration::from_secs(args.browser_wait),
    };
    super::block_on(async {
        let granted = asking.granted(provider).await?;
        let asked = granted.length;
        let ticket = federation::sign_in(host, &service, &granted.credentials, asked)
            .await
            .map_err(|error| granted.explained(error))?;
        let told = Told::new(host, &granted, &ticket, &destination);
        let link = ticket.link(&destination);
        if !as_json {
            output::tell(&told.text());
        } else {
            told.warn();
        }
        if prints {
            print(&link, &told, as_json)?;
        } else {
            opening.open(&link).await?;
            if as_json {
                output::print_json(&told.json())?;
            }
        }
        granted.served();
        Ok(Ended::WELL)
    })
}

fn print(link: &Link, told: &Told<'_>, as_json: bool) -> Result<(), CommandError> {
    if !as_json {
        return output::print(&Zeroizing::new(format!("{}\n", link.expose())));
    }
    let mut value = told.json();
    value["url"] = link.expose().into();
    value["url_ends_at"] = rfc3339(told.now + LINK_LIFETIME).into();
    output::print_json(&value)
}

fn services(as_json: bool) -> Result<Ended, CommandError> {
    if as_json {
        let list: Vec<_> = SERVICES
            .iter()
            .map(|service| {
                json!({
                    "name": service.name,
                    "aliases": service.aliases,
                    "title": service.title,
                    "global": service.is_global,
                })
            })
            .collect();
        output::print_json(&list)?;
        return Ok(Ended::WELL);
    }
    let rows: Vec<_> = SERVICES
        .iter()
        .map(|service| {
            let title = match service.is_global {
                true => format!("{} (the same in every region)", service.title),
                false => service.title.to_owned(),
            };
            vec![service.name.to_owned(), title, service.aliases.join(", ")]
        })
        .collect();
    output::print(&output::table(&rows))?;
    Ok(Ended::WELL)
}

fn no_browser() -> Error {
    Error::new(
        ErrorKind::NotConfigured,
        "there is no browser to open here: no display, or a session over SSH",
    )
    .with_hint("Have the link printed, to a pipe (`rolecall console TARGET --print | …`) or with --show to this terminal, and open it within 15 minutes where there is a browser.")
    .with_hint("Or name one that works here: --browser CMD.")
}

/// What is asked for, and how it is got.
struct Asking<'a> {
    host: &'a Host,
    request: Request,
    /// What `--duration` says.
    duration: Option<AskedDuration>,
    /// Opened once, however many sessions are tried.
    vault: Vault,
}

/// A session that the sign-in service is given.
struct Granted {
    provider: Provider,
    credentials: Credentials,
    /// None: a temporary key of which nothing says when it ends.
    session: Option<Session>,
    /// Whom it acts as, for people.
    whom: String,
    length: Length,
    /// Why it does not last longer, or as long as was asked.
    why: Option<String>,
}

impl Asking<'_> {
    fn provider(&self, duration: AskedDuration) -> Result<Provider, Error> {
        let request = Request {
            duration: Some(duration),
            ..self.request.clone()
        };
        let provider = Provider::builder(self.host.clone())
            .request(request)
            .agent(shared::agent(self.host, Delivery::Console)?)
            .audit(Log::of(self.host), Delivery::Console)
            .vault(&self.vault)
            .build()?;
        super::diagnosis::watch(&provider, Delivery::Console);
        Ok(provider)
    }

    /// Where in the console, and where the sign-in service is called.
    fn where_to(
        &self,
        provider: &Provider,
        service: Option<&str>,
    ) -> Result<(Destination, StsEndpoint), Error> {
        let chain = provider.chain();
        let region = chain.working_region();
        let place = Place {
            partition: chain.partition(),
            region: &region,
        };
        let destination = Destination::read(service, &place)?;
        let endpoints = Endpoints {
            profiles: provider.profiles(),
            host: self.host,
            insecure: self.request.insecure_endpoint,
        };
        let mut warnings = Vec::new();
        let endpoint = chain.locate(Called::Signin, &endpoints, &mut warnings)?;
        // What was said of STS already is said here once more: another service, and a link that signs in.
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        Ok((destination, endpoint))
    }

    /// What `--duration` names, where it names one.
    fn named(&self) -> Option<SessionDuration> {
        match self.duration {
            Some(AskedDuration::For(duration)) => Some(duration),
            Some(AskedDuration::Longest) | None => None,
        }
    }

    async fn granted(&self, provider: Provider) -> Result<Granted, Error> {
        if provider.is_own_key() {
            return self.federated(provider).await;
        }
        if let Some(credentials) = provider.key_without_end().await? {
            return Ok(Granted {
                whom: provider.chain().source.to_string(),
                credentials,
                session: None,
                length: self.named().map_or(Length::OfCredentials, Length::Of),
                why: None,
                provider,
            });
        }
        if provider.chain().roles.is_empty() {
            let session = provider.session().await?;
            let left = session
                .expires_at()
                .duration_since(self.host.now())
                .unwrap_or_default();
            let length = match self.named() {
                Some(named) if named.to_std() > left => Length::Of(named),
                _ => Length::OfCredentials,
            };
            let why = Some(OWN_SESSION.to_owned());
            return Ok(Granted::of(provider, session, length, why));
        }
        self.of_role(provider).await
    }

    async fn federated(&self, provider: Provider) -> Result<Granted, Error> {
        let mfa = provider.chain().mfa.as_ref();
        if self.request.mfa || self.request.mfa_serial.is_some() {
            return Err(Error::config("MFA cannot be proved for the console of a user's own key")
                .with_hint("The console takes the user's own key by GetFederationToken only, which takes no code and no MFA session. Leave --mfa away, or name a role that demands MFA."));
        }
        if mfa.is_some() {
            tracing::warn!(
                "MFA is not proved in this console session: GetFederationToken takes no code, and the console takes no MFA \
                 session. What the user may do with MFA only is refused there; a role can be assumed with a code."
            );
        }
        let duration = self.named().unwrap_or(SessionDuration::TWELVE_HOURS);
        let federated = provider.federated(duration).await?;
        let granted = Granted::of(provider, federated.session, Length::OfCredentials, None);
        Ok(Granted {
            whom: federated.arn,
            ..granted
        })
    }

    async fn of_role(&self, provider: Provider) -> Result<Granted, Error> {
        let named = self.named();
        let chain = provider.chain();
        let capped = chain.roles.last().and_then(|role| role.duration_capped_by);
        let takes_code = chain
            .mfa
            .as_ref()
            .is_some_and(|mfa| mfa.strategy == MfaStrategy::Direct)
            && chain.roles.len() == 1;
        let refused = match self.fresh(&provider).await {
            Ok(session) => {
                let why = capped.map_or_else(|| self.role_allows(&session), |why| Some(why.to_owned()));
                return Ok(Granted::of(provider, session, Length::OfCredentials, why));
            }
            Err(error) if is_too_long(&error) && takes_code => {
                // Another try costs another code, and may be refused as well: an hour every role allows, and often an
                // MFA session is there for it.
                let provider = self.provider(AskedDuration::For(SessionDuration::HOUR))?;
                let session = self.fresh(&provider).await?;
                let why = match named {
                    Some(named) => format!("the role does not allow {}", spoken(named.to_std())),
                    None => "the role does not allow what was asked for with the code; the next time less is asked for, until it fits".to_owned(),
                };
                return Ok(Granted::of(provider, session, Length::OfCredentials, Some(why)));
            }
            Err(error) => error,
        };
        let Some(named) = named.filter(|_| is_too_long(&refused)) else {
            return Err(match refused.kind() {
                ErrorKind::NeedsUser if takes_code => refused
                    .with_hint("--duration 1h opens the console for an hour through the MFA session, where one is there."),
                _ => refused,
            });
        };
        // The credentials are as long as the role allows, and the console session is what was asked for.
        let provider = self.provider(AskedDuration::Longest)?;
        let session = self.fresh(&provider).await?;
        Ok(Granted::of(provider, session, Length::Of(named), None))
    }

    /// A session with its whole life before it, where a new one bothers nobody: what the agent has may be near its end, and
    /// the console session would end with it.
    async fn fresh(&self, provider: &Provider) -> Result<Session, Error> {
        let session = provider.session().await?;
        let (now, chain) = (self.host.now(), provider.chain());
        let life = session
            .expires_at()
            .duration_since(session.issued_at())
            .unwrap_or_default();
        let age = now.duration_since(session.issued_at()).unwrap_or_default();
        if age < life / 10 || chain.mfa.is_some() || matches!(chain.source.kind, SourceKind::Process(_)) {
            return Ok(session);
        }
        match provider.refresh().await {
            Ok(new) => Ok(new),
            Err(error) => {
                tracing::debug!("the session there is opens the console: no new one was got: {error}");
                Ok(session)
            }
        }
    }

    /// Why a role's session is shorter than twelve hours, where nobody asked for less.
    fn role_allows(&self, session: &Session) -> Option<String> {
        let (now, minute) = (self.host.now(), Duration::from_secs(60));
        let left = session.expires_at().duration_since(now).unwrap_or_default();
        let life = session
            .expires_at()
            .duration_since(session.issued_at())
            .unwrap_or_default();
        if left + 10 * minute < life {
            return Some(
                "the session was there already, and a new one asks for an MFA code (`rolecall forget` it first)".to_owned(),
            );
        }
        let is_short = self.named().is_none() && life + minute < SessionDuration::TWELVE_HOURS.to_std();
        is_short.then(|| "the role allows no more (its MaxSessionDuration)".to_owned())
    }
}

impl Granted {
    fn of(provider: Provider, session: Session, length: Length, why: Option<String>) -> Self {
        let whom = match session.principal() {
            Some(principal) => principal.to_string(),
            None => provider.chain().source.to_string(),
        };
        Self {
            credentials: session.credentials().clone(),
            session: Some(session),
            whom,
            length,
            why,
            provider,
        }
    }

    /// A refusal of the sign-in service with what is known of these credentials.
    fn explained(&self, error: Error) -> Error {
        let of_source = self.provider.chain().roles.is_empty();
        match &self.provider.chain().source.kind {
            SourceKind::Process(_) if of_source && error.kind() == ErrorKind::Denied => error.with_hint(
                "A command that prints a user's own key is asked for a session by GetSessionToken: put the key into a profile, and its console opens by GetFederationToken.",
            ),
            _ => error,
        }
    }

    fn served(&self) {
        match &self.session {
            Some(session) => self.provider.served(session),
            None => self.provider.served_key(),
        }
    }
}

/// What a person is told of a console session. There is no secret in it.
struct Told<'a> {
    granted: &'a Granted,
    destination: &'a Destination,
    now: SystemTime,
    ends_at: Option<SystemTime>,
    notes: Vec<String>,
}

impl<'a> Told<'a> {
    fn new(host: &Host, granted: &'a Granted, ticket: &Ticket, destination: &'a Destination) -> Self {
        let now = host.now();
        let of_credentials = granted.session.as_ref().map(Session::expires_at);
        let mut notes = Vec::new();
        let ends_at = match (ticket.length(), granted.length) {
            (Length::Of(length), _) => {
                notes.push(
                    "for that long AWS takes the session in a URL only (SessionDuration): the secret was in the query of a request to AWS, where a proxy that opens TLS can log it"
                        .to_owned(),
                );
                Some(now + length.to_std())
            }
            (Length::OfCredentials, Length::Of(length)) => {
                notes.push(format!(
                    "AWS takes no {} for these credentials (SessionDuration was refused, and the secret was in that URL): the session lasts as long as they do",
                    spoken(length.to_std())
                ));
                of_credentials
            }
            (Length::OfCredentials, Length::OfCredentials) => of_credentials,
        };
        notes.extend(destination.note().map(str::to_owned));
        let account = granted.session.as_ref().and_then(Session::account);
        if let (Some(of_resource), Some(account)) = (destination.account(), account)
            && of_resource != account
        {
            notes.push(format!(
                "the resource is in account {of_resource}, and the session in {account}: the page may show nothing"
            ));
        }
        Self {
            granted,
            destination,
            now,
            ends_at,
            notes,
        }
    }

    /// Until when, and why not longer, where nobody chose it.
    fn until(&self) -> String {
        let Some(end) = self.ends_at else {
            return "as long as the temporary key, of which nothing says when it ends".to_owned();
        };
        let left = end.duration_since(self.now).unwrap_or_default();
        // To the minute: a few seconds went by since it was issued.
        let left = Duration::from_secs((left.as_secs() + 30) / 60 * 60);
        let why = match &self.granted.why {
            Some(why) if self.notes.iter().all(|note| !note.contains("SessionDuration")) => {
                format!("; {why}")
            }
            _ => String::new(),
        };
        format!("until {} ({}){why}", rfc3339(end), spoken(left))
    }

    fn text(&self) -> String {
        let mut text = format!(
            "Console as {}: {}.\n",
            plain(&self.granted.whom),
            plain(&self.until())
        );
        for note in &self.notes {
            text.push_str(&format!("note: {}.\n", plain(note)));
        }
        text
    }

    /// What is worth a warning, where stderr is not for talk.
    fn warn(&self) {
        for note in &self.notes {
            tracing::warn!("{note}");
        }
    }

    fn json(&self) -> serde_json::Value {
        let session = self.granted.session.as_ref();
        json!({
            "target": self.granted.provider.chain().target.to_string(),
            "whom": self.granted.whom,
            "account": session.and_then(Session::account).map(|account| account.as_str().to_owned()),
            "destination": self.destination.url(),
            "ends_at": self.ends_at.map(rfc3339),
            "why_not_longer": self.granted.why,
            "notes": self.notes,
        })
    }
}

/// A browser, and how long it may take.
struct Opening<'a> {
    host: &'a Host,
    browser: Option<&'a CommandLine>,
    patience: Duration,
}

impl Opening<'_> {
    async fn open(&self, link: &Link) -> Result<(), Error> {
        // A browser of Windows comes through a relay that is another user's, and would be refused.
        let redirect = match self.host.env("WSL_DISTRO_NAME") {
            Some(_) => None,
            None => Redirect::new()
                .await
                .inspect_err(|error| {
                    tracing::warn!("the link is given to the browser in its arguments: {error}");
                })
                .ok(),
        };
        let Some(redirect) = redirect else {
            return browser::start(self.host, self.browser, link.expose()).map(|_| ());
        };
        let child = browser::start(self.host, self.browser, &redirect.url())?;
        let sent = tokio::select! {
            sent = redirect.send(link.expose(), self.patience) => sent?,
            status = failed(child) => {
                return Err(unopened(format!("the browser ended with {status} and did not come for the link")));
            }
        };
        match sent {
            true => Ok(()),
            false => Err(unopened(format!(
                "no browser came for the link within {}",
                spoken(self.patience)
            ))),
        }
    }
}

fn unopened(message: String) -> Error {
    Error::new(ErrorKind::Unavailable, message)
        .with_hint("Name a browser that works here with --browser CMD, or have the link printed (--print to a pipe, --show to the terminal) and open it yourself.")
        .with_hint("The link comes by an address of 127.0.0.1, to programs of your own user only: a browser in a container of its own, or of another user, cannot reach it.")
}

/// Ends when the browser's command fails. One that ends well may have told a browser that runs already.
async fn failed(child: Option<Child>) -> std::process::ExitStatus {
    if let Some(mut child) = child {
        while let Ok(ended) = child.try_wait() {
            match ended {
                Some(status) if status.success() => break,
                Some(status) => return status,
                None => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
    std::future::pending().await
}
