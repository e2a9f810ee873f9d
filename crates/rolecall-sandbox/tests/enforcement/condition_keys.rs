//! Condition keys that every call carries ("AWS global condition context keys").

use rolecall_sandbox::{Account, Organization, Role, Sandbox, User, World};

use crate::common::{assume, query, s3, user};

/// "aws:ViaAWSService: This key is always included in the request context", "aws:PrincipalIsAWSService: This key is present
/// in the request context for all signed API requests": data perimeters are built of both, most of them by a Deny.
#[test]
fn calls_say_that_no_service_makes_them() {
    let trust = |condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[
                {{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"AWS":"arn:aws:iam::111111111111:root"}}}},
                {{"Effect":"Deny","Action":"sts:AssumeRole","Principal":"*","Condition":{condition}}}]}}"#
        )
    };
    let all = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let own = |condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{condition}}}}}"#
        )
    };
    let mut one = Account::new("111111111111").user(User::new("ann").policy("all", all));
    let mut cases = Vec::new();
    for key in ["aws:PrincipalIsAWSService", "aws:ViaAWSService"] {
        for (value, assumed, listed) in [
            ("false", "403 AccessDenied", "200"),
            ("true", "200", "403 AccessDenied"),
        ] {
            let condition = format!(r#"{{"Bool":{{"{key}":"{value}"}}}}"#);
            let role = format!("R{}", cases.len());
            let name = format!("u{}", cases.len());
            one = one
                .role(Role::new(&role, &trust(&condition)))
                .user(User::new(&name).policy("own", &own(&condition)));
            cases.push((role, name, assumed, listed));
        }
    }
    let sandbox = Sandbox::builder()
        .world(World::new().account(one))
        .start()
        .unwrap();
    let ann = user(&sandbox, "ann");
    for (role, name, assumed, listed) in cases {
        let arn = format!("arn:aws:iam::111111111111:role/{role}");
        assert_eq!(assume(&sandbox, &ann, &arn, &[]).code(), assumed, "{role}");
        assert_eq!(
            s3(&sandbox, &user(&sandbox, &name), "GET", "/", "").code(),
            listed,
            "{name}"
        );
    }
}

/// "aws:ResourceAccount: This key is always included in the request context for most service actions"; the exceptions that
/// the page lists are of other services.
#[test]
fn calls_say_whose_the_resource_is() {
    let may = |account: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":"*",
                "Condition":{{"StringEquals":{{"aws:ResourceAccount":"{account}"}}}}}}}}"#
        )
    };
    let world = World::new().account(
        Account::new("111111111111")
            .user(User::new("ann").policy("may", &may("111111111111")))
            .user(User::new("ben").policy("may", &may("222222222222"))),
    );
    let sandbox = Sandbox::builder().world(world).start().unwrap();
    for (name, granted) in [("ann", true), ("ben", false)] {
        let keys = user(&sandbox, name);
        let code = |service: &str, action: &str, parameters: &[(&str, &str)]| {
            query(&sandbox, &keys, service, action, parameters).status == 200
        };
        let topic = "arn:aws:sns:us-east-1:111111111111:topic";
        for (what, got) in [
            ("CreateTopic", code("sns", "CreateTopic", &[("Name", "topic")])),
            ("ListTopics", code("sns", "ListTopics", &[])),
            ("DeleteTopic", code("sns", "DeleteTopic", &[("TopicArn", topic)])),
            (
                "GetFederationToken",
                code("sts", "GetFederationToken", &[("Name", "fed")]),
            ),
            ("ListUsers", code("iam", "ListUsers", &[])),
            ("ListBuckets", s3(&sandbox, &keys, "GET", "/", "").status == 200),
            (
                "CreateBucket",
                s3(&sandbox, &keys, "PUT", "/bucket", "").status == 200,
            ),
        ] {
            assert_eq!(got, granted, "{name} {what}");
        }
    }
}

/// Whose value a key has: a user's, that of a session of a role, that of a user outside of the organization.
#[test]
fn keys_tell_who_calls() {
    const IN: &str = "222222222222";
    let all = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}"#;
    let keys = [
        (
            r#""StringEquals":{"aws:PrincipalOrgID":"o-canaryorg0"}"#,
            [true, true, false],
        ),
        (
            r#""ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-canaryorg0/r-cnry/*"}"#,
            [true, true, false],
        ),
        (
            r#""StringEquals":{"aws:PrincipalArn":"arn:aws:iam::222222222222:user/ann"}"#,
            [true, false, false],
        ),
        (
            r#""StringEquals":{"aws:PrincipalArn":"arn:aws:iam::222222222222:role/team/Hub"}"#,
            [false, true, false],
        ),
        (
            r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/team/*"}"#,
            [false, true, false],
        ),
        (
            r#""StringEquals":{"aws:PrincipalType":"User"}"#,
            [true, false, true],
        ),
        (
            r#""StringEquals":{"aws:PrincipalType":"AssumedRole"}"#,
            [false, true, false],
        ),
        (
            r#""StringEquals":{"aws:PrincipalAccount":"222222222222"}"#,
            [true, true, false],
        ),
        (
            r#""StringLike":{"aws:userid":"AROA*:test"}"#,
            [false, true, false],
        ),
        (r#""StringLike":{"aws:userid":"AIDA*"}"#, [true, false, true]),
        (r#""StringEquals":{"aws:username":"ann"}"#, [true, false, false]),
        (
            r#""StringEquals":{"sts:RoleSessionName":"test"}"#,
            [true, true, true],
        ),
        (
            r#""StringEquals":{"aws:ResourceOrgID":"o-canaryorg0"}"#,
            [true, true, true],
        ),
        (
            r#""StringEquals":{"aws:ResourceAccount":"111111111111"}"#,
            [true, true, true],
        ),
        (
            r#""StringEquals":{"aws:RequestedRegion":"us-east-1"}"#,
            [true, true, true],
        ),
        (
            r#""IpAddress":{"aws:SourceIp":"127.0.0.0/8"}"#,
            [true, true, true],
        ),
        (
            r#""NotIpAddress":{"aws:SourceIp":"127.0.0.0/8"}"#,
            [false, false, false],
        ),
        (
            r#""DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}"#,
            [true, true, true],
        ),
        (
            r#""NumericLessThan":{"aws:EpochTime":"1577836800"}"#,
            [false, false, false],
        ),
        (
            r#""NumericGreaterThan":{"aws:EpochTime":"1577836800"}"#,
            [true, true, true],
        ),
        (r#""Bool":{"aws:SecureTransport":"false"}"#, [true, true, true]),
        (
            r#""ForAnyValue:StringLike":{"aws:ResourceOrgPaths":"o-canaryorg0/r-cnry/*"}"#,
            [true, true, true],
        ),
        (r#""Null":{"aws:TokenIssueTime":"true"}"#, [true, false, true]),
        (r#""Null":{"aws:PrincipalOrgID":"true"}"#, [false, false, true]),
    ];
    let mut owner = Account::new("111111111111");
    for (at, (condition, _)) in keys.iter().enumerate() {
        let trust = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:AssumeRole",
                "Principal":{{"AWS":"*"}},"Condition":{{{condition}}}}}}}"#
        );
        owner = owner.role(Role::new(&format!("K{at}"), &trust));
    }
    let hub = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"AWS":"{IN}"}}}}}}"#
    );
    let world = World::new()
        .account(owner)
        .account(
            Account::new(IN)
                .user(User::new("ann").policy("all", all))
                .role(Role::new("Hub", &hub).path("/team/").policy("all", all)),
        )
        .account(Account::new("999999999999").user(User::new("out").policy("all", all)))
        .organization(Organization::new("111111111111").account_at_root(IN));
    let sandbox = Sandbox::builder().world(world).start().unwrap();
    let ann = user(&sandbox, "ann");
    let session = assume(&sandbox, &ann, "arn:aws:iam::222222222222:role/team/Hub", &[]).credentials();
    let callers = [ann, session, user(&sandbox, "out")];
    for (at, (condition, expected)) in keys.iter().enumerate() {
        let arn = format!("arn:aws:iam::111111111111:role/K{at}");
        for (caller, expected) in callers.iter().zip(expected) {
            let code = if *expected { "200" } else { "403 AccessDenied" };
            let got = assume(&sandbox, caller, &arn, &[]).code();
            assert_eq!(got, code, "{condition} {}", caller.access_key_id());
        }
    }
}

/// A federated user's length and tags are keys of the call ("IAM and AWS STS condition context keys").
#[test]
fn federation_tokens_are_gated_by_their_length_and_tags() {
    let may = |condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:*","Resource":"*","Condition":{{{condition}}}}}}}"#
        )
    };
    let short = may(r#""NumericLessThanEquals":{"sts:DurationSeconds":"1800"}"#);
    let red = may(r#""StringEquals":{"aws:RequestTag/team":"red"}"#);
    let account = Account::new("111111111111")
        .user(User::new("ann").policy("short", &short))
        .user(User::new("ben").policy("red", &red));
    let sandbox = Sandbox::builder()
        .world(World::new().account(account))
        .start()
        .unwrap();
    let tag = |value| [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", value)];
    for (name, more, code) in [
        ("ann", &[("DurationSeconds", "1800")][..], "200"),
        ("ann", &[("DurationSeconds", "1801")], "403 AccessDenied"),
        ("ann", &[], "403 AccessDenied"),
        ("ben", &tag("red"), "200"),
        ("ben", &tag("blue"), "403 AccessDenied"),
    ] {
        let parameters = [&[("Name", "fay")], more].concat();
        let answer = query(
            &sandbox,
            &user(&sandbox, name),
            "sts",
            "GetFederationToken",
            &parameters,
        );
        assert_eq!(answer.code(), code, "{name} {more:?} {}", answer.body);
    }
}
