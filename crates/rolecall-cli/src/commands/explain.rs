//! `rolecall explain`.

mod json;
mod text;

use std::io::Read as _;
use std::sync::Arc;

use rolecall::audit::Delivery;
use rolecall::explain::{Decoded, Outcome, encoded_message, explain};
use rolecall::{Error, ErrorKind, Host, Provider, Request, SessionCache};

use crate::cli::{ExplainArgs, TargetArgs};
use crate::command_error::{CommandError, Ended};
use crate::output;

/// AWS takes no longer message.
const LONGEST_MESSAGE: u64 = 10_240;

pub(crate) fn run(host: &Host, args: ExplainArgs) -> Result<Ended, CommandError> {
    let ExplainArgs { target, via, decode } = args;
    if let Some(message) = decode {
        return decoded(host, target, &message);
    }
    let as_json = target.json;
    let cache = Arc::new(SessionCache::new());
    let provider = super::provider_in(host, target, Delivery::Explain, &cache)?;
    let via: Vec<Provider> = via
        .into_iter()
        .map(|target| through(host, &provider, target, &cache))
        .collect::<Result<_, Error>>()?;
    let explanation = super::block_on(async { Ok(explain(&provider, &via).await) })?;
    if as_json {
        output::print_json(&json::explanation(&explanation))?;
    } else {
        output::print(&text::explanation(&explanation, output::terminal_width()))?;
    }
    Ok(match explanation.outcome() {
        Outcome::Works => Ended::WELL,
        Outcome::Refused | Outcome::Unknown => Ended::Code(1),
    })
}

/// A target that only looks.
fn through(
    host: &Host,
    provider: &Provider,
    target: String,
    cache: &Arc<SessionCache>,
) -> Result<Provider, Error> {
    Provider::builder(host.clone())
        .cache(cache)
        .request(Request {
            target: Some(target),
            region: provider
                .chain()
                .region
                .as_ref()
                .map(|region| region.value.clone()),
            ..Request::default()
        })
        .agent(provider.agent().cloned())
        .vault(provider.vault())
        .audit(rolecall::audit::Log::of(host), Delivery::Explain)
        .build()
}

/// Says what a message means, with the target's own session: who was refused has to be of the same account.
fn decoded(host: &Host, target: TargetArgs, message: &str) -> Result<Ended, CommandError> {
    let as_json = target.json;
    let said = match message {
        "-" => {
            let mut said = String::new();
            let mut stdin = std::io::stdin().lock().take(4 * LONGEST_MESSAGE);
            stdin
                .read_to_string(&mut said)
                .map_err(|error| Error::config(format!("cannot read the message from stdin: {error}")))?;
            said
        }
        message => message.to_owned(),
    };
    // The whole of an error may be given: the message is in it.
    let message = encoded_message(&said).unwrap_or(said.trim());
    if message.is_empty() {
        return Err(Error::config("there is no message to decode")
            .with_hint(
                "It is the long word behind `Encoded authorization failure message:` in an error of AWS.",
            )
            .into());
    }
    let provider = super::provider(host, target, Delivery::Explain)?;
    let text = super::block_on(async { Ok(provider.decode_authorization_message(message).await?) })?;
    let decoded = Decoded::read(&text).ok_or_else(|| {
        Error::new(
            ErrorKind::Untrusted,
            "STS decoded the message to what is no JSON object",
        )
        .with_hint("Something answers in the place of STS: check the endpoint and the proxies on the way.")
    })?;
    if as_json {
        output::print_json(&decoded.whole)?;
    } else {
        output::print(&text::decoded(&decoded, output::terminal_width()))?;
    }
    Ok(Ended::WELL)
}
