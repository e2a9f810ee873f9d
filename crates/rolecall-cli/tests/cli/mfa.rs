//! MFA on a terminal: one question, no code twice by any process, and a terminal that is left as it was.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Output};

use rolecall_sandbox::{Account, Builder, Role, Sandbox, User, World};
use rustix::process::{Pid, Signal, kill_process};

use super::support::Machine;
use super::terminal::Screen;

pub(crate) const PHONE: &str = "arn:aws:iam::111111111111:mfa/phone";
const SEED: &str = "INAU4QKSLFJUKQ2SIVKE6TKBKI2DOMJR";
const MAY: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sts:*","iam:ListMFADevices"],"Resource":"*"}}"#;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}}"#;

/// Joe with his telephone, and two roles that demand it.
pub(crate) fn machine() -> Machine {
    machine_with(Sandbox::builder())
}

pub(crate) fn machine_with(builder: Builder) -> Machine {
    let joe = User::new("joe").policy("may", MAY).mfa_device("phone", SEED);
    let role = |name| Role::new(name, TRUST).max_session_seconds(43_200);
    let world = World::new()
        .account(Account::new("111111111111").user(joe))
        .account(Account::new("222222222222").role(role("One")).role(role("Two")));
    let machine = Machine::with(builder.world(world).start().unwrap());
    let keys = machine.sandbox.user_keys("joe").unwrap();
    machine.write(
        ".aws/credentials",
        &format!(
            "[joe]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            keys.access_key_id, keys.secret_access_key
        ),
    );
    let role = |name: &str, more: &str| {
        format!(
            "[profile {name}]\nrole_arn = arn:aws:iam::222222222222:role/{name}\nsource_profile = joe\nregion = eu-west-1\n{more}\n"
        )
    };
    let with_phone = format!("mfa_serial = {PHONE}");
    machine.write(
        ".aws/config",
        &(role("One", &with_phone)
            + &role("Two", &with_phone)
            + &format!("[profile direct]\nrole_arn = arn:aws:iam::222222222222:role/One\nsource_profile = joe\nregion = eu-west-1\n{with_phone}\nduration_seconds = 7200\n")
            + "[profile bare]\nrole_arn = arn:aws:iam::222222222222:role/One\nsource_profile = joe\nregion = eu-west-1\n"),
    );
    machine
}

/// The records of used codes.
pub(crate) fn records(machine: &Machine) -> Vec<PathBuf> {
    let folder = machine.path(".local/state/rolecall/mfa");
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect()
}

/// In the place of the time that passes: every code was used long ago.
pub(crate) fn let_the_step_turn(machine: &Machine) {
    move_the_records(machine, -10);
}

/// Moves the half minutes in which codes were used, so that no test hangs on where in one it runs.
fn move_the_records(machine: &Machine, by: i64) {
    for path in records(machine) {
        let text = fs::read_to_string(&path).unwrap();
        let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
        for used in record["used"].as_array_mut().unwrap() {
            used["step"] = used["step"].as_u64().unwrap().saturating_add_signed(by).into();
        }
        let new = path.with_extension("new");
        fs::write(&new, record.to_string()).unwrap();
        fs::rename(new, path).unwrap();
    }
}

pub(crate) fn code(machine: &Machine) -> String {
    machine.sandbox.mfa_code(PHONE).unwrap()
}

fn ended(machine: &Machine, child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    machine.no_secret(&output.stderr);
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_terminal_is_asked_once_and_shows_no_code() {
    let machine = machine();
    let screen = Screen::new();
    let child = screen.start(&machine, &["whoami", "One", "--json"], &[]);
    let code = code(&machine);
    screen.answer(1, &format!("{} {}", &code[..3], &code[3..]));
    let output = ended(&machine, child);
    assert!(output.status.success(), "{}", stderr(&output));
    let seen = screen.text();
    assert!(
        seen.contains("MFA code of phone for One") && !seen.contains(&code[..3]),
        "{seen}"
    );
    assert!(screen.is_echoing(), "left as it was");
    assert_eq!(
        (
            machine.sandbox.count("GetSessionToken"),
            machine.sandbox.count("AssumeRole")
        ),
        (1, 1)
    );
    let kept = fs::read_to_string(&records(&machine)[0]).unwrap();
    assert!(!kept.contains(&code), "{kept}");
}

#[test]
fn what_is_no_code_is_asked_again_and_not_sent() {
    let machine = machine();
    let screen = Screen::new();
    let child = screen.start(&machine, &["whoami", "One"], &[]);
    screen.answer(1, "12345");
    screen.answer(2, "");
    screen.answer(3, &"9".repeat(3000));
    assert_eq!(machine.sandbox.count("GetSessionToken"), 0);
    // A code that AWS does not take, and the right one after it, in the same half minute.
    let code = code(&machine);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    screen.answer(4, wrong);
    screen.shows("AWS did not take that code", 1);
    screen.answer(5, &code);
    let output = ended(&machine, child);
    assert!(output.status.success(), "{}\n{}", stderr(&output), screen.text());
    assert_eq!(machine.sandbox.count("GetSessionToken"), 2);
}

#[test]
fn three_wrong_codes_are_the_end() {
    let machine = machine();
    let screen = Screen::new();
    let child = screen.start(&machine, &["whoami", "One"], &[]);
    let right = code(&machine);
    let mut wrong = (0..).map(|n| format!("{n:06}")).filter(|code| *code != right);
    for times in 1..=3 {
        screen.answer(times, &wrong.next().unwrap());
    }
    let output = ended(&machine, child);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("AWS took none of 3 codes") && said.contains("resync"),
        "{said}"
    );
    assert_eq!(machine.sandbox.count("GetSessionToken"), 3);
}

#[test]
fn a_used_code_is_waited_out_and_never_sent_again() {
    let machine = machine();
    let first = code(&machine);
    let screen = Screen::new();
    let child = screen.start(&machine, &["whoami", "One"], &[]);
    screen.answer(1, &first);
    assert!(ended(&machine, child).status.success());
    // Another process, within the half minute: it counts down before it asks.
    move_the_records(&machine, 1);
    let child = screen.start(&machine, &["whoami", "Two"], &[]);
    screen.shows("code has been used; the device shows another one in a moment", 1);
    assert_eq!(
        screen.text().matches("not shown").count(),
        1,
        "nothing is asked yet"
    );
    let_the_step_turn(&machine);
    // The same code once more, as a telephone with a slow clock shows it.
    screen.answer(2, &first);
    screen.shows("this code has been used", 1);
    assert_eq!(machine.sandbox.count("GetSessionToken"), 1, "it was not sent");
    let_the_step_turn(&machine);
    screen.shows("that code had been used already", 1);
    let second = code(&machine);
    assert_ne!(first, second);
    screen.answer(3, &second);
    let output = ended(&machine, child);
    assert!(output.status.success(), "{}\n{}", stderr(&output), screen.text());
    assert_eq!(machine.sandbox.count("GetSessionToken"), 2);
}

#[test]
fn two_processes_ask_one_after_the_other() {
    let machine = machine();
    let (one, two) = (Screen::new(), Screen::new());
    let first = one.start(&machine, &["whoami", "One"], &[]);
    one.shows("not shown", 1);
    let second = two.start(&machine, &["whoami", "Two"], &[]);
    two.shows(
        &format!(
            "another rolecall (pid {}, for One, arn:aws:iam::222222222222:role/One) is asking for a code",
            first.id()
        ),
        1,
    );
    assert!(!two.text().contains("not shown"), "{}", two.text());
    one.answer(1, &code(&machine));
    assert!(ended(&machine, first).status.success());
    let_the_step_turn(&machine);
    two.answer(1, &code(&machine));
    let output = ended(&machine, second);
    assert!(output.status.success(), "{}\n{}", stderr(&output), two.text());
    let used: Vec<_> = machine.sandbox.calls();
    assert!(
        used.iter()
            .filter(|call| call.operation == "GetSessionToken")
            .all(|call| call.status == 200),
        "no code was refused"
    );
}

fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = u64::from_str_radix(mask.expect("SigIgn").trim(), 16).expect("a mask");
    mask >> (signal.as_raw() - 1) & 1 == 1
}

#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    use std::os::unix::process::ExitStatusExt as _;
    let machine = machine();
    for (signal, typed) in [
        (Signal::TERM, None),
        (Signal::HUP, None),
        (Signal::INT, Some("\u{3}")),
        (Signal::INT, None),
    ] {
        // What our parent ignores (`nohup`) is ignored by the command too, and ends nothing.
        if is_ignored(signal) {
            continue;
        }
        let screen = Screen::new();
        let child = screen.start(&machine, &["whoami", "One"], &[]);
        screen.shows("not shown", 1);
        screen.hides_typing();
        match typed {
            Some(key) => screen.type_in(key),
            None => {
                let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
                kill_process(pid, signal).unwrap();
            }
        }
        let output = ended(&machine, child);
        assert_eq!(
            output.status.signal(),
            Some(signal.as_raw()),
            "{}",
            stderr(&output)
        );
        assert!(screen.is_echoing(), "{signal:?}");
    }
    assert_eq!(machine.sandbox.count("GetSessionToken"), 0);
}

#[test]
fn the_end_of_input_is_an_answer_too() {
    let machine = machine();
    let screen = Screen::new();
    let child = screen.start(&machine, &["whoami", "One"], &[]);
    screen.shows("not shown", 1);
    screen.hides_typing();
    screen.type_in("\u{4}");
    let output = ended(&machine, child);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("was not answered"),
        "{}",
        stderr(&output)
    );
    assert!(screen.is_echoing());
}

#[test]
fn a_child_has_the_terminal_to_itself() {
    // Sessions of two seconds, and the direct way: the first renewal needs a code, and nobody can be asked for it.
    let machine = machine_with(Sandbox::builder().session_seconds(2));
    let screen = Screen::new();
    let script = r#"for _ in $(seq 50); do grep -q '403$' "$HOME/answer" && exit; sleep 0.1
        curl -s -H "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" -w '%{http_code}' "$AWS_CONTAINER_CREDENTIALS_FULL_URI" > "$HOME/answer"
        done 2> /dev/null; exit 1"#;
    let child = screen.start(&machine, &["exec", "direct", "--", "sh", "-c", script], &[]);
    screen.answer(1, &code(&machine));
    let output = ended(&machine, child);
    assert!(output.status.success(), "{}", stderr(&output));
    let answer = fs::read_to_string(machine.path("answer")).unwrap();
    assert!(
        answer.contains("NeedsUser") && answer.contains("the terminal is the command's"),
        "{answer}"
    );
    assert_eq!(screen.text().matches("not shown").count(), 1, "asked once");
    assert_eq!(machine.sandbox.count("AssumeRole"), 1);
    assert!(screen.is_echoing());
}
