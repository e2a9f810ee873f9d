//! What `doctor` finds: each case by what makes it true.

use std::fs;
use std::os::unix::fs::symlink;

use super::doctor::{KEY_ID, SECRET, Variables, mode};
use super::support::Machine;

/// One finding, and what makes it true.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) set_up: fn(&Machine) -> Variables,
    pub(crate) check: &'static str,
    pub(crate) severity: &'static str,
    pub(crate) says: &'static str,
}

pub(crate) fn none() -> Variables {
    Vec::new()
}

fn add(machine: &Machine, text: &str) -> Variables {
    machine.append_config(text);
    none()
}

pub(crate) fn file(machine: &Machine, name: &str, text: &str) -> Variables {
    fs::create_dir_all(machine.path(name).parent().unwrap()).unwrap();
    machine.write(name, text);
    mode(&machine.path(name), 0o600);
    none()
}

/// Files, profiles and the environment.
pub(crate) const CASES: &[Case] = &[
    // Files and owners.
    Case {
        name: "others may write the config file",
        set_up: |machine| {
            mode(&machine.path(""), 0o755);
            mode(&machine.path(".aws"), 0o755);
            mode(&machine.path(".aws/config"), 0o646);
            none()
        },
        check: "file_writable",
        severity: "problem",
        says: "every user of this machine may write the config file",
    },
    Case {
        name: "others may put another config file in its place",
        set_up: |machine| {
            mode(&machine.path(""), 0o755);
            mode(&machine.path(".aws"), 0o757);
            none()
        },
        check: "file_writable",
        severity: "problem",
        says: "may write the config file",
    },
    Case {
        name: "the group may write the config file",
        set_up: |machine| {
            mode(&machine.path(""), 0o755);
            mode(&machine.path(".aws"), 0o755);
            mode(&machine.path(".aws/config"), 0o664);
            none()
        },
        check: "file_group_writable",
        severity: "note",
        says: "the group",
    },
    Case {
        name: "others may read keys",
        set_up: |machine| {
            mode(&machine.path(""), 0o755);
            mode(&machine.path(".aws"), 0o755);
            file(machine, ".aws/credentials", &plain_key("mary"));
            mode(&machine.path(".aws/credentials"), 0o644);
            none()
        },
        check: "keys_readable",
        severity: "problem",
        says: "may read the keys in the credentials file",
    },
    Case {
        name: "the config file is a folder",
        set_up: |machine| {
            fs::remove_file(machine.path(".aws/config")).unwrap();
            fs::create_dir(machine.path(".aws/config")).unwrap();
            none()
        },
        check: "file_unreadable",
        severity: "problem",
        says: "is not a file",
    },
    Case {
        name: "others may read the vault's identity",
        set_up: |machine| {
            mode(&machine.path(".local/share/rolecall/vault/identity.age"), 0o644);
            none()
        },
        check: "vault_files",
        severity: "problem",
        says: "identity.age (mode 0644)",
    },
    Case {
        name: "a record is a link",
        set_up: |machine| {
            symlink(
                "/etc/passwd",
                machine.path(".local/share/rolecall/vault/records/x.age"),
            )
            .unwrap();
            none()
        },
        check: "vault_files",
        severity: "problem",
        says: "is a link",
    },
    Case {
        name: "a record has two names",
        set_up: |machine| {
            let vault = machine.path(".local/share/rolecall/vault");
            fs::hard_link(vault.join("identity.age"), machine.path("copy")).unwrap();
            none()
        },
        check: "vault_files",
        severity: "problem",
        says: "hard links",
    },
    Case {
        name: "the state folder is open",
        set_up: |machine| {
            let folder = machine.path(".local/state/rolecall");
            fs::create_dir_all(&folder).unwrap();
            mode(&folder, 0o755);
            none()
        },
        check: "state_files",
        severity: "problem",
        says: "(mode 0755)",
    },
    Case {
        name: "the runtime folder is open",
        set_up: |machine| {
            mode(&machine.path("run"), 0o755);
            none()
        },
        check: "runtime_dir",
        severity: "problem",
        says: "others may enter it",
    },
    Case {
        name: "a token that others may read",
        set_up: |machine| {
            file(machine, ".aws/sso/cache/token.json", "{}");
            for (name, bits) in [
                ("", 0o755),
                (".aws", 0o755),
                (".aws/sso", 0o755),
                (".aws/sso/cache", 0o755),
                (".aws/sso/cache/token.json", 0o644),
            ] {
                mode(&machine.path(name), bits);
            }
            none()
        },
        check: "cache_open",
        severity: "problem",
        says: "every user of this machine",
    },
    // Profiles.
    Case {
        name: "a text that is none",
        set_up: |machine| file(machine, ".aws/config", "[profile\n"),
        check: "files_unreadable",
        severity: "problem",
        says: "config:1",
    },
    Case {
        name: "a variable that is none",
        set_up: |_| vec![("AWS_REGION", "not a region".to_owned())],
        check: "region",
        severity: "problem",
        says: "`not a region`",
    },
    Case {
        name: "two sources",
        set_up: |machine| {
            add(
                machine,
                "[profile two]\nregion = eu-west-1\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\nsource_profile = joe\nsso_start_url = https://x.awsapps.com/start\n",
            )
        },
        check: "file_warning",
        severity: "warning",
        says: "names more than one source",
    },
    Case {
        name: "a circle",
        set_up: |machine| {
            add(
                machine,
                "[profile a]\nrole_arn = arn:aws:iam::666666666666:role/A\nsource_profile = b\n[profile b]\nrole_arn = arn:aws:iam::666666666666:role/B\nsource_profile = a\n",
            )
        },
        check: "profile_broken",
        severity: "problem",
        says: "`a` → `b` → `a`",
    },
    Case {
        name: "no such source",
        set_up: |machine| {
            add(
                machine,
                "[profile a]\nregion = eu-west-1\nrole_arn = arn:aws:iam::666666666666:role/A\nsource_profile = nobody\n",
            )
        },
        check: "profile_broken",
        severity: "problem",
        says: "nobody",
    },
    Case {
        name: "a role without a source",
        set_up: |machine| {
            add(
                machine,
                "[profile a]\nrole_arn = arn:aws:iam::666666666666:role/A\n",
            )
        },
        check: "profile_broken",
        severity: "problem",
        says: "",
    },
    Case {
        name: "settings only",
        set_up: |machine| add(machine, "[profile plain]\nregion = eu-west-1\n"),
        check: "profile_without_source",
        severity: "note",
        says: "`plain`",
    },
    Case {
        name: "no such session",
        set_up: |machine| {
            add(
                machine,
                "[profile s]\nregion = eu-west-1\nsso_session = gone\nsso_account_id = 111111111111\nsso_role_name = R\n",
            )
        },
        check: "profile_broken",
        severity: "problem",
        says: "gone",
    },
    Case {
        name: "nobody is signed in",
        set_up: |machine| {
            add(
                machine,
                "[sso-session my]\nsso_region = eu-west-1\nsso_start_url = https://x.awsapps.com/start\n[profile s]\nregion = eu-west-1\nsso_session = my\nsso_account_id = 111111111111\nsso_role_name = R\n",
            )
        },
        check: "sign_in",
        severity: "note",
        says: "nobody is signed in",
    },
    Case {
        name: "a program that is not there",
        set_up: |machine| {
            add(
                machine,
                "[profile p]\nregion = eu-west-1\ncredential_process = /nowhere/tool --password hunter2\n",
            )
        },
        check: "program",
        severity: "problem",
        says: "there is no program /nowhere/tool",
    },
    Case {
        name: "a program that others may write",
        set_up: |machine| {
            let tool = machine.path("tool");
            file(machine, "tool", "#!/bin/sh\n");
            mode(&tool, 0o777);
            add(
                machine,
                &format!(
                    "[profile p]\nregion = eu-west-1\ncredential_process = {}\n",
                    tool.display()
                ),
            )
        },
        check: "program",
        severity: "problem",
        says: "is not run",
    },
    Case {
        name: "a token file that is not there",
        set_up: |machine| {
            add(
                machine,
                "[profile w]\nregion = eu-west-1\nrole_arn = arn:aws:iam::666666666666:role/A\nweb_identity_token_file = /nowhere/token\n",
            )
        },
        check: "token_file",
        severity: "problem",
        says: "/nowhere/token",
    },
    Case {
        name: "no region",
        set_up: |machine| {
            add(
                machine,
                "[profile a]\nrole_arn = arn:aws:iam::666666666666:role/A\nsource_profile = joe\n",
            )
        },
        check: "region_missing",
        severity: "warning",
        says: "profile `a` has no region",
    },
    Case {
        name: "a region of another partition",
        set_up: |machine| {
            add(
                machine,
                "[profile a]\nrole_arn = arn:aws:iam::666666666666:role/A\nsource_profile = joe\nregion = cn-north-1\n",
            )
        },
        check: "profile_broken",
        severity: "problem",
        says: "`cn-north-1` lies in partition `aws-cn`",
    },
    // The environment.
    Case {
        name: "a long-term key in the environment",
        set_up: |_| environment_key(&[]),
        check: "key_in_environment",
        severity: "warning",
        says: "long-term",
    },
    Case {
        name: "a session in the environment",
        set_up: |_| environment_key(&[("AWS_SESSION_TOKEN", "token")]),
        check: "keys_in_environment",
        severity: "warning",
        says: "AWS_ACCESS_KEY_ID is set",
    },
    Case {
        name: "a session that is over",
        set_up: |_| {
            environment_key(&[
                ("AWS_SESSION_TOKEN", "token"),
                ("AWS_CREDENTIAL_EXPIRATION", "2020-01-01T00:00:00Z"),
            ])
        },
        check: "environment_ended",
        severity: "problem",
        says: "2020-01-01T00:00:00Z",
    },
    Case {
        name: "half a key",
        set_up: |_| vec![("AWS_ACCESS_KEY_ID", KEY_ID.to_owned())],
        check: "half_a_key",
        severity: "problem",
        says: "AWS_SECRET_ACCESS_KEY is not",
    },
    Case {
        name: "a profile that is not there is selected",
        set_up: |_| vec![("AWS_PROFILE", "pord".to_owned())],
        check: "selected_profile",
        severity: "problem",
        says: "`pord`",
    },
    Case {
        name: "two profiles are selected",
        set_up: |_| {
            vec![
                ("AWS_PROFILE", "prod".to_owned()),
                ("AWS_DEFAULT_PROFILE", "joe".to_owned()),
            ]
        },
        check: "two_selected_profiles",
        severity: "warning",
        says: "`prod`",
    },
    Case {
        name: "a stray default",
        set_up: |machine| file(machine, ".aws/credentials", &plain_key("default")),
        check: "stray_default",
        severity: "warning",
        says: "`[default]`",
    },
    Case {
        name: "a file that is not there is named",
        set_up: |_| vec![("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials".to_owned())],
        check: "named_file_missing",
        severity: "warning",
        says: "/nowhere/credentials",
    },
    Case {
        name: "a bundle that is not there",
        set_up: |_| vec![("AWS_CA_BUNDLE", "/nowhere/ca.pem".to_owned())],
        check: "ca_bundle",
        severity: "problem",
        says: "/nowhere/ca.pem",
    },
    Case {
        name: "calls go elsewhere",
        set_up: |_| vec![("AWS_ENDPOINT_URL", "http://user:hunter2@127.0.0.1:9/".to_owned())],
        check: "endpoint_override",
        severity: "warning",
        says: "127.0.0.1:9",
    },
    Case {
        name: "bodies in logs",
        set_up: |_| vec![("LOG_SIGNABLE_BODY", "true".to_owned())],
        check: "log_signable_body",
        severity: "warning",
        says: "LOG_SIGNABLE_BODY",
    },
    Case {
        name: "inside of exec",
        set_up: |_| vec![("ROLECALL_EXEC_DIR", "/nowhere".to_owned())],
        check: "nested",
        severity: "note",
        says: "rolecall exec",
    },
];

pub(crate) fn plain_key(profile: &str) -> String {
    format!("[{profile}]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n")
}

fn environment_key(more: &[(&'static str, &str)]) -> Variables {
    let key = [("AWS_ACCESS_KEY_ID", KEY_ID), ("AWS_SECRET_ACCESS_KEY", SECRET)];
    let all = key.iter().chain(more);
    all.map(|(name, value)| (*name, (*value).to_owned())).collect()
}
