//! Who needs what: each kind of principal at home and abroad, under every ceiling.

use super::*;

const HOME: &str = "111111111111";
const AWAY: &str = "666666666666";
const HUB: &str = "arn:aws:iam::111111111111:role/hub/Hub";
const HUB_SESSION: &str = "arn:aws:sts::111111111111:assumed-role/Hub/me";
const FEDERATED_JOE: &str = "arn:aws:sts::111111111111:federated-user/joe";
const PROVIDER: &str = "arn:aws:iam::666666666666:oidc-provider/accounts.example.com";

/// Policies that grant everything, nothing that is asked for, or deny it.
const ALL: &str = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
const NONE: &str = r#"{"Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}"#;
const DENY: &str = r#"{"Statement":{"Effect":"Deny","Action":"s3:*","Resource":"*"}}"#;

fn joe_himself() -> Principal {
    Principal::user("aws", account(HOME), JOE)
}

fn hub_session() -> Principal {
    Principal::role_session("aws", account(HOME), HUB_SESSION, HUB)
}

fn federated_joe() -> Principal {
    Principal::federated_user("aws", account(HOME), FEDERATED_JOE, JOE)
}

fn root() -> Principal {
    Principal::root("aws", account(HOME))
}

fn to(principal: &str) -> String {
    format!(
        r#"{{"Statement":{{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Principal":{principal}}}}}"#
    )
}

fn to_arn(arn: &str) -> String {
    to(&format!(r#"{{"AWS":"{arn}"}}"#))
}

/// The verdict in a word and the kind of policy it rests on; every policy is a pair of its kind and its text, and those of
/// the organization are a level each.
fn asked(principal: &Principal, owner: &str, attached: &[(PolicyKind, &str)]) -> String {
    let documents: Vec<(PolicyKind, Document)> = attached
        .iter()
        .map(|(kind, text)| (*kind, text.parse().unwrap()))
        .collect();
    let of = |wanted: PolicyKind| -> Vec<PolicySource<'_>> {
        let own = documents.iter().filter(|(kind, _)| *kind == wanted);
        own.map(|(_, document)| PolicySource { name: "p", document })
            .collect()
    };
    let some = |policies: Vec<_>| (!policies.is_empty()).then_some(policies);
    let policies = Policies {
        identity: of(PolicyKind::Identity),
        boundary: of(PolicyKind::Boundary).pop(),
        session: some(of(PolicyKind::Session)),
        service_control: some(of(PolicyKind::ServiceControl))
            .map(|levels| levels.into_iter().map(|level| vec![level]).collect()),
        resource: of(PolicyKind::Resource).pop(),
        trust: of(PolicyKind::Trust).pop(),
    };
    let request = Request {
        principal,
        action: if policies.trust.is_some() {
            "sts:AssumeRole"
        } else {
            "s3:GetObject"
        },
        resource: "arn:aws:s3:::b/k",
        resource_account: account(owner),
        context: &Context::new(),
    };
    match evaluate(&request, &policies).verdict() {
        Verdict::Allowed(by) => {
            let kinds: Vec<_> = by.iter().map(|matched| format!("{:?}", matched.kind)).collect();
            format!("allowed {}", kinds.join("+"))
        }
        Verdict::ExplicitDeny(by) => format!("denied {:?}", by.kind),
        Verdict::ImplicitDeny(kind) => format!("missing {kind:?}"),
    }
}

#[test]
fn every_level_of_the_organization_must_allow() {
    use PolicyKind::{Identity, Resource, ServiceControl};
    let to_joe = to_arn(JOE);
    for (principal, owner, attached, wanted) in [
        (
            joe_himself(),
            HOME,
            &[(ServiceControl, ALL), (Identity, ALL)][..],
            "allowed Identity+ServiceControl",
        ),
        (
            joe_himself(),
            HOME,
            &[(ServiceControl, ALL), (ServiceControl, NONE), (Identity, ALL)],
            "missing ServiceControl",
        ),
        (
            joe_himself(),
            HOME,
            &[(ServiceControl, NONE), (ServiceControl, ALL), (Identity, ALL)],
            "missing ServiceControl",
        ),
        (
            joe_himself(),
            HOME,
            &[(ServiceControl, ALL), (ServiceControl, DENY), (Identity, ALL)],
            "denied ServiceControl",
        ),
        (
            joe_himself(),
            HOME,
            &[(ServiceControl, NONE), (Resource, &to_joe)],
            "missing ServiceControl",
        ),
        (
            joe_himself(),
            AWAY,
            &[(ServiceControl, NONE), (Resource, &to_joe), (Identity, ALL)],
            "missing ServiceControl",
        ),
        (
            hub_session(),
            HOME,
            &[(ServiceControl, NONE), (Identity, ALL)],
            "missing ServiceControl",
        ),
        (root(), HOME, &[(ServiceControl, ALL)], "allowed ServiceControl"),
        (root(), HOME, &[(ServiceControl, NONE)], "missing ServiceControl"),
        (
            Principal::service("s3.amazonaws.com"),
            HOME,
            &[(ServiceControl, DENY), (Resource, &to(r#""*""#))],
            "allowed Resource",
        ),
    ] {
        assert_eq!(
            asked(&principal, owner, attached),
            wanted,
            "{} {attached:?}",
            principal.arn()
        );
    }
}

#[test]
fn a_root_user_needs_nothing_at_home_and_the_owner_abroad() {
    use PolicyKind::{Boundary, Identity, Resource, Trust};
    let (to_home, to_root) = (to_arn(HOME), to_arn("arn:aws:iam::111111111111:root"));
    let to_joe = to_arn(JOE);
    let resource_denies = DENY.replace(r#""Resource""#, r#""Principal":"*","Resource""#);
    let trust = trust("Allow", HOME);
    for (owner, attached, wanted) in [
        (HOME, &[][..], "allowed "),
        (HOME, &[(Resource, to_joe.as_str())], "allowed "),
        (HOME, &[(Resource, &resource_denies)], "denied Resource"),
        // Nobody can attach these to a root user.
        (HOME, &[(Identity, DENY), (Boundary, NONE)], "allowed "),
        (AWAY, &[], "missing Resource"),
        (AWAY, &[(Resource, &to_joe)], "missing Resource"),
        (AWAY, &[(Resource, &to_home)], "allowed Resource"),
        (AWAY, &[(Resource, &to_root)], "allowed Resource"),
        (HOME, &[(Trust, &trust)], "allowed Trust"),
        (HOME, &[(Trust, &super::trust("Allow", AWAY))], "missing Trust"),
    ] {
        assert_eq!(asked(&root(), owner, attached), wanted, "{owner} {attached:?}");
    }
}

/// "Session policies" and "Permissions boundaries" of the IAM user guide, for the session itself and for who is behind it.
#[test]
fn who_is_named_decides_which_ceilings_hold() {
    use PolicyKind::{Boundary, Identity, Resource, Session};
    for (principal, named, at_home_under_a_ceiling) in [
        (joe_himself(), JOE, true),
        (joe_himself(), HOME, false),
        (hub_session(), HUB_SESSION, true),
        (hub_session(), HUB, false),
        (hub_session(), HOME, false),
        (federated_joe(), FEDERATED_JOE, true),
        (federated_joe(), JOE, false),
        (hub_session(), "*", true),
        (joe_himself(), "*", true),
    ] {
        let policy = to_arn(named);
        for ceiling in [Boundary, Session] {
            let attached = [(Resource, policy.as_str()), (Identity, ALL), (ceiling, NONE)];
            let missing = format!("missing {ceiling:?}");
            let at_home = if at_home_under_a_ceiling {
                "allowed Resource"
            } else {
                &missing
            };
            assert_eq!(asked(&principal, HOME, &attached), at_home, "{named} {ceiling:?}");
            assert_eq!(asked(&principal, AWAY, &attached), missing, "{named} {ceiling:?}");
            // A Deny of a ceiling holds for everybody.
            let attached = [(Resource, policy.as_str()), (Identity, ALL), (ceiling, DENY)];
            assert_eq!(
                asked(&principal, HOME, &attached),
                format!("denied {ceiling:?}"),
                "{named}"
            );
        }
        let alone = asked(&principal, HOME, &[(Resource, &policy)]);
        let account = named == HOME;
        assert_eq!(
            alone,
            if account {
                "missing Identity"
            } else {
                "allowed Resource"
            },
            "{named}"
        );
        assert_eq!(
            asked(&principal, AWAY, &[(Resource, &policy)]),
            "missing Identity",
            "{named}"
        );
    }
}

#[test]
fn services_and_identity_providers_are_granted_by_the_trust_alone() {
    use PolicyKind::{Identity, Trust};
    let trusting = |principal: &str| {
        format!(r#"{{"Statement":{{"Effect":"Allow","Action":"sts:*","Principal":{principal}}}}}"#)
    };
    let service = Principal::service("ec2.amazonaws.com");
    let provider = Principal::federated(PROVIDER);
    let provided = format!(r#"{{"Federated":"{PROVIDER}"}}"#);
    for (principal, named, wanted) in [
        (&service, r#"{"Service":"ec2.amazonaws.com"}"#, "allowed Trust"),
        (
            &service,
            r#"{"Service":["s3.amazonaws.com","ec2.amazonaws.com"]}"#,
            "allowed Trust",
        ),
        (&service, r#"{"Service":"s3.amazonaws.com"}"#, "missing Trust"),
        (&service, r#"{"AWS":"ec2.amazonaws.com"}"#, "missing Trust"),
        (&service, r#""*""#, "allowed Trust"),
        (&provider, provided.as_str(), "allowed Trust"),
        (
            &provider,
            r#"{"Federated":"cognito-identity.amazonaws.com"}"#,
            "missing Trust",
        ),
        (&provider, r#"{"AWS":"666666666666"}"#, "missing Trust"),
    ] {
        let trust = trusting(named);
        assert_eq!(
            asked(principal, AWAY, &[(Trust, &trust), (Identity, DENY)]),
            wanted,
            "{named}"
        );
        assert_eq!(principal.account(), None);
    }
    // Nobody else answers to such a name.
    let trust = trusting(&format!(r#"{{"Service":"{JOE}","Federated":"{JOE}"}}"#));
    assert_eq!(asked(&joe_himself(), HOME, &[(Trust, &trust)]), "missing Trust");
}

/// "AWS JSON policy elements: NotPrincipal": the account, the role and the session must all be named.
#[test]
fn not_principal_leaves_out_whom_it_names_in_full() {
    use PolicyKind::{Boundary, Identity, Resource};
    let all_but = |names: &[&str]| {
        format!(
            r#"{{"Statement":{{"Effect":"Deny","Action":"s3:*","Resource":"*","NotPrincipal":{{"AWS":{names:?}}}}}}}"#
        )
    };
    let home_root = "arn:aws:iam::111111111111:root";
    for (principal, names, spared) in [
        (joe_himself(), &[JOE, HOME][..], true),
        (joe_himself(), &[JOE, home_root], true),
        (joe_himself(), &[JOE], false),
        (joe_himself(), &[HOME], false),
        (joe_himself(), &[AWAY, JOE], false),
        (hub_session(), &[HUB_SESSION, HUB, HOME], true),
        (hub_session(), &[HUB, HOME], false),
        (hub_session(), &[HUB_SESSION, HOME], false),
        (federated_joe(), &[FEDERATED_JOE, JOE, HOME], true),
        (federated_joe(), &[FEDERATED_JOE, HOME], false),
        (root(), &[home_root], true),
        (root(), &[JOE], false),
    ] {
        let policy = all_but(names);
        let attached = [(Resource, policy.as_str()), (Identity, ALL)];
        let denied = asked(&principal, HOME, &attached).starts_with("denied");
        assert_eq!(denied, !spared, "{} {names:?}", principal.arn());
    }
    // "NotPrincipal … will always deny any IAM principal that has a permissions boundary policy attached".
    let policy = all_but(&[JOE, HOME]);
    let attached = [(Resource, policy.as_str()), (Identity, ALL), (Boundary, ALL)];
    assert_eq!(asked(&joe_himself(), HOME, &attached), "denied Resource");
}

#[test]
fn a_principal_knows_its_account_and_its_role() {
    for (principal, arn, role, is_root) in [
        (joe_himself(), JOE, None, false),
        (hub_session(), HUB_SESSION, Some(HUB), false),
        (federated_joe(), FEDERATED_JOE, None, false),
        (root(), "arn:aws:iam::111111111111:root", None, true),
    ] {
        assert_eq!(principal.account(), Some(account(HOME)));
        assert_eq!(
            (principal.arn(), principal.role(), principal.is_root()),
            (arn, role, is_root)
        );
    }
}

/// The order of a policy's statements changes nothing: the one that names somebody most closely decides what else must grant.
#[test]
fn the_closest_grant_decides_wherever_it_stands() {
    use PolicyKind::{Boundary, Resource};
    let statement = |arn: &str| {
        format!(r#"{{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":{{"AWS":"{arn}"}}}}"#)
    };
    for names in [[HOME, JOE], [JOE, HOME]] {
        let policy = format!(r#"{{"Statement":[{}]}}"#, names.map(statement).join(","));
        let attached = [(Resource, policy.as_str()), (Boundary, NONE)];
        assert_eq!(
            asked(&joe_himself(), HOME, &attached),
            "allowed Resource",
            "{names:?}"
        );
    }
    let account_alone = format!(r#"{{"Statement":{}}}"#, statement(HOME));
    let attached = [(Resource, account_alone.as_str()), (Boundary, NONE)];
    assert_eq!(asked(&joe_himself(), HOME, &attached), "missing Identity");
}

#[test]
fn only_a_statement_makes_an_explicit_deny() {
    let principal = joe_himself();
    for (text, allowed, explicit) in [(ALL, true, false), (NONE, false, false), (DENY, false, true)] {
        let document: Document = text.parse().unwrap();
        let request = Request {
            principal: &principal,
            action: "s3:GetObject",
            resource: "arn:aws:s3:::b/k",
            resource_account: account(HOME),
            context: &Context::new(),
        };
        let identity = vec![PolicySource {
            name: "p",
            document: &document,
        }];
        let decision = evaluate(
            &request,
            &Policies {
                identity,
                ..Policies::default()
            },
        );
        assert_eq!(
            (decision.is_allowed(), decision.is_explicit_deny()),
            (allowed, explicit),
            "{text}"
        );
    }
}
