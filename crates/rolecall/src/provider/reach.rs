//! Whether an endpoint answers, and what its clock says: one request without a signature.

use std::time::Duration;

use http::Method;

use super::skew;
use crate::chain::StsEndpoint;
use crate::error::{Error, ErrorKind};
use crate::host::{Fetch, Host};

/// What an answer said without any credentials.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reached {
    /// AWS's time less this machine's, in seconds; 0 for less than ten. `None` where the answer had no date of its own.
    pub clock_ahead: Option<i64>,
}

/// Sends one request without a signature to an endpoint of STS, by the same way as every signed one: through its proxy, and
/// trusting whom they trust. Whatever STS answers to that, it was there (it sends a browser to the page of IAM). Waits 2
/// seconds for a connection, and 5 for the answer.
///
/// # Errors
/// Why there was no answer, or none of STS's: a gateway on the way said that it is not there.
pub async fn reach(host: &Host, sts: &StsEndpoint) -> Result<Reached, Error> {
    let url = format!("{}/", sts.url);
    let mut transport = sts.transport();
    transport.url = &url;
    let request = Fetch::new(Method::GET, transport).timeouts(Duration::from_secs(2), Duration::from_secs(5));
    let sent_at = host.wall_clock();
    let answer = host.fetch(request).await?;
    let received_at = host.wall_clock();
    // Bad gateway, service unavailable, gateway timeout.
    if let status @ 502..=504 = answer.status() {
        return Err(Error::new(
            ErrorKind::Unavailable,
            format!("STS does not answer at {}: HTTP {status}", sts.url),
        )
        .with_hint("Try again; where there is a proxy on the way, ask whoever runs it."));
    }
    // An answer with an `Age` comes from a cache, and its date is old.
    let date = answer.header("date").filter(|_| answer.header("age").is_none());
    Ok(Reached {
        clock_ahead: date.and_then(|date| skew::by_date(date, sent_at, received_at)),
    })
}
