//! Picking a target on a terminal.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};

use rustix::process::{Pid, Signal};

use super::completion::keep_index;
use super::support::{BINARY, Machine, wait_for};
use super::terminal::Screen;

/// Nothing that could serve as the default.
fn machine() -> Machine {
    let machine = Machine::new();
    machine.write(
        ".aws/config",
        "[profile joe]\nregion = us-east-1\n[profile prod]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\n\
         source_profile = joe\n[profile staging]\nrole_arn = arn:aws:iam::666666666666:role/Staging\n\
         source_profile = joe\n",
    );
    let keys = machine.sandbox.user_keys("joe.bloggs").unwrap();
    let credentials = format!(
        "[joe]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        keys.access_key_id, keys.secret_access_key
    );
    machine.write(".aws/credentials", &credentials);
    keep_index(
        &machine,
        &[
            ("444444444444", "Acme Ltd", "team/Deploy"),
            ("666666666666", "Blah", "BlahRole"),
        ],
    );
    machine
}

const TERM: (&str, &str) = ("TERM", "xterm");

fn end(child: &mut Child) -> ExitStatus {
    wait_for("the end", || child.try_wait().unwrap())
}

#[test]
fn a_target_is_picked_by_a_few_letters_and_comes_first_the_next_time() {
    let machine = machine();
    let screen = Screen::new();
    let mut child = screen.run(&machine, &[BINARY, "plan"], &[TERM]);
    screen.shows("rolecall plan: ", 1);
    // The role that a profile has is that profile's row.
    screen.shows("BlahRole in Blah", 1);
    screen.shows("Acme Ltd/team/Deploy", 1);
    screen.shows("4 of 4", 1);
    screen.type_in("acdep");
    screen.shows("1 of 4", 1);
    screen.type_in("\r");
    assert!(end(&mut child).success(), "{}", screen.text());
    screen.shows("role 1 of 1: arn:aws:iam::444444444444:role/team/Deploy", 1);
    screen.shows("as found by `rolecall roles`", 1);
    assert!(screen.is_echoing());
    let recent = fs::read_to_string(machine.path(".local/state/rolecall/recent.json")).unwrap();
    assert_eq!(recent, r#"{"targets":["Acme Ltd/team/Deploy"]}"#);

    let mut child = screen.run(&machine, &[BINARY, "plan"], &[TERM, ("NO_COLOR", "1")]);
    screen.shows("rolecall plan: ", 2);
    screen.shows("> Acme Ltd/team/Deploy", 1);
    // Down and up again, and once more down: the first profile.
    screen.type_in("\x1b[B\x1b[A\x0e\r");
    assert!(end(&mut child).success());
    screen.shows("source   access key", 1);
    let drawn = screen.text();
    let plain = drawn.split("NO_COLOR").last().unwrap();
    assert!(plain.contains("\x1b[?1049l"), "{plain}");
    machine.no_secret(screen.text().as_bytes());
}

#[test]
fn whoever_picks_nothing_runs_nothing_and_has_their_terminal_back() {
    let machine = machine();
    for (key, code) in [("\x1b", Some(130)), ("\x04", Some(130)), ("\x03", None)] {
        let screen = Screen::new();
        let mut child = screen.run(&machine, &[BINARY, "exec", "--", "touch", "ran"], &[TERM]);
        screen.shows("4 of 4", 1);
        screen.hides_typing();
        screen.type_in(key);
        let ended = end(&mut child);
        assert_eq!(ended.code(), code, "{key:?}: {ended:?}");
        assert!(screen.is_echoing(), "{key:?}");
        screen.shows("\x1b[?1049l", 1);
    }
    let screen = Screen::new();
    let mut child = screen.run(&machine, &[BINARY, "exec", "--", "touch", "ran"], &[TERM]);
    screen.shows("4 of 4", 1);
    screen.hides_typing();
    let pid = Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(end(&mut child).signal(), Some(15));
    assert!(screen.is_echoing());
    screen.shows("\x1b[?1049l", 1);
    assert!(!machine.path("ran").exists());
    assert!(!machine.path(".local/state/rolecall/recent.json").exists());
}

#[test]
fn a_list_that_is_stopped_gives_the_terminal_back_and_goes_on() {
    let machine = machine();
    let screen = Screen::new();
    let shell = ["bash", "--noprofile", "--norc", "-i"];
    let mut child = screen.run(&machine, &shell, &[TERM, ("PS1", "here$ ")]);
    screen.shows("here$ ", 1);
    screen.type_in(&format!("{BINARY} plan\n"));
    screen.shows("4 of 4", 1);
    screen.type_in("\x1a");
    screen.shows("Stopped", 1);
    assert_eq!(screen.text().matches("\x1b[?1049l").count(), 1);
    screen.type_in("fg\n");
    screen.shows("4 of 4", 2);
    screen.type_in("prod\r");
    screen.shows("role 1 of 1: arn:aws:iam::666666666666:role/BlahRole", 1);
    screen.type_in("exit\n");
    assert!(end(&mut child).success());
}

#[test]
fn a_list_fits_its_terminal_whatever_becomes_of_it() {
    let machine = machine();
    let screen = Screen::new();
    screen.resize(80, 24);
    let mut child = screen.run(&machine, &[BINARY, "plan"], &[TERM]);
    screen.shows("4 of 4", 1);
    screen.shows("Enter takes it, Esc leaves; arrows or Ctrl-N and Ctrl-P move", 1);
    screen.resize(16, 4);
    screen.shows("4 of 4", 2);
    screen.type_in("acdep");
    screen.shows("1 of 4", 1);
    let small = screen.text().split("4 of 4").last().unwrap().to_owned();
    assert!(
        small.contains("Acme Lt") && !small.contains("team/Deploy"),
        "{small:?}"
    );
    screen.type_in("\x1b");
    assert_eq!(end(&mut child).code(), Some(130));
}

/// By its id a role does not say by whom it was found, and the list does.
#[test]
fn a_role_whose_account_has_no_name_of_its_own_starts_where_it_was_found() {
    let machine = machine();
    keep_index(
        &machine,
        &[
            ("444444444444", "Twin", "Deploy"),
            ("555555555555", "Twin", "Deploy"),
        ],
    );
    let screen = Screen::new();
    let mut child = screen.run(&machine, &[BINARY, "plan"], &[TERM]);
    screen.shows("5 of 5", 1);
    screen.type_in("5555");
    screen.shows("1 of 5", 1);
    screen.type_in("\r");
    assert!(end(&mut child).success(), "{}", screen.text());
    screen.shows("role 1 of 1: arn:aws:iam::555555555555:role/Deploy", 1);
    screen.shows("source profile  joe", 1);
    let refused = machine.run(&["plan", "twin/Deploy"]).failed(1);
    assert!(
        refused.contains("may mean a role of any of 2 accounts"),
        "{refused}"
    );
    assert!(
        refused.contains("444444444444 (`Twin`), 555555555555 (`Twin`)"),
        "{refused}"
    );
}

/// A program that waits for an answer is never stopped by a list.
#[test]
fn nobody_is_asked_who_is_not_there() {
    let machine = machine();
    let fails = |screen: &Screen, arguments: &[&str], env: &[(&str, &str)], said: &str| {
        let mut words = vec![BINARY];
        words.extend(arguments);
        let before = screen.text().len();
        let mut child = screen.run(&machine, &words, env);
        let ended = end(&mut child);
        assert_eq!(ended.code(), Some(1), "{arguments:?} {env:?}");
        wait_for(&format!("{said} of {arguments:?}"), || {
            screen.text()[before..].contains(said).then_some(())
        });
        assert!(!screen.text().contains("\x1b[?1049h"), "{arguments:?}");
    };
    let screen = Screen::new();
    let none = "there is no profile `default`";
    fails(&screen, &["plan", "--json"], &[TERM], none);
    fails(&screen, &["plan"], &[TERM, ("CI", "true")], none);
    fails(&screen, &["plan"], &[("TERM", "dumb")], none);
    fails(
        &screen,
        &["plan"],
        &[TERM, ("AWS_PROFILE", "gone")],
        "there is no profile `gone`",
    );
    fails(
        &screen,
        &["plan"],
        &[TERM, ("ROLECALL_EXEC_DIR", "/x")],
        "inside `rolecall exec` a target has to be named",
    );
    fails(&screen, &["credential-process", "--show"], &[TERM], none);
    fails(
        &screen,
        &["credential-process", "--show", "--pick"],
        &[TERM],
        "is run by programs",
    );
    // No terminal.
    let refused = machine.run(&["plan", "--pick"]).failed(1);
    assert!(refused.contains("can be picked in a terminal only"), "{refused}");
    machine.run(&["plan"]).failed(1);
    let refused = machine.run(&["plan", "prod", "--pick"]).failed(2);
    assert!(refused.contains("cannot be used with"), "{refused}");
}

/// What there is to serve is not asked for; `--pick` asks all the same.
#[test]
fn a_default_that_serves_needs_no_list() {
    let machine = machine();
    machine.append_config(
        "[default]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\nsource_profile = joe\n",
    );
    let screen = Screen::new();
    let mut child = screen.run(&machine, &[BINARY, "plan"], &[TERM]);
    assert!(end(&mut child).success());
    screen.shows("target  ", 1);
    assert!(!screen.text().contains("\x1b[?1049h"));
    let mut child = screen.run(&machine, &[BINARY, "plan", "--pick"], &[TERM]);
    screen.shows("5 of 5", 1);
    screen.type_in("stag\r");
    assert!(end(&mut child).success());
    screen.shows("role 1 of 1: arn:aws:iam::666666666666:role/Staging", 1);
}
