//! `rolecall completion`, in the shells it is for: a line is typed as far as a tab, and what the shell then runs is looked
//! at.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::support::{Machine, wait_for};
use super::terminal::Screen;
use super::use_shell::{path, shells};

/// An account whose name has all that shells read.
const ACCOUNT: &str = r#"Acme's "R&D" $HOME (x): 100%"#;

fn machine() -> Machine {
    let machine = Machine::new();
    machine.write(
        ".aws/config",
        "[profile prod-eu]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\nsource_profile = joe\n\
         [sso-session corp]\nsso_region = eu-west-1\n",
    );
    keep_index(
        &machine,
        &[
            ("444444444444", ACCOUNT, "team/a/Admin"),
            ("555555555555", "Bücher", "Reader"),
        ],
    );
    machine.write("notes-file.txt", "");
    fs::create_dir(machine.path("bin")).unwrap();
    machine.write("bin/zzcommand", "#!/bin/sh\n");
    fs::set_permissions(machine.path("bin/zzcommand"), fs::Permissions::from_mode(0o755)).unwrap();
    machine
}

/// Writes what `rolecall roles` keeps.
pub(crate) fn keep_index(machine: &Machine, roles: &[(&str, &str, &str)]) {
    let accounts: serde_json::Map<_, _> = roles
        .iter()
        .map(|(id, name, _)| ((*id).to_owned(), serde_json::json!({"name": name, "alias": null})))
        .collect();
    let roles: Vec<_> = roles
        .iter()
        .map(|(id, _, role)| {
            serde_json::json!({
                "arn": format!("arn:aws:iam::{id}:role/{role}"), "caller": "joe", "source": "joe",
                "verdict": "allowed", "conditions": [],
            })
        })
        .collect();
    let index = serde_json::json!({"version": 1, "accounts": accounts, "roles": roles});
    fs::create_dir_all(machine.path(".local/state/rolecall")).unwrap();
    machine.write(".local/state/rolecall/roles.json", &index.to_string());
}

/// Lines up to a tab, and the words the shell makes of what is then there.
fn lines(shell: &str) -> Vec<(&'static str, String)> {
    let role = format!("rolecall exec {ACCOUNT}/team/a/Admin");
    let mut lines = vec![
        ("rolecall exec pr\t", "rolecall exec prod-eu".to_owned()),
        ("rolecall whoa\t", "rolecall whoami".to_owned()),
        ("rolecall exec Acm\t", role.clone()),
        ("rolecall exec \"Acm\t", role),
        (
            "rolecall exec arn:aws:iam::4\t",
            "rolecall exec arn:aws:iam::444444444444:role/team/a/Admin".to_owned(),
        ),
        (
            "rolecall exec 5555\t",
            "rolecall exec 555555555555/Reader".to_owned(),
        ),
        (
            "rolecall exec --region=us-gov\t",
            "rolecall exec --region=us-gov-west-1".to_owned(),
        ),
        (
            "rolecall doctor joe pr\t",
            "rolecall doctor joe prod-eu".to_owned(),
        ),
        ("rolecall plan Bü\t", "rolecall plan Bücher/Reader".to_owned()),
        (
            "rolecall login --sso-session co\t",
            "rolecall login --sso-session corp".to_owned(),
        ),
        ("rolecall exec --read\t", "rolecall exec --read-only".to_owned()),
        (
            "rolecall sandbox --fault AssumeRole:thr\t",
            "rolecall sandbox --fault AssumeRole:throttle".to_owned(),
        ),
        (
            "rolecall exec --policy notes-f\t",
            "rolecall exec --policy notes-file.txt".to_owned(),
        ),
        (
            "rolecall exec prod-eu -- zzcom\t",
            "rolecall exec prod-eu -- zzcommand".to_owned(),
        ),
        (
            "rolecall exec prod-eu -- cat notes-f\t",
            "rolecall exec prod-eu -- cat notes-file.txt".to_owned(),
        ),
    ];
    if shell != "fish" {
        // Fish has escapes of its own in single quotes, and closes them itself.
        lines.push((
            "rolecall exec 'Acm\t",
            format!("rolecall exec {ACCOUNT}/team/a/Admin"),
        ));
    }
    lines
}

#[test]
fn a_tab_completes_a_line_in_every_shell() {
    for shell in shells() {
        let machine = machine();
        let show = "show() { printf '%s ' \"$@\" >> \"$HOME/out\"; printf '\\n' >> \"$HOME/out\"; }";
        let words: Vec<String> = match shell {
            "bash" => {
                machine.write(
                    "rc",
                    &format!("PS1='$ '\nbind 'set bell-style none'\n{show}\neval \"$(rolecall completion bash)\"\necho ready\n"),
                );
                let rc = machine.path("rc").display().to_string();
                ["bash", "--noprofile", "--rcfile", &rc, "-i"]
                    .map(str::to_owned)
                    .to_vec()
            }
            "zsh" => {
                machine.write(
                    ".zshrc",
                    &format!("bindkey -e\nunsetopt beep\nPS1='$ '\n{show}\neval \"$(rolecall completion zsh)\"\necho ready\n"),
                );
                ["zsh", "-d", "-i"].map(str::to_owned).to_vec()
            }
            _ => {
                let start = "function show; printf '%s ' $argv >> $HOME/out; printf '\\n' >> $HOME/out; end\n\
                             function fish_prompt; printf '$ '; end\nrolecall completion fish | source\necho ready";
                ["fish", "--no-config", "-i", "-C", start]
                    .map(str::to_owned)
                    .to_vec()
            }
        };
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let screen = Screen::new();
        let search = format!("{}:{}", machine.path("bin").display(), path());
        let home = machine.home.path().display().to_string();
        let env = [
            ("PATH", search.as_str()),
            ("LC_ALL", "C.UTF-8"),
            ("TERM", "xterm"),
            ("ZDOTDIR", home.as_str()),
        ];
        // The shell stands where the file is.
        let inner = "cd \"$HOME\" && exec \"$@\"";
        let mut all = vec!["sh", "-c", inner, "sh"];
        all.extend(words);
        let mut child = screen.run(&machine, &all, &env);
        screen.shows("ready", 1);
        let out = machine.path("out");
        for (nth, (line, expected)) in lines(shell).iter().enumerate() {
            screen.type_in(line);
            // Fish completes behind its reader's back.
            std::thread::sleep(Duration::from_millis(if shell == "fish" { 1500 } else { 50 }));
            screen.type_in("\x01show \r");
            let made = wait_for(&format!("`{line}` in {shell}:\n{}", screen.text()), || {
                let text = fs::read_to_string(&out).ok()?;
                text.lines().nth(nth).map(|made| made.trim_end().to_owned())
            });
            assert_eq!(made, *expected, "{shell}: {line}\n{}", screen.text());
        }
        assert!(!screen.text().contains("error"), "{}", screen.text());
        screen.type_in("exit\r");
        let _ = child.kill();
        let _ = child.wait();
        machine.no_secret(screen.text().as_bytes());
    }
}

/// Whatever is wrong, a line is being typed: nothing is said, and there is nothing to complete.
#[test]
fn what_cannot_be_read_completes_nothing_and_says_nothing() {
    let machine = machine();
    let ask = |line: &str| {
        let output = machine
            .command(["complete", "bash", "--", line, " :="])
            .env_remove("ROLECALL_LOG")
            .output()
            .unwrap();
        assert!(output.status.success());
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
        machine.no_secret(&output.stdout);
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(ask("rolecall exec pro"), "values\nprod-eu\n");
    // Names of both files, and nothing else of the one with the keys.
    machine.write(
        ".aws/credentials",
        "no line of AWS's\n[joe]\naws_access_key_id = x\n",
    );
    assert_eq!(ask("rolecall exec jo"), "values\njoe\n");
    machine.write(".aws/config", "role_arn = of no section\n");
    machine.write(".local/state/rolecall/roles.json", "{");
    assert_eq!(ask("rolecall exec pro"), "values\n");
    assert_eq!(ask("rolecall exec jo"), "values\njoe\n");
    assert_eq!(ask("rolecall exec \"pro"), "values\n");
    assert_eq!(ask("rolecall --no-such-flag frobnicate x"), "values\n");
    assert_eq!(ask(""), ask("rolecall "));
    let refused = machine.run(&["completion", "powershell"]).failed(1);
    assert!(refused.contains("knows bash, zsh and fish"), "{refused}");
}

/// Where there are many roles, their accounts come first.
#[test]
fn many_roles_are_offered_by_their_accounts() {
    let machine = machine();
    let many: Vec<_> = (0..300)
        .map(|n| {
            (
                format!("{:012}", n % 3),
                format!("Account {}", n % 3),
                format!("Role{n}"),
            )
        })
        .collect();
    let many: Vec<_> = many
        .iter()
        .map(|(id, name, role)| (id.as_str(), name.as_str(), role.as_str()))
        .collect();
    keep_index(&machine, &many);
    let ask = |line: &str| machine.run(&["complete", "fish", "--", line]).ok();
    let accounts = ask("rolecall exec Acc");
    assert_eq!(
        accounts,
        "values\nAccount 0/\tan account\nAccount 1/\tan account\nAccount 2/\tan account\n"
    );
    let roles = ask("rolecall exec 'Account 1/Role29");
    assert_eq!(roles.lines().count(), 1 + 3, "{roles}");
    assert!(
        roles.contains("Account 1/Role298\tallowed arn:aws:iam::000000000001:role/Role298\n"),
        "{roles}"
    );
}
