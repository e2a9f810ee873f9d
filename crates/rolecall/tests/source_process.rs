//! `credential_process`, by real processes: what is not run, what is not believed, and what is not left running.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test looks at the processes and files that it has made"
)]

#[path = "support/aws.rs"]
#[expect(dead_code, reason = "shared with tests/provider.rs, which uses more of it")]
mod aws;
#[path = "support/sentences.rs"]
mod sentences;
#[path = "support/tool.rs"]
mod tool;

use std::time::Duration;

use aws::Aws;
use rolecall::{Error, ErrorKind};
use tool::{SESSION, Tools, runs};

async fn refused(tools: &Tools, command: &str) -> Error {
    let error = tools.process(command).session().await.unwrap_err();
    sentences::assert_well_spoken(&error);
    assert!(
        !format!("{error:?} {:?}", error.hints()).contains("CANARY"),
        "{error:?}"
    );
    error
}

#[tokio::test]
async fn a_command_is_run_without_a_shell_in_the_callers_environment() {
    let tools = Tools::new();
    let script = tools.script(
        "tool",
        &format!(
            "[ \"$1\" = 'a;' ] && [ \"$4\" = '$(touch x)' ] && [ \"$HOST_KNOWS\" = yes ] && [ -z \"$ROLECALL_MFA_FD\" ] || exit 9\n\
             [ \"$PWD\" = \"$(cat /dev/stdin)$PWD\" ] || exit 8\necho '{SESSION}'"
        ),
    );
    let pwned = tools.path("pwned").display().to_string();
    let host = tools
        .host()
        .env("HOST_KNOWS", "yes")
        .env("ROLECALL_MFA_FD", "3")
        .build();
    let lines = format!(
        "credential_process = {script} a; touch {pwned} '$(touch x)' $(touch {pwned})\naws_account_id = 111122223333"
    );
    let provider = tools.builder(host, &lines).build().unwrap();
    let session = provider.session().await.unwrap();
    assert_eq!(
        session.credentials().session_token(),
        Some("CANARYTOKENOFAPROCESS")
    );
    assert_eq!(session.account().unwrap().as_str(), "111122223333");
    assert_eq!(
        rolecall::time::rfc3339(session.expires_at()),
        "2099-01-01T00:00:00Z"
    );
    assert!(!tools.path("pwned").exists() && !tools.path("x").exists());
}

/// T20 and T28: a program that others could have put there is not run, whatever way it is named.
#[tokio::test]
async fn what_others_could_have_put_there_is_not_run() {
    let tools = Tools::new();
    let trap = format!("touch {}\necho '{SESSION}'", tools.path("pwned").display());
    let evil = tools.folder("evil", 0o755);
    let script = tools.script("evil/helper", &trap);
    for mode in [0o777, 0o1777, 0o775] {
        tools.folder("evil", mode);
        let error = refused(&tools, &script).await;
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("others may write to"), "{error}");
        let path = format!(".:{}:/usr/bin", evil.display());
        let host = tools.host().env("PATH", &path).build();
        let provider = tools
            .builder(host, "credential_process = helper")
            .build()
            .unwrap();
        let error = provider.session().await.unwrap_err();
        assert!(error.to_string().contains("others may write to"), "{error}");
    }
    for relative in ["./evil/helper", "evil/helper", "~/evil/helper"] {
        let error = refused(&tools, relative).await;
        assert!(error.to_string().contains("relative"), "{error}");
    }
    assert!(!tools.path("pwned").exists());
    assert!(
        refused(&tools, "no-such-helper")
            .await
            .to_string()
            .contains("in PATH")
    );
    assert!(
        refused(&tools, "/no/such/helper")
            .await
            .to_string()
            .contains("no program")
    );
    tools.folder("evil", 0o755);
    std::fs::write(tools.path("text"), "hello").unwrap();
    let text = tools.path("text").display().to_string();
    assert!(
        refused(&tools, &text)
            .await
            .to_string()
            .contains("cannot be executed")
    );
}

#[tokio::test]
async fn what_a_failing_command_says_is_told_without_its_secrets() {
    let tools = Tools::new();
    let aws = Aws::article();
    let script = tools.script(
        "tool",
        "echo 'CANARYSECRETCANARYSECRET first' >&2\nprintf 'no login for \\033[31mjoe: token CANARYSECRETCANARYSECRET has ended\\n' >&2\nexit 3",
    );
    let error = refused(&tools, &format!("{script} --password=CANARY-pw")).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let said = error.to_string();
    assert!(
        said.contains("exit status 3: no login for  [31mjoe: token … has ended"),
        "{said}"
    );
    let killed = tools.script("killed", "kill -9 $$");
    let said = refused(&tools, &killed).await.to_string();
    assert!(said.contains("ended by signal 9"), "{said}");
    assert!(!aws.log().contains("CANARY"), "{}", aws.log());
}

#[tokio::test]
async fn noise_and_floods_are_refused_and_talk_on_stderr_is_not() {
    let tools = Tools::new();
    let flood = "head -c 10000000 /dev/zero | tr '\\0' x";
    for (name, text, said) in [
        (
            "before",
            format!("echo hello; echo '{SESSION}'"),
            "something besides one JSON document",
        ),
        (
            "after",
            format!("echo '{SESSION}'; echo bye"),
            "something besides one JSON document",
        ),
        ("nothing", "true".to_owned(), "printed nothing"),
        ("flood", flood.to_owned(), "more than 64 KiB"),
        ("bytes", "printf '\\377'".to_owned(), "not UTF-8"),
        (
            "old",
            format!("echo '{}'", SESSION.replace("2099", "2001")),
            "ended at 2001-01-01T00:00:00Z",
        ),
        (
            "case",
            format!("echo '{}'", SESSION.replace("\"Sess", "\"sess")),
            "case counts",
        ),
    ] {
        let script = tools.script(name, &text);
        let error = refused(&tools, &script).await;
        assert!(error.to_string().contains(said), "{name}: {error}");
    }
    let talkative = tools.script("talkative", &format!("({flood}) >&2; echo '{SESSION}'"));
    assert!(tools.process(&talkative).session().await.is_ok());
}

/// What a command leaves behind may hold its output open for as long as it likes.
#[tokio::test]
async fn a_command_has_ended_when_it_has_ended() {
    let tools = Tools::new();
    let pid = tools.path("pid").display().to_string();
    let script = tools.script("tool", &format!("echo '{SESSION}'\nsleep 300 &\necho $! > {pid}"));
    let session = tokio::time::timeout(Duration::from_secs(30), tools.process(&script).session()).await;
    assert!(session.unwrap().is_ok());
    let left = tools.written("pid");
    assert!(runs(&left), "what it has left on purpose is not ours to end");
    std::process::Command::new("kill").arg(&left).status().unwrap();
}

/// A command that hangs, deaf to SIGTERM, with a child, and a grandchild whose parent is gone.
fn hanging(tools: &Tools) -> String {
    let file = |name: &str| tools.path(name).display().to_string();
    tools.script(
        "tool",
        &format!(
            "trap '' TERM\n(sh -c 'sleep 300 & echo $! > {}; exit')\nsleep 300 &\necho $! > {}\necho $$ > {}\nwhile :; do sleep 300; done",
            file("orphan"),
            file("child"),
            file("self")
        ),
    )
}

fn assert_gone(tools: &Tools) {
    for name in ["self", "child", "orphan"] {
        let pid = tools.written(name);
        assert!(!runs(&pid), "{name} still runs as {pid}");
    }
}

/// The clock stands still while the command starts, and jumps to the deadline then.
#[tokio::test(start_paused = true)]
async fn a_command_that_hangs_is_ended_with_all_it_started() {
    let tools = std::sync::Arc::new(Tools::new());
    let provider = tools.process(&hanging(&tools));
    let watching = std::sync::Arc::clone(&tools);
    let started = tokio::task::spawn_blocking(move || {
        let names = ["self", "child", "orphan"];
        assert!(names.iter().all(|name| runs(&watching.written(name))));
    });
    let (outcome, started) = tokio::join!(provider.session(), started);
    started.unwrap();
    let error = outcome.unwrap_err();
    sentences::assert_well_spoken(&error);
    assert!(error.to_string().contains("did not end within 60 s"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_gone(&tools);
}

/// As when `credential-process` gives up after its own 18 seconds.
#[test]
fn a_command_whose_caller_leaves_is_ended_too() {
    let tools = Tools::new();
    let provider = tools.process(&hanging(&tools));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let asking = tokio::spawn(async move { provider.session().await });
        while !tools.path("self").exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        asking.abort();
    });
    drop(runtime);
    assert_gone(&tools);
}

#[tokio::test]
async fn commands_do_not_go_round_in_a_circle() {
    let tools = Tools::new();
    let chain = tools.path("chain").display().to_string();
    let script = tools.script(
        "tool",
        &format!("echo $ROLECALL_PROCESS_CHAIN > {chain}\necho '{SESSION}'"),
    );
    tools.process(&script).session().await.unwrap();
    let own = tools.written("chain");
    let deep = ["a-1", "b-2", "c-3", "d-4"].join(",");
    for (name, value) in [
        ("ROLECALL_PROCESS_CHAIN", own.as_str()),
        ("ROLECALL_PROCESS_CHAIN", &format!("a-1,{own}")),
        ("ROLECALL_PROCESS_CHAIN", &deep),
        ("_AWS_CLI_PROFILE_CHAIN", "other,p"),
    ] {
        let host = tools.host().env(name, value).build();
        let provider = tools
            .builder(host, &format!("credential_process = {script}"))
            .build()
            .unwrap();
        let error = provider.session().await.unwrap_err();
        sentences::assert_well_spoken(&error);
        assert!(error.to_string().contains("go round in a circle"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Config);
    }
    let host = tools.host().env("ROLECALL_PROCESS_CHAIN", "a-1,b-2,c-3").build();
    let provider = tools
        .builder(host, &format!("credential_process = {script}"))
        .build()
        .unwrap();
    assert!(provider.session().await.is_ok());
}

#[tokio::test]
async fn a_long_term_key_from_a_command_is_never_handed_on_itself() {
    let aws = Aws::article();
    let tools = Tools::new();
    let joe = aws.sandbox.user_keys("joe.bloggs").unwrap();
    let script = tools.script(
        "tool",
        &format!(
            r#"echo '{{"Version":1,"AccessKeyId":"{}","SecretAccessKey":"{}"}}'"#,
            joe.access_key_id, joe.secret_access_key
        ),
    );
    let host = aws.host_builder().env("PATH", "/usr/bin:/bin").build();
    let lines = format!("credential_process = {script}");
    let provider = tools.builder(host, &lines).build().unwrap();
    let session = provider.session().await.unwrap();
    assert_ne!(session.credentials().access_key_id(), joe.access_key_id);
    assert_eq!(aws.sandbox.count("GetSessionToken"), 1);
}

/// A15: whoever may write the file that names the command would choose what is run.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_everybody_may_write_names_no_command() {
    use std::os::unix::fs::PermissionsExt as _;
    let tools = Tools::new();
    let script = tools.script(
        "tool",
        &format!("touch {}\necho '{SESSION}'", tools.path("ran").display()),
    );
    let config = tools.path("config");
    std::fs::write(&config, format!("[default]\ncredential_process = {script}\n")).unwrap();
    let host = tools
        .host()
        .env("AWS_CONFIG_FILE", &config.display().to_string())
        .build();
    for (mode, runs) in [(0o666, false), (0o646, false), (0o644, true), (0o664, true)] {
        std::fs::set_permissions(&config, std::fs::Permissions::from_mode(mode)).unwrap();
        let outcome = rolecall::Provider::builder(host.clone())
            .build()
            .unwrap()
            .session()
            .await;
        assert_eq!(
            (outcome.is_ok(), tools.path("ran").exists()),
            (runs, runs),
            "{mode:o}"
        );
        if let Err(error) = outcome {
            sentences::assert_well_spoken(&error);
            assert!(error.to_string().contains("everybody may write it"), "{error}");
        }
    }
}
