//! `rolecall roles`: what a person and a program see, what is kept, what is written.

use std::fs;

use rolecall_sandbox::{Account, Organization, Role, Sandbox, User, World};
use serde_json::Value;

use super::support::Machine;

const HOME: &str = "111111111111";
const DEV: &str = "arn:aws:iam::222222222222:role/Dev";

fn policy(effect: &str, action: &str, rest: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Sid":"S1","Effect":"{effect}","Action":"{action}",{rest}}}}}"#
    )
}

fn trust(condition: &str) -> String {
    policy(
        "Allow",
        "sts:AssumeRole",
        &format!(r#""Principal":{{"AWS":"{HOME}"}}{condition}"#),
    )
}

/// Joe of the account Home may read everything and assume Dev, Ops with an ExternalId, and Own at home.
fn world() -> World {
    let assume = |role: &str| policy("Allow", "sts:AssumeRole", &format!(r#""Resource":"{role}""#));
    let joe = User::new("joe")
        .policy("look", &policy("Allow", "iam:*", r#""Resource":"*""#))
        .policy(
            "accounts",
            &policy("Allow", "organizations:*", r#""Resource":"*""#),
        )
        .attach("assume-dev")
        .policy("assume-ops", &assume("arn:aws:iam::222222222222:role/Ops"))
        .policy("assume-own", &assume(&format!("arn:aws:iam::{HOME}:role/Own")))
        .policy("assume-all-of-three", &assume("arn:aws:iam::333333333333:role/*"))
        .policy(
            "never",
            &policy(
                "Deny",
                "sts:*",
                r#""Resource":"arn:aws:iam::222222222222:role/Prod""#,
            ),
        );
    World::new()
        .account(
            Account::new(HOME)
                .managed_policy("assume-dev", &assume(DEV))
                .user(joe)
                .role(Role::new(
                    "Own",
                    &trust(r#","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#),
                )),
        )
        .account(
            Account::new("222222222222")
                .role(Role::new("Dev", &trust("")))
                .role(Role::new(
                    "Ops",
                    &trust(r#","Condition":{"StringEquals":{"sts:ExternalId":"x1"}}"#),
                ))
                .role(Role::new("Prod", &trust(""))),
        )
        .account(Account::new("333333333333").role(Role::new("Any", &trust(""))))
        .organization(
            Organization::new(HOME)
                .account_name("222222222222", "Blah Ltd")
                .account_at_root("222222222222")
                .account_at_root("333333333333"),
        )
        .profile_for_user("joe", HOME, "joe")
        .profile_for_role("prod", "arn:aws:iam::222222222222:role/Prod", "joe", None)
        .profile_for_role("ops", "arn:aws:iam::222222222222:role/Ops", "joe", Some("x1"))
}

fn machine() -> Machine {
    Machine::with(Sandbox::builder().world(world()).start().unwrap())
}

fn row<'a>(roles: &'a Value, arn: &str) -> &'a Value {
    let rows = roles["roles"].as_array().unwrap();
    rows.iter()
        .find(|row| row["role_arn"] == arn)
        .unwrap_or_else(|| panic!("{arn} is not in {roles:#}"))
}

#[test]
fn the_json_says_of_each_role_whether_and_why() {
    let machine = machine();
    let roles: Value = serde_json::from_str(&machine.run(&["roles", "joe", "--json", "--all"]).ok()).unwrap();
    assert_eq!(roles["caller"]["arn"], format!("arn:aws:iam::{HOME}:user/joe"));
    let dev = row(&roles, DEV);
    assert_eq!(
        (&dev["verdict"], &dev["account_name"]),
        (&"allowed".into(), &"Blah Ltd".into())
    );
    assert_eq!(dev["trust"], "unread");
    let because = &dev["because"][0];
    assert_eq!(
        because["policy"],
        format!("arn:aws:iam::{HOME}:policy/assume-dev")
    );
    assert_eq!(
        (&because["version"], &because["sid"]),
        (&"v1".into(), &"S1".into())
    );
    assert_eq!(
        (&because["effect"], &because["holder"]),
        (&"Allow".into(), &"user joe".into())
    );
    let own = row(&roles, &format!("arn:aws:iam::{HOME}:role/Own"));
    assert_eq!(own["verdict"], "conditional");
    assert_eq!(
        own["conditions"],
        serde_json::json!(["aws:MultiFactorAuthPresent"])
    );
    assert_eq!(own["trust"], "read");
    let prod = row(&roles, "arn:aws:iam::222222222222:role/Prod");
    assert_eq!(
        (&prod["verdict"], &prod["because"][0]["policy"]),
        (&"denied".into(), &"never".into())
    );
    assert_eq!(prod["profiles"], serde_json::json!(["prod"]));
    let pattern = row(&roles, "arn:aws:iam::333333333333:role/*");
    assert_eq!(
        (&pattern["verdict"], &pattern["account"]),
        (&"pattern".into(), &"333333333333".into())
    );
    // Without --all what is denied is left out.
    let roles: Value = serde_json::from_str(&machine.run(&["roles", "joe", "--json"]).ok()).unwrap();
    assert!(
        !roles["roles"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["verdict"] == "denied"),
        "{roles:#}"
    );
}

#[test]
fn a_proof_is_asked_of_sts_for_what_may_be_assumed() {
    let machine = machine();
    let said = machine.run(&["roles", "joe", "--json", "--verify", "--all"]).ok();
    let roles: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(row(&roles, DEV)["verified"], true);
    // The user's own profile has the ExternalId.
    assert_eq!(
        row(&roles, "arn:aws:iam::222222222222:role/Ops")["verified"],
        true
    );
    let own = row(&roles, &format!("arn:aws:iam::{HOME}:role/Own"));
    assert_eq!(own["verified"], false, "no device was proved");
    assert!(
        own["refused_by"].as_str().unwrap().contains("AccessDenied"),
        "{own:#}"
    );
    assert_eq!(
        row(&roles, "arn:aws:iam::222222222222:role/Prod")["verified"],
        Value::Null
    );
    assert_eq!(machine.sandbox.count("AssumeRole"), 3);
}

#[test]
fn a_person_sees_a_table_or_a_tree_and_what_was_not_read() {
    let machine = machine();
    let ran = machine.run_quietly(&["roles", "joe"]);
    for word in [
        "VERDICT",
        "assume-dev of user joe (S1)",
        "depends on aws:MultiFactorAuthPresent",
        "Blah Ltd",
    ] {
        assert!(ran.stdout.contains(word), "{word}\n{}", ran.stdout);
    }
    assert!(
        ran.stderr.contains("1 role is denied: --all shows them."),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("its trust policy was not read"),
        "{}",
        ran.stderr
    );
    let tree = machine.run_quietly(&["roles", "joe", "--tree"]).ok();
    assert!(tree.contains("222222222222 Blah Ltd\n├─ Dev  allowed"), "{tree}");
    let nobody = machine.run_quietly(&["roles", "prod"]);
    assert!(nobody.stderr.contains("AccessDenied"), "{}", nobody.stderr);
}

#[test]
fn what_was_found_needs_no_network_the_next_time() {
    let machine = machine();
    machine.run(&["roles", "joe"]).ok();
    let before = machine.sandbox.calls().len();
    let plan: Value = serde_json::from_str(&machine.run(&["plan", "blah ltd/Dev", "--json"]).ok()).unwrap();
    assert_eq!(plan["roles"][0]["role_arn"], DEV);
    assert_eq!(plan["source"]["profile"], "joe");
    assert_eq!(machine.sandbox.calls().len(), before);
    // And it works.
    let whoami = machine.run(&["whoami", "Blah Ltd/Dev"]).ok();
    assert!(whoami.contains(":assumed-role/Dev/"), "{whoami}");
}

#[test]
fn what_was_found_is_written_into_a_block_of_its_own() {
    let machine = machine();
    let before = fs::read_to_string(machine.path(".aws/config")).unwrap();
    let refused = machine.run_quietly(&["roles", "joe", "--write"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(machine.path(".aws/config")).unwrap(), before);
    let ran = machine.run_quietly(&["roles", "joe", "--write", "--yes"]);
    assert!(ran.status.success(), "{}", ran.stderr);
    let after = fs::read_to_string(machine.path(".aws/config")).unwrap();
    assert!(after.starts_with(&before), "{after}");
    let whoami = machine.run(&["whoami", "Blah-Ltd-Dev"]).ok();
    assert!(whoami.contains(":assumed-role/Dev/"), "{whoami}");
    let again: Value =
        serde_json::from_str(&machine.run_quietly(&["roles", "joe", "--write", "--json"]).ok()).unwrap();
    assert_eq!(again["write"]["written"], false, "nothing is left to write");
    assert_eq!(fs::read_to_string(machine.path(".aws/config")).unwrap(), after);
}

#[test]
fn what_no_statement_grants_and_what_sts_refused_is_neither_kept_nor_written() {
    let machine = machine();
    machine.append_config(
        "[profile nobody]\nrole_arn = arn:aws:iam::222222222222:role/Dev\nsource_profile = joe\n",
    );
    // Dev's session may read nothing of itself: all that is known of other roles is their names.
    let before = fs::read_to_string(machine.path(".aws/config")).unwrap();
    let ran = machine.run_quietly(&["roles", "nobody", "--write", "--yes"]);
    assert!(ran.status.success(), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("depends on what was not read"),
        "{}",
        ran.stdout
    );
    assert_eq!(fs::read_to_string(machine.path(".aws/config")).unwrap(), before);
    let kept = || fs::read_to_string(machine.path(".local/state/rolecall/roles.json")).unwrap();
    assert!(!kept().contains("role/Ops"), "{}", kept());
    // A role at home that demands MFA: granted, tried, refused, and no longer offered.
    machine.run(&["roles", "joe"]).ok();
    assert!(kept().contains(":role/Own"), "{}", kept());
    let said = machine.run_quietly(&["roles", "joe", "--verify"]);
    assert!(
        said.stdout.contains("disproved: STS refused it"),
        "{}",
        said.stdout
    );
    assert!(!kept().contains(":role/Own"), "{}", kept());
    assert!(said.stderr.contains("Trying 3 of "), "{}", said.stderr);
    assert!(!said.stderr.contains("--verify asks STS"), "{}", said.stderr);
}

#[test]
fn a_user_with_a_path_needs_no_more_than_is_said() {
    let needs = Machine::new().run(&["roles", "--needs"]).ok();
    let joe = User::new("joe").path("/staff/").policy("needs", &needs);
    let world = World::new()
        .account(Account::new(HOME).user(joe))
        .profile_for_user("joe", HOME, "joe");
    let machine = Machine::with(Sandbox::builder().world(world).start().unwrap());
    let roles: Value = serde_json::from_str(&machine.run(&["roles", "joe", "--json"]).ok()).unwrap();
    assert_eq!(roles["unread"], serde_json::json!([]));
}

#[test]
fn the_needed_policy_is_printed_without_a_call() {
    let machine = machine();
    let needs: Value = serde_json::from_str(&machine.run(&["roles", "--needs"]).ok()).unwrap();
    assert!(
        needs["Statement"][0]["Action"]
            .as_array()
            .unwrap()
            .contains(&"iam:GetUser".into())
    );
    let china = machine.run(&["roles", "--needs", "--region", "cn-north-1"]).ok();
    assert!(china.contains("arn:aws-cn:iam::aws:policy/*"), "{china}");
    assert_eq!(machine.sandbox.calls().len(), 0);
}

#[test]
fn whoever_can_assume_nothing_is_told_why() {
    let sandbox = Sandbox::builder()
        .world(
            World::new()
                .account(Account::new(HOME).root_key())
                .profile_for_user("root", HOME, "root"),
        )
        .start()
        .unwrap();
    let machine = Machine::with(sandbox);
    let said = machine.run_quietly(&["roles", "root"]).failed(1);
    assert!(
        said.starts_with("error: ") && said.contains("root user"),
        "{said}"
    );
    assert!(said.contains("hint: "), "{said}");
}

#[test]
fn somebody_of_identity_center_finds_the_roles_of_their_permission_set() {
    let machine = super::login::machine();
    super::login::log_in(&machine, &["login", "sso-admin"]);
    let said = machine.run(&["roles", "sso-admin", "--json", "--all"]).ok();
    let roles: Value = serde_json::from_str(&said).unwrap();
    let caller = roles["caller"]["arn"].as_str().unwrap();
    assert!(
        caller.contains(":assumed-role/AWSReservedSSO_Administrator_"),
        "{caller}"
    );
    // An administrator's policy lets them assume whatever trusts their account, and everything of it can be read.
    let own: Vec<&Value> = roles["roles"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["account"] == "100000000011" && row["trust"] == "read")
        .collect();
    assert!(!own.is_empty(), "{roles:#}");
    assert!(
        roles["roles"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["verdict"] == "pattern"
                && row["because"][0]["policy"] == "arn:aws:iam::aws:policy/AdministratorAccess"),
        "{roles:#}"
    );
    let unread: Vec<&str> = roles["unread"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["needs"].as_str())
        .collect();
    assert!(
        !unread.iter().any(|needs| needs.starts_with("iam:")),
        "{unread:?}"
    );
}
