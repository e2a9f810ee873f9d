//! One action on one resource, weighed by the evaluator that judges every real call, and all of them as one answer.

use std::collections::{BTreeMap, BTreeSet};

use rolecall::AccountId;
use rolecall::policy::{Context, Document, Effect, Policies, PolicySource, Request, Verdict, evaluate};

use super::super::page::members;
use super::statements::{Part, Source};
use super::world::World;
use crate::api::escaped;

/// The outcomes, from the least to the most restrictive.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Outcome {
    Allowed,
    ImplicitDeny,
    ExplicitDeny,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ImplicitDeny => "implicitDeny",
            Self::ExplicitDeny => "explicitDeny",
        }
    }

    fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Allowed(_) => Self::Allowed,
            Verdict::ExplicitDeny(_) => Self::ExplicitDeny,
            Verdict::ImplicitDeny(_) => Self::ImplicitDeny,
        }
    }
}

/// What one action on one resource comes to.
struct Weighed<'w> {
    outcome: Outcome,
    matched: Vec<(&'w Source, &'w Part)>,
    missing: BTreeSet<&'w str>,
    by_organizations: Option<bool>,
    by_boundary: Option<bool>,
    /// What each kind of policy says, across accounts.
    details: Option<BTreeMap<&'static str, Outcome>>,
}

struct Case<'w> {
    world: &'w World,
    action: &'w str,
    resource: &'w str,
    owner: AccountId,
    context: Context,
}

fn source_of(source: &Source) -> PolicySource<'_> {
    PolicySource {
        name: &source.id,
        document: &source.document,
    }
}

impl<'w> Case<'w> {
    fn new(world: &'w World, action: &'w str, resource: &'w str) -> Self {
        let owner = resource
            .split(':')
            .nth(4)
            .and_then(|account| account.parse().ok());
        let mut context = world.context.clone();
        let owner = owner.unwrap_or(world.owner);
        if context.values("aws:ResourceAccount").is_none() && resource != "*" {
            context.set("aws:ResourceAccount", owner.as_str());
        }
        Self {
            world,
            action,
            resource,
            owner,
            context,
        }
    }

    fn verdict(&self, owner: AccountId, policies: &Policies<'_>) -> Verdict {
        let request = Request {
            principal: &self.world.principal,
            action: self.action,
            resource: self.resource,
            resource_account: owner,
            context: &self.context,
        };
        evaluate(&request, policies).verdict().clone()
    }

    /// What these alone say, as if they were the caller's own.
    fn by_identity(&self, documents: &[&Document]) -> Outcome {
        let identity = documents
            .iter()
            .map(|document| PolicySource { name: "", document });
        Outcome::of(&self.verdict(
            self.world.principal.account(),
            &Policies {
                identity: identity.collect(),
                ..Policies::default()
            },
        ))
    }

    /// What a resource's policy alone says to the caller. Asked as if from abroad, where it has to speak, and with a
    /// caller who lacks nothing else.
    fn by_resource(&self, document: &Document, everything: &Document) -> Outcome {
        let abroad = ["000000000000", "999999999999"]
            .into_iter()
            .filter_map(|account| account.parse().ok())
            .find(|account| *account != self.world.principal.account());
        Outcome::of(&self.verdict(
            abroad.unwrap_or(self.owner),
            &Policies {
                identity: vec![PolicySource {
                    name: "",
                    document: everything,
                }],
                resource: Some(PolicySource { name: "", document }),
                ..Policies::default()
            },
        ))
    }

    /// Every level has to allow ("How SCPs work"); the most restrictive level is what they come to.
    fn by_organizations(&self) -> Option<Outcome> {
        let levels = self.world.service_control.as_ref()?;
        let level = |level: &Vec<Document>| self.by_identity(&level.iter().collect::<Vec<_>>());
        Some(levels.iter().map(level).max().unwrap_or(Outcome::Allowed))
    }

    /// The statements that say so, each with the policy it stands in; and the keys that relevant ones miss.
    fn statements(&self, everything: &Document) -> (Vec<(&'w Source, &'w Part, Effect)>, BTreeSet<&'w str>) {
        let (mut matched, mut missing) = (Vec::new(), BTreeSet::new());
        let identity = self.world.identity.iter().map(|source| (source, false));
        let resource = self.world.resource.iter().map(|source| (source, true));
        for (source, of_resource) in identity.chain(resource) {
            for part in &source.statements {
                let says = |document: &Document| {
                    if of_resource {
                        self.by_resource(document, everything)
                    } else {
                        self.by_identity(&[document])
                    }
                };
                if says(&part.bare) == Outcome::ImplicitDeny {
                    continue;
                }
                let unknown = |key: &&String| self.context.values(key).is_none();
                missing.extend(part.keys.iter().filter(unknown).map(String::as_str));
                match says(&part.alone) {
                    Outcome::Allowed => matched.push((source, part, Effect::Allow)),
                    Outcome::ExplicitDeny => matched.push((source, part, Effect::Deny)),
                    Outcome::ImplicitDeny => {}
                }
            }
        }
        (matched, missing)
    }

    fn weigh(&self, everything: &Document) -> Weighed<'w> {
        let world = self.world;
        // The simulator does not look up what a resource's own policy says: where none is given, the caller's decide.
        let owner = match world.resource {
            Some(_) => self.owner,
            None => world.principal.account(),
        };
        let mut outcome = Outcome::of(&self.verdict(
            owner,
            &Policies {
                identity: world.identity.iter().map(source_of).collect(),
                boundary: world.boundary.as_ref().map(source_of),
                resource: world.resource.as_ref().map(source_of),
                ..Policies::default()
            },
        ));
        let organizations = self.by_organizations();
        outcome = outcome.max(organizations.unwrap_or(Outcome::Allowed));
        let boundary = world
            .boundary
            .as_ref()
            .map(|source| self.by_identity(&[&source.document]));
        let (matched, missing) = self.statements(everything);
        let effect = match outcome {
            Outcome::Allowed => Some(Effect::Allow),
            Outcome::ExplicitDeny => Some(Effect::Deny),
            Outcome::ImplicitDeny => None,
        };
        let abroad =
            owner != world.principal.account() && organizations.is_none_or(|it| it == Outcome::Allowed);
        Weighed {
            outcome,
            matched: matched
                .into_iter()
                .filter(|(_, _, says)| Some(*says) == effect)
                .map(|(source, part, _)| (source, part))
                .collect(),
            missing,
            by_organizations: organizations.map(|outcome| outcome == Outcome::Allowed),
            by_boundary: boundary.map(|outcome| outcome == Outcome::Allowed),
            details: abroad.then(|| self.details(boundary, everything)),
        }
    }

    fn details(&self, boundary: Option<Outcome>, everything: &Document) -> BTreeMap<&'static str, Outcome> {
        let identity: Vec<&Document> = self
            .world
            .identity
            .iter()
            .map(|source| &source.document)
            .collect();
        let mut details = BTreeMap::from([("IAM Policy", self.by_identity(&identity))]);
        if let Some(source) = &self.world.resource {
            details.insert("Resource Policy", self.by_resource(&source.document, everything));
        }
        if let Some(boundary) = boundary {
            details.insert("Permissions Boundary Policy", boundary);
        }
        details
    }
}

/// The result of one action: all resources together, and each by itself where they were named.
pub(super) fn result(world: &World, action: &str, resources: &[&str], everything: &Document) -> String {
    let cases: Vec<Case<'_>> = resources
        .iter()
        .map(|resource| Case::new(world, action, resource))
        .collect();
    let weighed: Vec<Weighed<'_>> = cases.iter().map(|case| case.weigh(everything)).collect();
    let outcome = weighed
        .iter()
        .map(|one| one.outcome)
        .max()
        .unwrap_or(Outcome::ImplicitDeny);
    // "Only statements that contributed to the reported decision are included", each once.
    let mut matched: Vec<(&Source, &Part)> = Vec::new();
    for (source, part) in weighed
        .iter()
        .filter(|one| one.outcome == outcome)
        .flat_map(|one| &one.matched)
    {
        if !matched.iter().any(|(_, other)| std::ptr::eq(*other, *part)) {
            matched.push((source, part));
        }
    }
    let missing: BTreeSet<&str> = weighed
        .iter()
        .flat_map(|one| one.missing.iter().copied())
        .collect();
    let all = |one: fn(&Weighed<'_>) -> Option<bool>| {
        let mut said = weighed.iter().filter_map(one).peekable();
        said.peek().is_some().then(|| said.all(|allowed| allowed))
    };
    let named = resources != ["*"];
    let mut details = None;
    for (kind, outcome) in weighed.iter().filter_map(|one| one.details.as_ref()).flatten() {
        let worst = details
            .get_or_insert_with(BTreeMap::new)
            .entry(*kind)
            .or_insert(*outcome);
        *worst = (*worst).max(*outcome);
    }
    let mut text = format!(
        "<EvalActionName>{}</EvalActionName><EvalResourceName>{}</EvalResourceName>\
         <EvalDecision>{}</EvalDecision>{}{}",
        escaped(action),
        super::template::of(action),
        outcome.word(),
        matched_statements(&matched),
        missing_values(&missing),
    );
    if let Some(allowed) = all(|one| one.by_organizations) {
        text.push_str(&format!(
            "<OrganizationsDecisionDetail><AllowedByOrganizations>{allowed}</AllowedByOrganizations>\
             </OrganizationsDecisionDetail>"
        ));
    }
    text.push_str(&boundary_detail(all(|one| one.by_boundary)));
    text.push_str(&decision_details(details.as_ref(), named));
    if named {
        let each = resources.iter().zip(&weighed).map(|(resource, one)| {
            format!(
                "<EvalResourceName>{}</EvalResourceName><EvalResourceDecision>{}</EvalResourceDecision>{}{}{}{}",
                escaped(resource),
                one.outcome.word(),
                matched_statements(&one.matched),
                missing_values(&one.missing),
                decision_details(one.details.as_ref(), true),
                boundary_detail(one.by_boundary)
            )
        });
        text.push_str(&format!(
            "<ResourceSpecificResults>{}</ResourceSpecificResults>",
            members(each)
        ));
    }
    text
}

fn matched_statements(matched: &[(&Source, &Part)]) -> String {
    let matched = matched.iter().map(|(source, part)| {
        format!(
            "<SourcePolicyId>{}</SourcePolicyId><SourcePolicyType>{}</SourcePolicyType>\
             <StartPosition><Line>{}</Line><Column>{}</Column></StartPosition>\
             <EndPosition><Line>{}</Line><Column>{}</Column></EndPosition>",
            escaped(&source.id),
            source.kind,
            part.start.line,
            part.start.column,
            part.end.line,
            part.end.column
        )
    });
    format!("<MatchedStatements>{}</MatchedStatements>", members(matched))
}

fn missing_values(missing: &BTreeSet<&str>) -> String {
    let missing = missing.iter().map(|key| escaped(key));
    format!(
        "<MissingContextValues>{}</MissingContextValues>",
        members(missing)
    )
}

fn boundary_detail(allowed: Option<bool>) -> String {
    allowed.map_or_else(String::new, |allowed| {
        format!(
            "<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>{allowed}</AllowedByPermissionsBoundary>\
             </PermissionsBoundaryDecisionDetail>"
        )
    })
}

/// "If the simulation evaluates policies within the same account and includes a resource ARN, then the parameter is
/// present but the response is empty."
fn decision_details(details: Option<&BTreeMap<&'static str, Outcome>>, named: bool) -> String {
    match details {
        Some(details) => {
            let entries: String = details
                .iter()
                .map(|(kind, outcome)| {
                    format!(
                        "<entry><key>{kind}</key><value>{}</value></entry>",
                        outcome.word()
                    )
                })
                .collect();
            format!("<EvalDecisionDetails>{entries}</EvalDecisionDetails>")
        }
        None if named => "<EvalDecisionDetails/>".to_owned(),
        None => String::new(),
    }
}
