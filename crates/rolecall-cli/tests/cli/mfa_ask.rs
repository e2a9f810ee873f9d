//! Codes from elsewhere than a terminal: a descriptor, askpass, a pinentry, `mfa_process`; and nobody at all.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::mfa::{PHONE, code, let_the_step_turn, machine};
use super::support::Machine;
use super::terminal::Screen;

/// A script that only its owner may change.
fn script(machine: &Machine, name: &str, text: &str) -> PathBuf {
    let path = machine.path(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

fn with_process(machine: &Machine, command: &str) {
    machine.append_config(&format!(
        "[profile process]\nrole_arn = arn:aws:iam::222222222222:role/One\nsource_profile = joe\nregion = eu-west-1\nmfa_serial = {PHONE}\nmfa_process = {command}\n"
    ));
}

#[test]
fn nobody_is_told_at_once_and_nothing_is_called() {
    let machine = machine();
    // setsid without a terminal: there is none to open.
    let mut command = machine.command(["whoami", "One"]);
    let said = machine.finish(command.env_remove("ROLECALL_LOG")).failed(1);
    assert!(
        said.contains("an MFA code of phone is needed for One") && said.contains("ROLECALL_ASKPASS"),
        "{said}"
    );
    assert_eq!(machine.sandbox.calls().len(), 0);
}

#[test]
fn a_code_comes_from_a_descriptor() {
    let machine = machine();
    let file = machine.path("code");
    for (arguments, variable) in [("--mfa-fd 9", ""), ("", "ROLECALL_MFA_FD=9")] {
        fs::write(&file, format!("{}\nmore", code(&machine))).unwrap();
        let line = format!(
            "{variable} {} whoami One {arguments} 9< '{}'",
            super::support::BINARY,
            file.display()
        );
        let ran = machine.finish(machine.shell(&line).env_remove("ROLECALL_LOG"));
        assert!(ran.ok().contains("assumed-role/One"));
        let_the_step_turn(&machine);
    }
    let line = format!("{} whoami One --mfa-fd 9", super::support::BINARY);
    let said = machine.finish(&mut machine.shell(&line)).failed(1);
    assert!(said.contains("no code can be read from descriptor 9"), "{said}");
    let line = format!("ROLECALL_MFA_FD=nine {} whoami One", super::support::BINARY);
    let said = machine.finish(&mut machine.shell(&line)).failed(1);
    assert!(
        said.contains("no code can be read from descriptor nine: ROLECALL_MFA_FD takes a number"),
        "{said}"
    );
}

#[test]
fn a_program_is_asked_in_the_persons_stead() {
    let machine = machine();
    let answer = machine.path("code");
    let asked = machine.path("asked");
    let program = script(
        &machine,
        "askpass",
        &format!(
            "printf '%s' \"$1\" > '{}'; echo \"${{AWS_SECRET_ACCESS_KEY-none}}\" >> '{}'; cat '{}'",
            asked.display(),
            asked.display(),
            answer.display()
        ),
    );
    fs::write(&answer, code(&machine)).unwrap();
    let mut command = machine.command(["whoami", "One"]);
    command
        .env("ROLECALL_ASKPASS", &program)
        .env("AWS_SECRET_ACCESS_KEY", "CANARYSECRET");
    assert!(machine.finish(&mut command).ok().contains("assumed-role/One"));
    let question = fs::read_to_string(&asked).unwrap();
    let (asked, of_whom) = question.split_once(" (asked for by ").unwrap();
    assert_eq!(
        asked,
        "MFA code of phone for One, arn:aws:iam::222222222222:role/One"
    );
    assert!(
        of_whom.starts_with("cli-") && of_whom.ends_with("): none\n"),
        "{of_whom}"
    );
    // ssh's own variable, by ssh's own rules.
    for (more, works) in [
        (vec![], false),
        (vec![("DISPLAY", ":0")], true),
        (
            vec![
                ("DISPLAY", ":0"),
                ("SSH_ASKPASS_REQUIRE", "never"),
                ("PATH", "/nowhere"),
            ],
            false,
        ),
        (vec![("SSH_ASKPASS_REQUIRE", "force")], true),
    ] {
        let_the_step_turn(&machine);
        machine
            .sandbox
            .set_skew(30 * i64::try_from(machine.sandbox.count("GetSessionToken")).unwrap());
        fs::write(&answer, code(&machine)).unwrap();
        let mut command = machine.command(["whoami", "One"]);
        command.env("SSH_ASKPASS", &program).envs(more.clone());
        let ran = machine.finish(&mut command);
        assert_eq!(ran.status.success(), works, "{more:?}\n{}", ran.stderr);
    }
}

#[test]
fn programs_that_give_up_or_shout_do_no_harm() {
    let machine = machine();
    for (text, expected) in [
        ("exit 1", "was not answered"),
        ("echo 123456; exit 1", "was not answered"),
        ("printf '\\033[2J\\033]0;x\\007no'", "no code of"),
        ("yes | head -c 3000000", "was not answered"),
        ("exec 1>&-", "was not answered"),
    ] {
        let program = script(&machine, "askpass", text);
        let mut command = machine.command(["whoami", "One"]);
        command
            .env("ROLECALL_ASKPASS", program)
            .env_remove("ROLECALL_LOG");
        let said = machine.finish(&mut command).failed(1);
        assert!(
            said.contains(expected) && !said.contains('\u{1b}'),
            "{text}: {said}"
        );
    }
    assert_eq!(machine.sandbox.calls().len(), 0);
    // Others could have put it there.
    let program = script(&machine, "askpass", "echo 123456");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o777)).unwrap();
    let mut command = machine.command(["whoami", "One"]);
    let said = machine
        .finish(command.env("ROLECALL_ASKPASS", &program))
        .failed(1);
    assert!(said.contains("$ROLECALL_ASKPASS names it"), "{said}");
}

#[test]
fn a_pinentry_is_spoken_to_in_its_protocol() {
    let machine = machine();
    let log = machine.path("said");
    let pinentry = |pin: &str| {
        script(
            &machine,
            "pinentry",
            &format!(
                "echo 'OK pleased to meet you'\nwhile read -r word rest; do\n echo \"$word $rest\" >> '{}'\n case $word in\n \
                 GETPIN) printf '{pin}' ;;\n OPTION) echo 'ERR 83886254 Unknown option <x>' ;;\n BYE) echo OK; exit ;;\n *) echo '# a comment'; echo OK ;;\n esac\ndone",
                log.display()
            ),
        )
    };
    let code = code(&machine);
    let program = pinentry(&format!(
        "S STATUS\\nD %%{:02X}{}\\nOK\\n",
        code.as_bytes()[0],
        &code[1..]
    ));
    let mut command = machine.command(["whoami", "One"]);
    command.env("ROLECALL_PINENTRY", &program).env("DISPLAY", ":7");
    assert!(machine.finish(&mut command).ok().contains("assumed-role/One"));
    let said = fs::read_to_string(&log).unwrap();
    for line in [
        "OPTION display=:7\n",
        "SETDESC MFA code of phone for One, arn:aws:iam::222222222222:role/One (asked for by cli-",
        "GETPIN \n",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
    let_the_step_turn(&machine);
    for (answer, expected) in [
        (
            "ERR 83886179 Operation cancelled <Pinentry>\\n",
            "was not answered",
        ),
        ("ERR 83886142 Timeout <Pinentry>\\n", "in time"),
        ("ERR 83886165 No pinentry\\n", "could not ask (error 85)"),
        ("rubbish\\n", "does not speak as a pinentry does"),
        ("OK\\n", "no code of"),
    ] {
        let program = pinentry(answer);
        let mut command = machine.command(["whoami", "One"]);
        command
            .env("ROLECALL_PINENTRY", &program)
            .env_remove("ROLECALL_LOG");
        let said = machine.finish(&mut command).failed(1);
        assert!(said.contains(expected), "{answer}: {said}");
    }
    let program = script(&machine, "pinentry", "exit 2");
    let mut command = machine.command(["whoami", "One"]);
    let said = machine
        .finish(command.env("ROLECALL_PINENTRY", &program))
        .failed(1);
    assert!(said.contains("ended without an answer"), "{said}");
}

#[test]
fn a_command_of_the_profile_prints_the_code() {
    let machine = machine();
    let answer = machine.path("code");
    let program = script(&machine, "code-printer", &format!("cat '{}'", answer.display()));
    with_process(&machine, &program.display().to_string());
    fs::write(&answer, format!("{}\n", code(&machine))).unwrap();
    assert!(
        machine
            .run(&["whoami", "process"])
            .ok()
            .contains("assumed-role/One")
    );
    // It prints no code: it is not sent.
    let_the_step_turn(&machine);
    fs::write(&answer, "no code\n").unwrap();
    let calls = machine.sandbox.calls().len();
    let said = machine.run_quietly(&["whoami", "process"]).failed(1);
    assert!(said.contains("printed something else than a code"), "{said}");
    assert_eq!(machine.sandbox.calls().len(), calls);
}

#[test]
fn an_sdk_is_answered_before_it_gives_up() {
    let machine = machine();
    let screen = Screen::new();
    let child = screen.start(&machine, &["credential-process", "One"], &[]);
    screen.shows("asked for by", 1);
    screen.shows("s left", 1);
    screen.answer(1, &code(&machine));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(output.stdout.starts_with(b"{\"Version\":1"));
    machine.no_secret(&output.stderr);
    machine.no_secret(screen.text().as_bytes());
}

#[test]
fn a_device_is_looked_up_once() {
    let machine = machine();
    let screen = Screen::new();
    let child = screen.start(&machine, &["whoami", "bare", "--mfa"], &[]);
    screen.answer(1, &code(&machine));
    assert!(child.wait_with_output().unwrap().status.success());
    let_the_step_turn(&machine);
    let child = screen.start(&machine, &["whoami", "bare", "--mfa"], &[]);
    screen.answer(2, &code(&machine));
    assert!(child.wait_with_output().unwrap().status.success());
    assert_eq!(machine.sandbox.count("ListMFADevices"), 1);
    // And where no device was proved, the refusal says how.
    let said = machine.run_quietly(&["whoami", "bare"]).failed(1);
    assert!(said.contains("try --mfa"), "{said}");
}
