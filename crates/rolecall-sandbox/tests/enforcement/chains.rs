//! What a chain of roles hands on: tags, the keys they are seen under, and what no link may change.

use rolecall_sandbox::{Account, Role, Sandbox, User, World};

use crate::common::{assume, user};
use crate::sts_world::{ONE, TWO, allow, iam, role, trust};

const ALL: &str = r#"["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#;

/// Ann → Hub → a spoke for each condition, all in one account but Ann.
fn start(spokes: &[(&str, &str)]) -> Sandbox {
    let hub = r#"{"AWS":"arn:aws:iam::222222222222:role/Hub"}"#;
    let mut two = Account::new(TWO).role(
        Role::new("Hub", &trust(r#"{"AWS":"111111111111"}"#, ALL, ""))
            .policy("may", &allow(ALL))
            .tag("team", "platform")
            .tag("stage", "prod"),
    );
    for (name, condition) in spokes {
        two = two.role(Role::new(name, &trust(hub, ALL, condition)).tag("stage", "prod"));
    }
    let one = Account::new(ONE).user(User::new("ann").policy("may", &allow(ALL)).tag("team", "anns"));
    Sandbox::builder()
        .world(World::new().account(one).account(two))
        .start()
        .expect("the world is sound")
}

const TAGS: [(&str, &str); 5] = [
    ("Tags.member.1.Key", "Project"),
    ("Tags.member.1.Value", "blue"),
    ("Tags.member.2.Key", "Cost"),
    ("Tags.member.2.Value", "7"),
    ("TransitiveTagKeys.member.1", "project"),
];

/// "Passing session tags in AWS STS" and "Role chaining": transitive tags go along, others end with their session; a
/// session's tag hides the role's of the same name.
#[test]
fn tags_are_seen_where_they_are_handed_on() {
    let spokes = [
        (
            "PrincipalTag",
            r#"{"StringEquals":{"aws:PrincipalTag/project":"blue"}}"#,
        ),
        (
            "PrincipalCost",
            r#"{"StringEquals":{"aws:PrincipalTag/Cost":"7"}}"#,
        ),
        (
            "RolesOwnTag",
            r#"{"StringEquals":{"aws:PrincipalTag/team":"platform"}}"#,
        ),
        (
            "RequestTag",
            r#"{"StringEquals":{"aws:RequestTag/project":"blue"}}"#,
        ),
        ("RequestCost", r#"{"StringEquals":{"aws:RequestTag/Cost":"7"}}"#),
        (
            "TagKeys",
            r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["Project"]},"Null":{"aws:TagKeys":"false"}}"#,
        ),
        (
            "NoTransitiveAsked",
            r#"{"Null":{"sts:TransitiveTagKeys":"true"}}"#,
        ),
        (
            "ResourceTag",
            r#"{"StringEquals":{"aws:ResourceTag/stage":"${aws:PrincipalTag/stage}"}}"#,
        ),
        (
            "IamResourceTag",
            r#"{"StringEquals":{"iam:ResourceTag/stage":"other"}}"#,
        ),
        (
            "Duration",
            r#"{"NumericLessThanEquals":{"sts:DurationSeconds":"900"}}"#,
        ),
    ];
    let sandbox = start(&spokes);
    let ann = user(&sandbox, "ann");
    let plain = assume(&sandbox, &ann, &role(TWO, "Hub"), &[]).credentials();
    let tagged = assume(&sandbox, &ann, &role(TWO, "Hub"), &TAGS).credentials();
    for (name, without, with) in [
        ("PrincipalTag", false, true),
        ("PrincipalCost", false, true),
        ("RolesOwnTag", true, true),
        ("RequestTag", false, true),
        ("RequestCost", false, false),
        ("TagKeys", false, true),
        ("NoTransitiveAsked", true, true),
        ("ResourceTag", true, true),
        ("IamResourceTag", false, false),
        ("Duration", true, true),
    ] {
        for (session, expected) in [(&plain, without), (&tagged, with)] {
            let code = if expected { "200" } else { "403 AccessDenied" };
            let seconds = [("DurationSeconds", "900")];
            let answer = assume(&sandbox, session, &role(TWO, name), &seconds);
            assert_eq!(answer.code(), code, "{name} {expected} {}", answer.body);
        }
    }
    let longer = assume(
        &sandbox,
        &plain,
        &role(TWO, "Duration"),
        &[("DurationSeconds", "901")],
    );
    assert_eq!(longer.code(), "403 AccessDenied");
    let own = assume(
        &sandbox,
        &ann,
        &role(TWO, "Hub"),
        &[("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "x")],
    );
    let hidden = assume(&sandbox, &own.credentials(), &role(TWO, "RolesOwnTag"), &[]);
    assert_eq!(hidden.code(), "403 AccessDenied");
}

/// "A role must be trusted explicitly to assume itself": what it may, its trust policy must grant like anyone's.
#[test]
fn a_role_assumes_itself_only_where_it_trusts_itself() {
    let sandbox = start(&[]);
    let ann = user(&sandbox, "ann");
    let hub = assume(&sandbox, &ann, &role(TWO, "Hub"), &[]).credentials();
    assert_eq!(
        assume(&sandbox, &hub, &role(TWO, "Hub"), &[]).code(),
        "403 AccessDenied"
    );
    let itself = trust(
        r#"{"AWS":["111111111111","arn:aws:iam::222222222222:role/Hub"]}"#,
        ALL,
        "",
    );
    let admin = crate::sts_world::admin(&sandbox, TWO);
    let update = [("RoleName", "Hub"), ("PolicyDocument", itself.as_str())];
    assert_eq!(
        iam(&sandbox, &admin, "UpdateAssumeRolePolicy", &update).code(),
        "200"
    );
    assert_eq!(assume(&sandbox, &hub, &role(TWO, "Hub"), &[]).code(), "200");
}

/// "The tags are passed to all subsequent sessions in the role chain", which a chain of two does not show.
#[test]
fn transitive_tags_go_on_through_every_link() {
    let wants = r#"{"StringEquals":{"aws:RequestTag/project":"blue"}}"#;
    let sandbox = start(&[("Spoke", wants)]);
    let both = trust(
        r#"{"AWS":["111111111111","arn:aws:iam::222222222222:role/Hub"]}"#,
        ALL,
        "",
    );
    let admin = crate::sts_world::admin(&sandbox, TWO);
    let update = [("RoleName", "Hub"), ("PolicyDocument", both.as_str())];
    let updated = iam(&sandbox, &admin, "UpdateAssumeRolePolicy", &update);
    assert_eq!(updated.code(), "200");
    for (tags, code, again) in [
        (&TAGS[..], "200", "400 InvalidParameterValue"),
        // Set, but not to be handed on.
        (&TAGS[..4], "403 AccessDenied", "200"),
    ] {
        let mut session = user(&sandbox, "ann");
        for link in 0..4 {
            let more = if link == 0 { tags } else { &[] };
            session = assume(&sandbox, &session, &role(TWO, "Hub"), more).credentials();
        }
        assert_eq!(assume(&sandbox, &session, &role(TWO, "Spoke"), &[]).code(), code);
        assert_eq!(
            assume(&sandbox, &session, &role(TWO, "Spoke"), &TAGS[..2]).code(),
            again,
            "nothing that is handed on is set anew"
        );
    }
}

/// `sts:SourceIdentity` is of the request that makes a session, `aws:SourceIdentity` of every request the session makes
/// ("Monitor and control actions taken with assumed roles").
#[test]
fn a_source_identity_is_seen_where_it_came_from() {
    let sandbox = start(&[
        ("Session", r#"{"StringEquals":{"aws:SourceIdentity":"ann"}}"#),
        ("Request", r#"{"StringEquals":{"sts:SourceIdentity":"ann"}}"#),
    ]);
    let ann = user(&sandbox, "ann");
    for (identity, code) in [("ann", "200"), ("other", "403 AccessDenied")] {
        let more = [("SourceIdentity", identity)];
        let hub = assume(&sandbox, &ann, &role(TWO, "Hub"), &more).credentials();
        for spoke in ["Session", "Request"] {
            let answer = assume(&sandbox, &hub, &role(TWO, spoke), &[]);
            assert_eq!(answer.code(), code, "{spoke} {identity}");
        }
    }
    let plain = assume(&sandbox, &ann, &role(TWO, "Hub"), &[]).credentials();
    let own = [("SourceIdentity", "ann")];
    for (spoke, code) in [("Session", "403 AccessDenied"), ("Request", "200")] {
        let answer = assume(&sandbox, &plain, &role(TWO, spoke), &own);
        assert_eq!(answer.code(), code, "{spoke}");
    }
}
