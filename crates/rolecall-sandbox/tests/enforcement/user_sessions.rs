//! GetSessionToken, GetFederationToken, and what each kind of credentials may call.

use std::time::Duration;

use aws_credential_types::Credentials;
use rolecall_sandbox::Sandbox;

use crate::common::{Answer, assume, s3, user};
use crate::sts_world::{ONE, TWO, admin, allow, iam, role, root, sts, world};

const LISTS: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}}"#;
const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

/// How long the credentials of an answer last, to the minute.
fn minutes(sandbox: &Sandbox, answer: &Answer) -> u64 {
    let end: jiff::Timestamp = answer
        .text("Expiration")
        .expect(&answer.body)
        .parse()
        .expect("a time");
    let now = jiff::Timestamp::try_from(sandbox.now()).expect("a time");
    (end.as_second() - now.as_second() + 30).unsigned_abs() / 60
}

/// "Compare AWS STS credentials" (IAM user guide).
#[test]
fn every_kind_of_credentials_may_call_what_it_may() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let ann = user(&sandbox, "ann");
    let root_user = root(&sandbox, ONE);
    let federated = |of: &Credentials| {
        sts(
            &sandbox,
            of,
            "GetFederationToken",
            &[("Name", "fay"), ("Policy", &allow(r#""*""#))],
        )
        .credentials()
    };
    let token = |of: &Credentials| sts(&sandbox, of, "GetSessionToken", &[]).credentials();
    let session = assume(&sandbox, &ann, &role(ONE, "Home"), &[]).credentials();
    let may = "200";
    let not = "403 AccessDenied";
    for (what, credentials, identity, assumes, tokens, federates, decodes) in [
        ("user", ann.clone(), may, may, may, may, may),
        ("root", root_user.clone(), may, not, may, may, may),
        ("role", session, may, may, not, not, may),
        ("session token", token(&ann), may, may, not, not, not),
        ("root's session token", token(&root_user), may, not, not, not, not),
        ("federated user", federated(&ann), may, not, not, not, not),
        (
            "root's federated user",
            federated(&root_user),
            may,
            not,
            not,
            not,
            not,
        ),
    ] {
        let call = |action: &str, parameters: &[(&str, &str)]| {
            sts(&sandbox, &credentials, action, parameters).code()
        };
        assert_eq!(call("GetCallerIdentity", &[]), identity, "{what}");
        let open = role(TWO, "Open");
        assert_eq!(
            call("AssumeRole", &[("RoleArn", &open), ("RoleSessionName", "test")]),
            assumes,
            "{what}"
        );
        assert_eq!(call("GetSessionToken", &[]), tokens, "{what}");
        assert_eq!(
            call("GetFederationToken", &[("Name", "fay")]),
            federates,
            "{what}"
        );
        let id = ann.access_key_id();
        assert_eq!(
            call("GetAccessKeyInfo", &[("AccessKeyId", id)]),
            decodes,
            "{what}"
        );
    }
    let refused = assume(&sandbox, &root_user, &role(TWO, "Open"), &[]);
    assert_eq!(refused.message(), "Roles may not be assumed by root accounts.");
    let refused = sts(&sandbox, &token(&ann), "GetFederationToken", &[("Name", "fay")]);
    assert_eq!(
        refused.message(),
        "Cannot call GetFederationToken with session credentials"
    );
    // Neither IAM for a session without MFA, nor ever for a federated user.
    for credentials in [token(&ann), federated(&ann), federated(&root_user)] {
        assert_eq!(
            iam(&sandbox, &credentials, "ListUsers", &[]).code(),
            "403 InvalidClientTokenId"
        );
    }
}

#[test]
fn everybody_is_told_who_they_are() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let ann = user(&sandbox, "ann");
    let root_user = root(&sandbox, ONE);
    let fay = sts(&sandbox, &ann, "GetFederationToken", &[("Name", "fay")]);
    assert_eq!(
        fay.text("Arn").as_deref(),
        Some("arn:aws:sts::111111111111:federated-user/fay")
    );
    assert_eq!(fay.text("FederatedUserId").as_deref(), Some("111111111111:fay"));
    let open = assume(&sandbox, &ann, &role(TWO, "Open"), &[]);
    let role_id = open.text("AssumedRoleId").unwrap();
    let ann_id = iam(&sandbox, &ann, "GetUser", &[]).text("UserId").unwrap();
    assert!(role_id.starts_with("AROA") && ann_id.starts_with("AIDA"));
    for (credentials, arn, id, account) in [
        (
            ann.clone(),
            "arn:aws:iam::111111111111:user/ann",
            ann_id.as_str(),
            ONE,
        ),
        (
            sts(&sandbox, &ann, "GetSessionToken", &[]).credentials(),
            "arn:aws:iam::111111111111:user/ann",
            ann_id.as_str(),
            ONE,
        ),
        (root_user, "arn:aws:iam::111111111111:root", ONE, ONE),
        (
            fay.credentials(),
            "arn:aws:sts::111111111111:federated-user/fay",
            "111111111111:fay",
            ONE,
        ),
        (
            open.credentials(),
            "arn:aws:sts::222222222222:assumed-role/Open/test",
            &role_id,
            TWO,
        ),
    ] {
        let identity = sts(&sandbox, &credentials, "GetCallerIdentity", &[]);
        assert_eq!(identity.text("Arn").as_deref(), Some(arn));
        assert_eq!(identity.text("UserId").as_deref(), Some(id));
        assert_eq!(identity.text("Account").as_deref(), Some(account));
    }
}

#[test]
fn sessions_of_users_last_as_long_as_they_may() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let (ann, root_user) = (user(&sandbox, "ann"), root(&sandbox, ONE));
    for (who, seconds, expected) in [
        (&ann, None, 720),
        (&ann, Some("900"), 15),
        (&ann, Some("129600"), 2160),
        // "Restricted to a maximum of 3,600 seconds (one hour)", whatever is asked for.
        (&root_user, None, 60),
        (&root_user, Some("900"), 15),
        (&root_user, Some("129600"), 60),
    ] {
        for action in ["GetSessionToken", "GetFederationToken"] {
            let mut parameters = vec![("Name", "fay")];
            parameters.extend(seconds.map(|seconds| ("DurationSeconds", seconds)));
            let answer = sts(&sandbox, who, action, &parameters);
            assert_eq!(minutes(&sandbox, &answer), expected, "{action} {seconds:?}");
        }
    }
}

/// "Permissions for GetFederationToken": the intersection of the user's policies and of what is passed.
#[test]
fn federated_users_have_what_both_they_and_their_user_have() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let (ann, ben) = (user(&sandbox, "ann"), user(&sandbox, "ben"));
    let root_user = root(&sandbox, ONE);
    let policy = ("Policy", LISTS);
    let managed = ("PolicyArns.member.1.arn", READ_ONLY);
    for (what, who, more, list, put) in [
        ("no policy", &ann, &[][..], "403 AccessDenied", "403 AccessDenied"),
        ("inline", &ann, &[policy], "200", "403 AccessDenied"),
        ("by ARN", &ann, &[managed], "200", "403 AccessDenied"),
        ("everything", &ann, &[("Policy", ALL)], "200", "200"),
        ("root's", &root_user, &[("Policy", ALL)], "200", "200"),
        ("root's, inline", &root_user, &[policy], "200", "403 AccessDenied"),
    ] {
        let parameters = [&[("Name", "fay")][..], more].concat();
        let answer = sts(&sandbox, who, "GetFederationToken", &parameters);
        assert_eq!(answer.code(), "200", "{what} {}", answer.body);
        assert_eq!(
            answer.text("PackedPolicySize").is_some(),
            !more.is_empty(),
            "{what}"
        );
        let fay = answer.credentials();
        assert_eq!(s3(&sandbox, &fay, "GET", "/", "").code(), list, "{what}");
        assert_eq!(s3(&sandbox, &fay, "PUT", "/ones/x", "x").code(), put, "{what}");
    }
    // The permission to call it, and its resource.
    let fay = [("Name", "fay")];
    assert_eq!(
        sts(&sandbox, &ben, "GetFederationToken", &fay).code(),
        "403 AccessDenied"
    );
    let only_fay = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:GetFederationToken",
        "Resource":"arn:aws:sts::111111111111:federated-user/fay"}}"#;
    let put = [
        ("UserName", "ben"),
        ("PolicyName", "fay"),
        ("PolicyDocument", only_fay),
    ];
    assert_eq!(iam(&sandbox, &ann, "PutUserPolicy", &put).code(), "200");
    for (name, tags, code) in [
        ("fay", &[][..], "200"),
        ("may", &[], "403 AccessDenied"),
        (
            "fay",
            &[("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "red")],
            "403 AccessDenied",
        ),
    ] {
        let parameters = [&[("Name", name)][..], tags].concat();
        let answer = sts(&sandbox, &ben, "GetFederationToken", &parameters);
        assert_eq!(answer.code(), code, "{name} {tags:?}");
    }
}

const ALL: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

#[test]
fn tags_of_a_federated_user_are_its_principal_tags() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let ann = user(&sandbox, "ann");
    let red = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*",
        "Condition":{"StringEquals":{"aws:PrincipalTag/team":"red"}}}}"#;
    for (team, code) in [("red", "200"), ("blue", "403 AccessDenied")] {
        let fay = sts(
            &sandbox,
            &ann,
            "GetFederationToken",
            &[
                ("Name", "fay"),
                ("Policy", red),
                ("Tags.member.1.Key", "team"),
                ("Tags.member.1.Value", team),
            ],
        )
        .credentials();
        assert_eq!(s3(&sandbox, &fay, "GET", "/", "").code(), code, "{team}");
    }
}

#[test]
fn keys_are_told_whose_they_are_to_those_who_may_ask() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let (ann, ben) = (user(&sandbox, "ann"), user(&sandbox, "ben"));
    let session = assume(&sandbox, &ann, &role(TWO, "Open"), &[]).credentials();
    let other = admin(&sandbox, TWO);
    for (id, account, code) in [
        (ann.access_key_id(), Some(ONE), "200"),
        (other.access_key_id(), Some(TWO), "200"),
        (session.access_key_id(), Some(TWO), "200"),
        ("AKIACANARYNOBODY2345", None, "400 ValidationError"),
        ("short", None, "400 ValidationError"),
    ] {
        let answer = sts(&sandbox, &ann, "GetAccessKeyInfo", &[("AccessKeyId", id)]);
        assert_eq!(answer.code(), code, "{id} {}", answer.body);
        assert_eq!(answer.text("Account").as_deref(), account, "{id}");
        assert_eq!(
            sts(&sandbox, &ben, "GetAccessKeyInfo", &[("AccessKeyId", id)]).code(),
            if id == "short" { code } else { "403 AccessDenied" },
            "{id}"
        );
    }
}

#[test]
fn tokens_are_as_long_as_they_are_asked_to_be() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let ann = user(&sandbox, "ann");
    for (least, expected) in [("0", 256), ("256", 256), ("257", 257), ("4096", 4096)] {
        let size = [("MinimumSessionTokenSize", least), ("Name", "fay")];
        for answer in [
            sts(&sandbox, &ann, "GetSessionToken", &size),
            sts(&sandbox, &ann, "GetFederationToken", &size),
            assume(&sandbox, &ann, &role(TWO, "Open"), &size),
        ] {
            let session = answer.credentials();
            assert_eq!(session.session_token().map(str::len), Some(expected));
            assert_eq!(sts(&sandbox, &session, "GetCallerIdentity", &[]).code(), "200");
            assert!(!sandbox.secrets().leaks_in(answer.body.as_bytes()).is_empty());
        }
    }
}

#[test]
fn temporary_sessions_of_users_end_and_are_still_known_to_have_ended() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let ann = user(&sandbox, "ann");
    let sessions = ["GetSessionToken", "GetFederationToken"].map(|action| {
        let parameters = [("Name", "fay"), ("DurationSeconds", "900")];
        sts(&sandbox, &ann, action, &parameters).credentials()
    });
    for (advance, code) in [(890, "200"), (11, "403 ExpiredToken")] {
        sandbox.advance(Duration::from_secs(advance));
        for session in &sessions {
            assert_eq!(sts(&sandbox, session, "GetCallerIdentity", &[]).code(), code);
        }
    }
}

/// "The policies must exist in the same account as the role" (AssumeRole), and in that of the user (GetFederationToken).
#[test]
fn managed_session_policies_are_of_the_sessions_account() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let ann = user(&sandbox, "ann");
    let lists = format!("arn:aws:iam::{TWO}:policy/lists");
    for (policy, in_one, in_two) in [
        (lists.as_str(), "400 ValidationError", "200"),
        (READ_ONLY, "200", "200"),
    ] {
        let more = [("PolicyArns.member.1.arn", policy)];
        let two = assume(&sandbox, &ann, &role(TWO, "Open"), &more);
        assert_eq!(two.code(), in_two, "{policy}");
        let one = assume(&sandbox, &ann, &role(ONE, "Home"), &more);
        assert_eq!(one.code(), in_one, "{policy}");
        let federated = [("Name", "fed"), more[0]];
        let federated = sts(&sandbox, &ann, "GetFederationToken", &federated);
        assert_eq!(federated.code(), in_one, "{policy}");
    }
}
