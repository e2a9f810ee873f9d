//! `rolecall audit`, and what the commands record.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::support::Machine;

fn path(machine: &Machine) -> PathBuf {
    machine.path(".local/state/rolecall/audit.jsonl")
}

fn records(machine: &Machine) -> Vec<Value> {
    let json: Value = serde_json::from_str(&machine.run(&["audit", "--json"]).ok()).unwrap();
    assert_eq!(json["broken_at"], Value::Null);
    json["records"].as_array().unwrap().clone()
}

fn told<'a>(records: &'a [Value], op: &str) -> Vec<&'a Value> {
    records.iter().filter(|record| record["op"] == op).collect()
}

#[test]
fn every_way_records_who_got_what() {
    let machine = Machine::new();
    assert!(
        machine.run(&["audit"]).ok().is_empty(),
        "nothing has been recorded"
    );
    for (arguments, delivery) in [
        (&["credential-process", "blah"][..], "credential-process"),
        (&["env", "blah"], "env"),
        (&["exec", "blah", "--env", "--", "true"], "exec"),
    ] {
        let before = records(&machine).len();
        machine.run_for_secrets(arguments).ok();
        let records = records(&machine).split_off(before);
        let (mints, serves) = (told(&records, "mint"), told(&records, "serve"));
        assert_eq!((mints.len(), serves.len()), (1, 1), "{delivery}: {records:#?}");
        for record in [mints[0], serves[0]] {
            assert_eq!(record["delivery"], delivery);
            assert_eq!(record["target"], "blah");
            assert!(
                record["role_arn"].as_str().unwrap().contains(":role/"),
                "{record}"
            );
            assert!(
                record["access_key_id"].as_str().unwrap().starts_with("ASIA"),
                "{record}"
            );
            assert!(record["expires_at"].is_string() && record["request_id"].is_string());
            assert_eq!(record["outcome"], "ok");
        }
    }
    let text = fs::read(path(&machine)).unwrap();
    machine.no_secret(&text);
    let table = machine.run(&["audit"]).ok();
    assert!(table.contains("mint credential-process"), "{table}");
}

#[test]
fn an_endpoint_counts_what_it_serves() {
    let machine = Machine::new();
    let get = "import os,urllib.request as u\nfor _ in range(20):\n r=u.Request(os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'],\
               headers={'Authorization':os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']})\n u.build_opener(u.ProxyHandler({})).open(r).read()";
    machine.run(&["exec", "blah", "--", "python3", "-c", get]).ok();
    let records = records(&machine);
    let counts: Vec<_> = told(&records, "serve")
        .iter()
        .map(|record| record["count"].clone())
        .collect();
    assert_eq!(counts, [1, 19]);
}

#[test]
fn a_refusal_is_recorded_without_its_words() {
    let machine = Machine::new();
    machine.append_config(
        "[profile no]\nrole_arn = arn:aws:iam::666666666666:role/NoSuchRole\nsource_profile = joe\n",
    );
    machine.run(&["credential-process", "no"]).failed(1);
    let records = records(&machine);
    let refusal = told(&records, "refuse")[0];
    assert_eq!(refusal["outcome"], "refused");
    assert_eq!(refusal["error"]["aws_code"], "AccessDenied");
    assert_eq!(refusal["role_arn"], "arn:aws:iam::666666666666:role/NoSuchRole");
    assert!(refusal["request_id"].is_string(), "{refusal}");
    let rows = machine
        .run(&["audit", "--op", "refuse", "--role", "NoSuch", "--since", "1h"])
        .ok();
    assert_eq!(rows.lines().count(), 2, "{rows}");
    assert_eq!(machine.run(&["audit", "--role", "Other"]).ok().lines().count(), 1);
}

#[test]
fn a_changed_log_ends_with_1_and_says_where() {
    let machine = Machine::new();
    for _ in 0..2 {
        machine.run_for_secrets(&["env", "blah"]).ok();
    }
    let text = fs::read_to_string(path(&machine)).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let said = |text: &str| {
        fs::write(path(&machine), text).unwrap();
        machine.run_quietly(&["audit", "--verify-only"]).failed(1)
    };
    let changed = said(&text.replacen("\"ok\"", "\"no\"", 2));
    assert!(
        changed.contains("audit.jsonl:1: the record was changed after it was written"),
        "{changed}"
    );
    let removed = said(&format!("{}\n{}\n", lines[0], lines[2]));
    assert!(
        removed.contains("audit.jsonl:2: record 3 follows record 1: those between are missing"),
        "{removed}"
    );
    let front = said(&format!("{}\n", lines[1]));
    assert!(
        front.contains("audit.jsonl:1: the log begins with record 2"),
        "{front}"
    );
    assert!(said("\0\u{1b}[2J\n").contains("audit.jsonl:1: the line is no record"));
    // The end cut off shows to who kept a hash.
    fs::write(path(&machine), &text).unwrap();
    let all: Value = serde_json::from_str(&machine.run(&["audit", "--json"]).ok()).unwrap();
    let hash = all["last_hash"].as_str().unwrap();
    assert_eq!(
        machine.run(&["audit", "--since-hash", hash]).ok().lines().count(),
        1
    );
    fs::write(path(&machine), format!("{}\n", lines[0])).unwrap();
    let cut = machine
        .run_quietly(&["audit", "--verify-only", "--since-hash", hash])
        .failed(1);
    assert!(cut.contains("does not hold the hash that was kept"), "{cut}");
    // A line that is not whole is a word, and no failure.
    fs::write(path(&machine), &text[..text.len() - 20]).unwrap();
    let ran = machine.run_quietly(&["audit", "--verify-only"]);
    assert!(ran.stderr.contains("is not whole"), "{}", ran.stderr);
    ran.ok();
}

#[test]
fn a_log_that_cannot_be_written_keeps_nothing_from_anybody() {
    let machine = Machine::new();
    fs::create_dir_all(path(&machine)).unwrap();
    let ran = machine.run_for_secrets(&["env", "blah"]);
    assert_eq!(ran.stderr.matches("is not recorded").count(), 1, "{}", ran.stderr);
    ran.ok();
    let said = machine.run_quietly(&["audit"]).failed(1);
    assert!(said.contains("cannot use the audit log at"), "{said}");
    machine
        .finish(machine.command(["whoami", "blah"]).env("ROLECALL_AUDIT", "off"))
        .ok();
    let off = machine.finish(machine.command(["audit"]).env("ROLECALL_AUDIT", "off"));
    assert!(off.failed(1).contains("there is no audit log here"));
}
