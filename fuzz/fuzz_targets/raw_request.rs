//! Any bytes at all, sent to the sandbox: the server never goes down.
#![no_main]

mod server;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    server::with(|server| server.send(bytes));
});
