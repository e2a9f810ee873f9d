//! Long-term keys, and whose they are.

use std::collections::HashMap;
use std::sync::atomic::AtomicU32;

use rolecall::AccountId;

use super::{AccessKey, Actor, State};
use crate::clock;
use crate::ids;

/// The ids of everybody's keys, so that nobody looks through all of them; the account's own user has no name.
pub(super) type Owners = HashMap<(AccountId, Option<String>), Vec<String>>;

fn owner(account: AccountId, actor: &Actor) -> Option<(AccountId, Option<String>)> {
    match actor {
        Actor::User(name) => Some((account, Some(name.clone()))),
        Actor::Root => Some((account, None)),
        // Their keys are sessions'.
        Actor::Federated { .. } | Actor::Role { .. } => None,
    }
}

impl State {
    pub(crate) fn create_access_key(&mut self, account: AccountId, actor: Actor) -> String {
        let (id, secret) = (ids::long_term_key(), ids::secret());
        self.insert_access_key(&id, account, actor, secret);
        id
    }

    /// Remembers a key whose id and secret are given.
    pub(crate) fn insert_access_key(&mut self, id: &str, account: AccountId, actor: Actor, secret: String) {
        self.recorder.secret(id, &secret);
        if let Some(owner) = owner(account, &actor) {
            self.key_owners.entry(owner).or_default().push(id.to_owned());
        }
        self.keys.insert(
            id.to_owned(),
            AccessKey {
                account,
                actor,
                secret,
                active: true,
                created: clock::now(),
                unknown_to: AtomicU32::new(0),
            },
        );
    }

    pub(crate) fn delete_access_key(&mut self, id: &str) {
        let Some(key) = self.keys.remove(id) else { return };
        self.usage.forget_key(id);
        if let Some(owner) = owner(key.account, &key.actor)
            && let Some(ids) = self.key_owners.get_mut(&owner)
        {
            ids.retain(|other| other != id);
        }
    }

    /// The keys of a user go with its new name.
    pub(crate) fn rename_keys(&mut self, account: AccountId, old: &str, new: &str) {
        let Some(ids) = self.key_owners.remove(&(account, Some(old.to_owned()))) else {
            return;
        };
        for id in &ids {
            if let Some(key) = self.keys.get_mut(id) {
                key.actor = Actor::User(new.to_owned());
            }
        }
        self.key_owners.insert((account, Some(new.to_owned())), ids);
    }

    /// The keys of a user, the oldest first.
    pub(crate) fn keys_of(&self, account: AccountId, user: &str) -> Vec<(&str, &AccessKey)> {
        self.keys_owned(&(account, Some(user.to_owned())))
    }

    /// The keys of an account's own user, the oldest first.
    pub(crate) fn keys_of_root(&self, account: AccountId) -> Vec<(&str, &AccessKey)> {
        self.keys_owned(&(account, None))
    }

    fn keys_owned(&self, owner: &(AccountId, Option<String>)) -> Vec<(&str, &AccessKey)> {
        let ids = self.key_owners.get(owner).into_iter().flatten();
        let mut keys: Vec<_> = ids
            .filter_map(|id| self.keys.get_key_value(id))
            .map(|(id, key)| (id.as_str(), key))
            .collect();
        keys.sort_by_key(|(id, key)| (key.created, *id));
        keys
    }

    /// The first key of a user.
    pub(crate) fn key_of(&self, account: AccountId, user: &str) -> Option<(&str, &AccessKey)> {
        self.keys_of(account, user).into_iter().next()
    }
}
