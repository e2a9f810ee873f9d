//! `rolecall whoami`: identity, account, session end.

use std::time::Duration;

use rolecall::audit::Delivery;
use rolecall::time::{rfc3339, spoken};
use rolecall::{Error, ErrorKind, Host};
use serde_json::json;

use crate::cli::TargetArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

pub(crate) fn run(host: &Host, target: TargetArgs) -> Result<Ended, CommandError> {
    let as_json = target.json;
    let provider = super::provider(host, target, Delivery::Whoami)?;
    let identity = super::block_on(async { Ok(provider.caller_identity().await?) })?;
    let session = provider.valid_session();
    if let Some(principal) = session.as_ref().and_then(|session| session.principal())
        && principal.to_string() != identity.arn
    {
        return Err(Error::new(
            ErrorKind::Untrusted,
            format!(
                "STS said that the session is {principal}, and now that it is {}",
                identity.arn
            ),
        )
        .with_hint("Something answers in the place of STS: check the endpoint and the proxies on the way.")
        .into());
    }
    let end = session.map(|session| session.expires_at());
    if as_json {
        output::print_json(&json!({
            "arn": identity.arn,
            "account": identity.account,
            "user_id": identity.user_id,
            "expires_at": end.map(rfc3339),
        }))?;
        return Ok(Ended::WELL);
    }
    let until = match end {
        Some(end) => {
            let left = end.duration_since(host.now()).unwrap_or(Duration::ZERO);
            format!("{} (in {})", rfc3339(end), spoken(left))
        }
        None if provider.chain().source.is_temporary_key() => {
            "temporary access key, whose end is not known".to_owned()
        }
        None => "long-term access key, without end".to_owned(),
    };
    let rows = [
        ("identity", identity.arn),
        ("account", identity.account),
        ("until", until),
    ];
    output::print(&output::table(
        &rows.map(|(name, value)| vec![name.to_owned(), value]),
    ))?;
    Ok(Ended::WELL)
}
