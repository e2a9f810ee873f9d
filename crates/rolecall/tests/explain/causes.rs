//! The classic causes, one by one.

use std::time::Duration;

use rolecall::explain::{Outcome, Reading, Says, explain};
use rolecall::policy::PolicyKind;
use rolecall::{AskedDuration, Request};
use rolecall_sandbox::Fault;
use serde_json::json;

use super::world::{APP, HUB, JOE, Scene, THEIRS, allow, of, said, trusting};

#[tokio::test]
async fn what_works_is_said_with_the_statements_that_let_it() {
    let explanation = Scene::default().explained().await;
    assert_eq!(explanation.outcome(), Outcome::Works);
    let hop = &explanation.hops[0];
    assert_eq!(hop.caller.as_deref(), Some(JOE));
    assert_eq!(hop.reading, Reading::Allowed, "{hop:#?}");
    assert!(hop.causes.is_empty() && hop.changes.is_empty() && hop.until.is_some());
    assert!(matches!(said(&explanation, PolicyKind::Identity), Says::Allows(by) if by[0].statement == 1));
    assert!(matches!(said(&explanation, PolicyKind::Trust), Says::Allows(by) if by[0].statement == 0));
}

#[tokio::test]
async fn the_caller_lacks_the_permission() {
    let mut scene = Scene::default();
    scene.joe[1] = allow(json!("sts:AssumeRole"), HUB);
    let explanation = scene
        .is_refused_for(
            "identity-silent",
            "it is about `arn:aws:iam::666666666666:role/Hub`",
        )
        .await;
    assert!(
        matches!(said(&explanation, PolicyKind::Identity), Says::Silent(Some((by, _))) if by.statement == 1)
    );
    scene.is_mended_by(&explanation, &["identity-based policy"]).await;
}

#[tokio::test]
async fn both_sides_lack_it() {
    let mut scene = Scene::default();
    scene.joe.remove(1);
    scene.trust = vec![trusting(HUB)];
    let explanation = scene.is_refused_for("principal-other", HUB).await;
    scene
        .is_mended_by(&explanation, &["role trust policy", "identity-based policy"])
        .await;
}

#[tokio::test]
async fn the_external_id_is_missing_or_wrong() {
    let mut scene = Scene::default();
    scene.trust[0]["Condition"] = json!({"StringEquals": {"sts:ExternalId": "partner-7421"}});
    let explanation = scene
        .is_refused_for(
            "external-id-missing",
            "statement 1 of the trust policy of role App",
        )
        .await;
    scene.is_mended_by(&explanation, &["call"]).await;
    scene.request.external_id = Some("partner-1247".parse().unwrap());
    let explanation = scene.is_refused_for("external-id-wrong", "`partner-1247`").await;
    scene.is_mended_by(&explanation, &["call"]).await;
}

#[tokio::test]
async fn the_statement_for_a_stranger_has_the_conditions_of_the_others() {
    let mut scene = Scene::default();
    scene.trust = vec![trusting(HUB)];
    scene.trust[0]["Condition"] = json!({"StringEquals": {"sts:ExternalId": "partner-7421"}});
    let explanation = scene.is_refused_for("principal-other", HUB).await;
    let change = &explanation.hops[0].changes[0];
    let statement = change.statement.as_ref().unwrap();
    assert_eq!(
        *statement,
        json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": JOE},
               "Condition": {"StringEquals": {"sts:ExternalId": "partner-7421"}}})
    );
    scene
        .is_mended_by(&explanation, &["role trust policy", "call"])
        .await;
}

#[tokio::test]
async fn mfa_is_demanded_by_the_role_or_by_the_caller_s_own_policy() {
    let mut scene = Scene::default();
    scene.trust[0]["Condition"] = json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}});
    let explanation = scene
        .is_refused_for(
            "mfa-missing",
            "a `Bool`, which a long-term access key never meets",
        )
        .await;
    scene.is_mended_by(&explanation, &["call"]).await;

    let mut scene = Scene::default();
    scene.joe.push(
        json!({"Sid": "NoMfaNoRole", "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*",
        "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}}),
    );
    let explanation = scene.is_refused_for("mfa-missing", "`NoMfaNoRole`").await;
    scene.is_mended_by(&explanation, &["call"]).await;
}

#[tokio::test]
async fn a_chain_never_proves_mfa() {
    let mut scene = Scene {
        over_hub: true,
        ..Scene::default()
    };
    scene.trust = vec![trusting(HUB)];
    scene.trust[0]["Condition"] = json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}});
    let explanation = scene.is_refused_for("mfa-in-chain", "never proves it").await;
    assert_eq!(explanation.hops.len(), 2);
    assert_eq!(explanation.hops[0].outcome, Outcome::Works);
    scene.is_mended_by(&explanation, &["role trust policy"]).await;
}

#[tokio::test]
async fn tags_and_source_identities_are_allowed_by_both_sides() {
    let mut scene = Scene::default();
    scene.request.tags = vec!["team=red".parse().unwrap()];
    scene.joe[1] = allow(json!(["sts:AssumeRole", "sts:TagSession"]), "*");
    let explanation = scene
        .is_refused_for(
            "tag-session",
            "the role's trust policy does not allow sts:TagSession",
        )
        .await;
    scene.is_mended_by(&explanation, &["role trust policy"]).await;

    let mut scene = Scene::default();
    scene.request.source_identity = Some("joe".parse().unwrap());
    let explanation = scene
        .is_refused_for("source-identity", "the caller's own policies do not allow")
        .await;
    scene
        .is_mended_by(&explanation, &["role trust policy", "identity-based policy"])
        .await;
}

#[tokio::test]
async fn the_role_is_not_there_or_is_called_otherwise() {
    for (arn, cause, fix) in [
        ("arn:aws:iam::666666666666:role/App", "wrong-path", APP),
        (
            "arn:aws:iam::666666666666:role/team/Appl",
            "no-such-role",
            "`App`",
        ),
        ("arn:aws:iam::666666666666:role/team/app", "wrong-case", APP),
    ] {
        let scene = Scene {
            request: Request {
                target: Some(arn.to_owned()),
                source_profile: Some("joe".to_owned()),
                ..Request::default()
            },
            ..Scene::default()
        };
        let explanation = scene.is_refused_for(cause, fix).await;
        assert!(explanation.hops[0].changes.is_empty(), "{explanation:#?}");
    }
}

#[tokio::test]
async fn the_trust_policy_names_somebody_deleted() {
    let mut scene = Scene {
        dangling: true,
        ..Scene::default()
    };
    scene.trust = vec![trusting("AIDACKCEVSQ6C2EXAMPLE")];
    let explanation = scene
        .is_refused_for("principal-deleted", "`AIDACKCEVSQ6C2EXAMPLE`")
        .await;
    scene.is_mended_by(&explanation, &["role trust policy"]).await;
}

#[tokio::test]
async fn only_services_are_trusted() {
    let mut scene = Scene::default();
    scene.trust = vec![
        json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}),
    ];
    let explanation = scene.is_refused_for("service-only", "`ec2.amazonaws.com`").await;
    scene.is_mended_by(&explanation, &["role trust policy"]).await;
}

#[tokio::test]
async fn the_boundary_lacks_it_or_denies_it() {
    let reads = allow(json!(["iam:*", "organizations:*"]), "*");
    let mut scene = Scene {
        boundary: Some(vec![reads.clone()]),
        ..Scene::default()
    };
    let explanation = scene
        .is_refused_for("boundary", "permissions boundary does not allow sts:AssumeRole")
        .await;
    scene.is_mended_by(&explanation, &["permissions boundary"]).await;
    scene.boundary = Some(vec![
        allow(json!("*"), "*"),
        json!({"Effect": "Deny", "Action": "sts:*", "Resource": "*"}),
    ]);
    let explanation = scene
        .is_refused_for("boundary", "statement 2 of the permissions boundary")
        .await;
    assert_eq!(
        explanation.hops[0].changes[0].statement,
        Some(json!({"Effect": "Deny", "Action": "sts:*", "NotResource": APP}))
    );
    scene.is_mended_by(&explanation, &["permissions boundary"]).await;
}

#[tokio::test]
async fn a_deny_of_the_caller_s_own_is_taken_away_or_made_to_leave_the_role_out() {
    let mut scene = Scene::default();
    scene
        .joe
        .push(json!({"Sid": "Never", "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": APP}));
    let explanation = scene
        .is_refused_for(
            "identity-denies",
            "statement 3 (`Never`) of the policy `own` of user joe",
        )
        .await;
    scene.is_mended_by(&explanation, &["identity-based policy"]).await;
    scene.joe[2]["Resource"] = json!([APP, HUB]);
    let explanation = scene.is_refused_for("identity-denies", "`Never`").await;
    assert_eq!(
        explanation.hops[0].changes[0].statement.as_ref().unwrap()["Resource"],
        HUB
    );
    scene.is_mended_by(&explanation, &["identity-based policy"]).await;
}

#[tokio::test]
async fn the_role_s_own_deny() {
    let mut scene = Scene::default();
    scene
        .trust
        .push(json!({"Effect": "Deny", "Action": "sts:AssumeRole", "Principal": {"AWS": JOE}}));
    let explanation = scene
        .is_refused_for("trust-denies", "statement 2 of the trust policy of role App")
        .await;
    scene.is_mended_by(&explanation, &["role trust policy"]).await;
}

#[tokio::test]
async fn the_organization_denies_it_or_allows_too_little() {
    let mut scene = Scene {
        control: Some(vec![
            allow(json!("*"), "*"),
            json!({"Sid": "NoRoles", "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"}),
        ]),
        ..Scene::default()
    };
    let explanation = scene.is_refused_for("control-policy", "`NoRoles`").await;
    scene
        .is_mended_by(&explanation, &["service control policy"])
        .await;
    scene.control = Some(vec![allow(json!(["iam:*", "organizations:*"]), "*")]);
    let explanation = scene
        .is_refused_for("control-policy", "no service control policy that allows")
        .await;
    scene
        .is_mended_by(&explanation, &["service control policy"])
        .await;
}

#[tokio::test]
async fn a_condition_that_is_not_the_call_s_to_meet() {
    let mut scene = Scene::default();
    scene.trust[0]["Condition"] = json!({"StringEquals": {"aws:PrincipalAccount": "222222222222"}});
    let explanation = scene
        .is_refused_for("trust-condition", "aws:PrincipalAccount")
        .await;
    scene.is_mended_by(&explanation, &["role trust policy"]).await;
    scene.trust[0]["Condition"] = json!({"StringEquals": {"sts:RoleSessionName": "${aws:username}-laptop"}});
    let explanation = scene
        .is_refused_for("trust-condition", "sts:RoleSessionName")
        .await;
    scene.is_mended_by(&explanation, &["call"]).await;
}

#[tokio::test]
async fn a_tag_that_the_role_demands() {
    let mut scene = Scene::default();
    scene.joe[1] = allow(json!(["sts:AssumeRole", "sts:TagSession"]), "*");
    scene.trust[0]["Action"] = json!(["sts:AssumeRole", "sts:TagSession"]);
    scene.trust[0]["Condition"] = json!({"StringEquals": {"aws:RequestTag/team": "red"}});
    let explanation = scene
        .is_refused_for("trust-condition", "aws:RequestTag/team")
        .await;
    scene.is_mended_by(&explanation, &["call"]).await;
}

#[tokio::test]
async fn durations_have_caps() {
    let mut scene = Scene::default();
    scene.request.duration = Some(AskedDuration::For("2h".parse().unwrap()));
    let explanation = scene
        .is_refused_for("longer-than-role", "MaxSessionDuration is 3600 seconds")
        .await;
    assert!(explanation.hops[0].changes.is_empty());
    scene.longest = 7200;
    assert_eq!(scene.explained().await.outcome(), Outcome::Works);
    scene.over_hub = true;
    scene.trust = vec![trusting(HUB)];
    let explanation = scene.explained().await;
    assert_eq!(explanation.outcome(), Outcome::Works, "{explanation:#?}");
    let notes = explanation.hops[1].notes.join(" ");
    assert!(notes.contains("one hour"), "{notes}");
}

#[tokio::test]
async fn within_one_account_a_trust_policy_that_names_the_caller_is_enough() {
    let mut scene = Scene {
        over_hub: true,
        has_via: false,
        ..Scene::default()
    };
    scene.hub.truncate(1);
    scene.trust = vec![trusting(THEIRS)];
    let explanation = scene
        .is_refused_for("identity-silent", "role Hub in account 666666666666")
        .await;
    assert_eq!(explanation.hops[1].trust_read_by.as_deref(), Some("the caller"));
    scene.is_mended_by(&explanation, &["identity-based policy"]).await;
}

#[tokio::test]
async fn a_key_that_nobody_knows() {
    let scene = Scene {
        config: "
[profile stray]
aws_access_key_id = AKIANOBODYKNOWSTHIS1
aws_secret_access_key = abcdefghijklmnopqrstuvwxyz0123456789ABCD
[profile lost]
role_arn = arn:aws:iam::666666666666:role/team/App
source_profile = stray
",
        target: "lost",
        has_via: false,
        ..Scene::default()
    };
    let explanation = scene.explained().await;
    assert_eq!(explanation.outcome(), Outcome::Refused, "{explanation:#?}");
    assert!(explanation.hops.is_empty());
    assert_eq!(explanation.source_causes[0].name, "key-unknown");
}

#[tokio::test]
async fn a_partition_that_is_another() {
    let scene = Scene {
        request: Request {
            target: Some("arn:aws-cn:iam::666666666666:role/team/App".to_owned()),
            source_profile: Some("joe".to_owned()),
            region: Some("cn-north-1".parse().unwrap()),
            ..Request::default()
        },
        has_via: false,
        ..Scene::default()
    };
    let explanation = scene.explained().await;
    let hop = &explanation.hops[0];
    assert_eq!(hop.outcome, Outcome::Refused, "{explanation:#?}");
    assert!(
        hop.causes.iter().any(|cause| cause.name == "cross-partition"),
        "{explanation:#?}"
    );
}

#[tokio::test]
async fn a_proof_of_mfa_that_is_too_old() {
    let mut scene = Scene::default();
    scene.trust[0]["Condition"] = json!({"NumericLessThan": {"aws:MultiFactorAuthAge": "7200"}});
    scene.request.mfa_serial = Some("arn:aws:iam::111111111111:mfa/phone".parse().unwrap());
    let started = scene.start();
    let provider = started.provider(Request {
        target: Some("app".to_owned()),
        ..scene.request.clone()
    });
    assert!(provider.session().await.is_ok());
    started.sandbox.advance(Duration::from_secs(3 * 3600));
    let explanation = explain(&provider, &[started.provider(of("reader"))]).await;
    let hop = &explanation.hops[0];
    assert_eq!(hop.outcome, Outcome::Refused, "{hop:#?}");
    let cause = &hop.causes[0];
    assert_eq!(cause.name, "mfa-too-old", "{hop:#?}");
    assert!(cause.fix.contains("rolecall forget"), "{cause:?}");
    // Forgotten, it is proved anew.
    let anew = Scene::explained(&scene).await;
    assert_eq!(anew.outcome(), Outcome::Works);
}

#[tokio::test]
async fn one_session_is_trusted_and_this_is_another() {
    let mut scene = Scene {
        over_hub: true,
        ..Scene::default()
    };
    scene.trust = vec![trusting("arn:aws:sts::666666666666:assumed-role/Hub/somebody")];
    let explanation = scene
        .is_refused_for("session-other", "assumed-role/Hub/somebody")
        .await;
    scene.is_mended_by(&explanation, &["role trust policy"]).await;
}

#[tokio::test]
async fn a_clock_that_is_wrong() {
    let scene = Scene {
        config: "
[profile late]
role_arn = arn:aws:iam::666666666666:role/team/App
source_profile = joe
disable_clock_skew_correction = true
",
        target: "late",
        has_via: false,
        ..Scene::default()
    };
    let started = scene.start();
    started.sandbox.set_skew(3600);
    let explanation = explain(&started.provider(of("late")), &[]).await;
    assert_eq!(explanation.outcome(), Outcome::Refused, "{explanation:#?}");
    let cause = &explanation.source_causes[0];
    assert_eq!(cause.name, "clock", "{explanation:#?}");
    assert!(cause.sentence.contains("1 h behind AWS's"), "{cause:?}");
    started.sandbox.set_skew(0);
    let again = explain(&started.provider(of("late")), &[]).await;
    assert_eq!(again.outcome(), Outcome::Works);
}

#[tokio::test]
async fn where_sts_cannot_be_asked_what_was_read_is_told_and_no_more() {
    let mut scene = Scene::default();
    let started = scene.start();
    started.sandbox.inject(Fault::Throttle, "AssumeRole", 100);
    let explanation = explain(&started.provider(of("app")), &[started.provider(of("reader"))]).await;
    let hop = &explanation.hops[0];
    assert_eq!(
        (hop.outcome, &hop.reading),
        (Outcome::Unknown, &Reading::Allowed),
        "{hop:#?}"
    );
    assert!(hop.notes.join(" ").contains("STS could not be asked"), "{hop:#?}");
    // What was read and denies it is enough.
    scene.trust = vec![trusting(HUB)];
    let started = scene.start();
    started.sandbox.inject(Fault::Throttle, "AssumeRole", 100);
    let explanation = explain(&started.provider(of("app")), &[started.provider(of("reader"))]).await;
    assert_eq!(explanation.outcome(), Outcome::Refused, "{explanation:#?}");
}
