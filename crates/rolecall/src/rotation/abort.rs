//! Back to the old key, as long as there is one.

use super::journal::Step;
use super::{Done, Rotation, Told, Undone};
use crate::error::{Error, ErrorKind};
use crate::provider::access_keys::{Signing, is_gone};
use crate::session::masked_key_id;

impl Rotation<'_> {
    /// Undoes a rotation that was begun: the old key is active and in use again, and the new one is deleted. Where the
    /// vault's list names neither of the two by now, what it names stays.
    ///
    /// # Errors
    /// [`ErrorKind::NotConfigured`] where none was begun, [`ErrorKind::Config`] where the old key is deleted already; and
    /// what stopped it: the same again goes on from there.
    pub async fn abort(mut self, told: Told<'_>) -> Result<Undone, Error> {
        self.check_lock()?;
        if !self.is_begun {
            return Err(Error::new(
                ErrorKind::NotConfigured,
                format!(
                    "no rotation of the key of profile `{}` was begun",
                    self.journal.profile
                ),
            )
            .with_hint("There is nothing to undo."));
        }
        self.undo(told).await.map_err(|error| self.explained(error))
    }

    async fn undo(&mut self, told: Told<'_>) -> Result<Undone, Error> {
        let old = self.journal.old.clone();
        let named = self.listed()?;
        if named != Some(old.clone()) && (named.is_none() || named != self.journal.new) {
            return self.give_way(named, told).await;
        }
        if let Some(stranger) = self.stranger.take() {
            return Err(stranger);
        }
        let listed = self.keys.list(&self.signing).await?;
        let Some(about) = listed.iter().find(|key| key.id == old) else {
            return Err(Error::config(format!(
                "{} is deleted already, and there is no way back to it",
                masked_key_id(&old)
            ))
            .with_hint("Go on instead: without --abort the rotation is finished."));
        };
        let key = self.key(&old).await?.ok_or_else(|| {
            Error::config(format!(
                "{} is not in the vault any more, and there is no way back to it",
                masked_key_id(&old)
            ))
            .with_hint("Go on instead: without --abort the rotation is finished.")
        })?;
        self.journal.is_undone = true;
        self.note().await?;
        if self.journal.step == Step::Create {
            self.settle(told, true).await?;
        }
        if !about.is_active {
            self.keys.set_active(&self.signing, &old, true).await?;
            told(&Done::Reactivated(old.clone()));
        }
        // Nothing is turned back to a key that does not work.
        self.is_same_user(&key).await?;
        let new = self.journal.new.clone();
        if let Some(new) = new.clone() {
            self.turn_back(&new, told).await?;
            self.drop_new(&Signing::by(&key), &new, told).await?;
        }
        self.forget().await?;
        Ok(Undone {
            profile: self.journal.profile.clone(),
            kept: old,
            dropped: new,
            left: Vec::new(),
        })
    }

    /// Somebody put a third key there, which stays: only the new one goes, as far as there is a key to sign that with.
    async fn give_way(&mut self, named: Option<String>, told: Told<'_>) -> Result<Undone, Error> {
        let kept = named
            .ok_or_else(|| Error::config("the vault's list changed meanwhile").with_hint("Try again."))?;
        self.journal.is_undone = true;
        self.note().await?;
        let can_sign = self.stranger.is_none();
        let mut left = Vec::new();
        if self.journal.step == Step::Create {
            if can_sign {
                self.settle(told, true).await?;
            } else {
                left.push(format!(
                    "A new key of {} may have been made, whose secret nobody has: look in IAM.",
                    self.journal.arn
                ));
            }
        }
        let (old, new) = (self.journal.old.clone(), self.journal.new.clone());
        if let Some(new) = new.clone() {
            let deleted = match can_sign {
                true => Some(self.consistently(|| self.keys.delete(&self.signing, &new)).await),
                false => None,
            };
            let by_hand = |why: &str| {
                format!(
                    "{} of {} may still be in IAM, for {why}: delete it there.",
                    masked_key_id(&new),
                    self.journal.arn
                )
            };
            match deleted {
                None => left.push(by_hand("no key in the vault is that user's")),
                Some(Ok(())) => told(&Done::Deleted(new.clone())),
                Some(Err(error)) if is_gone(&error) => told(&Done::Deleted(new.clone())),
                Some(Err(error)) if error.kind() == ErrorKind::Denied => {
                    left.push(by_hand(&format!("AWS did not let it be deleted ({error})")));
                }
                Some(Err(error)) => return Err(error),
            }
            self.sweep_new(&new, told).await?;
        }
        let end = match self.key(&old).await?.is_some() {
            true => "Its record is still in the vault; `rolecall doctor` tells of it",
            false => "If nothing needs it any more, delete it in IAM",
        };
        left.push(format!(
            "{} was not put back: the vault has {} in its place. {end}.",
            masked_key_id(&old),
            masked_key_id(&kept)
        ));
        self.forget().await?;
        Ok(Undone {
            profile: self.journal.profile.clone(),
            kept,
            dropped: new,
            left,
        })
    }

    /// The list names the old key again; where it names neither, somebody else's choice stays.
    async fn turn_back(&mut self, new: &str, told: Told<'_>) -> Result<(), Error> {
        if self.listed()?.as_deref() != Some(new) {
            return Ok(());
        }
        let (journal, from) = (self.journal.clone(), new.to_owned());
        self.in_vault(move |vault| {
            vault.turn(
                &journal.profile,
                &from,
                &journal.old,
                journal.backend,
                &journal.arn,
            )
        })
        .await?;
        told(&Done::Turned(self.journal.old.clone()));
        Ok(())
    }

    /// The new key goes: in IAM, then in the vault.
    async fn drop_new(&self, by_old: &Signing, new: &str, told: Told<'_>) -> Result<(), Error> {
        // The key that looked may be the one that is to be deleted.
        let by = if self.signing.proves_mfa() {
            &self.signing
        } else {
            by_old
        };
        match self.consistently(|| self.keys.delete(by, new)).await {
            Err(error) if !is_gone(&error) => return Err(error),
            _ => told(&Done::Deleted(new.to_owned())),
        }
        self.sweep_new(new, told).await
    }

    /// The new key's record goes.
    async fn sweep_new(&self, new: &str, told: Told<'_>) -> Result<(), Error> {
        let (profile, id, backend) = (self.journal.profile.clone(), new.to_owned(), self.journal.backend);
        self.in_vault(move |vault| vault.unstage(&profile, &id, backend))
            .await?;
        told(&Done::Swept(new.to_owned()));
        Ok(())
    }
}
