//! `vault rotate`, as a person runs it, kills it, and runs it again. The whole home is searched for secrets each time.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rolecall::host::{Choice, MfaQuestion, Nobody, Person, SecretQuestion, SignIn};
use rolecall::vault::{AccessKey, BackendKind, Vault};
use rolecall::{Error, Host, Secret};
use rolecall_sandbox::{Account, Builder, Fault, Role, Sandbox, User, World};
use serde_json::Value;

use super::exec::Staying;
use super::support::{Machine, Ran, wait_for};

const PHONE: &str = "arn:aws:iam::111111111111:mfa/phone";
const SEED: &str = "INAU4QKSLFJUKQ2SIVKE6TKBKI2DOMJR";
const MAY: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sts:AssumeRole","iam:ListAccessKeys","iam:GetAccessKeyLastUsed","iam:CreateAccessKey","iam:UpdateAccessKey","iam:DeleteAccessKey"],"Resource":"*"}}"#;
const ONLY_WITH_MFA: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"iam:*","Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}}"#;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::111111111111:root"}}}"#;

/// Knows the passphrase that the machine's script knows.
#[derive(Debug)]
struct Owner;

impl Person for Owner {
    fn mfa_code(&self, question: &MfaQuestion) -> Result<Secret, Error> {
        Nobody.mfa_code(question)
    }

    fn secret(&self, _question: &SecretQuestion) -> Result<Secret, Error> {
        Ok(Secret::new("open sesame".to_owned()))
    }

    fn choose(&self, choice: &Choice) -> Result<usize, Error> {
        Nobody.choose(choice)
    }

    fn sign_in(&self, page: &SignIn) -> Result<(), Error> {
        Nobody.sign_in(page)
    }

    fn waiting(&self, _what: &str, _left: Duration) {}
}

/// Joe's key is in the vault, and nowhere else. Gives its id.
fn machine(builder: Builder, joe: User) -> (Machine, String) {
    let world = World::new()
        .account(Account::new("111111111111").user(joe))
        .account(Account::new("222222222222").role(Role::new("Admin", TRUST)));
    let machine = Machine::with(builder.world(world).start().unwrap());
    fs::remove_file(machine.path(".aws/credentials")).unwrap();
    machine.write(
        ".aws/config",
        "[profile joe]\nregion = eu-west-1\n[profile blah]\nrole_arn = arn:aws:iam::222222222222:role/Admin\nsource_profile = joe\nregion = eu-west-1\n",
    );
    machine.write("askpass", "#!/bin/sh\necho open sesame\n");
    fs::set_permissions(machine.path("askpass"), fs::Permissions::from_mode(0o700)).unwrap();
    let keys = machine.sandbox.user_keys("joe").unwrap();
    let key = AccessKey::new(&keys.access_key_id, Secret::new(keys.secret_access_key)).unwrap();
    let host = Host::builder()
        .env("HOME", machine.home.path().to_str().unwrap())
        .person(Owner)
        .build();
    Vault::of(&host)
        .add("joe", &key, BackendKind::File, None)
        .unwrap();
    (machine, keys.access_key_id)
}

fn joe() -> User {
    User::new("joe").policy("may", MAY)
}

fn knowing(machine: &Machine, command: &mut Command) {
    command
        .env("ROLECALL_ASKPASS", machine.path("askpass"))
        .env("ROLECALL_VAULT_BACKEND", "file");
}

/// Runs it at the usual log level, and searches everything that it left.
fn vault(machine: &Machine, arguments: &[&str]) -> Ran {
    let mut command = machine.command(["vault", "rotate"].iter().chain(arguments));
    knowing(machine, &mut command);
    let ran = machine.finish(command.env_remove("ROLECALL_LOG"));
    search(machine, machine.home.path());
    ran
}

fn search(machine: &Machine, folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => search(machine, &path),
            false => machine.no_secret(&fs::read(&path).unwrap()),
        }
    }
}

fn json(ran: Ran) -> Value {
    serde_json::from_str(&ran.ok()).unwrap()
}

/// Starts it, waits until AWS does not answer `operation`, and kills it.
fn killed_at(machine: &Machine, operation: &str, skip: usize) {
    if skip > 0 {
        machine
            .sandbox
            .inject(Fault::Delay(Duration::ZERO), operation, skip);
    }
    machine.sandbox.inject(Fault::Hang, operation, 1);
    let before = machine.sandbox.count(operation);
    let mut command = machine.command(["vault", "rotate", "joe", "--yes"]);
    knowing(machine, &mut command);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("the call that hangs", || {
        (machine.sandbox.count(operation) > before + skip).then_some(())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    machine.sandbox.clear_faults();
    search(machine, machine.home.path());
}

fn whoami(machine: &Machine) -> String {
    let mut command = machine.command(["whoami", "joe"]);
    knowing(machine, &mut command);
    machine.finish(&mut command).ok()
}

#[test]
fn it_says_what_it_will_do_and_does_it() {
    let (machine, old) = machine(Sandbox::builder(), joe());
    let looked = json(vault(&machine, &["joe", "--dry-run", "--json"]));
    assert_eq!(looked["state"], "ready");
    assert_eq!(looked["old_key"]["access_key_id"], old.as_str());
    assert_eq!(looked["steps"].as_array().unwrap().len(), 6);
    let said = vault(&machine, &["joe", "--dry-run"]).ok();
    let masked = format!("{}…{}", &old[..4], &old[old.len() - 4..]);
    assert!(said.contains(&masked) && !said.contains(&old), "{said}");
    assert!(
        said.contains("1. Make a new key in IAM") && said.contains("cannot be had back"),
        "{said}"
    );
    assert_eq!(machine.sandbox.count("CreateAccessKey"), 0);
    assert_eq!(machine.sandbox.count("UpdateAccessKey"), 0);

    // Nobody is there to be asked.
    let refused = vault(&machine, &["joe"]).failed(1);
    assert!(refused.contains("Say --yes"), "{refused}");
    assert_eq!(machine.sandbox.count("CreateAccessKey"), 0);

    let ran = vault(&machine, &["joe", "--yes"]);
    let order = [
        "1. Make a new key",
        "done: made the new key",
        "done: AWS knows",
        "done: the profile's key is",
        "done: deactivated",
        "done: deleted",
    ];
    let places: Vec<_> = order.iter().map(|words| ran.stderr.find(words)).collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{places:?}\n{}",
        ran.stderr
    );
    let told = ran.ok();
    assert!(told.contains("new key") && told.contains("(deleted)"), "{told}");
    assert!(whoami(&machine).contains("user/joe"));

    let ran = vault(&machine, &["joe", "--yes", "--json"]);
    assert_eq!(ran.stderr, "");
    let rotated = json(ran);
    assert_eq!(rotated["state"], "rotated");
    assert_eq!(
        machine.sandbox.user_keys("joe").unwrap().access_key_id,
        rotated["new_access_key_id"].as_str().unwrap()
    );
}

#[test]
fn it_goes_on_after_it_was_killed() {
    let (machine, old) = machine(Sandbox::builder(), joe());
    // Made, and not saved: the answer is lost, and the process killed while it looks for what came of it.
    machine.sandbox.inject(Fault::LostAnswer, "CreateAccessKey", 1);
    killed_at(&machine, "ListAccessKeys", 2);
    let looked = json(vault(&machine, &["joe", "--dry-run", "--json"]));
    assert_eq!(looked["unfinished"]["step"], "create");
    killed_at(&machine, "DeleteAccessKey", 1);
    assert!(whoami(&machine).contains("user/joe"));
    let looked = json(vault(&machine, &["joe", "--dry-run", "--json"]));
    assert_eq!(
        (&looked["state"], &looked["unfinished"]["step"]),
        (&"unfinished".into(), &"delete".into())
    );
    let ran = vault(&machine, &["joe", "--yes"]);
    assert!(
        ran.stderr.contains("is inactive, and not deleted yet"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("Make a new key"), "{}", ran.stderr);
    ran.ok();
    assert_ne!(machine.sandbox.user_keys("joe").unwrap().access_key_id, old);
    assert!(whoami(&machine).contains("user/joe"));
    let done = vault(&machine, &["joe", "--abort", "--yes"]).failed(1);
    assert!(done.contains("nothing to undo"), "{done}");
}

#[test]
fn it_is_undone_after_it_was_killed() {
    let (machine, old) = machine(Sandbox::builder(), joe());
    killed_at(&machine, "DeleteAccessKey", 0);
    let undone = json(vault(&machine, &["joe", "--abort", "--yes", "--json"]));
    assert_eq!(
        (&undone["state"], &undone["kept_access_key_id"]),
        (&"undone".into(), &old.as_str().into())
    );
    assert_eq!(machine.sandbox.user_keys("joe").unwrap().access_key_id, old);
    assert!(whoami(&machine).contains("user/joe"));
}

#[test]
fn a_policy_that_demands_mfa_gets_one_code() {
    let joe = joe()
        .policy("only-with-mfa", ONLY_WITH_MFA)
        .mfa_device("phone", SEED);
    let (machine, _) = machine(Sandbox::builder(), joe);
    let refused = vault(&machine, &["joe", "--yes", "--json"]).failed(1);
    let refused: Value = serde_json::from_str(&refused).unwrap();
    assert_eq!(refused["error"]["kind"], "denied");
    assert!(
        refused["error"]["hints"].to_string().contains("--mfa-serial"),
        "{refused}"
    );
    machine.write("code", &machine.sandbox.mfa_code(PHONE).unwrap());
    let line = format!(
        "{} vault rotate joe --yes --mfa-serial {PHONE} --mfa-fd 9 9< '{}'",
        super::support::BINARY,
        machine.path("code").display()
    );
    let mut command = machine.shell(&line);
    knowing(&machine, &mut command);
    let ran = machine.finish(&mut command);
    assert!(
        ran.stderr.contains("proved, once for all of it"),
        "{}",
        ran.stderr
    );
    ran.ok();
    assert_eq!(machine.sandbox.count("GetSessionToken"), 1);
}

#[test]
fn what_runs_under_exec_outlives_the_key_it_began_with() {
    let (machine, old) = machine(Sandbox::builder().session_seconds(20), joe());
    let mut command = machine.command(["exec", "blah", "--", "sh", "-c", Staying::SCRIPT]);
    knowing(&machine, &mut command);
    let staying = Staying::started(&mut command);
    let first = staying.ask();
    vault(&machine, &["joe", "--yes"]).ok();
    assert_ne!(machine.sandbox.user_keys("joe").unwrap().access_key_id, old);
    let before = machine.sandbox.count("AssumeRole");
    let later = wait_for("a renewal", || {
        let now = staying.ask();
        (now["AccessKeyId"] != first["AccessKeyId"] && machine.sandbox.count("AssumeRole") > before)
            .then_some(now)
    });
    assert!(later["Expiration"].as_str() > first["Expiration"].as_str());
    assert_eq!(staying.end(), 3);
}

#[test]
fn what_is_not_in_the_vault_is_not_rotated() {
    let (machine, _) = machine(Sandbox::builder(), joe());
    for (profile, words) in [
        ("nobody", "the vault has no key of a profile `nobody`"),
        ("blah", "the vault has no key of a profile `blah`"),
    ] {
        let said = vault(&machine, &[profile, "--yes"]).failed(1);
        assert!(said.contains(words), "{said}");
    }
    assert!(machine.sandbox.calls().is_empty());
}

/// What a rotation needs in the vault does not go while it is not finished; what is left of one is cleared up.
#[test]
fn the_keys_of_an_unfinished_rotation_stay_where_they_are() {
    let (machine, old) = machine(Sandbox::builder(), joe());
    killed_at(&machine, "GetCallerIdentity", 1);
    let list = fs::read(machine.path(".local/share/rolecall/vault/vault.json")).unwrap();
    for arguments in [
        &["vault", "remove", "joe", "--yes"][..],
        &["vault", "add", "joe", "--stdin", "--yes"],
        &["vault", "move", "joe", "--to", "secret-service", "--yes"],
    ] {
        let mut command = machine.command(arguments);
        knowing(&machine, &mut command);
        let said = machine.finish(&mut command).failed(1);
        assert!(
            said.contains("a rotation of the key of profile `joe` was begun")
                && said.contains("not in use yet")
                && said.contains("with --abort it is undone"),
            "{arguments:?}: {said}"
        );
    }
    let now = fs::read(machine.path(".local/share/rolecall/vault/vault.json")).unwrap();
    assert_eq!(now, list);
    let undone = json(vault(&machine, &["joe", "--abort", "--yes", "--json"]));
    assert_eq!(undone["kept_access_key_id"], old.as_str());
    assert_eq!(undone["left"], serde_json::json!([]));
}
