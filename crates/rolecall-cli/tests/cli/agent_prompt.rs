//! One question for all who wait, where a person is.

use std::process::{Child, Output, Stdio};

use serde_json::Value;

use super::agent::Shared;
use super::mfa::{self, code};
use super::support::wait_for;
use super::terminal::Screen;

fn machine() -> Shared {
    Shared::on(mfa::machine())
}

fn ended(machine: &Shared, child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    machine.no_secret(&output.stderr);
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_second_terminal_waits_and_has_the_session_of_the_firsts_code() {
    let machine = machine();
    let (one, two) = (Screen::new(), Screen::new());
    let first = one.start(&machine, &["whoami", "One"], &[]);
    one.shows("MFA code of phone for One, arn:aws:iam::222222222222:role/One", 1);
    let mut second = two.start(&machine, &["whoami", "Two"], &[]);
    // It says for whom it waits, and asks nothing.
    let mut said = std::io::BufReader::new(second.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    let whom = format!("waiting for `rolecall whoami` (process {}", first.id());
    assert!(line.contains(&whom), "{line}");
    assert!(!two.text().contains("not shown"), "{}", two.text());
    one.answer(1, &code(&machine));
    let output = ended(&machine, first);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(second.wait().unwrap().success());
    assert!(!two.text().contains("not shown"), "{}", two.text());
    assert_eq!(machine.sandbox.count("GetSessionToken"), 1);
    assert_eq!(machine.sandbox.count("AssumeRole"), 2);
    // And whoever comes later is asked nothing either.
    machine.run(&["whoami", "Two"]).ok();
    assert_eq!(machine.sandbox.count("GetSessionToken"), 1);
}

#[test]
fn who_declines_declines_for_all_who_wait_and_the_next_is_asked() {
    let machine = machine();
    let (one, two, three) = (Screen::new(), Screen::new(), Screen::new());
    let first = one.start(&machine, &["whoami", "One"], &[]);
    one.shows("not shown", 1);
    let second = two.start(&machine, &["whoami", "Two"], &[]);
    wait_for("the second to wait", || {
        (machine.status()["clients"] == 4).then_some(())
    });
    one.hides_typing();
    one.type_in("\u{4}");
    for (screen, child) in [(&one, first), (&two, second)] {
        let output = ended(&machine, child);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            stderr(&output).contains("was not answered"),
            "{}",
            stderr(&output)
        );
        assert!(screen.is_echoing());
    }
    assert!(!two.text().contains("not shown"), "{}", two.text());
    let third = three.start(&machine, &["whoami", "One"], &[]);
    three.answer(1, &code(&machine));
    assert!(ended(&machine, third).status.success());
}

#[test]
fn who_cannot_ask_passes_the_lease_on_to_one_who_can() {
    let machine = machine();
    // No terminal, and a code that its own descriptor does not bring: it holds the lease meanwhile.
    let mut script = machine.shell(&format!(
        "mkfifo \"$HOME/code\"; '{}' whoami One --mfa-fd 3 3< \"$HOME/code\"",
        super::support::BINARY
    ));
    let blind = script
        .env_remove("ROLECALL_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let fifo = machine.path("code");
    wait_for("the descriptor", || fifo.exists().then_some(()));
    let keep_open = std::fs::File::options().write(true).open(&fifo).unwrap();
    wait_for("the lease", || {
        let leases = machine.status()["leases"].as_u64();
        leases.is_some_and(|leases| leases == 2).then_some(())
    });
    let screen = Screen::new();
    let seeing = screen.start(&machine, &["whoami", "Two"], &[]);
    wait_for("the second to wait", || {
        (machine.status()["clients"] == 4).then_some(())
    });
    drop(keep_open);
    screen.answer(1, &code(&machine));
    let output = ended(&machine, seeing);
    assert!(output.status.success(), "{}", stderr(&output));
    let output = ended(&machine, blind);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("it is empty"), "{}", stderr(&output));
    assert_eq!(machine.sandbox.count("GetSessionToken"), 1);
}

#[test]
fn an_sdk_that_waits_for_a_person_elsewhere_hears_who_holds_it_up() {
    let machine = machine();
    let screen = Screen::new();
    let asking = screen.start(&machine, &["whoami", "One"], &[]);
    screen.shows("not shown", 1);
    let output = machine
        .command(["credential-process", "One"])
        .env_remove("ROLECALL_LOG")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    let whom = format!("It is `rolecall whoami` (process {}", asking.id());
    assert!(
        said.contains("within 18 seconds") && said.contains(&whom),
        "{said}"
    );
    screen.answer(1, &code(&machine));
    assert!(ended(&machine, asking).status.success());
}

#[test]
fn a_code_can_be_given_ahead_of_time() {
    let machine = machine();
    let without = machine.finish(machine.command(["login", "One"]).env("ROLECALL_AGENT", "off"));
    assert!(without.failed(1).contains("nothing would remember it"));
    let screen = Screen::new();
    let child = screen.start(&machine, &["login", "One", "--json"], &[]);
    screen.answer(1, &code(&machine));
    let output = ended(&machine, child);
    assert!(output.status.success(), "{}", stderr(&output));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&said["mfa_serial"], &said["kept"]),
        (&mfa::PHONE.into(), &true.into())
    );
    let sessions = machine.sessions();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0]["expires_at"], said["expires_at"]);
    assert_eq!(sessions[0]["role_arn"], Value::Null);
    // Whoever needs it needs nobody.
    machine.run(&["whoami", "One"]).ok();
    machine.run(&["whoami", "Two"]).ok();
    let calls = |operation| machine.sandbox.count(operation);
    assert_eq!((calls("GetSessionToken"), calls("AssumeRole")), (1, 2));
    // The role alone, and then what it stands on too.
    let of_role = machine.run(&["forget", "One"]).ok();
    assert_eq!(of_role.lines().count(), 1, "{of_role}");
    machine.run(&["whoami", "One"]).ok();
    assert_eq!((calls("GetSessionToken"), calls("AssumeRole")), (1, 3));
    let of_chain = machine.run(&["forget", "One", "--chain"]).ok();
    assert_eq!(of_chain.lines().count(), 2, "{of_chain}");
    assert!(of_chain.contains("the source itself"), "{of_chain}");
    let said = machine.run(&["whoami", "One"]).failed(1);
    assert!(said.contains("an MFA code of phone is needed"), "{said}");
}
