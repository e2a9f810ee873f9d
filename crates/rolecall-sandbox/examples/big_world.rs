//! How long a large world takes to start, and what it weighs: `big_world [ACCOUNTS] [ROLES]`, 1000 and 10 unless told.
//!
//! Each role has a trust policy and an inline policy of its own. Run it with `--release`; debug builds say little.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "this program's only purpose is to say what it measured, on the machine's clock"
)]

use std::fmt::Write as _;
use std::time::Instant;

use rolecall_sandbox::{Sandbox, World};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |otherwise: u64| arguments.next().map_or(Ok(otherwise), |text| text.parse());
    let (accounts, roles) = (number(1000)?, number(10)?);
    let text = world(accounts, roles);
    println!(
        "{accounts} accounts with {roles} roles each: {} KiB of TOML",
        text.len() / 1024
    );
    println!("before:  {}", memory());
    let begun = Instant::now();
    let world = World::from_toml(&text, "big.toml")?;
    let read = begun.elapsed();
    println!("read and checked in {read:?}, {}", memory());
    drop(text);
    let sandbox = Sandbox::builder().world(world).start()?;
    println!("started {:?} after the beginning, {}", begun.elapsed(), memory());
    let listed = Instant::now();
    let keys = sandbox.accounts().len();
    println!("{keys} administrators listed in {:?}", listed.elapsed());
    Ok(())
}

fn world(accounts: u64, roles: u64) -> String {
    let mut text = String::new();
    for account in 0..accounts {
        let id = 100_000_000_000 + account;
        let _ = writeln!(text, "[[account]]\nid = \"{id}\"\nname = \"account {account}\"\n");
        for role in 0..roles {
            let _ = write!(
                text,
                r#"[[account.role]]
name = "Role{role}"
trust = '''
{{"Version": "2012-10-17", "Statement": [
    {{"Effect": "Allow", "Action": "sts:AssumeRole",
     "Principal": {{"AWS": "arn:aws:iam::100000000000:root"}},
     "Condition": {{"StringEquals": {{"sts:ExternalId": "external-{account}-{role}"}}}}}}]}}
'''

[account.role.policies]
work = '''
{{"Version": "2012-10-17", "Statement": [
    {{"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"],
     "Resource": ["arn:aws:s3:::data-{account}-{role}", "arn:aws:s3:::data-{account}-{role}/*"]}}]}}
'''

"#
            );
        }
    }
    text
}

/// What this process has in memory now, and had at most.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |key: &str| {
        let found = status.lines().find_map(|line| line.strip_prefix(key));
        found.map(str::trim).unwrap_or("unknown").to_owned()
    };
    format!("{} in memory, {} at most", line("VmRSS:"), line("VmHWM:"))
}
