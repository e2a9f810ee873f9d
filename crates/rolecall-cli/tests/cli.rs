//! Whole commands, run as a person runs them, against a sandbox in this process. Every output is searched for secrets.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "the helpers are tests too, and look at the real system from outside"
)]

mod cli {
    mod agent;
    mod agent_life;
    #[cfg(target_os = "linux")]
    mod agent_memory;
    mod agent_prompt;
    mod audit;
    mod bad_input;
    mod completion;
    mod console;
    mod deliver;
    mod doctor;
    mod doctor_cases;
    mod doctor_more_cases;
    mod exec;
    mod exec_env;
    #[cfg(target_os = "linux")]
    mod exec_imds;
    mod explain;
    mod hardening;
    mod init;
    mod login;
    mod mfa;
    mod mfa_ask;
    mod picker;
    mod rehearse;
    mod roles;
    mod sandbox;
    mod sandbox_tls;
    mod security_files;
    mod security_secrets;
    mod security_surroundings;
    mod show;
    mod sources;
    mod support;
    mod switch_role;
    mod terminal;
    mod use_shell;
    mod use_target;
    mod vault;
    mod vault_import;
    mod vault_import_kill;
    mod vault_list;
    mod vault_restore;
    mod vault_rotate;
    mod worlds;
}
