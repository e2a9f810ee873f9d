//! Any text as the file of a world: it is refused with a line that exists, or it is a world that starts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolecall_sandbox::{Sandbox, World};

fuzz_target!(|text: &str| {
    let world = match World::from_toml(text, "fuzz.toml") {
        Ok(world) => world,
        Err(errors) => {
            assert!(!errors.errors().is_empty());
            let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
            for error in errors.errors() {
                let line = error
                    .line()
                    .map_or(1, |line| usize::try_from(line).expect("a line"));
                assert!((1..=lines).contains(&line), "line {line} of {lines}: {error}");
            }
            return;
        }
    };
    // What was read was checked: nothing is left to be found out at the start.
    let sandbox = Sandbox::builder()
        .world(world)
        .start()
        .expect("what was read starts");
    for account in sandbox.accounts() {
        assert!(sandbox.root_keys(&account.id).is_some());
    }
    let _ = (sandbox.config_file(), sandbox.credentials_file());
});
