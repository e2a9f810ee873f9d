//! Simulations.

use rolecall_sandbox::World;

use super::{Setup, allow, texts};
use crate::common::Answer;

const ANN: &str = "arn:aws:iam::111111111111:user/ann";
const ABROAD: &str = "arn:aws:iam::222222222222:role/";

/// The example of the command line reference, so that lines and columns can be looked up there.
fn spread(effect: &str, action: &str, resource: &str, condition: &str) -> String {
    format!(
        "{{\n    \"Version\": \"2012-10-17\",\n    \"Statement\": [\n        {{\n            \"Effect\": \"{effect}\",\n            \
         \"Action\": \"{action}\",\n            \"Resource\": \"{resource}\",\n            \"Condition\": {{{condition}}}\n        \
         }}\n    ]\n}}"
    )
}

/// ann may become any role of 222222222222 but one, which her group denies her, and read her own objects from an office.
fn setup() -> Setup {
    let setup = Setup::new(World::empty());
    setup.user(
        "ann",
        &spread("Allow", "sts:AssumeRole", &format!("{ABROAD}*"), ""),
    );
    let office = r#""IpAddress": {"aws:SourceIp": "192.0.2.0/24"}"#;
    let read = spread(
        "Allow",
        "s3:GetObject",
        "arn:aws:s3:::b/${aws:username}/*",
        office,
    );
    setup.good(
        "CreatePolicy",
        &[("PolicyName", "read"), ("PolicyDocument", &read)],
    );
    setup.good(
        "AttachUserPolicy",
        &[
            ("UserName", "ann"),
            ("PolicyArn", "arn:aws:iam::111111111111:policy/read"),
        ],
    );
    setup.good("CreateGroup", &[("GroupName", "g")]);
    let deny = spread("Deny", "sts:AssumeRole", &format!("{ABROAD}Secret"), "");
    setup.good(
        "PutGroupPolicy",
        &[("GroupName", "g"), ("PolicyName", "q"), ("PolicyDocument", &deny)],
    );
    setup.good("AddUserToGroup", &[("GroupName", "g"), ("UserName", "ann")]);
    setup
}

fn simulate(setup: &Setup, more: &[(&str, &str)]) -> Answer {
    setup.a(
        "SimulatePrincipalPolicy",
        &[&[("PolicySourceArn", ANN)], more].concat(),
    )
}

#[test]
fn roles_abroad_are_decided_by_the_callers_policies() {
    let setup = setup();
    let (role, secret) = (format!("{ABROAD}Any"), format!("{ABROAD}Secret"));
    let answer = simulate(
        &setup,
        &[
            ("ActionNames.member.1", "sts:AssumeRole"),
            ("ResourceArns.member.1", &role),
            ("ResourceArns.member.2", &secret),
            ("ResourceArns.member.3", "arn:aws:iam::333333333333:role/Other"),
        ],
    );
    assert_eq!(
        texts(&answer, "EvalDecision"),
        ["explicitDeny"],
        "{}",
        answer.body
    );
    assert_eq!(
        texts(&answer, "EvalResourceDecision"),
        ["allowed", "explicitDeny", "implicitDeny"]
    );
    // All together, then each that has any.
    assert_eq!(
        texts(&answer, "SourcePolicyId"),
        ["group_g_q", "user_ann_own", "group_g_q"]
    );
    assert_eq!(texts(&answer, "SourcePolicyType"), ["group", "user", "group"]);
    assert_eq!(
        texts(&answer, "StartPosition")[0],
        "<Line>3</Line><Column>19</Column>"
    );
    assert_eq!(
        texts(&answer, "EndPosition")[0],
        "<Line>9</Line><Column>10</Column>"
    );
    // What would be without the group's policy.
    let without = [
        ("ActionNames.member.1", "sts:AssumeRole"),
        ("ResourceArns.member.1", secret.as_str()),
        (
            "PolicyExclusionList.member.1.InlinePolicyIdentifier.PolicyName",
            "q",
        ),
        (
            "PolicyExclusionList.member.1.InlinePolicyIdentifier.AttachmentType",
            "group",
        ),
        (
            "PolicyExclusionList.member.1.InlinePolicyIdentifier.AttachmentName",
            "g",
        ),
    ];
    assert_eq!(texts(&simulate(&setup, &without), "EvalDecision"), ["allowed"]);
}

#[test]
fn what_is_not_known_is_told() {
    let setup = setup();
    let read = [
        ("ActionNames.member.1", "s3:GetObject"),
        ("ResourceArns.member.1", "arn:aws:s3:::b/ann/x"),
    ];
    let entry = |address| {
        [
            ("ContextEntries.member.1.ContextKeyName", "aws:SourceIp"),
            ("ContextEntries.member.1.ContextKeyType", "ip"),
            ("ContextEntries.member.1.ContextKeyValues.member.1", address),
        ]
    };
    let unknown = simulate(&setup, &read);
    assert_eq!(texts(&unknown, "EvalDecision"), ["implicitDeny"]);
    let missing = "<member>aws:SourceIp</member>";
    assert_eq!(texts(&unknown, "MissingContextValues"), [missing, missing]);
    for (address, decision) in [("192.0.2.7", "allowed"), ("198.51.100.7", "implicitDeny")] {
        let answer = simulate(&setup, &[&read[..], &entry(address)].concat());
        assert_eq!(texts(&answer, "EvalDecision"), [decision]);
        assert_eq!(texts(&answer, "MissingContextValues"), ["", ""]);
    }
    let wrong = simulate(&setup, &[&read[..], &entry("office")].concat());
    assert_eq!(wrong.code(), "400 InvalidInput");
}

#[test]
fn boundaries_organizations_and_resource_policies_have_their_say() {
    let setup = setup();
    let role = format!("{ABROAD}Any");
    let become_role = [
        ("ActionNames.member.1", "sts:AssumeRole"),
        ("ResourceArns.member.1", role.as_str()),
    ];
    let (s3, everything) = (allow("s3:*"), allow("*"));
    let bounded = |boundary: &str| {
        let answer = simulate(
            &setup,
            &[
                &become_role[..],
                &[("PermissionsBoundaryPolicyInputList.member.1", boundary)],
            ]
            .concat(),
        );
        let allowed = texts(&answer, "AllowedByPermissionsBoundary")[0].clone();
        (texts(&answer, "EvalDecision")[0].clone(), allowed)
    };
    assert_eq!(bounded(&s3), ("implicitDeny".to_owned(), "false".to_owned()));
    assert_eq!(bounded(&everything), ("allowed".to_owned(), "true".to_owned()));

    let level = "OrderedOrganizationPolicyInputList.member";
    let (root, account) = (
        format!("{level}.1.ServiceControlPolicyInputList.member.1"),
        format!("{level}.2.ServiceControlPolicyInputList.member.1"),
    );
    let custom = |of_account: &str| {
        let parameters = [
            ("PolicyInputList.member.1", s3.as_str()),
            ("ActionNames.member.1", "s3:GetObject"),
            (root.as_str(), everything.as_str()),
            (account.as_str(), of_account),
        ];
        let answer = setup.good("SimulateCustomPolicy", &parameters);
        (
            texts(&answer, "EvalDecision")[0].clone(),
            texts(&answer, "AllowedByOrganizations")[0].clone(),
        )
    };
    assert_eq!(custom(&everything), ("allowed".to_owned(), "true".to_owned()));
    assert_eq!(
        custom(&allow("sns:*")),
        ("implicitDeny".to_owned(), "false".to_owned())
    );
    assert_eq!(
        custom(&everything.replace("Allow", "Deny")),
        ("explicitDeny".to_owned(), "false".to_owned())
    );

    let bucket = |principal: &str, owner: &str| {
        let policy = format!(
            r#"{{"Statement":{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"s3:*","Resource":"*"}}}}"#
        );
        let parameters = [
            ("ActionNames.member.1", "s3:PutObject"),
            ("ResourceArns.member.1", "arn:aws:s3:::b/x"),
            ("ResourcePolicy", policy.as_str()),
            ("ResourceOwner", owner),
        ];
        let answer = simulate(&setup, &parameters);
        (
            texts(&answer, "EvalDecision").concat(),
            texts(&answer, "entry").len(),
        )
    };
    // At home the bucket's grant suffices, abroad the caller's own policies must grant too, and each kind is told.
    assert_eq!(
        bucket(ANN, "arn:aws:iam::111111111111:root"),
        ("allowed".to_owned(), 0)
    );
    assert_eq!(bucket(ANN, "222222222222"), ("implicitDeny".to_owned(), 4));
    assert_eq!(
        bucket("arn:aws:iam::111111111111:user/bob", "111111111111"),
        ("implicitDeny".to_owned(), 0)
    );
}

#[test]
fn simulations_come_in_pages_and_only_of_what_can_be_simulated() {
    let setup = setup();
    let everything = allow("*");
    let actions = ["s3:A", "s3:B", "s3:C"];
    let parameters = [
        ("PolicyInputList.member.1", everything.as_str()),
        ("ActionNames.member.1", actions[0]),
        ("ActionNames.member.2", actions[1]),
        ("ActionNames.member.3", actions[2]),
        ("MaxItems", "2"),
    ];
    let first = setup.good("SimulateCustomPolicy", &parameters);
    assert_eq!(texts(&first, "EvalActionName"), actions[..2]);
    let marker = first.text("Marker").unwrap();
    let second = setup.good(
        "SimulateCustomPolicy",
        &[&parameters[..], &[("Marker", &marker)]].concat(),
    );
    assert_eq!(texts(&second, "EvalActionName"), actions[2..]);

    let action = ("ActionNames.member.1", "s3:GetObject");
    for (parameters, code) in [
        (&[("PolicySourceArn", ANN), action][..], "200"),
        (
            &[("PolicySourceArn", "arn:aws:iam::111111111111:group/g"), action],
            "200",
        ),
        (
            &[
                ("PolicySourceArn", "arn:aws:sts::111111111111:assumed-role/r/s"),
                action,
            ],
            "400 InvalidInput",
        ),
        (
            &[("PolicySourceArn", "arn:aws:iam::111111111111:root"), action],
            "400 InvalidInput",
        ),
        (
            &[("PolicySourceArn", "arn:aws:iam::111111111111:user/bob"), action],
            "404 NoSuchEntity",
        ),
        (
            &[
                ("PolicySourceArn", "arn:aws:iam::222222222222:user/admin"),
                action,
            ],
            "403 AccessDenied",
        ),
        (&[("PolicySourceArn", ANN)], "400 ValidationError"),
        (
            &[("PolicySourceArn", ANN), ("ActionNames.member.1", "GetObject")],
            "400 InvalidInput",
        ),
        (
            &[("PolicySourceArn", ANN), action, ("ResourceArns.member.1", "b")],
            "400 InvalidInput",
        ),
        (
            &[
                ("PolicySourceArn", ANN),
                action,
                ("PolicyInputList.member.1", "{}"),
            ],
            "400 InvalidInput",
        ),
        (
            &[("PolicySourceArn", ANN), action, ("ResourceOwner", "nobody")],
            "400 InvalidInput",
        ),
        (
            &[
                ("PolicySourceArn", ANN),
                action,
                ("CallerArn", "arn:aws:iam::111111111111:user/bob"),
            ],
            "200",
        ),
        (
            &[
                ("PolicySourceArn", ANN),
                action,
                ("CallerArn", "ec2.amazonaws.com"),
            ],
            "400 InvalidInput",
        ),
    ] {
        let answer = setup.a("SimulatePrincipalPolicy", parameters);
        assert_eq!(answer.code(), code, "{parameters:?}: {}", answer.body);
    }
}
