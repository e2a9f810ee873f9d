//! Prints the worlds of the test `discover`, for whoever builds them elsewhere: `worlds COUNT`, a JSON object a line.
//!
//! Policies are texts in it, as they are attached. `conformance/driver/judges/discovery.py` reads it.

use std::error::Error;
use std::io::{self, Write as _};

#[path = "../tests/discover/generated.rs"]
mod generated;

fn main() -> Result<(), Box<dyn Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: worlds COUNT")?.parse()?;
    let mut out = io::stdout().lock();
    for seed in 0..count {
        let draft = generated::draft(seed);
        let mut printed = serde_json::to_value(&draft)?;
        printed["roles"] = draft.roles().into();
        writeln!(out, "{printed}")?;
    }
    Ok(())
}
