//! What `doctor` finds of the vault, in plain text, and of the machine.

use std::fs;

use serde_json::Value;

use super::doctor::{KEY_ID, SECRET, Variables};
use super::doctor_cases::{Case, file, none, plain_key};
use super::support::Machine;

/// The vault, leftovers and the machine.
pub(crate) const MORE: &[Case] = &[
    // The vault.
    Case {
        name: "the list is none",
        set_up: |machine| file(machine, ".local/share/rolecall/vault/vault.json", "{"),
        check: "vault_list",
        severity: "problem",
        says: "no list of a vault",
    },
    Case {
        name: "a record that is not there",
        set_up: |machine| {
            let records = machine.path(".local/share/rolecall/vault/records");
            let record = fs::read_dir(records).unwrap().next().unwrap().unwrap().path();
            fs::remove_file(record).unwrap();
            none()
        },
        check: "record_missing",
        severity: "problem",
        says: "profile `joe` is listed, and not there",
    },
    Case {
        name: "a record that is not listed",
        set_up: |machine| {
            let name = format!(".local/share/rolecall/vault/records/access-key.mary.{KEY_ID}.age");
            file(machine, &name, "x")
        },
        check: "orphan",
        severity: "warning",
        says: "profile `mary`",
    },
    Case {
        name: "a backup that is not there",
        set_up: |machine| {
            change_list(machine, |list| {
                list["backups"] = serde_json::json!([{
                    "id": "20260101T000000Z-00000000-1", "path": "/home/joe/.aws/credentials", "backend": "file",
                    "saved_at": "2026-01-01T00:00:00Z", "replaced_by": "0".repeat(64), "profiles": ["joe"],
                }]);
            })
        },
        check: "backup_missing",
        severity: "problem",
        says: "the backup 20260101T000000Z-00000000-1 of /home/joe/.aws/credentials is listed",
    },
    Case {
        name: "an old key",
        set_up: |machine| {
            change_list(machine, |list| {
                list["entries"][0]["saved_at"] = "2026-01-01T00:00:00Z".into();
            })
        },
        check: "key_age",
        severity: "warning",
        says: "`joe`",
    },
    Case {
        name: "a rotation that was begun",
        set_up: |machine| {
            // As its journal is after the new key was made (`rotation::journal`).
            let journal = format!(
                r#"{{"version":1,"profile":"joe","user_id":"AIDAQWERTYUIOPASDFGH","arn":"arn:aws:iam::111111111111:user/joe","backend":"file","old":"AKIAQWERTYUIOPASDFGJ","new":"{KEY_ID}","known":[],"asked_at":"2026-01-01T00:00:00Z","step":"verify","is_undone":false}}"#
            );
            file(
                machine,
                ".local/share/rolecall/vault/rotation-0123.json",
                &journal,
            );
            // Its new key is no orphan.
            let record = format!(".local/share/rolecall/vault/records/access-key.joe.{KEY_ID}.age");
            file(machine, &record, "x")
        },
        check: "rotation",
        severity: "warning",
        says: "profile `joe`",
    },
    Case {
        name: "a journal that is none",
        set_up: |machine| file(machine, ".local/share/rolecall/vault/rotation-0123.json", "{}"),
        check: "rotation",
        severity: "problem",
        says: "rotation-0123.json",
    },
    Case {
        name: "a damaged identity",
        set_up: |machine| {
            file(machine, ".local/share/rolecall/vault/identity.age", "x");
            vec![("ROLECALL_ASKPASS", machine.path("askpass").display().to_string())]
        },
        check: "round_trip",
        severity: "problem",
        says: "",
    },
    Case {
        name: "no such backend",
        set_up: |_| vec![("ROLECALL_VAULT_BACKEND", "cellar".to_owned())],
        check: "backend",
        severity: "problem",
        says: "`cellar` is no backend",
    },
    // Leftovers.
    Case {
        name: "a key in the file",
        set_up: |machine| file(machine, ".aws/credentials", &plain_key("mary")),
        check: "key_in_file",
        severity: "warning",
        says: "`mary`",
    },
    Case {
        name: "a key in the file and in the vault",
        set_up: |machine| file(machine, ".aws/credentials", &plain_key("joe")),
        check: "key_in_file_and_vault",
        severity: "warning",
        says: "`joe`",
    },
    Case {
        name: "a session in the file",
        set_up: |machine| {
            let text = format!("{}aws_session_token = token\n", plain_key("mary"));
            file(machine, ".aws/credentials", &text)
        },
        check: "session_in_file",
        severity: "note",
        says: "`mary`",
    },
    Case {
        name: "the console's file",
        set_up: |machine| {
            let text = format!("Access key ID,Secret access key\n{KEY_ID},{SECRET}\n");
            file(machine, "Downloads/joe_accessKeys.csv", &text)
        },
        check: "console_csv",
        severity: "warning",
        says: "the console's file",
    },
    Case {
        name: "an editor's copy",
        set_up: |machine| file(machine, ".aws/credentials~", &plain_key("mary")),
        check: "copy_with_key",
        severity: "warning",
        says: "a copy of an AWS file",
    },
    Case {
        name: "another tool's file",
        set_up: |machine| file(machine, ".s3cfg", &format!("[default]\nsecret_key = {SECRET}\n")),
        check: "key_of_other_tool",
        severity: "warning",
        says: "another tool's file",
    },
    Case {
        name: "sessions of the AWS CLI",
        set_up: |machine| file(machine, ".aws/cli/cache/0123.json", "{}"),
        check: "cached_sessions",
        severity: "note",
        says: "1 file(s) with sessions of the AWS CLI",
    },
    Case {
        name: "typed into a shell",
        set_up: |machine| {
            let text = format!("ls\nexport AWS_ACCESS_KEY_ID={KEY_ID} AWS_SECRET_ACCESS_KEY={SECRET}\n");
            file(machine, ".bash_history", &text)
        },
        check: "key_in_history",
        severity: "warning",
        says: "was typed",
    },
    // The machine.
    Case {
        name: "a word that is none",
        set_up: |_| vec![("ROLECALL_AGENT", "maybe".to_owned())],
        check: "agent",
        severity: "problem",
        says: "`maybe`",
    },
];

fn change_list(machine: &Machine, change: fn(&mut Value)) -> Variables {
    let name = ".local/share/rolecall/vault/vault.json";
    let mut list = serde_json::from_str(&fs::read_to_string(machine.path(name)).unwrap()).unwrap();
    change(&mut list);
    file(machine, name, &list.to_string())
}
