//! What every kind of policy says about the call of a hop.

use super::{Layer, Says};
use crate::arn::RoleArn;
use crate::discover::{Ground, Holdings, Part, UNREAD, ground, with_policies};
use crate::policy::{
    Context, Document, Effect, Matched, Policies, PolicyKind, Possible, Request, Said, near_misses, possible,
    possible_layers,
};

/// A role that is asked for, by whom, and everything that was read.
pub(super) struct Asked<'a> {
    pub(super) holdings: &'a Holdings,
    pub(super) role: &'a RoleArn,
    pub(super) trust: Option<&'a Document>,
    pub(super) context: &'a Context,
}

impl Asked<'_> {
    /// Gives the request for one action, and the policies, to whoever weighs them.
    pub(super) fn with<T>(&self, action: &str, weigh: impl FnOnce(&Request<'_>, &Policies<'_>) -> T) -> T {
        let principal = self.holdings.principal();
        let resource = self.role.to_string();
        let request = Request {
            principal: &principal,
            action,
            resource: &resource,
            resource_account: self.role.account(),
            context: self.context,
        };
        with_policies(self.holdings, self.role, self.trust, |policies| {
            weigh(&request, policies)
        })
    }

    pub(super) fn possible(&self, action: &str) -> Possible {
        self.with(action, possible)
    }

    pub(super) fn ground(&self, matched: &Matched, effect: Effect) -> Option<Ground> {
        ground(
            self.holdings,
            self.trust.is_some().then_some(self.role),
            matched,
            effect,
        )
    }

    fn grounds(&self, matched: &[Matched], effect: Effect) -> Vec<Ground> {
        matched
            .iter()
            .filter_map(|matched| self.ground(matched, effect))
            .collect()
    }

    /// What each kind says about one action, in the order in which a person looks: the caller's side, then the role's.
    pub(super) fn layers(&self, action: &str) -> Vec<Layer> {
        let mut layers: Vec<Layer> = self.with(action, |request, policies| {
            possible_layers(request, policies)
                .into_iter()
                .filter(|(kind, _)| *kind != PolicyKind::Trust || self.trust.is_some())
                .map(|(kind, said)| Layer {
                    action: action.to_owned(),
                    kind,
                    says: self.says(request, policies, kind, said),
                })
                .collect()
        });
        if self.trust.is_none() {
            layers.push(Layer {
                action: action.to_owned(),
                kind: PolicyKind::Trust,
                says: Says::Unread(vec!["iam:GetRole".to_owned()]),
            });
        }
        if matches!(self.holdings.service_control, Part::Unread) {
            layers.push(Layer {
                action: action.to_owned(),
                kind: PolicyKind::ServiceControl,
                says: Says::Unread(self.needs(PolicyKind::ServiceControl)),
            });
        }
        let place = |kind: PolicyKind| match kind {
            PolicyKind::Identity => 0,
            PolicyKind::Boundary => 1,
            PolicyKind::Session => 2,
            PolicyKind::ServiceControl => 3,
            _ => 4,
        };
        layers.sort_by_key(|layer| place(layer.kind));
        layers
    }

    fn says(&self, request: &Request<'_>, policies: &Policies<'_>, kind: PolicyKind, said: Said) -> Says {
        match said {
            Said::Allows(by) => Says::Allows(self.grounds(&by, Effect::Allow)),
            Said::Denies(by) => Says::Denies(self.grounds(&by, Effect::Deny)),
            Said::Depends {
                keys,
                grants,
                refusals,
            } => {
                let (unread, keys): (Vec<String>, Vec<String>) =
                    keys.into_iter().partition(|key| key.starts_with(UNREAD));
                let mut on = self.grounds(&grants, Effect::Allow);
                // What is not read may still deny; what was read allows.
                if keys.is_empty() && !unread.is_empty() {
                    return if on.is_empty() {
                        Says::Unread(self.needs(kind))
                    } else {
                        Says::Allows(on)
                    };
                }
                on.extend(self.grounds(&refusals, Effect::Deny));
                Says::Depends { keys, on }
            }
            Said::Silent => {
                let near = near_misses(request, policies, kind);
                let nearest = near.into_iter().find_map(|miss| {
                    let ground = self.ground(&miss.statement, Effect::Allow)?;
                    Some((ground, miss.because))
                });
                Says::Silent(nearest)
            }
        }
    }

    /// The permissions that would let the policies of this kind be read.
    fn needs(&self, kind: PolicyKind) -> Vec<String> {
        let holdings = self.holdings;
        let is_of_kind = |what: &str| match kind {
            PolicyKind::Identity => holdings.opaque.contains(what),
            PolicyKind::Boundary => what.contains("boundary"),
            PolicyKind::ServiceControl => what.contains("service control"),
            PolicyKind::Session => what.contains("of the session"),
            _ => false,
        };
        let mut needs: Vec<String> = Vec::new();
        for unread in holdings.unread.iter().filter(|unread| is_of_kind(&unread.what)) {
            if !needs.contains(&unread.needs) {
                needs.push(unread.needs.clone());
            }
        }
        needs
    }
}
