//! The files that commands write: no link of somebody's is followed, and no end at any moment leaves half of one (A13; T17,
//! T19).

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::support::{BINARY, Machine, NO_TRACER, can_trace, skip};

/// A command that learns something about a role, and writes it down.
const LEARNS: [&str; 4] = ["whoami", "blah", "--duration", "max"];

fn state(machine: &Machine) -> PathBuf {
    machine.path(".local/state/rolecall")
}

#[test]
fn a_link_in_the_place_of_a_file_of_state_leads_nowhere() {
    for (name, is_replaced) in [("durations.json", true), ("durations.lock", false)] {
        let machine = Machine::new();
        fs::create_dir_all(state(&machine)).unwrap();
        machine.write("victim", "precious");
        let place = state(&machine).join(name);
        symlink(machine.path("victim"), &place).unwrap();
        let _ = machine.run(&LEARNS).ok();
        assert_eq!(
            fs::read_to_string(machine.path("victim")).unwrap(),
            "precious",
            "{name}"
        );
        let about = fs::symlink_metadata(&place).unwrap();
        assert_eq!(about.is_file(), is_replaced, "{name}");
        if is_replaced {
            assert_eq!((about.mode() & 0o777, about.nlink()), (0o600, 1));
        }
    }
}

#[test]
fn a_second_name_of_a_file_of_state_keeps_what_it_had() {
    let machine = Machine::new();
    let _ = machine.run(&LEARNS).ok();
    let place = state(&machine).join("durations.json");
    let before = "{\"other\":{\"seconds\":3600,\"at\":1}}";
    fs::write(&place, before).unwrap();
    fs::hard_link(&place, machine.path("second")).unwrap();
    let _ = machine.run(&LEARNS).ok();
    assert_eq!(fs::read_to_string(machine.path("second")).unwrap(), before);
    assert!(fs::read_to_string(&place).unwrap().len() > before.len());
}

#[test]
fn a_runtime_directory_of_another_user_is_not_used() {
    let machine = Machine::new();
    let refused = |place: &str, why: &str| {
        let mut command = machine.command(["exec", "blah", "--", "true"]);
        command
            .env_remove("ROLECALL_LOG")
            .env("ROLECALL_RUNTIME_DIR", place)
            .current_dir(machine.home.path());
        let said = machine.finish(&mut command).failed(125);
        assert!(said.contains(why), "{place}: {said}");
    };
    refused("run", "its path is not absolute");
    if rustix::process::geteuid().is_root() {
        let [folder, inner] = ["theirs", "theirs/run"].map(|name| machine.path(name));
        for folder in [&folder, &inner] {
            fs::create_dir(folder).unwrap();
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
        }
        // Closed to all others, but not ours; then ours, in a folder whose owner may put another in its place.
        chown(&inner, Some(65534), Some(65534)).unwrap();
        refused(inner.to_str().unwrap(), "it belongs to user 65534");
        chown(&inner, Some(0), Some(0)).unwrap();
        chown(&folder, Some(65534), Some(65534)).unwrap();
        refused(inner.to_str().unwrap(), "others may replace it");
    } else {
        // Root's home is somebody else's, whoever we are.
        refused("/root", "it belongs to user 0");
    }
}

/// Whether the command was still ended before its own end by a kill at the `number`th call of this name.
fn killed_at(machine: &Machine, call: &str, number: usize) -> bool {
    let mut command = Command::new("strace");
    let inject = format!("inject={call}:signal=KILL:when={number}");
    command.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={call}"),
        "-e",
        &inject,
    ]);
    machine.furnish(command.arg(BINARY).args(LEARNS));
    let output = command
        .env_remove("ROLECALL_LOG")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    machine.no_secret(&output.stderr);
    !output.status.success()
}

#[test]
fn a_kill_at_any_call_leaves_the_old_file_or_the_new_one() {
    if !can_trace() {
        return skip(NO_TRACER);
    }
    let machine = Machine::new();
    let place = state(&machine).join("durations.json");
    let mut killed = 0;
    for call in ["openat", "write", "fsync", "rename", "flock", "close"] {
        // The last calls of each kind are those of the end; those of the beginning are libraries being loaded.
        for number in 1.. {
            let _ = fs::remove_file(&place);
            let was_killed = killed_at(&machine, call, number);
            let text = fs::read_to_string(&place).ok();
            let is_whole = text.as_deref().is_none_or(|text| {
                serde_json::from_str::<serde_json::Value>(text).is_ok_and(|json| json.is_object())
            });
            assert!(is_whole, "{call} {number}: {text:?}");
            if !was_killed {
                assert!(text.is_some(), "a whole run writes it");
                break;
            }
            killed += 1;
            assert!(number < 200, "{call} has no end");
        }
    }
    assert!(killed >= 10, "{killed}");
    // Nothing that was left behind is in the way.
    let _ = machine.run(&LEARNS).ok();
    assert!(place.is_file());
}
