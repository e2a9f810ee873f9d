//! `console`: the link is opened by way of loopback, printed to a pipe only, and in no log; how long it lasts is said.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rolecall_sandbox::{Account, Role, Sandbox, User, World};
use serde_json::Value;

use super::mfa;
use super::support::{BINARY, Machine, Ran, wait_for};
use super::terminal::Screen;

const SEED: &str = "INAU4QKSLFJUKQ2SIVKE6TKBKI2DOMJR";
const ALL: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

/// Joe, whose key assumes a role of eight hours and one of an hour; a role of a role; a user's profile with MFA; root.
fn machine() -> Machine {
    machine_with(Sandbox::builder())
}

fn machine_with(builder: rolecall_sandbox::Builder) -> Machine {
    let trust = |principal: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"AWS":"{principal}"}}}}}}"#
        )
    };
    let joe = "arn:aws:iam::111111111111:user/joe";
    let guarded = trust(joe).replace(
        "}}}",
        r#"},"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}}"#,
    );
    let world = World::new()
        .account(
            Account::new("111111111111")
                .root_key()
                .user(User::new("joe").policy("all", ALL).mfa_device("phone", SEED)),
        )
        .account(
            Account::new("222222222222")
                .name("Production")
                .role(
                    Role::new("Long", &trust(joe))
                        .max_session_seconds(28_800)
                        .policy("all", ALL),
                )
                .role(Role::new("Short", &trust(joe)))
                .role(Role::new("Guarded", &guarded).max_session_seconds(14_400))
                .role(
                    Role::new("Next", &trust("arn:aws:iam::222222222222:role/Long"))
                        .max_session_seconds(43_200),
                ),
        );
    let machine = Machine::with(builder.world(world).start().unwrap());
    let keys = [
        ("joe", machine.sandbox.user_keys("joe").unwrap()),
        ("careful", machine.sandbox.user_keys("joe").unwrap()),
        ("root", machine.sandbox.root_keys("111111111111").unwrap()),
    ];
    let mut text = String::new();
    for (name, keys) in keys {
        text.push_str(&format!(
            "[{name}]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            keys.access_key_id, keys.secret_access_key
        ));
    }
    machine.write(".aws/credentials", &text);
    let mut text = format!(
        "[profile joe]\nregion = eu-west-1\n[profile careful]\nregion = eu-west-1\nmfa_serial = {}\n",
        mfa::PHONE
    );
    for (name, source) in [
        ("Guarded", "careful"),
        ("Long", "joe"),
        ("Short", "joe"),
        ("Next", "Long"),
    ] {
        text.push_str(&format!(
            "[profile {name}]\nregion = eu-west-1\nrole_arn = arn:aws:iam::222222222222:role/{name}\nsource_profile = {source}\n"
        ));
    }
    machine.write(".aws/config", &text);
    machine
}

/// Runs it with a pipe for stdout: the link is to be there, and nothing of it elsewhere.
fn printed(machine: &Machine, arguments: &[&str]) -> (String, String) {
    let Ran {
        stdout,
        stderr,
        status,
    } = machine.run_for_secrets(&[&["console", "--print"], arguments].concat());
    assert!(status.success(), "{stderr}");
    (stdout.trim_end().to_owned(), stderr)
}

/// What the sandbox's page says that the link leads to.
fn page(machine: &Machine, link: &str) -> String {
    let jar = machine.path("jar");
    fs::write(&jar, "").unwrap();
    let output = machine
        .shell("curl -sSL -c jar -b jar \"$LINK\"")
        .env("LINK", link)
        .current_dir(machine.home.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// For how many seconds the page says that one is signed in.
fn signed_in_for(machine: &Machine, page: &str) -> u64 {
    let end = page
        .split("Signed in until</dt><dd>")
        .nth(1)
        .unwrap_or_else(|| panic!("{page}"));
    let output = machine
        .shell(&format!("date -d '{}' +%s", end.split('<').next().unwrap()))
        .output()
        .unwrap();
    let end: u64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    let now = machine
        .sandbox
        .now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    end - now.as_secs()
}

fn near(found: u64, hours: u64) -> bool {
    (hours * 3600 - 120..=hours * 3600 + 5).contains(&found)
}

#[test]
fn the_link_lasts_as_long_as_it_can_from_each_kind_of_target() {
    let machine = machine();
    for (arguments, hours, said) in [
        (
            &["Long"][..],
            8,
            "the role allows no more (its MaxSessionDuration)",
        ),
        (&["Short"], 1, "the role allows no more"),
        (
            &["Next"],
            1,
            "AWS gives a role that is assumed with temporary credentials at most one hour",
        ),
        (&["joe"], 12, "federated-user/joe: until "),
        (&["Long", "--duration", "2h"], 2, "Long/"),
        (&["Next", "--duration", "8h"], 1, "at most one hour"),
        (&["joe", "--duration", "3h"], 3, "until "),
        (
            &["Short", "--duration", "4h"],
            4,
            "in a URL only (SessionDuration)",
        ),
    ] {
        let (link, stderr) = printed(&machine, arguments);
        assert!(
            link.starts_with(&format!(
                "{}/federation?Action=login&",
                machine.sandbox.endpoint()
            )),
            "{link}"
        );
        assert!(!link.contains('\n') && !link.contains("logout"));
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
        let shown = page(&machine, &link);
        assert!(
            near(signed_in_for(&machine, &shown), hours),
            "{arguments:?}: {shown}"
        );
    }
    // Only where it was needed was a secret in a URL; where AWS would refuse it, it was not even tried.
    let asked = machine.sandbox.calls();
    let asked: Vec<_> = asked
        .iter()
        .filter(|call| call.operation == "getSigninToken")
        .collect();
    assert!(
        asked.len() == 8 && asked.iter().all(|call| call.status == 200),
        "{asked:?}"
    );
    assert_eq!(machine.sandbox.count("GetSessionToken"), 0);
}

#[test]
fn the_log_of_sessions_says_that_it_went_to_the_console() {
    let machine = machine();
    for target in ["Long", "joe"] {
        _ = printed(&machine, &[target]);
    }
    let log = fs::read_to_string(machine.path(".local/state/rolecall/audit.jsonl")).unwrap();
    for (op, target) in [
        ("mint", "Long"),
        ("serve", "Long"),
        ("mint", "joe"),
        ("serve", "joe"),
    ] {
        let found = log.lines().any(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            record["op"] == op && record["target"] == target && record["delivery"] == "console"
        });
        assert!(found, "{op} {target}: {log}");
    }
    machine.run_quietly(&["audit", "--verify-only"]).ok();
}

#[test]
fn a_person_with_mfa_gets_a_long_session_for_one_code() {
    let machine = mfa::machine();
    let screen = Screen::new();
    let child = screen.start(&machine, &["console", "One", "--print"], &[]);
    screen.answer(1, &machine.sandbox.mfa_code(mfa::PHONE).unwrap());
    let output = child.wait_with_output().unwrap();
    let (link, said) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(output.status.success(), "{said}");
    assert!(
        near(signed_in_for(&machine, &page(&machine, link.trim_end())), 12),
        "{said}"
    );
    assert_eq!(
        (
            machine.sandbox.count("GetSessionToken"),
            machine.sandbox.count("AssumeRole")
        ),
        (0, 1)
    );
    // A user's own key takes no code to the console: said where it is asked for, before anything is called.
    let said = machine
        .run_quietly(&["console", "joe", "--print", "--mfa"])
        .failed(1);
    assert!(
        said.contains("MFA cannot be proved for the console of a user's own key"),
        "{said}"
    );
    assert_eq!(machine.sandbox.count("GetFederationToken"), 0);
}

/// The console ends with its session, so one that was kept for a while gives way to a new one.
#[test]
fn a_session_that_was_kept_is_not_handed_on_half_spent() {
    let mut machine = machine_with(Sandbox::builder().session_seconds(60));
    machine.has_agent = true;
    for (pause, assumed) in [(0, 1), (0, 1), (8, 2)] {
        std::thread::sleep(std::time::Duration::from_secs(pause));
        _ = printed(&machine, &["Long", "--duration", "1h"]);
        assert_eq!(machine.sandbox.count("AssumeRole"), assumed);
    }
    machine.run_quietly(&["agent", "stop"]).ok();
}

/// Each try costs a code, so there is one; then the hour that every role allows.
#[test]
fn a_role_that_refuses_the_length_with_a_code_opens_for_an_hour() {
    let machine = machine();
    let screen = Screen::new();
    let child = screen.start(&machine, &["console", "Guarded", "--print"], &[]);
    screen.answer(1, &mfa::code(&machine));
    wait_for("the refusal", || {
        (machine.sandbox.count("AssumeRole") == 1).then_some(())
    });
    mfa::let_the_step_turn(&machine);
    screen.answer(2, &mfa::code(&machine));
    let output = child.wait_with_output().unwrap();
    let (link, said) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(
        output.status.success() && said.contains("the next time less is asked for"),
        "{said}"
    );
    assert!(
        near(signed_in_for(&machine, &page(&machine, link.trim_end())), 1),
        "{said}"
    );
    assert_eq!(
        (
            machine.sandbox.count("GetSessionToken"),
            machine.sandbox.count("AssumeRole")
        ),
        (1, 2)
    );
}

#[test]
fn the_device_of_a_users_own_key_is_passed_over_with_a_warning() {
    let machine = machine();
    let (link, said) = printed(&machine, &["careful"]);
    assert!(
        said.contains("MFA is not proved in this console session"),
        "{said}"
    );
    assert!(page(&machine, &link).contains("Federated user"));
}

#[test]
fn a_link_goes_to_no_terminal_unless_it_is_wanted_there() {
    let machine = machine();
    let screen = Screen::new();
    for (arguments, code) in [
        (&["--print"][..], 1),
        (&["--print", "--json"], 1),
        (&["--print", "--show"], 0),
        (&["--show"], 0),
    ] {
        let words = [&[BINARY, "console", "Long"][..], arguments].concat();
        let before = screen.text().len();
        let status = screen.run(&machine, &words, &[]).wait().unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?}: {}", screen.text());
        if code == 0 {
            wait_for("the link", || {
                screen.text()[before..].contains("SigninToken=").then_some(())
            });
        } else {
            screen.shows("stdout is a terminal", 1);
            machine.no_secret(screen.text().as_bytes());
            assert_eq!(machine.sandbox.count("AssumeRole"), 0, "{arguments:?}");
        }
    }
}

#[test]
fn json_holds_the_link_only_where_it_was_asked_for() {
    let machine = machine();
    let value: Value =
        serde_json::from_str(&printed(&machine, &["Long", "--json", "-s", "lambda"]).0).unwrap();
    assert!(value["url"].as_str().unwrap().contains("SigninToken="));
    assert_eq!(value["account"], "222222222222");
    assert_eq!(
        value["destination"],
        "https://eu-west-1.console.aws.amazon.com/lambda/home?region=eu-west-1#/functions"
    );
    assert!(value["ends_at"].as_str().unwrap().ends_with('Z') && value["url_ends_at"].is_string());
    let browser = browser(&machine, "curl -sS -o /dev/null \"$1\"");
    let value: Value = serde_json::from_str(
        &machine
            .run(&["console", "Long", "--json", "--browser", &browser])
            .ok(),
    )
    .unwrap();
    assert!(value.get("url").is_none() && value["whom"].as_str().unwrap().contains("assumed-role/Long/"));
}

/// A browser that is a script: `$1` is what it was started with.
fn browser(machine: &Machine, script: &str) -> String {
    let path = machine.path("my browser");
    fs::write(&path, format!("#!/bin/sh\ncd \"$HOME\"\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    format!("'{}'", path.display())
}

#[test]
fn a_browser_comes_for_the_link_and_finds_it_once() {
    let machine = machine();
    let browser = browser(
        &machine,
        "printf '%s\\n' \"$*\" >argv; curl -sSL -D heads -c jar -b jar \"$2\" >page; curl -sS \"$2\" >again 2>&1; echo $? >second",
    );
    let mut command = machine.command([
        "console",
        "Long",
        "-s",
        "s3",
        "--browser",
        &format!("{browser} --window %s"),
    ]);
    let said = machine.finish(&mut command);
    assert!(said.stderr.contains("assumed-role/Long/"), "{}", said.stderr);
    assert_eq!(said.ok(), "");
    wait_for("the browser's end", || {
        fs::read_to_string(machine.path("second"))
            .ok()
            .filter(|text| !text.is_empty())
    });
    let read = |name: &str| fs::read_to_string(machine.path(name)).unwrap();
    // What every user of the machine can read of the browser's arguments leads nowhere.
    let argv = read("argv");
    assert!(argv.starts_with("--window http://127.0.0.1:"), "{argv}");
    machine.no_secret(argv.as_bytes());
    let heads = read("heads").to_ascii_lowercase();
    assert!(
        heads.contains("cache-control: no-store") && heads.contains("referrer-policy: no-referrer"),
        "{heads}"
    );
    let page = read("page");
    assert!(
        page.contains("Production (222222222222)") && page.contains("Long/"),
        "{page}"
    );
    assert!(
        page.contains("https://eu-west-1.console.aws.amazon.com/s3/buckets?region=eu-west-1"),
        "{page}"
    );
    assert_eq!(
        read("second"),
        "7\n",
        "somebody answers a second time: {}",
        read("again")
    );
    // BROWSER will do too.
    let name = machine.path("plain");
    fs::rename(machine.path("my browser"), &name).unwrap();
    fs::write(&name, "#!/bin/sh\ncurl -sS -o /dev/null \"$1\"\n").unwrap();
    let mut command = machine.command(["console", "Long"]);
    machine.finish(command.env("BROWSER", &name)).ok();
}

#[test]
fn without_a_browser_it_is_said_and_nothing_is_called() {
    let machine = machine();
    let said = machine.run_quietly(&["console", "Long"]).failed(1);
    assert!(
        said.contains("there is no browser to open here") && said.contains("--print"),
        "{said}"
    );
    let said = machine
        .run_quietly(&["console", "Long", "--browser", "/nonexistent/browser"])
        .failed(1);
    assert!(
        said.contains("the browser does not start: /nonexistent/browser"),
        "{said}"
    );
    let said = machine
        .run_quietly(&["console", "Long", "--browser", "'"])
        .failed(2);
    assert!(said.contains("a quote that is not closed"), "{said}");
    let said = machine
        .run_quietly(&["console", "Long", "--browser", "false"])
        .failed(1);
    assert!(
        said.contains("exit status: 1") && said.contains("did not come for the link"),
        "{said}"
    );
    let said = machine
        .run_quietly(&["console", "Long", "--browser", "true", "--browser-wait", "1"])
        .failed(1);
    assert!(said.contains("no browser came for the link within 1 s"), "{said}");
}

#[test]
fn what_is_wrong_with_the_destination_is_said_before_any_call() {
    let machine = machine();
    for (service, why, hint) in [
        (
            "lamda",
            "no service of the console is called `lamda`",
            "Did you mean `lambda`",
        ),
        (
            "arn:aws:s3",
            "`arn:aws:s3` is not an ARN",
            "arn:PARTITION:SERVICE",
        ),
        (
            "arn:aws-cn:s3:::x",
            "lies in partition `aws-cn`, and the session in `aws`",
            "partition",
        ),
        (
            "https://evil.example/x?SigninToken=1",
            "`https://evil.example/x` is no address of the console",
            "console.aws.amazon.com",
        ),
        (
            "http://console.aws.amazon.com/",
            "is no https address",
            "console.aws.amazon.com",
        ),
    ] {
        let said = machine
            .run_quietly(&["console", "Long", "--print", "-s", service])
            .failed(1);
        assert!(said.contains(why) && said.contains(hint), "{service}: {said}");
    }
    let said = machine.run_quietly(&["console", "root", "--print"]).failed(1);
    assert!(
        said.contains("the root user's access key opens no console"),
        "{said}"
    );
    machine.append_config("[profile iso]\nregion = us-iso-east-1\nrole_arn = arn:aws-iso:iam::222222222222:role/X\nsource_profile = joe\n");
    let said = machine.run_quietly(&["console", "iso", "--print"]).failed(1);
    assert!(
        said.contains("no console is known of partition `aws-iso`"),
        "{said}"
    );
    assert_eq!(
        machine.sandbox.count("AssumeRole") + machine.sandbox.count("getSigninToken"),
        0
    );
}

#[test]
fn an_arn_of_another_account_or_of_an_unknown_kind_is_told() {
    let machine = machine();
    let (_, said) = printed(
        &machine,
        &["Long", "-s", "arn:aws:sqs:us-east-2:333333333333:jobs"],
    );
    assert!(
        said.contains("the resource is in account 333333333333, and the session in 222222222222"),
        "{said}"
    );
    let (link, said) = printed(
        &machine,
        &[
            "Long",
            "-s",
            "arn:aws:ec2:eu-west-1:222222222222:carrier-gateway/x",
        ],
    );
    assert!(
        said.contains("no page is known for a resource of this kind: the link leads to EC2"),
        "{said}"
    );
    assert!(page(&machine, &link).contains("/ec2/home?region=eu-west-1#Instances:"));
    let url = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups";
    let (link, said) = printed(&machine, &["Long", "-s", url]);
    assert!(!said.contains("note: "), "{said}");
    assert!(page(&machine, &link).contains(url));
}

/// A temporary key in a file, of which nothing says when it ends, and one that has ended.
#[test]
fn a_temporary_key_opens_the_console_while_it_lasts() {
    let machine = machine();
    let json: Value =
        serde_json::from_str(&machine.run_for_secrets(&["credential-process", "Long"]).ok()).unwrap();
    let part = |name: &str| json[name].as_str().unwrap();
    machine.append_config(&format!(
        "[profile temporary]\nregion = eu-west-1\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}\n",
        part("AccessKeyId"),
        part("SecretAccessKey"),
        part("SessionToken")
    ));
    let run = || {
        let mut command = machine.command(["console", "temporary", "--print"]);
        command.env_remove("ROLECALL_LOG").output().unwrap()
    };
    let output = run();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && said.contains("of which nothing says when it ends"),
        "{said}"
    );
    assert!(page(&machine, String::from_utf8(output.stdout).unwrap().trim_end()).contains("Production"));
    machine.sandbox.advance(std::time::Duration::from_secs(4000));
    let output = run();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(1) && output.stdout.is_empty(),
        "{said}"
    );
    assert!(
        said.contains("takes no console session from these credentials") && said.contains("They have ended"),
        "{said}"
    );
    machine.no_secret(said.as_bytes());
}

#[test]
fn the_services_are_listed() {
    let machine = machine();
    let said = machine.run(&["console", "--services"]).ok();
    assert!(
        said.lines().count() >= 80 && said.contains("logs ") && said.contains("cloudwatch-logs"),
        "{said}"
    );
    let list: Value = serde_json::from_str(&machine.run(&["console", "--services", "--json"]).ok()).unwrap();
    assert!(
        list.as_array()
            .unwrap()
            .iter()
            .any(|service| service["name"] == "iam" && service["global"] == true)
    );
    machine.run(&["console", "--services", "Long"]).failed(2);
}
