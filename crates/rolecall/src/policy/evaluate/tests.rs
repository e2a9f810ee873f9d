mod layers;
mod possible;
mod principals;

use super::*;

const JOE: &str = "arn:aws:iam::111111111111:user/joe";
const ROLE: &str = "arn:aws:iam::666666666666:role/Blah";

struct Case<'a> {
    principal: Principal,
    target: &'a str,
    identity: &'a [&'a str],
    trust: Option<&'a str>,
    session: Option<&'a [&'a str]>,
    boundary: Option<&'a str>,
    context: Context,
}

fn account(text: &str) -> AccountId {
    text.parse().unwrap()
}

fn joe() -> Case<'static> {
    Case {
        principal: Principal::user("aws", account("111111111111"), JOE),
        target: ROLE,
        identity: &[],
        trust: None,
        session: None,
        boundary: None,
        context: Context::new(),
    }
}

fn session() -> Case<'static> {
    Case {
        principal: Principal::role_session(
            "aws",
            account("111111111111"),
            "arn:aws:sts::111111111111:assumed-role/Hub/me",
            "arn:aws:iam::111111111111:role/hub/Hub",
        ),
        ..joe()
    }
}

fn statement(effect: &str, rest: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":{{"Sid":"s","Effect":"{effect}",{rest}}}}}"#)
}

fn assume(effect: &str, resource: &str) -> String {
    statement(
        effect,
        &format!(r#""Action":"sts:AssumeRole","Resource":"{resource}""#),
    )
}

fn trust(effect: &str, principal: &str) -> String {
    statement(
        effect,
        &format!(r#""Action":"sts:AssumeRole","Principal":{{"AWS":"{principal}"}}"#),
    )
}

fn decide(case: &Case<'_>) -> Verdict {
    let parse = |text: &&str| text.parse::<Document>().unwrap();
    let identity: Vec<Document> = case.identity.iter().map(parse).collect();
    let session: Option<Vec<Document>> = case.session.map(|s| s.iter().map(parse).collect());
    let (trust, boundary) = (case.trust.as_ref().map(parse), case.boundary.as_ref().map(parse));
    fn source(document: &Document) -> PolicySource<'_> {
        PolicySource { name: "p", document }
    }
    let policies = Policies {
        identity: identity.iter().map(source).collect(),
        boundary: boundary.as_ref().map(source),
        session: session.as_ref().map(|s| s.iter().map(source).collect()),
        service_control: None,
        resource: None,
        trust: trust.as_ref().map(source),
    };
    let request = Request {
        principal: &case.principal,
        action: "sts:AssumeRole",
        resource: case.target,
        resource_account: account(case.target.split(':').nth(4).unwrap()),
        context: &case.context,
    };
    evaluate(&request, &policies).verdict().clone()
}

fn allowed(case: &Case<'_>) -> bool {
    matches!(decide(case), Verdict::Allowed(_))
}

#[test]
fn across_accounts_both_sides_must_grant() {
    let (grant, to_joe, to_account) = (
        assume("Allow", ROLE),
        trust("Allow", JOE),
        trust("Allow", "111111111111"),
    );
    let yes = Case {
        identity: &[&grant],
        trust: Some(&to_joe),
        ..joe()
    };
    assert!(matches!(decide(&yes), Verdict::Allowed(by) if by.len() == 2 && by[0].kind == PolicyKind::Trust));
    assert!(allowed(&Case {
        identity: &[&grant],
        trust: Some(&to_account),
        ..joe()
    }));
    let no_identity = Case {
        trust: Some(&to_joe),
        ..joe()
    };
    assert_eq!(decide(&no_identity), Verdict::ImplicitDeny(PolicyKind::Identity));
    let no_trust = trust("Allow", "222222222222");
    let no_trust = Case {
        identity: &[&grant],
        trust: Some(&no_trust),
        ..joe()
    };
    assert_eq!(decide(&no_trust), Verdict::ImplicitDeny(PolicyKind::Trust));
}

#[test]
fn inside_one_account_a_trust_that_names_the_user_suffices() {
    let target = "arn:aws:iam::111111111111:role/Own";
    let (to_joe, to_root) = (
        trust("Allow", JOE),
        trust("Allow", "arn:aws:iam::111111111111:root"),
    );
    assert!(allowed(&Case {
        target,
        trust: Some(&to_joe),
        ..joe()
    }));
    let by_root = Case {
        target,
        trust: Some(&to_root),
        ..joe()
    };
    assert_eq!(decide(&by_root), Verdict::ImplicitDeny(PolicyKind::Identity));
    let grant = assume("Allow", "*");
    assert!(allowed(&Case {
        target,
        identity: &[&grant],
        trust: Some(&to_root),
        ..joe()
    }));
    // The role's trust is always needed, whatever the identity may do.
    let other = trust("Allow", "arn:aws:iam::111111111111:user/jane");
    let other = Case {
        target,
        identity: &[&grant],
        trust: Some(&other),
        ..joe()
    };
    assert_eq!(decide(&other), Verdict::ImplicitDeny(PolicyKind::Trust));
}

#[test]
fn an_explicit_deny_wins_wherever_it_stands() {
    let (grant, to_joe) = (assume("Allow", "*"), trust("Allow", JOE));
    let (deny, distrust) = (assume("Deny", ROLE), trust("Deny", JOE));
    let both = format!(
        r#"{{"Statement":[{{"Effect":"Allow","Action":"sts:*","Principal":"*"}},{}]}}"#,
        &distrust[distrust.find(r#"{"Sid""#).unwrap()..distrust.len() - 1]
    );
    for (case, kind) in [
        (
            Case {
                identity: &[&grant, &deny],
                trust: Some(&to_joe),
                ..joe()
            },
            PolicyKind::Identity,
        ),
        (
            Case {
                identity: &[&grant],
                trust: Some(&both),
                ..joe()
            },
            PolicyKind::Trust,
        ),
        (
            Case {
                identity: &[&grant],
                trust: Some(&to_joe),
                session: Some(&[&grant, &deny]),
                ..joe()
            },
            PolicyKind::Session,
        ),
        (
            Case {
                identity: &[&grant],
                trust: Some(&to_joe),
                boundary: Some(&deny),
                ..joe()
            },
            PolicyKind::Boundary,
        ),
    ] {
        let Verdict::ExplicitDeny(matched) = decide(&case) else {
            panic!("{kind:?}: {:?}", decide(&case))
        };
        assert_eq!((matched.kind, matched.sid.as_deref()), (kind, Some("s")));
    }
}

#[test]
fn ceilings_hold_unless_the_principal_is_named_itself_at_home() {
    let (grant, nothing) = (
        assume("Allow", "*"),
        assume("Allow", "arn:aws:iam::666666666666:role/None"),
    );
    let to_role = trust("Allow", "arn:aws:iam::111111111111:role/hub/Hub");
    let to_session = trust("Allow", "arn:aws:sts::111111111111:assumed-role/Hub/me");
    let home = "arn:aws:iam::111111111111:role/Own";
    for (target, trust, ceiling, wanted) in [
        (ROLE, &to_role, &grant, true),
        (ROLE, &to_role, &nothing, false),
        (ROLE, &to_session, &nothing, false),
        (home, &to_role, &grant, true),
        (home, &to_role, &nothing, false),
        (home, &to_session, &nothing, true),
    ] {
        for case in [
            Case {
                target,
                identity: &[&grant],
                trust: Some(trust),
                session: Some(&[ceiling]),
                ..session()
            },
            Case {
                target,
                identity: &[&grant],
                trust: Some(trust),
                boundary: Some(ceiling),
                ..session()
            },
        ] {
            assert_eq!(allowed(&case), wanted, "{target} {trust} {ceiling}");
        }
    }
    // Two session policies allow what either allows; none at all allows nothing.
    let case = Case {
        identity: &[&grant],
        trust: Some(&to_role),
        ..session()
    };
    assert!(allowed(&Case {
        session: Some(&[&nothing, &grant]),
        ..case
    }));
    let case = Case {
        identity: &[&grant],
        trust: Some(&to_role),
        ..session()
    };
    assert!(!allowed(&Case {
        session: Some(&[]),
        ..case
    }));
}

#[test]
fn the_not_forms() {
    let to_joe = trust("Allow", JOE);
    for (rest, wanted) in [
        (r#""NotAction":"s3:*","Resource":"*""#, true),
        (r#""NotAction":["s3:*","sts:Assume*"],"Resource":"*""#, false),
        (
            r#""Action":"*","NotResource":"arn:aws:iam::666666666666:role/Other""#,
            true,
        ),
        (
            r#""Action":"*","NotResource":"arn:aws:iam::666666666666:role/B*""#,
            false,
        ),
    ] {
        let grant = statement("Allow", rest);
        let case = Case {
            identity: &[&grant],
            trust: Some(&to_joe),
            ..joe()
        };
        assert_eq!(allowed(&case), wanted, "{rest}");
    }
    let grant = assume("Allow", "*");
    for (name, wanted) in [(JOE, true), ("arn:aws:iam::111111111111:user/jane", false)] {
        let trust = format!(
            r#"{{"Statement":[{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*"}},
            {{"Effect":"Deny","Action":"sts:AssumeRole","NotPrincipal":{{"AWS":["{name}","111111111111"]}}}}]}}"#
        );
        let case = Case {
            identity: &[&grant],
            trust: Some(&trust),
            ..joe()
        };
        assert_eq!(allowed(&case), wanted, "{name}");
    }
}

#[test]
fn conditions_gate_the_trust() {
    let grant = assume("Allow", "*");
    let trust = statement(
        "Allow",
        &format!(
            r#""Action":"sts:AssumeRole","Principal":{{"AWS":"{JOE}"}},
            "Condition":{{"StringEquals":{{"sts:ExternalId":"partner-7421"}}}}"#
        ),
    );
    for (given, wanted) in [
        (None, false),
        (Some("partner-7422"), false),
        (Some("partner-7421"), true),
    ] {
        let mut case = Case {
            identity: &[&grant],
            trust: Some(&trust),
            ..joe()
        };
        if let Some(id) = given {
            case.context.set("sts:ExternalId", id);
        }
        assert_eq!(allowed(&case), wanted, "{given:?}");
    }
}

#[test]
fn without_a_resource_policy_the_identity_decides_at_home_and_nobody_abroad() {
    let grant = statement("Allow", r#""Action":"s3:*","Resource":"*""#);
    let document: Document = grant.parse().unwrap();
    for (owner, wanted) in [("111111111111", true), ("666666666666", false)] {
        let case = joe();
        let request = Request {
            principal: &case.principal,
            action: "s3:GetObject",
            resource: "arn:aws:s3:::b/k",
            resource_account: account(owner),
            context: &case.context,
        };
        let policies = Policies {
            identity: vec![PolicySource {
                name: "p",
                document: &document,
            }],
            ..Policies::default()
        };
        assert_eq!(evaluate(&request, &policies).is_allowed(), wanted, "{owner}");
    }
}
