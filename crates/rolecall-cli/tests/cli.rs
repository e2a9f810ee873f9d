//! Whole commands, run as a person runs them, against a sandbox in this process. Every output is searched for secrets.

// `cfg(test)` tells clippy that the helpers are tests too.
#[cfg(test)]
mod cli {
    mod bad_input;
    mod deliver;
    mod exec;
    mod exec_env;
    mod sandbox;
    mod show;
    mod support;
}
