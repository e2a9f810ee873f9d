//! The new key: made once, saved at once, and found again where something came between.

use std::time::{Duration, SystemTime};

use super::journal::Step;
use super::look::{described, two_keys};
use super::{Done, KeyAbout, LastUse, Rotation, Told};
use crate::error::{Error, ErrorKind, is_throttling};
use crate::provider::access_keys::{ListedKey, NotCreated, is_full, is_gone};
use crate::vault::AccessKey;

/// Between two tries, where IAM said nothing, or that it is called too often: what is new is listed within seconds.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];
/// A key that was made within this time of our asking, and never used, is the one that we asked for. The first is for clocks
/// that differ, the second for a call that takes its time.
const BEFORE: Duration = Duration::from_secs(60);
const AFTER: Duration = Duration::from_secs(120);

impl Rotation<'_> {
    /// Makes the new key and saves it. Afterwards it is in the vault, or not in IAM either, or the journal finds it.
    pub(super) async fn create(&mut self, told: Told<'_>) -> Result<(), Error> {
        if self.settle(told, false).await? {
            return Ok(());
        }
        let mut last = None;
        for pause in PAUSES {
            self.journal.asked_at = self.aws_now();
            self.note().await?;
            match self.keys.create(&self.signing).await {
                Ok(key) => return self.keep(key, told).await,
                Err(NotCreated::Refused(error))
                    if is_full(&error) || error.aws_code().is_some_and(is_throttling) =>
                {
                    last = Some(error);
                }
                Err(NotCreated::Refused(error)) => {
                    self.forget().await?;
                    return Err(error);
                }
                Err(NotCreated::Lost(error)) => {
                    tracing::debug!(%error, "nobody knows whether a key was made");
                    last = Some(error);
                }
            }
            tokio::time::sleep(pause).await;
            // Whatever was made there, its secret is lost.
            if self.settle(told, false).await? {
                return Ok(());
            }
        }
        let error = last.unwrap_or_else(|| Error::config("no new key was made").with_hint("Try again."));
        if !is_full(&error) {
            return Err(error);
        }
        let other = self.keys.list(&self.signing).await?;
        let other = other.iter().find(|key| key.id != self.journal.old);
        Err(match other {
            Some(other) => two_keys(&KeyAbout {
                id: other.id.clone(),
                is_active: other.is_active,
                created: other.created,
                last_use: LastUse::Unknown,
            }),
            None => error,
        })
    }

    /// Saves the new key. Where the vault does not take it, it is deleted in IAM again: nobody else has its secret.
    async fn keep(&mut self, key: AccessKey, told: Told<'_>) -> Result<(), Error> {
        let (id, profile, backend) = (
            key.id().to_owned(),
            self.journal.profile.clone(),
            self.journal.backend,
        );
        let saved = self
            .in_vault(move |vault| vault.stage(&profile, &key, backend))
            .await;
        if let Err(error) = saved {
            return Err(self.take_back(&id, error).await);
        }
        told(&Done::Created(id.clone()));
        self.journal.new = Some(id);
        self.go_to(Step::Verify).await
    }

    async fn take_back(&mut self, id: &str, not_saved: Error) -> Error {
        for pause in PAUSES {
            match self.keys.delete(&self.signing, id).await {
                Ok(()) => {
                    let forgotten = self.forget().await;
                    let error =
                        not_saved.with_hint("The new key was not saved, and is deleted in IAM again.");
                    return match forgotten {
                        Ok(()) => error,
                        Err(also) => error.with_hint(format!("The journal is still there: {also}.")),
                    };
                }
                // What was made a moment ago may be found a moment later.
                Err(error) if is_gone(&error) => tokio::time::sleep(pause).await,
                Err(error) => {
                    return not_saved.with_hint(format!(
                        "The new key was not saved, and could not be deleted in IAM either: {error}."
                    ));
                }
            }
        }
        not_saved.with_hint("The new key was not saved, and IAM does not list it yet.")
    }

    /// Looks for a key that a run before made. One that is in the vault is gone on with: then true. One that is not is
    /// deleted: nobody has its secret. Any other key is left alone; it is an error, unless `is_lenient`.
    pub(super) async fn settle(&mut self, told: Told<'_>, is_lenient: bool) -> Result<bool, Error> {
        let listed = self.keys.list(&self.signing).await?;
        for key in listed {
            if self.journal.known.contains(&key.id) {
                continue;
            }
            if self.key(&key.id).await?.is_some() {
                self.journal.new = Some(key.id);
                self.go_to(Step::Verify).await?;
                return Ok(true);
            }
            match self.is_ours(&key).await {
                Ok(()) => {}
                Err(_) if is_lenient => continue,
                Err(error) => return Err(error),
            }
            match self.keys.delete(&self.signing, &key.id).await {
                Err(error) if !is_gone(&error) => return Err(error),
                _ => told(&Done::LeftoverDeleted(key.id)),
            }
        }
        Ok(false)
    }

    /// Whether a key is one that this rotation asked for and got no answer of.
    async fn is_ours(&self, key: &ListedKey) -> Result<(), Error> {
        let last_use = match self.keys.last_used(&self.signing, &key.id).await {
            Ok(None) => LastUse::Never,
            Ok(Some(used)) => LastUse::At {
                at: used.at,
                service: used.service,
                region: used.region,
            },
            // The time alone does not decide: somebody else may have made it, and use it.
            Err(error) if error.kind() == ErrorKind::Denied => LastUse::Unknown,
            Err(error) => return Err(error),
        };
        let asked = self.journal.asked_at;
        let is_of_then = key
            .created
            .is_some_and(|made| made + BEFORE >= asked && made <= asked + AFTER);
        if is_of_then && last_use == LastUse::Never {
            return Ok(());
        }
        let about = KeyAbout {
            id: key.id.clone(),
            is_active: key.is_active,
            created: key.created,
            last_use,
        };
        Err(
            Error::config("the user has a key that this rotation did not make, and no room for another")
                .with_hint(format!("It is {}. Nothing was done to it.", described(&about)))
                .with_hint(
                    "Find out what uses it; once it is deleted, the rotation goes on. Undone, the rotation leaves it alone.",
                ),
        )
    }

    /// The time of AWS's clock, as far as it was measured.
    fn aws_now(&self) -> SystemTime {
        let (now, skew) = (self.host.wall_clock(), self.host.skew().seconds());
        let by = Duration::from_secs(skew.unsigned_abs());
        if skew < 0 { now - by } else { now + by }
    }
}
