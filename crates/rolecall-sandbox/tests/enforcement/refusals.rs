//! The words of refusals ("Troubleshoot access denied error messages", IAM user guide): which kind of policy refused, and
//! across accounts nothing of what the other side decided. And condition keys that a request carries of itself.

use rolecall_sandbox::{Account, Role, Sandbox, User, World};

use crate::common::{Answer, Raw, assume, query, s3, user, wall};
use crate::sts_world::{ONE, TWO, allow, trust};

const ASSUME: &str = r#"["sts:AssumeRole","sts:TagSession"]"#;

fn deny(action: &str) -> String {
    allow(&format!(r#""{action}""#)).replace("Allow", "Deny")
}

fn sandbox() -> Sandbox {
    let everyone = r#"{"AWS":["arn:aws:iam::111111111111:root","arn:aws:iam::222222222222:root"]}"#;
    let but_dan = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"111111111111"}},
        {"Effect":"Deny","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::111111111111:user/dan"}}]}"#;
    let home = |id: &str| Account::new(id).role(Role::new("NotDan", but_dan));
    let curl = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*",
        "Condition":{"StringLike":{"aws:UserAgent":"curl/*"}}}}"#;
    let world = World::new()
        .account(
            home(ONE)
                .managed_policy("OnlySts", &allow(ASSUME))
                .user(User::new("none"))
                .user(User::new("denied").policy("no", &deny("s3:*")))
                .user(
                    User::new("bounded")
                        .policy("may", &allow(r#""*""#))
                        .boundary("OnlySts"),
                )
                .user(User::new("dan").policy("may", &allow(ASSUME)))
                .user(User::new("curl").policy("curl", curl))
                .role(Role::new("Home", &trust(everyone, ASSUME, "")).policy("may", &allow(r#""*""#))),
        )
        .account(
            home(TWO).role(
                Role::new("Closed", &trust(r#"{"AWS":"222222222222"}"#, ASSUME, ""))
                    .policy("may", &allow(r#""*""#)),
            ),
        );
    Sandbox::builder().world(world).start().expect("a sound world")
}

#[test]
fn refusals_say_which_kind_of_policy_refused_at_home_and_nothing_of_it_abroad() {
    let sandbox = sandbox();
    let of = |name: &str| user(&sandbox, name);
    let buckets = |name: &str| s3(&sandbox, &of(name), "GET", "/", "");
    let into = |name: &str, account: &str, role: &str| {
        assume(
            &sandbox,
            &of(name),
            &format!("arn:aws:iam::{account}:role/{role}"),
            &[],
        )
    };
    let held = assume(
        &sandbox,
        &of("dan"),
        "arn:aws:iam::111111111111:role/Home",
        &[("Policy", &allow(r#""sns:*""#))],
    );
    let held = s3(&sandbox, &held.credentials(), "GET", "/", "");
    let why = |answer: Answer| {
        assert_eq!(answer.code(), "403 AccessDenied", "{}", answer.body);
        let message = answer.message();
        let (_, rest) = message
            .split_once(" on resource: ")
            .expect("every refusal names the resource");
        rest.split_once(' ')
            .map_or_else(String::new, |(_, why)| why.to_owned())
    };
    let because = |kind: &str| format!("because no {kind} allows the s3:ListAllMyBuckets action");
    for (answer, expected) in [
        (buckets("none"), because("identity-based policy")),
        (
            buckets("denied"),
            "with an explicit deny in an identity-based policy".to_owned(),
        ),
        (buckets("bounded"), because("permissions boundary")),
        (held, because("session policy")),
        (
            into("dan", ONE, "NotDan"),
            "with an explicit deny in a role trust policy".to_owned(),
        ),
        // Abroad, what the role's account decided is its own affair, and no trust policy is ever quoted.
        (into("dan", TWO, "NotDan"), String::new()),
        (into("dan", TWO, "Closed"), String::new()),
        (into("dan", TWO, "NoSuchRole"), String::new()),
        (into("none", TWO, "NotDan"), String::new()),
    ] {
        assert_eq!(why(answer), expected);
    }
    let answer = query(&sandbox, &of("none"), "iam", "GetUser", &[("UserName", "dan")]);
    assert_eq!(
        answer.message(),
        "User: arn:aws:iam::111111111111:user/none is not authorized to perform: iam:GetUser on resource: \
         arn:aws:iam::111111111111:user/dan because no identity-based policy allows the iam:GetUser action"
    );
}

#[test]
fn the_user_agent_is_a_key_of_the_request() {
    let sandbox = sandbox();
    let curl = user(&sandbox, "curl");
    for (agent, code) in [("curl/8.1", "200"), ("wget/1.2", "403 AccessDenied")] {
        let answer = Raw::new(&sandbox, "s3", "GET", "/", "")
            .header("user-agent", agent)
            .at(wall(&sandbox))
            .signed(&sandbox, &curl)
            .send(&sandbox);
        assert_eq!(answer.code(), code, "{agent}");
    }
}

#[test]
fn a_packed_size_is_told_where_something_was_packed() {
    let sandbox = sandbox();
    let dan = user(&sandbox, "dan");
    let home = "arn:aws:iam::111111111111:role/Home";
    let policy = allow(r#""sns:*""#);
    let tags = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "blue")];
    for (more, told) in [
        (&[][..], false),
        (&[("Policy", policy.as_str())], true),
        (&tags, true),
        (
            &[(
                "PolicyArns.member.1.arn",
                "arn:aws:iam::aws:policy/ReadOnlyAccess",
            )],
            true,
        ),
    ] {
        let answer = assume(&sandbox, &dan, home, more);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let percent = answer
            .text("PackedPolicySize")
            .map(|text| text.parse::<u32>().unwrap());
        assert_eq!(percent.is_some(), told, "{more:?}");
        assert!(
            percent.is_none_or(|percent| (1..=100).contains(&percent)),
            "{percent:?}"
        );
    }
}
