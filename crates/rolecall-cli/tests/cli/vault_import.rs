//! Keys are taken out of the files and into the vault: nothing of them stays in the clear, and nothing else is touched.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use age::secrecy::SecretString;
use serde_json::Value;

use super::support::{Machine, Ran};
use super::terminal::Screen;
use super::vault::{PASSPHRASE, Vaulted};

/// A vault that is made already, and costs next to nothing to open.
pub(crate) fn cheap(machine: Machine) -> Vaulted {
    let folder = machine.path(".local/share/rolecall/vault");
    fs::create_dir_all(&folder).unwrap();
    for folder in folder
        .ancestors()
        .take_while(|folder| *folder != machine.home.path())
    {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let mut by = age::scrypt::Recipient::new(SecretString::from(PASSPHRASE.to_owned()));
    by.set_work_factor(1);
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&by as &dyn age::Recipient)).unwrap();
    let mut wrapped = Vec::new();
    let mut writer = encryptor.wrap_output(&mut wrapped).unwrap();
    let identity = age::x25519::Identity::generate().to_string();
    writer
        .write_all(age::secrecy::ExposeSecret::expose_secret(&identity).as_bytes())
        .unwrap();
    writer.finish().unwrap();
    let path = folder.join("identity.age");
    fs::write(&path, wrapped).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    Vaulted::new(machine)
}

pub(crate) fn read(it: &Vaulted, name: &str) -> String {
    fs::read_to_string(it.machine.path(name)).unwrap()
}

/// Every file of the home that holds a secret in the clear, in whatever form.
pub(crate) fn in_the_clear(it: &Vaulted) -> Vec<PathBuf> {
    let secrets = it.machine.sandbox.secrets();
    let mut found = Vec::new();
    let mut folders = vec![it.machine.home.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let about = fs::symlink_metadata(&path).unwrap();
            if about.is_dir() {
                folders.push(path);
            } else if about.is_file() && !secrets.leaks_in(&fs::read(&path).unwrap()).is_empty() {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn json(ran: Ran) -> Value {
    serde_json::from_str(&ran.ok()).unwrap()
}

fn secret(it: &Vaulted) -> String {
    it.machine
        .sandbox
        .user_keys("joe.bloggs")
        .unwrap()
        .secret_access_key
}

/// The key's two lines.
fn pair(it: &Vaulted) -> String {
    format!(
        "aws_access_key_id = {}\naws_secret_access_key = {}\n",
        it.id(),
        secret(it)
    )
}

/// One whose credentials file holds joe's key and no other.
pub(crate) fn vaulted() -> Vaulted {
    let it = cheap(Machine::new());
    it.machine
        .write(".aws/credentials", &format!("[joe]\n{}", pair(&it)));
    it
}

const IMPORT: [&str; 3] = ["vault", "import", "--yes"];
const PROCESS: &str = "credential_process = rolecall credential-process";

#[test]
fn a_key_is_taken_out_and_everything_goes_on() {
    let it = vaulted();
    let config = "# mine\n[profile joe]\nregion = eu-west-1 # here\n\n\n[profile blah]\nrole_arn = \
                  arn:aws:iam::666666666666:role/BlahRole\nsource_profile = joe";
    it.machine.write(".aws/config", config);
    it.machine.write(
        ".aws/credentials",
        &format!(
            "\u{feff}[other] ; theirs\r\nregion = x\r\n[joe]\r\n{}",
            pair(&it).replace('\n', "\r\n")
        ),
    );
    assert_eq!(in_the_clear(&it), [it.machine.path(".aws/credentials")]);
    let ran = it.run(&["vault", "import", "--yes", "--json"]);
    let said = ran.stderr.clone();
    for told in [
        "Into the vault, in the encrypted file (ROLECALL_VAULT_BACKEND names it)",
        "-aws_secret_access_key = **********",
        "+credential_process = rolecall credential-process joe\n",
        "There is no `rolecall` in PATH",
        "Both files as they are now are kept in the vault first, encrypted",
        "Try it: `rolecall whoami joe`",
        "`rolecall vault rotate joe`",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let json = json(ran);
    assert_eq!(json["done"], true);
    assert_eq!(json["backend"], "file");
    assert_eq!(json["keys"][0]["access_key_id"], it.id());
    assert_eq!(json["keys"][0]["process"], "written");
    assert_eq!(it.times_asked(), 1);
    assert_eq!(in_the_clear(&it), Vec::<PathBuf>::new());
    assert_eq!(
        read(&it, ".aws/credentials"),
        "\u{feff}[other] ; theirs\r\nregion = x\r\n"
    );
    assert_eq!(
        read(&it, ".aws/config"),
        config.replace("# here\n", &format!("# here\n{PROCESS} joe\n"))
    );
    // rolecall goes on, and so does whoever runs the process.
    assert!(it.run(&["whoami", "blah"]).ok().contains("assumed-role/BlahRole"));
    let output = it.command(&["credential-process", "joe"]).output().unwrap();
    let session: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(session["SessionToken"].is_string() && session["AccessKeyId"] != it.id());
    let list = it.run(&["vault", "list"]).ok();
    assert!(
        list.contains("joe") && list.matches("credentials").count() == 1,
        "{list}"
    );
    // There is nothing to do a second time.
    let ran = it.run(&IMPORT);
    assert_eq!(
        ran.stderr,
        "There is no access key in the config or credentials file.\n"
    );
    ran.ok();
}

#[test]
fn a_dry_run_asks_nobody_and_changes_nothing() {
    let it = vaulted();
    let before = (read(&it, ".aws/config"), read(&it, ".aws/credentials"));
    let shown = it.run(&["vault", "import", "--dry-run"]).ok();
    assert!(shown.contains("-aws_secret_access_key = **********"), "{shown}");
    let json = json(it.run(&["vault", "import", "--dry-run", "--json"]));
    assert_eq!(
        (&json["done"], &json["keys"][0]["profile"]),
        (&false.into(), &"joe".into())
    );
    // Without anybody to ask, nothing is done either.
    let said = it.run(&["vault", "import"]).failed(1);
    assert!(said.contains("Nothing was changed. Say --yes"), "{said}");
    assert_eq!(it.times_asked(), 0);
    assert_eq!((read(&it, ".aws/config"), read(&it, ".aws/credentials")), before);
    assert!(!it.machine.path(".local/share/rolecall/vault/vault.json").exists());
}

#[test]
fn a_person_is_asked_once_and_may_say_no() {
    let it = vaulted();
    let before = read(&it, ".aws/credentials");
    for (answer, told) in [
        ("n\n", "Nothing was changed."),
        ("y\n", "In the vault, in the encrypted file: joe."),
    ] {
        let screen = Screen::new();
        let askpass = it.machine.path("askpass");
        let child = screen.start(
            &it.machine,
            &["vault", "import"],
            &[
                ("ROLECALL_VAULT_BACKEND", "file"),
                ("ROLECALL_ASKPASS", askpass.to_str().unwrap()),
            ],
        );
        screen.shows("Put the key of joe into the vault, and write ", 1);
        assert_eq!(read(&it, ".aws/credentials"), before);
        screen.type_in(answer);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && said.contains(told), "{said}");
        assert_eq!(screen.text().matches("[y/N]").count(), 1);
    }
    assert_eq!(in_the_clear(&it), Vec::<PathBuf>::new());
}

#[test]
fn what_is_no_long_term_key_of_its_own_is_left_and_said() {
    let it = vaulted();
    let pair = pair(&it);
    let secret = secret(&it);
    it.machine.write(
        ".aws/config",
        &format!(
            "[profile role]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\nsource_profile = role\n\
             [profile process]\ncredential_process = theirs\n[profile ours]\n{PROCESS} ours\n[nobody]\n{pair}"
        ),
    );
    let left = format!(
        "[temp]\n{pair}aws_session_token = TOKEN\n[asia]\naws_access_key_id = ASIACANARYASIACANARY\n\
         aws_secret_access_key = {secret}\n[half]\naws_secret_access_key = {secret}\n[role]\n{pair}[process]\n{pair}\
         # aws_secret_access_key = {secret}\n"
    );
    it.machine
        .write(".aws/credentials", &format!("[ours]\n{pair}{left}"));
    let ran = it.run(&["vault", "import", "--yes", "--json"]);
    let said = ran.stderr.clone();
    let json = json(ran);
    for (profile, why) in [
        ("temp", "its key is temporary: it has a session token ("),
        ("asia", "the access key is temporary (ASIA…)"),
        ("half", "half a key: it has no aws_access_key_id"),
        ("role", "it has something else besides, `role_arn` ("),
        ("process", "it has something else besides, `credential_process` ("),
    ] {
        let all = json["left"].as_array().unwrap();
        let found = all.iter().find(|left| left["profile"] == profile).unwrap();
        assert!(found["why"].as_str().unwrap().contains(why), "{profile}: {found}");
        assert!(said.contains(&format!("profile {profile}: ")), "{said}");
    }
    assert!(said.contains("a comment holds a secret access key"), "{said}");
    assert!(
        said.contains("a section that is no profile's holds a secret access key"),
        "{said}"
    );
    assert_eq!(json["keys"].as_array().unwrap().len(), 1);
    assert_eq!(json["keys"][0]["process"], "there");
    assert_eq!(read(&it, ".aws/credentials"), left);
    // Named, it is meant; no process is written beside the role, and that is said.
    let said = it.run(&["vault", "import", "role", "--yes"]);
    assert!(
        said.stderr
            .contains("get no session of profile `role` by its key any more"),
        "{}",
        said.stderr
    );
    said.ok();
    assert!(!read(&it, ".aws/config").contains("credential-process role"));
    assert!(it.run(&["whoami", "role"]).ok().contains("assumed-role/BlahRole"));
    // Named, and not to be taken: an error, and nothing is done.
    for (name, why) in [
        (
            "temp",
            "the key of profile `temp` is not taken: its key is temporary",
        ),
        (
            "nobody",
            "no access key of a profile `nobody` stands in the config or credentials file",
        ),
    ] {
        let said = it.run(&["vault", "import", name, "process", "--yes"]).failed(1);
        assert!(said.contains(why), "{said}");
    }
    assert!(!read(&it, ".aws/config").contains("credential-process process"));
}

#[test]
fn keys_in_the_config_file_are_taken_too() {
    let it = vaulted();
    let keys = it.machine.sandbox.user_keys("joe.bloggs").unwrap();
    it.machine.write(
        ".aws/config",
        &format!(
            "[default]\n# of joe\n{}[profile split]\naws_access_key_id = {}\n",
            pair(&it),
            keys.access_key_id
        ),
    );
    it.machine.write(
        ".aws/credentials",
        &format!("[split]\naws_secret_access_key = {}\n", keys.secret_access_key),
    );
    it.run(&["vault", "import", "--no-process", "--yes"]).ok();
    assert_eq!(read(&it, ".aws/config"), "[default]\n# of joe\n");
    assert_eq!(read(&it, ".aws/credentials"), "");
    assert_eq!(in_the_clear(&it), Vec::<PathBuf>::new());
    for profile in ["default", "split"] {
        assert!(
            it.run(&["whoami", profile]).ok().contains("user/joe.bloggs"),
            "{profile}"
        );
    }
}

#[test]
fn a_key_that_is_in_the_vault_already_is_only_taken_out_of_the_file() {
    let it = vaulted();
    it.add("joe").ok();
    let added = read(&it, ".local/share/rolecall/vault/vault.json");
    it.times_asked();
    it.run(&IMPORT).ok();
    assert_eq!(it.times_asked(), 1);
    let saved_at = |text: &str| {
        text.lines()
            .find(|line| line.contains("saved_at"))
            .map(str::to_owned)
    };
    let list = read(&it, ".local/share/rolecall/vault/vault.json");
    assert_eq!(saved_at(&list), saved_at(&added), "it was not saved again");
    assert_eq!(in_the_clear(&it), Vec::<PathBuf>::new());
    // Another key under that name, and another secret of this key.
    let other =
        "[joe]\naws_access_key_id = AKIACANARYOTHERKEY01\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/b\n";
    it.machine.write(".aws/credentials", other);
    let said = it.run(&["vault", "import", "joe", "--yes"]).failed(1);
    assert!(said.contains("the vault has another key of it, AKIA…"), "{said}");
    let other = other.replace("AKIACANARYOTHERKEY01", &it.id());
    it.machine.write(".aws/credentials", &other);
    let said = it.run(&IMPORT).failed(1);
    let last = said.split("error: ").last().unwrap();
    assert!(
        last.contains("the vault has another secret of key AKIA…"),
        "{said}"
    );
    assert!(last.contains("no key was taken out of them"), "{said}");
    assert_eq!(read(&it, ".aws/credentials"), other);
    // The id alone is what an import leaves that was ended between two files.
    it.machine.write(
        ".aws/credentials",
        &format!("[joe]\naws_access_key_id = {}\n", it.id()),
    );
    it.run(&IMPORT).ok();
    assert_eq!(read(&it, ".aws/credentials"), "");
}

#[test]
fn what_else_has_the_key_is_named() {
    let it = vaulted();
    let text = read(&it, ".aws/credentials");
    for name in ["credentials~", ".credentials.swp", "credentials.bak"] {
        it.machine.write(&format!(".aws/{name}"), &format!("x\0\n{text}"));
    }
    it.machine.write(".aws/credentials.note", "nothing");
    fs::set_permissions(
        it.machine.path(".aws/credentials"),
        fs::Permissions::from_mode(0o640),
    )
    .unwrap();
    let ran = it.run(&IMPORT);
    for name in ["credentials~", ".credentials.swp", "credentials.bak"] {
        let told = format!(".aws/{name} holds a key too, and is left alone");
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    }
    assert!(!ran.stderr.contains("credentials.note"));
    assert!(
        ran.stderr.contains("can be read by others (mode 0640)"),
        "{}",
        ran.stderr
    );
    ran.ok();
    assert_eq!(in_the_clear(&it).len(), 3);
}

#[test]
fn a_link_stays_one_and_what_it_leads_to_is_written() {
    let it = vaulted();
    fs::create_dir(it.machine.path("dotfiles")).unwrap();
    let (real, link) = (
        it.machine.path("dotfiles/aws-credentials"),
        it.machine.path(".aws/credentials"),
    );
    fs::rename(&link, &real).unwrap();
    symlink("../dotfiles/aws-credentials", &link).unwrap();
    let ran = it.run(&IMPORT);
    let told = "what keeps the history of that folder keeps the keys";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    ran.ok();
    assert_eq!(
        fs::read_link(&link).unwrap(),
        Path::new("../dotfiles/aws-credentials")
    );
    assert_eq!(in_the_clear(&it), Vec::<PathBuf>::new());
    it.run(&["vault", "restore", "--yes"]).ok();
    assert!(fs::read_link(&link).is_ok());
    assert_eq!(in_the_clear(&it), [real]);
}

#[test]
fn what_cannot_be_written_is_said_before_anything_is_done() {
    let it = vaulted();
    let path = it.machine.path(".aws/credentials");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    let said = it.run(&IMPORT).failed(1);
    assert!(said.contains("it is read-only"), "{said}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let one = it
        .machine
        .finish(it.command(&IMPORT).env("AWS_CONFIG_FILE", &path));
    let said = one.failed(1);
    assert!(
        said.contains("is both the config and the credentials file"),
        "{said}"
    );
    let said = it
        .run(&["vault", "import", "--backend", "keychain", "--yes"])
        .failed(1);
    assert!(said.contains("the keychain is not on this system"), "{said}");
    it.machine.write(".aws/credentials", "[joe]\nnonsense\n");
    let said = it.run(&IMPORT).failed(1);
    assert!(said.contains("credentials:2: "), "{said}");
    assert!(!it.machine.path(".local/share/rolecall/vault/vault.json").exists());
    assert_eq!(it.times_asked(), 0);
}
