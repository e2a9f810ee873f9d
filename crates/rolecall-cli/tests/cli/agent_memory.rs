//! What is in the memory of the agent, and of a command that runs, while a session lives and after it was forgotten.

use std::io::Write as _;

use super::agent::Shared;
use super::exec::Staying;
use super::support::wait_for;
use writable::writable;

#[path = "../../../rolecall/tests/support/writable.rs"]
mod writable;

/// How often a process holds one of these texts.
fn held(pid: u32, texts: &[String]) -> usize {
    let memory = writable(pid);
    let holds = |text: &String| {
        memory
            .iter()
            .any(|(_, bytes)| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    texts.iter().filter(|text| holds(text)).count()
}

/// T13, of the processes that stay: after `forget --all` root finds none of the session, whose memory ever it reads.
#[test]
fn what_was_forgotten_is_in_nobodys_memory() {
    if !rustix::process::geteuid().is_root() {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: only root reads the memory of a hardened process"
        );
        return;
    }
    let machine = Shared::new();
    let staying = Staying::start(&machine, &[]);
    let session = staying.ask();
    let secrets = ["SecretAccessKey", "Token"].map(|name| session[name].as_str().unwrap().to_owned());
    // Opened to answer, by a process that is gone.
    assert_eq!(machine.access_key_id("blah"), session["AccessKeyId"]);
    wait_for("it to be attached", || {
        (machine.status()["clients"] == 1).then_some(())
    });
    let agent = machine.status()["pid"].as_u64().unwrap().try_into().unwrap();
    assert_eq!(
        held(staying.child.id(), &secrets),
        2,
        "the search finds what is in use"
    );
    assert_eq!(held(agent, &secrets), 0, "the agent keeps it sealed");
    machine.run(&["forget", "--all"]).ok();
    assert_eq!(held(agent, &secrets), 0);
    // It is told at once, and takes it in as soon as it is scheduled.
    wait_for("it to be wiped", || {
        (held(staying.child.id(), &secrets) == 0).then_some(())
    });
    assert_eq!(staying.end(), 3);
}
