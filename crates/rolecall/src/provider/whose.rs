//! Whose a long-term key is, before it is anybody's source.

use aws_credential_types::Credentials;

use super::CallerIdentity;
use super::role::{self, By};
use crate::chain::{Chain, Request};
use crate::error::Error;
use crate::host::Host;
use crate::profile::ProfileSet;
use crate::vault::{AccessKey, BackendKind, Entry, List};

/// Asks STS whose `key` is, as the profile would ask that it is to belong to: in its region, at its endpoint
/// (`GetCallerIdentity`, which needs no permission).
///
/// # Errors
/// [`crate::ErrorKind::Denied`] where AWS does not know the key, or it is not active; why STS did not answer.
pub async fn whose(
    host: &Host,
    profiles: &ProfileSet,
    profile: &str,
    key: &AccessKey,
) -> Result<CallerIdentity, Error> {
    // As if it were in the vault already.
    let mut profiles = profiles.clone();
    profiles.add_vault(&List::of([Entry {
        profile: profile.to_owned(),
        access_key_id: key.id().to_owned(),
        backend: BackendKind::File,
        saved_at: host.now(),
        arn: None,
    }]));
    let request = Request {
        target: Some(profile.to_owned()),
        ..Request::default()
    };
    let chain = Chain::resolve(&profiles, host, &request)?;
    let credentials = Credentials::new(key.id(), key.secret().expose(), None, None, "rolecall");
    let by = By::hop(&chain, None, credentials);
    role::caller_identity(host, &chain.source_sts, by).await
}
