//! The agent as people meet it: what one command got is there for the next, is shown, and is wiped.

use std::ops::Deref;
use std::process::{Child, Stdio};

use serde_json::Value;

use super::exec::Staying;
use super::support::{Machine, wait_for};

/// A machine with an agent, which ends with it.
pub(crate) struct Shared(pub(crate) Machine);

impl Shared {
    pub(crate) fn new() -> Self {
        Self::on(Machine::new())
    }

    pub(crate) fn on(mut machine: Machine) -> Self {
        machine.has_agent = true;
        Self(machine)
    }

    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.run(&["agent", "status", "--json"]).ok()).unwrap()
    }

    pub(crate) fn sessions(&self) -> Vec<Value> {
        let text = self.run(&["sessions", "--json"]).ok();
        let sessions: Value = serde_json::from_str(&text).unwrap();
        sessions.as_array().unwrap().clone()
    }

    pub(crate) fn plan(&self, target: &str) -> Value {
        serde_json::from_str(&self.run(&["plan", target, "--json"]).ok()).unwrap()
    }

    pub(crate) fn access_key_id(&self, target: &str) -> String {
        let ran = self.run_for_secrets(&["credential-process", target]).ok();
        let json: Value = serde_json::from_str(&ran).unwrap();
        json["AccessKeyId"].as_str().unwrap().to_owned()
    }

    /// How many listen at the agent's place: the kernel knows a socket by the name it was bound to.
    pub(crate) fn agents(&self) -> usize {
        const ACCEPTS: &str = "00010000";
        let bound = self.path("run/agent.new").display().to_string();
        let sockets = std::fs::read_to_string("/proc/net/unix").unwrap();
        let is_ours = |line: &&str| line.ends_with(&bound) && line.split(' ').any(|word| word == ACCEPTS);
        sockets.lines().filter(is_ours).count()
    }
}

impl Deref for Shared {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.0
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = self.command(["agent", "stop"]).output();
    }
}

#[test]
fn it_is_started_asked_and_stopped() {
    let machine = Shared::new();
    assert_eq!(machine.status()["running"], false);
    let said = machine.run_quietly(&["agent", "status"]).ok();
    assert_eq!(said, "No agent runs. The commands that need one start it.\n");
    assert_eq!(
        machine.run(&["sessions"]).ok(),
        "No agent runs: no session is kept.\n"
    );
    assert_eq!(machine.run(&["sessions", "--json"]).ok(), "[]\n");
    assert_eq!(machine.run(&["agent", "stop"]).ok(), "No agent runs.\n");
    assert!(
        machine
            .run(&["forget", "--all"])
            .ok()
            .contains("nothing to forget")
    );
    assert_eq!(machine.agents(), 0, "to be asked starts none");
    let said = machine.run_quietly(&["agent", "start"]).ok();
    assert!(
        said.contains(", rolecall ") && said.contains("agent.sock"),
        "{said}"
    );
    let status = machine.status();
    assert_eq!(status["running"], true);
    for (field, value) in [("sessions", 0), ("leases", 0), ("clients", 0)] {
        assert_eq!(status[field], value, "{field}");
    }
    assert!(["secret", "locked", "plain"].contains(&status["key_memory"].as_str().unwrap()));
    machine.run(&["agent", "start"]).ok();
    assert_eq!(machine.status()["pid"], status["pid"], "it runs already");
    assert_eq!(machine.run(&["sessions"]).ok(), "The agent keeps no session.\n");
    assert!(machine.run(&["agent", "stop"]).ok().contains("wiped"));
    assert_eq!(machine.status()["running"], false);
    wait_for("the end of it", || (machine.agents() == 0).then_some(()));
    let off = machine.finish(machine.command(["agent", "start"]).env("ROLECALL_AGENT", "off"));
    assert!(off.failed(1).contains("ROLECALL_AGENT"));
}

#[test]
fn what_one_command_got_is_there_for_the_next_and_is_shown() {
    let machine = Shared::new();
    assert_eq!(machine.plan("blah")["cached"], false);
    assert_eq!(machine.agents(), 0, "a plan starts nothing");
    let id = machine.access_key_id("blah");
    assert_eq!(machine.access_key_id("blah"), id);
    machine.run(&["whoami", "blah"]).ok();
    assert_eq!(machine.sandbox.count("AssumeRole"), 1);
    assert_eq!(machine.agents(), 1);
    let sessions = machine.sessions();
    let [session] = sessions.as_slice() else {
        panic!("{sessions:?}");
    };
    assert_eq!(session["target"], "blah");
    assert_eq!(session["access_key_id"], id.as_str());
    assert_eq!(
        (&session["state"], &session["renewals"]),
        (&"fresh".into(), &1.into())
    );
    assert!(session["role_arn"].as_str().unwrap().contains(":role/"));
    assert_eq!(session["session_key"].as_str().unwrap().len(), 64);
    let deliveries: Vec<_> = session["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["delivery"].as_str().unwrap())
        .collect();
    assert_eq!(deliveries, ["credential-process", "credential-process", "whoami"]);
    assert!(session["users"][0]["pid"].as_u64().unwrap() > 0);
    let table = machine.run_quietly(&["sessions"]).ok();
    assert!(
        table.starts_with("TARGET") && table.contains("by whoami"),
        "{table}"
    );
    let plan = machine.plan("blah");
    assert_eq!(
        (&plan["cached"], &plan["expires_at"]),
        (&true.into(), &session["expires_at"])
    );
    assert!(machine.run(&["plan", "blah"]).ok().contains("cached until "));
    assert_eq!(
        machine.sessions()[0]["users"].as_array().unwrap().len(),
        3,
        "to look is not to use"
    );
}

#[test]
fn sixty_at_once_call_sts_once_and_start_one_agent() {
    let machine = Shared::new();
    let children: Vec<Child> = (0..60)
        .map(|_| {
            machine
                .command(["credential-process", "blah"])
                .env_remove("ROLECALL_LOG")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut answers: Vec<_> = children
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{said}");
            assert_eq!(said, "");
            output.stdout
        })
        .collect();
    answers.dedup();
    assert_eq!(answers.len(), 1, "all have the same");
    assert_eq!(machine.sandbox.count("AssumeRole"), 1);
    assert_eq!(machine.agents(), 1);
}

#[test]
fn to_forget_is_immediate_and_reaches_a_command_that_runs() {
    let machine = Shared::new();
    let staying = Staying::start(&machine, &[]);
    let first = staying.ask();
    assert_eq!(machine.sandbox.count("AssumeRole"), 1);
    wait_for("it to be attached", || {
        (machine.status()["clients"] == 1).then_some(())
    });
    for (forget, calls) in [
        (&["forget", "--all"][..], 2),
        (&["forget", "blah", "--json"], 3),
        (&["forget", "blah", "--chain"], 4),
    ] {
        let before = staying.ask();
        let said = machine.run(forget).ok();
        assert!(said.contains("wiped"), "{said}");
        assert!(machine.sessions().is_empty());
        // The agent has told it; it takes it in as soon as it is scheduled.
        let after = wait_for("a new session", || {
            let after = staying.ask();
            (after["AccessKeyId"] != before["AccessKeyId"]).then_some(after)
        });
        assert_ne!(after["SecretAccessKey"], before["SecretAccessKey"]);
        assert_eq!(machine.sandbox.count("AssumeRole"), calls);
        assert_eq!(machine.sessions().len(), 1, "and it is shared again");
    }
    assert_ne!(staying.ask()["AccessKeyId"], first["AccessKeyId"]);
    assert!(
        machine
            .run(&["forget", "blah", "--session-name", "other"])
            .ok()
            .contains("no such session")
    );
    assert_eq!(staying.end(), 3);
}

#[test]
fn an_agent_that_is_killed_is_missed_by_nobody() {
    use rustix::process::{Pid, Signal, kill_process};
    let machine = Shared::new();
    let staying = Staying::start(&machine, &[]);
    let first = staying.ask();
    let pid = i32::try_from(machine.status()["pid"].as_i64().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    wait_for("its end", || (machine.agents() == 0).then_some(()));
    assert_eq!(staying.ask()["AccessKeyId"], first["AccessKeyId"]);
    // Whoever needs one next starts it anew.
    machine.access_key_id("blah");
    assert_eq!((machine.agents(), machine.sandbox.count("AssumeRole")), (1, 2));
    assert_eq!(staying.ask()["AccessKeyId"], first["AccessKeyId"]);
    // The command that runs finds it again, and is reached.
    wait_for("it to be attached", || {
        (machine.status()["clients"] == 1).then_some(())
    });
    machine.run(&["forget", "--all"]).ok();
    wait_for("a new session", || {
        (staying.ask()["AccessKeyId"] != first["AccessKeyId"]).then_some(())
    });
    assert_eq!(staying.end(), 3);
}

#[test]
fn an_agent_that_is_stopped_holds_nobody_up_for_long() {
    use rustix::process::{Pid, Signal, kill_process};
    let machine = Shared::new();
    machine.access_key_id("blah");
    let pid = i32::try_from(machine.status()["pid"].as_i64().unwrap()).unwrap();
    let pid = Pid::from_raw(pid).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let output = machine
        .command(["credential-process", "blah"])
        .env_remove("ROLECALL_LOG")
        .output()
        .unwrap();
    let status = machine.run_quietly(&["agent", "status"]);
    kill_process(pid, Signal::CONT).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("going on without the agent: it does not answer"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(machine.sandbox.count("AssumeRole"), 2);
    assert!(status.failed(1).contains("it does not answer"));
}

#[test]
fn a_session_that_is_due_is_renewed_behind_a_quick_answer() {
    let machine = Shared::on(Machine::with_sessions_of(60));
    let first = machine.access_key_id("blah");
    // Its time comes after half of it.
    wait_for("its time", || {
        std::thread::sleep(std::time::Duration::from_millis(700));
        (machine.sessions()[0]["state"] == "due").then_some(())
    });
    assert_eq!(machine.plan("blah")["cached"], true);
    assert_eq!(machine.sandbox.count("AssumeRole"), 1, "to look renews nothing");
    assert_eq!(machine.access_key_id("blah"), first, "the present one at once");
    wait_for("the next one", || {
        (machine.sessions()[0]["renewals"] == 2).then_some(())
    });
    assert_ne!(machine.access_key_id("blah"), first);
    assert_eq!(machine.sandbox.count("AssumeRole"), 2);
}

#[test]
fn to_sign_out_forgets_what_stood_on_the_sign_in() {
    use super::login::{log_in, machine};
    let machine = Shared::on(machine());
    log_in(&machine, &["login", "sso-admin"]);
    let id = machine.access_key_id("sso-admin");
    assert_eq!(machine.access_key_id("sso-admin"), id);
    assert_eq!(machine.sessions()[0]["access_key_id"], id.as_str());
    machine.run(&["logout", "sso-admin"]).ok();
    assert!(machine.sessions().is_empty());
    let said = machine.run(&["credential-process", "sso-admin"]).failed(1);
    assert!(said.contains("nobody is signed in"), "{said}");
}
