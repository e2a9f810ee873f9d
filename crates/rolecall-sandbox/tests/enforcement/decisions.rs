//! Who may do what: AssumeRole's rules, each refusal beside what is granted.

use crate::common::{BLAH, assume, query, s3, user};
use rolecall_sandbox::{Account, Role, Sandbox, User, World};

const PARTNER: &str = "arn:aws:iam::666666666666:role/PartnerRole";
const CHAINED: &str = "arn:aws:iam::666666666666:role/team/ChainedRole";
const DENY_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;

#[test]
fn parameters_are_held_to_their_limits() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    let long = "x".repeat(65);
    let longest = "x".repeat(64);
    let big_id = "x".repeat(1225);
    let big_policy = format!("{{{}}}", " ".repeat(2047));
    for (more, code, words) in [
        (&[("RoleSessionName", longest.as_str())][..], "200", ""),
        (
            &[("RoleSessionName", "x")],
            "400 ValidationError",
            "greater than or equal to 2",
        ),
        (
            &[("RoleSessionName", &long)],
            "400 ValidationError",
            "less than or equal to 64",
        ),
        (
            &[("RoleSessionName", "Fred's Session")],
            "400 ValidationError",
            r"[\w+=,.@-]*",
        ),
        (
            &[("RoleSessionName", "a"), ("DurationSeconds", "1")],
            "400 ValidationError",
            "2 validation errors detected",
        ),
        (&[("DurationSeconds", "900")], "200", ""),
        (
            &[("DurationSeconds", "899")],
            "400 ValidationError",
            "greater than or equal to 900",
        ),
        (
            &[("DurationSeconds", "43201")],
            "400 ValidationError",
            "less than or equal to 43200",
        ),
        (
            &[("DurationSeconds", "\"1000\"")],
            "400 ValidationError",
            "durationSeconds",
        ),
        (
            &[("DurationSeconds", "3601")],
            "400 ValidationError",
            "MaxSessionDuration set for this role",
        ),
        (
            &[("RoleArn", "arn:aws:iam:666666:role/BlahRole")],
            "400 ValidationError",
            "is invalid",
        ),
        (
            &[("RoleArn", "short")],
            "400 ValidationError",
            "greater than or equal to 20",
        ),
        (&[("ExternalId", "x")], "400 ValidationError", "externalId"),
        (&[("ExternalId", &big_id)], "400 ValidationError", "1224"),
        (&[("ExternalId", "a b")], "400 ValidationError", "externalId"),
        (
            &[("SourceIdentity", "a b")],
            "400 ValidationError",
            "sourceIdentity",
        ),
        (&[("Policy", "{")], "400 MalformedPolicyDocument", "Json"),
        (&[("Policy", &big_policy)], "400 ValidationError", "2048"),
        (
            &[("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/None")],
            "400 ValidationError",
            "not valid",
        ),
        (
            &[("Tags.member.1.Key", "aws:x"), ("Tags.member.1.Value", "y")],
            "400 ValidationError",
            "aws:",
        ),
        (
            &[("TransitiveTagKeys.member.1", "none")],
            "400 ValidationError",
            "transitive",
        ),
        (
            &[("SerialNumber", "arn:aws:iam::111111111111:mfa/joe")],
            "403 AccessDenied",
            "must provide both",
        ),
        (
            &[
                ("SerialNumber", "arn:aws:iam::111111111111:mfa/joe"),
                ("TokenCode", "123456"),
            ],
            "403 AccessDenied",
            "MultiFactorAuthentication failed",
        ),
        (
            &[
                ("TokenCode", "12345"),
                ("SerialNumber", "arn:aws:iam::111111111111:mfa/joe"),
            ],
            "400 ValidationError",
            "tokenCode",
        ),
    ] {
        let answer = assume(&sandbox, &joe, BLAH, more);
        assert_eq!(answer.code(), code, "{more:?} {}", answer.body);
        assert!(answer.message().contains(words), "{more:?} {}", answer.message());
    }
    let missing = query(&sandbox, &joe, "sts", "AssumeRole", &[("RoleArn", BLAH)]);
    assert_eq!(missing.code(), "400 ValidationError");
    assert!(missing.message().contains("Value null at 'roleSessionName'"));
    assert_eq!(
        query(&sandbox, &joe, "sts", "AssumeRoles", &[]).code(),
        "400 InvalidAction"
    );
}

#[test]
fn trust_and_identity_must_both_grant() {
    let sandbox = Sandbox::builder().start().unwrap();
    let (joe, stray) = (user(&sandbox, "joe.bloggs"), user(&sandbox, "stray"));
    let role = |name: &str| format!("arn:aws:iam::666666666666:role/{name}");
    let right: &[(&str, &str)] = &[("ExternalId", "partner-7421")];
    for (who, arn, more, code) in [
        (&joe, role("BlahRole"), &[][..], "200"),
        (&joe, role("PartnerRole"), right, "200"),
        (&joe, role("PartnerRole"), &[], "403 AccessDenied"),
        (
            &joe,
            role("PartnerRole"),
            &[("ExternalId", "partner-7422")],
            "403 AccessDenied",
        ),
        // The trust names the account, and stray's own policies grant nothing.
        (&stray, role("PartnerRole"), right, "403 AccessDenied"),
        (&stray, role("BlahRole"), &[], "403 AccessDenied"),
        // The identity grants, and the trust names BlahRole alone.
        (&joe, role("team/ChainedRole"), &[], "403 AccessDenied"),
        (&joe, role("Forbidden"), &[], "403 AccessDenied"),
        (&joe, role("blahrole"), &[], "403 AccessDenied"),
        (&joe, role("team/BlahRole"), &[], "403 AccessDenied"),
        (&joe, role("Missing"), &[], "403 AccessDenied"),
        (
            &joe,
            "arn:aws:iam::777777777777:role/BlahRole".to_owned(),
            &[],
            "403 AccessDenied",
        ),
    ] {
        let answer = assume(&sandbox, who, &arn, more);
        assert_eq!(answer.code(), code, "{arn} {more:?} {}", answer.body);
        if code != "200" {
            let words = format!("is not authorized to perform: sts:AssumeRole on resource: {arn}");
            assert!(answer.message().contains(&words), "{}", answer.message());
        }
    }
    let denied = assume(&sandbox, &joe, &role("Forbidden"), &[]).message();
    assert!(
        denied.ends_with("with an explicit deny in an identity-based policy"),
        "{denied}"
    );
    let untrusted = assume(&sandbox, &joe, &role("team/ChainedRole"), &[]).message();
    let missing = assume(&sandbox, &joe, &role("team/Missing"), &[]).message();
    assert_eq!(
        untrusted.replace("ChainedRole", ""),
        missing.replace("Missing", "")
    );
}

#[test]
fn chains_last_an_hour_at_most() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    let blah = assume(&sandbox, &joe, BLAH, &[]).credentials();
    assert_eq!(
        assume(&sandbox, &blah, CHAINED, &[("DurationSeconds", "3600")]).code(),
        "200"
    );
    let answer = assume(&sandbox, &blah, CHAINED, &[("DurationSeconds", "3601")]);
    assert_eq!(answer.code(), "400 ValidationError");
    assert!(
        answer
            .message()
            .contains("1 hour session limit for roles assumed by role chaining")
    );
    let chained = assume(&sandbox, &blah, CHAINED, &[]);
    assert_eq!(
        chained.text("Arn").unwrap(),
        "arn:aws:sts::666666666666:assumed-role/ChainedRole/test"
    );
    // A session from GetSessionToken is a link of the chain too.
    let base = query(&sandbox, &joe, "sts", "GetSessionToken", &[]).credentials();
    let answer = assume(&sandbox, &base, BLAH, &[("DurationSeconds", "3601")]);
    assert!(answer.message().contains("role chaining"), "{}", answer.body);
    assert_eq!(assume(&sandbox, &base, BLAH, &[]).code(), "200");
}

#[test]
fn get_session_token_is_for_long_term_keys() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    for (seconds, code) in [
        ("900", "200"),
        ("129600", "200"),
        ("899", "400 ValidationError"),
        ("129601", "400 ValidationError"),
    ] {
        let answer = query(
            &sandbox,
            &joe,
            "sts",
            "GetSessionToken",
            &[("DurationSeconds", seconds)],
        );
        assert_eq!(answer.code(), code, "{seconds}");
    }
    let base = query(&sandbox, &joe, "sts", "GetSessionToken", &[]).credentials();
    let blah = assume(&sandbox, &joe, BLAH, &[]).credentials();
    for session in [&base, &blah] {
        assert_eq!(
            query(&sandbox, session, "sts", "GetSessionToken", &[]).code(),
            "403 AccessDenied"
        );
    }
    assert_eq!(
        query(&sandbox, &base, "iam", "GetUser", &[]).code(),
        "403 InvalidClientTokenId"
    );
    let identity = query(&sandbox, &base, "sts", "GetCallerIdentity", &[]);
    assert_eq!(
        identity.text("Arn").unwrap(),
        "arn:aws:iam::111111111111:user/joe.bloggs"
    );
}

#[test]
fn session_policies_only_take_away() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    let lists = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:ListAllMyBuckets","iam:*"],"Resource":"*"}}"#;
    let read_only = (
        "PolicyArns.member.1.arn",
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
    );
    let administrator = (
        "PolicyArns.member.1.arn",
        "arn:aws:iam::aws:policy/AdministratorAccess",
    );
    for (more, list, put) in [
        (&[][..], "200", "200"),
        (&[("Policy", lists)], "200", "403 AccessDenied"),
        (&[read_only], "200", "403 AccessDenied"),
        (&[administrator], "200", "200"),
        (
            &[administrator, ("Policy", DENY_ALL)],
            "403 AccessDenied",
            "403 AccessDenied",
        ),
    ] {
        let session = assume(&sandbox, &joe, BLAH, more).credentials();
        assert_eq!(s3(&sandbox, &session, "GET", "/", "").code(), list, "{more:?}");
        assert_eq!(
            s3(&sandbox, &session, "PUT", "/blah-reports/x", "x").code(),
            put,
            "{more:?}"
        );
        assert_eq!(
            query(&sandbox, &session, "iam", "ListUsers", &[]).code(),
            "403 AccessDenied"
        );
        assert_eq!(
            query(&sandbox, &session, "sts", "GetCallerIdentity", &[]).code(),
            "200"
        );
    }
}

fn tagging_world() -> World {
    let allow = |actions: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":{actions},"Resource":"*"}}}}"#
        )
    };
    let trust = |principal: &str, actions: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":{actions},"Principal":{{"AWS":"{principal}"}}}}}}"#
        )
    };
    let all = r#"["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#;
    let plain = r#""sts:AssumeRole""#;
    World::new()
        .account(
            Account::new("111111111111")
                .user(User::new("ann").policy("p", &allow(all)))
                .user(User::new("ben").policy("p", &allow(plain))),
        )
        .account(
            Account::new("222222222222")
                .role(Role::new("Hub", &trust("111111111111", all)).policy("p", &allow(all)))
                .role(Role::new("Plain", &trust("111111111111", plain)))
                .role(Role::new("Spoke", &trust("arn:aws:iam::222222222222:role/Hub", all)).policy(
                    "own-team",
                    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::team-${aws:PrincipalTag/team}","arn:aws:s3:::team-${aws:PrincipalTag/team}/*"]}}"#,
                ))
                .role(Role::new("Plainspoke", &trust("arn:aws:iam::222222222222:role/Hub", plain)))
                .bucket("team-red", &[("a", "a")])
                .bucket("team-blue", &[("a", "a")]),
        )
}

#[test]
fn tags_and_source_identity_need_both_sides_and_follow_the_chain() {
    let sandbox = Sandbox::builder().world(tagging_world()).start().unwrap();
    let (ann, ben) = (user(&sandbox, "ann"), user(&sandbox, "ben"));
    let role = |name: &str| format!("arn:aws:iam::222222222222:role/{name}");
    let tag: &[(&str, &str)] = &[("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "red")];
    let identity: &[(&str, &str)] = &[("SourceIdentity", "ann")];
    for more in [tag, identity] {
        assert_eq!(
            assume(&sandbox, &ann, &role("Hub"), more).code(),
            "200",
            "{more:?}"
        );
        assert_eq!(
            assume(&sandbox, &ben, &role("Hub"), more).code(),
            "403 AccessDenied",
            "{more:?}"
        );
        assert_eq!(
            assume(&sandbox, &ann, &role("Plain"), more).code(),
            "403 AccessDenied",
            "{more:?}"
        );
    }
    assert_eq!(assume(&sandbox, &ben, &role("Hub"), &[]).code(), "200");

    let transitive = [tag, identity, &[("TransitiveTagKeys.member.1", "team")]].concat();
    let hub = assume(&sandbox, &ann, &role("Hub"), &transitive).credentials();
    let spoke = assume(&sandbox, &hub, &role("Spoke"), &[]);
    assert_eq!(spoke.text("SourceIdentity").as_deref(), Some("ann"));
    let spoke = spoke.credentials();
    assert_eq!(s3(&sandbox, &spoke, "GET", "/team-red/a", "").code(), "200");
    assert_eq!(
        s3(&sandbox, &spoke, "GET", "/team-blue/a", "").code(),
        "403 AccessDenied"
    );
    // What is handed on can be neither set again nor dropped.
    assert_eq!(
        assume(&sandbox, &hub, &role("Spoke"), tag).code(),
        "400 InvalidParameterValue"
    );
    assert_eq!(
        assume(&sandbox, &hub, &role("Spoke"), &[("SourceIdentity", "ben")]).code(),
        "403 AccessDenied"
    );
    assert_eq!(
        assume(&sandbox, &hub, &role("Plainspoke"), &[]).code(),
        "403 AccessDenied"
    );
    let plain = assume(&sandbox, &ann, &role("Hub"), tag).credentials();
    let untagged = assume(&sandbox, &plain, &role("Spoke"), &[]).credentials();
    assert_eq!(
        s3(&sandbox, &untagged, "GET", "/team-red/a", "").code(),
        "403 AccessDenied"
    );
}

#[test]
fn accounts_are_apart() {
    let sandbox = Sandbox::builder().start().unwrap();
    let (joe, admin) = (user(&sandbox, "joe.bloggs"), user(&sandbox, "admin"));
    let blah = assume(&sandbox, &joe, BLAH, &[]).credentials();
    let topic = "arn:aws:sns:us-east-1:666666666666:blah-events";
    for (answer, code) in [
        (s3(&sandbox, &blah, "GET", "/blah-reports/readme.txt", ""), "200"),
        (
            s3(&sandbox, &blah, "GET", "/account-a-private/diary.txt", ""),
            "403 AccessDenied",
        ),
        (
            s3(&sandbox, &admin, "GET", "/account-a-private/diary.txt", ""),
            "200",
        ),
        (
            s3(&sandbox, &admin, "GET", "/blah-reports/readme.txt", ""),
            "403 AccessDenied",
        ),
        (
            s3(&sandbox, &admin, "PUT", "/blah-reports", ""),
            "409 BucketAlreadyExists",
        ),
        (
            s3(&sandbox, &admin, "GET", "/no-such-bucket", ""),
            "404 NoSuchBucket",
        ),
        (
            s3(&sandbox, &blah, "GET", "/blah-reports/none", ""),
            "404 NoSuchKey",
        ),
        (
            s3(&sandbox, &admin, "PUT", "/Bad_Name", ""),
            "400 InvalidBucketName",
        ),
        (
            s3(&sandbox, &admin, "DELETE", "/account-a-private", ""),
            "409 BucketNotEmpty",
        ),
        (
            s3(&sandbox, &admin, "GET", "/account-a-private?acl", ""),
            "501 NotImplemented",
        ),
        (
            query(
                &sandbox,
                &blah,
                "sns",
                "Publish",
                &[("TopicArn", topic), ("Message", "hi")],
            ),
            "200",
        ),
        (
            query(
                &sandbox,
                &admin,
                "sns",
                "Publish",
                &[("TopicArn", topic), ("Message", "hi")],
            ),
            "403 AuthorizationError",
        ),
        (
            query(
                &sandbox,
                &blah,
                "sns",
                "Publish",
                &[("TopicArn", &format!("{topic}2")), ("Message", "hi")],
            ),
            "404 NotFound",
        ),
        (
            query(&sandbox, &blah, "sns", "Publish", &[("TopicArn", topic)]),
            "400 InvalidParameter",
        ),
    ] {
        assert_eq!(answer.code(), code, "{}", answer.body);
    }
    let own = s3(&sandbox, &blah, "GET", "/", "");
    assert!(own.body.contains("blah-reports") && !own.body.contains("account-a-private"));
}

/// "If you don't have the s3:ListBucket permission, Amazon S3 returns an HTTP status code 403 error" for a key that is not
/// there (GetObject).
#[test]
fn who_may_not_list_does_not_learn_what_is_there() {
    let may = |actions: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":[{actions}],"Resource":"*"}}}}"#
        )
    };
    let account = Account::new("111111111111")
        .bucket("bucket", &[("there", "x")])
        .user(User::new("reader").policy("may", &may(r#""s3:GetObject""#)))
        .user(User::new("lister").policy("may", &may(r#""s3:GetObject","s3:ListBucket""#)));
    let sandbox = Sandbox::builder()
        .world(World::new().account(account))
        .start()
        .unwrap();
    for (name, code) in [("reader", "403 AccessDenied"), ("lister", "404 NoSuchKey")] {
        let keys = user(&sandbox, name);
        assert_eq!(s3(&sandbox, &keys, "GET", "/bucket/there", "").code(), "200");
        assert_eq!(
            s3(&sandbox, &keys, "GET", "/bucket/none", "").code(),
            code,
            "{name}"
        );
        assert_eq!(
            s3(&sandbox, &keys, "HEAD", "/bucket/none", "").status.to_string(),
            code[..3]
        );
    }
}

#[test]
fn worlds_that_cannot_be_are_refused() {
    let trust = r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*"}}"#;
    for (account, words) in [
        (Account::new("666666"), "6 digits"),
        (
            Account::new("111111111111")
                .user(User::new("a"))
                .user(User::new("a")),
            "twice",
        ),
        (
            Account::new("111111111111").user(User::new("a").policy("p", "{")),
            "policy p",
        ),
        (
            Account::new("111111111111").user(User::new("a").attach("arn:aws:iam::aws:policy/None")),
            "does not exist",
        ),
        (
            Account::new("111111111111").role(Role::new("a", "{}")),
            "trust policy of role a",
        ),
        (
            Account::new("111111111111").role(Role::new("a", trust).max_session_seconds(60)),
            "3600",
        ),
    ] {
        let error = Sandbox::builder()
            .world(World::new().account(account))
            .start()
            .unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(Sandbox::builder().session_seconds(1).start().is_err());
}
#[test]
fn partner_demands_its_external_id() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    let session = assume(&sandbox, &joe, PARTNER, &[("ExternalId", "partner-7421")]).credentials();
    assert_eq!(s3(&sandbox, &session, "GET", "/", "").code(), "200");
    assert_eq!(
        s3(&sandbox, &session, "GET", "/blah-reports/readme.txt", "").code(),
        "403 AccessDenied"
    );
}
