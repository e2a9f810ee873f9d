//! A world file of any text is refused with its mistakes, or starts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolecall_sandbox::{Sandbox, World};

fuzz_target!(|text: &str| {
    match World::from_toml(text, "fuzzed.toml") {
        Ok(world) => drop(Sandbox::builder().world(world).start()),
        Err(errors) => assert!(!errors.to_string().is_empty()),
    }
});
