//! Whole commands, run as a person runs them, against a sandbox in this process. Every output is searched for secrets.

mod cli {
    mod bad_input;
    mod deliver;
    mod exec;
    mod exec_env;
    mod sandbox;
    mod show;
    mod support;
}
