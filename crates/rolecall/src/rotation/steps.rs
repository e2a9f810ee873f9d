//! From the new key to the end of the old one, each step of which can be done again.

use std::future::Future;
use std::time::Duration;

use super::journal::Step;
use super::{Done, Rotated, Rotation, Told, Unfinished};
use crate::error::{Error, ErrorKind};
use crate::provider::access_keys::{Signing, is_gone, is_unknown_key, is_wrong_secret};
use crate::session::masked_key_id;
use crate::vault::AccessKey;

/// Between two looks at whether AWS knows a key by now: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// What becomes of the old key.
#[derive(Clone, Copy)]
enum Ending {
    Deactivated,
    Deleted,
}

impl Rotation<'_> {
    /// Goes on from the journal's step to the end.
    ///
    /// # Errors
    /// What stopped it, in which state it left both keys, and what to do: the same again goes on from there.
    pub async fn run(mut self, told: Told<'_>) -> Result<Rotated, Error> {
        self.check_lock()?;
        if let Some(stranger) = self.stranger.take() {
            return Err(stranger);
        }
        if self.journal.is_undone {
            let unfinished = Unfinished::of(&self.journal);
            return Err(Error::config(unfinished.to_string())
                .with_hint(unfinished.state())
                .with_hint(unfinished.advice()));
        }
        if !self.is_begun {
            self.begin().await.map_err(|error| self.explained(error))?;
        }
        loop {
            let outcome = match self.journal.step {
                Step::Create => self.create(told).await,
                Step::Verify => self.verify(told).await,
                Step::Turn => self.turn(told).await,
                Step::Deactivate => self.deactivate(told).await,
                Step::Delete => self.delete(told).await,
                Step::Sweep => match self.sweep(told).await {
                    Ok(rotated) => return Ok(rotated),
                    Err(error) => Err(error),
                },
            };
            outcome.map_err(|error| self.explained(error))?;
        }
    }

    pub(super) fn check_lock(&self) -> Result<(), Error> {
        match self.lock {
            Some(_) => Ok(()),
            None => Err(
                Error::new(ErrorKind::Internal, "a rotation that only looked cannot run")
                    .with_hint("This is a bug of rolecall: please report it."),
            ),
        }
    }

    /// Tries what can be tried without a change, so that nothing is begun that cannot be ended: whether the old key may be
    /// deactivated, by making it what it is; and whether the vault is open.
    async fn begin(&mut self) -> Result<(), Error> {
        let backend = self.journal.backend;
        self.in_vault(move |vault| vault.unlock(backend)).await?;
        // A person may have thought about it for long.
        let list = self.vault.list()?;
        let is_as_it_was = list.entry(&self.journal.profile).is_some_and(|entry| {
            entry.access_key_id == self.journal.old && entry.backend == self.journal.backend
        });
        if !is_as_it_was {
            return Err(Error::new(
                ErrorKind::Unavailable,
                format!(
                    "another process changed the key of profile `{}` in the vault meanwhile",
                    self.journal.profile
                ),
            )
            .with_hint("Look at what is there now (`rolecall vault list`), and begin again."));
        }
        self.keys
            .set_active(&self.signing, &self.journal.old, true)
            .await?;
        self.note().await
    }

    /// AWS has to know the new key, and as the same user's.
    async fn verify(&mut self, told: Told<'_>) -> Result<(), Error> {
        let id = self.new_id()?;
        let Some(new) = self.key(&id).await? else {
            // Its record is gone, and with it the only copy of the secret.
            return self.start_over(id, told).await;
        };
        match self.is_same_user(&new).await {
            // The old key's signature was taken a moment ago: it is the secret that is not whole, as it came.
            Err(error) if is_wrong_secret(&error) && !self.has_started_over => {
                tracing::warn!("the secret of the new key did not come whole: another key is made");
                return self.start_over(id, told).await;
            }
            outcome => outcome?,
        }
        told(&Done::Verified(id));
        self.go_to(Step::Turn).await
    }

    /// The new key is of no use: it goes, and another one is made. Once in a run, so that it ends.
    async fn start_over(&mut self, id: String, told: Told<'_>) -> Result<(), Error> {
        self.has_started_over = true;
        match self.keys.delete(&self.signing, &id).await {
            Err(error) if !is_gone(&error) => return Err(error),
            _ => told(&Done::LeftoverDeleted(id.clone())),
        }
        let (profile, backend) = (self.journal.profile.clone(), self.journal.backend);
        self.in_vault(move |vault| vault.unstage(&profile, &id, backend))
            .await?;
        self.journal.new = None;
        self.go_to(Step::Create).await
    }

    /// Waits until AWS knows a key, and refuses one that is another user's.
    pub(super) async fn is_same_user(&self, key: &AccessKey) -> Result<(), Error> {
        let signing = Signing::by(key);
        let identity = self.consistently(|| self.keys.identity(&signing)).await?;
        if identity.user_id == self.journal.user_id {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Untrusted,
            format!(
                "AWS says that the key {} is {}'s, and not {}'s",
                masked_key_id(key.id()),
                identity.arn,
                self.journal.arn
            ),
        )
        .with_hint("Something answers in the place of AWS: check the endpoint and the proxies on the way."))
    }

    async fn turn(&mut self, told: Told<'_>) -> Result<(), Error> {
        let id = self.new_id()?;
        let (journal, new) = (self.journal.clone(), id.clone());
        self.in_vault(move |vault| {
            vault.turn(
                &journal.profile,
                &journal.old,
                &new,
                journal.backend,
                &journal.arn,
            )
        })
        .await?;
        told(&Done::Turned(id));
        self.go_to(Step::Deactivate).await
    }

    async fn deactivate(&mut self, told: Told<'_>) -> Result<(), Error> {
        let new = self.new_in_use().await?;
        self.end_old(&new, Ending::Deactivated).await?;
        told(&Done::Deactivated(self.journal.old.clone()));
        self.go_to(Step::Delete).await
    }

    async fn delete(&mut self, told: Told<'_>) -> Result<(), Error> {
        let new = self.new_in_use().await?;
        // The last look before what cannot be undone: without the old key, the new one works.
        self.is_same_user(&new).await?;
        self.end_old(&new, Ending::Deleted).await?;
        told(&Done::Deleted(self.journal.old.clone()));
        self.go_to(Step::Sweep).await
    }

    async fn sweep(&mut self, told: Told<'_>) -> Result<Rotated, Error> {
        let (profile, old, backend) = (
            self.journal.profile.clone(),
            self.journal.old.clone(),
            self.journal.backend,
        );
        let new = self.new_id()?;
        let id = old.clone();
        self.in_vault(move |vault| vault.unstage(&profile, &id, backend))
            .await?;
        told(&Done::Swept(old.clone()));
        self.forget().await?;
        Ok(Rotated {
            profile: self.journal.profile.clone(),
            arn: self.journal.arn.clone(),
            old,
            new,
        })
    }

    fn new_id(&self) -> Result<String, Error> {
        self.journal.new.clone().ok_or_else(|| {
            Error::config("the journal of the rotation names no new key")
                .with_hint("Somebody changed it: undo the rotation (--abort), and begin anew.")
        })
    }

    /// The new key, if the list names it: nothing is done to the old one as long as it is what others use.
    async fn new_in_use(&self) -> Result<AccessKey, Error> {
        let id = self.new_id()?;
        let listed = self.listed()?;
        let new = if listed.as_deref() == Some(id.as_str()) {
            self.key(&id).await?
        } else {
            None
        };
        new.ok_or_else(|| {
            Error::config(format!(
                "the key of profile `{}` in the vault is not {}, which was to take the old one's place",
                self.journal.profile,
                masked_key_id(&id)
            ))
            .with_hint("Somebody put another one there meanwhile; `rolecall vault list` shows which.")
        })
    }

    /// Does to the old key what ends it, in the new one's name: by it, or by the session that proved MFA. A session that
    /// ended with the key it was got by has a successor. A key that is gone already is as good as ended.
    async fn end_old(&self, new: &AccessKey, how: Ending) -> Result<(), Error> {
        let by_session = match self.signing.proves_mfa() {
            true => Some(self.ended(&self.signing, how).await),
            false => None,
        };
        match by_session {
            Some(Err(error)) if is_unknown_key(&error) => {}
            Some(outcome) => return outcome,
            None => {}
        }
        let purpose = format!(
            "the end of the old access key of profile `{}`",
            self.journal.profile
        );
        let signing = self.consistently(|| self.keys.signing(new, &purpose)).await?;
        self.consistently(|| self.ended(&signing, how)).await
    }

    async fn ended(&self, by: &Signing, how: Ending) -> Result<(), Error> {
        let old = &self.journal.old;
        let outcome = match how {
            Ending::Deactivated => self.keys.set_active(by, old, false).await,
            Ending::Deleted => self.keys.delete(by, old).await,
        };
        match outcome {
            Err(error) if is_gone(&error) => Ok(()),
            outcome => outcome,
        }
    }

    /// Makes a call until AWS knows the key that signs it, for as long as the patience lasts.
    pub(super) async fn consistently<T, F>(&self, call: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let (mut pause, mut waited) = (FIRST_PAUSE, Duration::ZERO);
        loop {
            match call().await {
                Err(error) if is_unknown_key(&error) && waited + pause <= self.patience => {
                    tracing::debug!(%error, ?waited, "AWS does not know the key yet");
                    tokio::time::sleep(pause).await;
                    waited += pause;
                    pause = (2 * pause).min(LONGEST_PAUSE);
                }
                outcome => return outcome,
            }
        }
    }
}
