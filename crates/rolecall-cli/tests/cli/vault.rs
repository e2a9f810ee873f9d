//! The vault as a person uses it: what goes in, what comes out, and that it is opened seldom.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::support::{Machine, Ran};
use super::terminal::Screen;

/// A machine whose vault is the encrypted file, and whose passphrase is told by a program that counts how often it is asked.
pub(crate) struct Vaulted {
    pub(crate) machine: Machine,
}

pub(crate) const PASSPHRASE: &str = "correct horse battery staple";

impl Vaulted {
    pub(crate) fn new(machine: Machine) -> Self {
        let vaulted = Self { machine };
        vaulted.passphrase_is(PASSPHRASE);
        vaulted
    }

    /// What the program says from here on.
    pub(crate) fn passphrase_is(&self, passphrase: &str) {
        let path = self.machine.path("askpass");
        let asked = self.machine.path("asked");
        let script = format!(
            "#!/bin/sh\necho x >> '{}'\necho '{passphrase}'\n",
            asked.display()
        );
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    }

    /// How often somebody was asked since the last time.
    pub(crate) fn times_asked(&self) -> usize {
        let path = self.machine.path("asked");
        let count = fs::read_to_string(&path).unwrap_or_default().lines().count();
        let _ = fs::remove_file(path);
        count
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.machine.command(arguments);
        command
            .env_remove("ROLECALL_LOG")
            .env("ROLECALL_VAULT_BACKEND", "file")
            .env("ROLECALL_VAULT_KEEP", "off")
            .env("ROLECALL_ASKPASS", self.machine.path("askpass"));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.machine.finish(&mut self.command(arguments))
    }

    /// Runs it with this on stdin.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may end before it has read it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        self.machine.no_secret(&output.stdout);
        self.machine.no_secret(&output.stderr);
        Ran {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            status: output.status,
        }
    }

    /// Id and secret of joe's key, on two lines.
    pub(crate) fn key(&self) -> String {
        let keys = self.machine.sandbox.user_keys("joe.bloggs").unwrap();
        format!("{}\n{}\n", keys.access_key_id, keys.secret_access_key)
    }

    pub(crate) fn id(&self) -> String {
        self.machine
            .sandbox
            .user_keys("joe.bloggs")
            .unwrap()
            .access_key_id
    }

    pub(crate) fn add(&self, profile: &str) -> Ran {
        self.run_with(&["vault", "add", profile, "--stdin"], &self.key())
    }
}

fn vaulted() -> Vaulted {
    Vaulted::new(Machine::new())
}

fn json(ran: Ran) -> Value {
    serde_json::from_str(&ran.ok()).unwrap()
}

#[test]
fn a_key_goes_in_is_used_and_goes_out() {
    let it = vaulted();
    let said = it.add("home").ok();
    assert!(
        said.contains(
            "arn:aws:iam::111111111111:user/joe.bloggs rests in the encrypted file as profile `home`"
        ),
        "{said}"
    );
    let listed = json(it.run(&["vault", "list", "--json"]));
    assert_eq!(listed["keys"][0]["profile"], "home");
    assert_eq!(listed["keys"][0]["access_key_id"], it.id());
    assert_eq!(listed["keys"][0]["backend"], "file");
    // It is a profile that stands in no file.
    let plan = json(it.run(&["plan", "home", "--json"]));
    assert_eq!(plan["source"]["kind"], "vault");
    assert_eq!(plan["source"]["profile"], "home");
    assert_eq!(plan["source"]["origin"], "the vault");
    let profiles = it.run(&["profiles"]).ok();
    assert!(
        profiles
            .lines()
            .any(|line| line.starts_with("home ") && line.contains(" vault ")),
        "{profiles}"
    );
    it.times_asked();
    let who = it
        .run(&["whoami", "666666666666/BlahRole", "--source-profile", "home"])
        .ok();
    assert!(who.contains("assumed-role/BlahRole"), "{who}");
    assert_eq!(it.times_asked(), 1);
    // A session of its own key, and never the key.
    let session = it.machine.finish(&mut it.command(&[
        "exec",
        "home",
        "--",
        "sh",
        "-c",
        "test -z \"$AWS_SECRET_ACCESS_KEY\" && cat \"$AWS_CONFIG_FILE\"",
    ]));
    assert!(!session.ok().contains("rolecall_vault"));
    it.times_asked();
    let said = it.run(&["vault", "remove", "home", "--yes"]).ok();
    assert!(said.contains("is gone from the encrypted file"), "{said}");
    assert_eq!(it.times_asked(), 0, "nothing is unlocked to be thrown away");
    assert_eq!(
        fs::read_dir(it.machine.path(".local/share/rolecall/vault/records"))
            .unwrap()
            .count(),
        0
    );
    assert!(
        it.run(&["plan", "home"])
            .failed(1)
            .contains("there is no profile `home`")
    );
    assert!(
        it.run(&["vault", "remove", "home", "--yes"])
            .failed(1)
            .contains("no key of a profile `home`")
    );
}

#[test]
fn what_is_left_of_a_key_or_of_a_list_is_told() {
    let it = vaulted();
    it.machine.append_config(
        "[profile app]\nregion = eu-west-1\ncredential_process = rolecall credential-process app\n",
    );
    it.add("app").ok();
    let list = it.machine.path(".local/share/rolecall/vault/vault.json");
    let text = fs::read(&list).unwrap();
    fs::remove_file(&list).unwrap();
    let ran = it.run(&["vault", "list"]);
    assert!(
        ran.stderr.contains("list is lost") && ran.stderr.contains("--rebuild"),
        "{}",
        ran.stderr
    );
    ran.ok();
    fs::write(&list, text).unwrap();
    fs::set_permissions(&list, fs::Permissions::from_mode(0o600)).unwrap();
    let ran = it.run(&["vault", "remove", "app", "--yes"]);
    assert!(ran.stderr.contains("take that line out"), "{}", ran.stderr);
    ran.ok();
}

#[test]
fn what_only_looks_opens_nothing() {
    let it = vaulted();
    it.add("home").ok();
    it.times_asked();
    for arguments in [
        &["vault", "list"][..],
        &["vault", "list", "--rebuild"],
        &["plan", "home"],
        &["profiles"],
        &["profiles", "--json"],
        &["sessions"],
        &["complete", "--shell", "bash", "--", "rolecall", "exec", ""],
    ] {
        let _ = it.run(arguments);
        assert_eq!(it.times_asked(), 0, "{arguments:?}");
    }
}

#[test]
fn a_warm_command_never_touches_the_vault() {
    let mut machine = Machine::new();
    machine.has_agent = true;
    let it = Vaulted::new(machine);
    it.add("home").ok();
    it.times_asked();
    let session = |it: &Vaulted| {
        let output = it
            .command(&[
                "credential-process",
                "666666666666/BlahRole",
                "--source-profile",
                "home",
            ])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    };
    let first = session(&it);
    assert_eq!(it.times_asked(), 1);
    // Whatever becomes of the vault: only the list is read, and that no key is needed.
    fs::remove_file(it.machine.path(".local/share/rolecall/vault/identity.age")).unwrap();
    fs::remove_dir_all(it.machine.path(".local/share/rolecall/vault/records")).unwrap();
    assert_eq!(session(&it), first);
    assert_eq!(it.times_asked(), 0);
    it.run(&["agent", "stop"]).ok();
}

#[test]
fn one_operation_asks_once() {
    let it = vaulted();
    for name in ["one", "two", "three"] {
        it.add(name).ok();
        assert_eq!(
            it.times_asked(),
            if name == "one" { 2 } else { 1 },
            "a new passphrase is asked for twice"
        );
    }
    // Every call of a long run, with the key each time.
    it.run(&["roles", "one"]).ok();
    assert_eq!(it.times_asked(), 1);
    it.run(&["explain", "666666666666/BlahRole", "--source-profile", "two"])
        .ok();
    assert_eq!(it.times_asked(), 1);
}

#[test]
fn a_key_that_aws_does_not_know_is_not_taken() {
    let it = vaulted();
    let wrong = "AKIACANARYNOSUCHKEY1\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n";
    let said = it.run_with(&["vault", "add", "home", "--stdin"], wrong).failed(1);
    assert!(
        said.contains("Nothing was saved") && said.contains("--no-verify"),
        "{said}"
    );
    assert!(!said.contains("wJalr"), "{said}");
    assert!(it.run(&["vault", "list"]).ok().is_empty());
    it.run_with(&["vault", "add", "home", "--stdin", "--no-verify"], wrong)
        .ok();
    assert!(it.run(&["vault", "list"]).ok().contains("AKIA…KEY1"));
}

#[test]
fn a_new_key_takes_the_place_of_the_old_one_only_when_it_is_said() {
    let it = vaulted();
    it.add("home").ok();
    let other = "AKIACANARYOTHERKEY01\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n";
    let add = ["vault", "add", "home", "--stdin", "--no-verify"];
    let said = it.run_with(&add, other).failed(1);
    assert!(
        said.contains("Replace key AKIA") && said.contains("--yes"),
        "{said}"
    );
    assert_eq!(
        json(it.run(&["vault", "list", "--json"]))["keys"][0]["access_key_id"],
        it.id()
    );
    let said = it.run_with(&[&add[..], &["--yes"]].concat(), other).ok();
    assert!(said.contains("It took the place of AKIA"), "{said}");
    let records: Vec<_> = fs::read_dir(it.machine.path(".local/share/rolecall/vault/records"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(records.len(), 1, "{records:?}");
    assert!(records[0].contains("AKIACANARYOTHERKEY01"));
}

#[test]
fn the_consoles_file_is_read() {
    let it = vaulted();
    let keys = it.machine.sandbox.user_keys("joe.bloggs").unwrap();
    let csv = it.machine.path("joe_accessKeys.csv");
    fs::write(
        &csv,
        format!(
            "\u{feff}Access key ID,Secret access key\r\n{},{}\r\n",
            keys.access_key_id, keys.secret_access_key
        ),
    )
    .unwrap();
    let ran = it.run(&["vault", "add", "home", "--csv", csv.to_str().unwrap()]);
    assert!(ran.stderr.contains("remove that file"), "{}", ran.stderr);
    ran.ok();
    let said = it
        .run(&["vault", "add", "home", "--csv", "/nowhere.csv", "--yes"])
        .failed(1);
    assert!(said.contains("there is no file /nowhere.csv"), "{said}");
}

#[test]
fn a_terminal_shows_the_id_and_never_the_secret() {
    let it = vaulted();
    let keys = it.machine.sandbox.user_keys("joe.bloggs").unwrap();
    let screen = Screen::new();
    let child = screen.start(
        &it.machine,
        &["vault", "add", "home"],
        &[("ROLECALL_VAULT_BACKEND", "file")],
    );
    screen.shows("Access key id of profile `home`", 1);
    screen.type_in(&format!("{}\n", keys.access_key_id));
    for (times, answer) in [
        (1, keys.secret_access_key.as_str()),
        (2, PASSPHRASE),
        (3, PASSPHRASE),
    ] {
        screen.answer(times, answer);
    }
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let shown = screen.text();
    assert!(
        shown.contains(&keys.access_key_id) && shown.contains("choose the passphrase of rolecall's vault"),
        "{shown}"
    );
    it.machine.no_secret(shown.as_bytes());
    assert!(!shown.contains(PASSPHRASE), "{shown}");
}

#[test]
fn a_wrong_passphrase_is_asked_for_three_times_and_then_explained() {
    let it = vaulted();
    it.add("home").ok();
    it.times_asked();
    it.passphrase_is("wrong");
    let said = it
        .run(&[
            "exec",
            "666666666666/BlahRole",
            "--source-profile",
            "home",
            "--",
            "true",
        ])
        .failed(125);
    assert!(
        said.contains("none of 3 was the passphrase") && said.contains("hint: "),
        "{said}"
    );
    assert_eq!(it.times_asked(), 3);
    it.passphrase_is(PASSPHRASE);
    it.run(&[
        "exec",
        "666666666666/BlahRole",
        "--source-profile",
        "home",
        "--",
        "true",
    ])
    .ok();
}

#[test]
fn nobody_to_ask_is_said_with_what_to_do() {
    let it = vaulted();
    it.add("home").ok();
    let mut command = it.command(&["whoami", "666666666666/BlahRole", "--source-profile", "home"]);
    let said = it
        .machine
        .finish(command.env_remove("ROLECALL_ASKPASS"))
        .failed(1);
    assert!(
        said.contains("the passphrase of rolecall's vault is needed, and there is no way to ask for it here"),
        "{said}"
    );
    // A descriptor is a way, and a child has neither it nor the passphrase.
    let line = format!(
        "printf '{PASSPHRASE}\n' > pass; ROLECALL_VAULT_PASSPHRASE_FD=8 {} exec 666666666666/BlahRole --source-profile home -- sh -c 'env; cat <&8; true' 8< pass",
        super::support::BINARY
    );
    let mut command = it.machine.shell(&line);
    let ran = it.machine.finish(
        command
            .current_dir(it.machine.home.path())
            .env_remove("ROLECALL_LOG"),
    );
    let env = ran.ok();
    assert!(
        env.contains("AWS_CONTAINER_CREDENTIALS_FULL_URI")
            && !env.contains("PASSPHRASE")
            && !env.contains(PASSPHRASE),
        "{env}"
    );
}

#[test]
fn a_wrong_passphrase_from_a_descriptor_is_said_to_be_wrong() {
    let it = vaulted();
    it.add("home").ok();
    let line = format!(
        "echo wrong | ROLECALL_VAULT_PASSPHRASE_FD=0 {} whoami 666666666666/BlahRole --source-profile home",
        super::support::BINARY
    );
    let said = it
        .machine
        .finish(it.machine.shell(&line).env_remove("ROLECALL_LOG"))
        .failed(1);
    assert!(
        said.contains("what the descriptor gave is not the passphrase"),
        "{said}"
    );
}

/// Listed as an id, a secret would stand in the clear.
#[test]
fn an_id_and_a_secret_that_are_swapped_are_refused() {
    let it = vaulted();
    let keys = it.machine.sandbox.user_keys("joe.bloggs").unwrap();
    let swapped = format!("{}\n{}\n", keys.secret_access_key, keys.access_key_id);
    for more in [&[][..], &["--no-verify"]] {
        let said = it
            .run_with(&[&["vault", "add", "home", "--stdin"], more].concat(), &swapped)
            .failed(1);
        assert!(
            said.contains("swapped") || said.contains("an access key id has"),
            "{said}"
        );
    }
    assert!(!it.machine.path(".local/share/rolecall/vault/vault.json").exists());
}

#[test]
fn the_vault_comes_before_a_key_in_a_file_and_is_how_others_get_at_it() {
    let it = vaulted();
    it.machine.append_config(
        "[profile app]\nregion = eu-west-1\ncredential_process = rolecall credential-process app\n\
         [profile bare]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\n\
         [profile other]\ncredential_process = /bin/false\n",
    );
    // Without a key in the vault it asks for itself, and the hint says the way out.
    let said = it.run(&["plan", "app"]).failed(1);
    assert!(
        said.contains("asks rolecall for itself") && said.contains("rolecall vault add app"),
        "{said}"
    );
    for profile in ["app", "bare", "joe", "other"] {
        it.add(profile).ok();
    }
    let plan = |name: &str| json(it.run(&["plan", name, "--json"]));
    let app = plan("app");
    assert_eq!(
        (&app["source"]["kind"], &app["warnings"]),
        (&"vault".into(), &Value::Array(Vec::new()))
    );
    let bare = plan("bare");
    assert_eq!(
        (&bare["source"]["kind"], &bare["source"]["profile"]),
        (&"vault".into(), &"bare".into())
    );
    // Both in the file and in the vault: the vault's, with a word about it.
    let joe = plan("joe");
    assert_eq!(joe["source"]["kind"], "vault");
    assert!(
        joe["warnings"].to_string().contains("names more than one source"),
        "{joe}"
    );
    // A command of somebody else's is what the user wrote down.
    assert_eq!(plan("other")["source"]["kind"], "process");
    let output = it.command(&["credential-process", "app"]).output().unwrap();
    let session: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        session["AccessKeyId"].as_str().unwrap().starts_with("ASIA"),
        "a session, never the key"
    );
}

#[test]
fn a_list_that_others_could_have_written_is_not_believed() {
    let it = vaulted();
    it.add("home").ok();
    let list = it.machine.path(".local/share/rolecall/vault/vault.json");
    fs::set_permissions(&list, fs::Permissions::from_mode(0o644)).unwrap();
    let said = it.run(&["plan", "home"]).failed(1);
    assert!(
        said.contains("It may be in the vault") && said.contains("others may read or write it (mode 0644)"),
        "{said}"
    );
    // What has nothing to do with it goes on, with a word.
    let ran = it.run(&["plan", "joe"]);
    assert!(ran.ok().contains("vault.json is not used"));
    fs::set_permissions(&list, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&list, "{").unwrap();
    assert!(it.run(&["vault", "list"]).failed(1).contains("--rebuild"));
    let rebuilt = json(it.run(&["vault", "list", "--rebuild", "--json"]));
    assert_eq!(rebuilt["keys"][0]["access_key_id"], it.id());
    it.run(&["whoami", "home"]).ok();
}

#[test]
fn wrong_inputs_get_a_sentence_each() {
    let it = vaulted();
    for (arguments, input, expected) in [
        (
            &["vault", "add", "a[b", "--stdin"][..],
            "",
            "cannot be a profile's name",
        ),
        (&["vault", "add", "home", "--stdin"], "", "this is no access key"),
        (
            &["vault", "add", "home", "--stdin"],
            "ASIAIOSFODNN7EXAMPLE\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "the access key is temporary",
        ),
        (
            &["vault", "move", "--to", "file", "nobody"],
            "",
            "no key of a profile `nobody`",
        ),
        (
            &["vault", "add", "home", "--stdin", "--backend", "keychain"],
            "",
            "the keychain is not on this system",
        ),
    ] {
        let said = it.run_with(arguments, input).failed(1);
        assert!(
            said.contains(expected) && said.contains("hint: "),
            "{arguments:?}: {said}"
        );
    }
    assert!(
        it.run(&["vault", "add", "home", "--backend", "shoe-box"])
            .failed(2)
            .contains("no backend")
    );
    assert_eq!(it.run(&["vault", "move", "--to", "file"]).ok(), "");
}

#[test]
fn no_is_an_answer_that_a_program_can_read() {
    let it = vaulted();
    it.add("home").ok();
    // Where there is no Secret Service, nothing can be moved there, and nothing is asked.
    for arguments in [
        &["vault", "add", "home", "--json"][..],
        &["vault", "remove", "home", "--json"],
    ] {
        let screen = Screen::new();
        let child = screen.start(&it.machine, arguments, &[("ROLECALL_VAULT_BACKEND", "file")]);
        screen.shows("of profile `home`", 1);
        screen.type_in("n\n");
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(said, serde_json::json!({ "done": false, "declined": true }));
        assert!(String::from_utf8_lossy(&output.stderr).contains("Nothing was done."));
    }
    assert_eq!(
        json(it.run(&["vault", "list", "--json"]))["keys"][0]["access_key_id"],
        it.id()
    );
}
