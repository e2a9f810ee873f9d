//! `rolecall switch-role`: links that hold no credential, and the page of all of them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::support::{Machine, wait_for};

impl Machine {
    /// What `rolecall roles` would keep.
    fn found(&self, accounts: Value, roles: Value) {
        let state = self.path(".local/state/rolecall");
        fs::create_dir_all(&state).unwrap();
        let index = json!({"version": 1, "accounts": accounts, "roles": roles});
        fs::write(state.join("roles.json"), index.to_string()).unwrap();
    }

    /// The command with AWS's own pages and no stand-in.
    fn at_aws(&self, arguments: &[&str]) -> String {
        let mut command = self.command(arguments);
        self.finish(command.env_remove("AWS_ENDPOINT_URL")).ok()
    }
}

fn role(arn: &str, caller: &str, verdict: &str, conditions: &[&str]) -> Value {
    json!({"arn": arn, "caller": caller, "source": "joe", "verdict": verdict, "conditions": conditions})
}

const JOE: &str = "arn:aws:iam::111111111111:user/joe.bloggs";

#[test]
fn a_link_is_printed_and_nobody_is_called() {
    let machine = Machine::new();
    let before = machine.sandbox.calls().len();
    let link = machine.run(&["switch-role", "blah"]).ok();
    let endpoint = machine.sandbox.endpoint();
    assert_eq!(
        link,
        format!("{endpoint}/switchrole?account=666666666666&roleName=BlahRole&displayName=blah\n")
    );
    assert_eq!(
        machine.at_aws(&["switch-role", "666666666666/team/ChainedRole", "--color", "Green"]),
        "https://signin.aws.amazon.com/switchrole?account=666666666666&roleName=team%2FChainedRole\
         &displayName=666666666666%2Fteam%2FChainedRole&color=b7ca9d\n"
    );
    let json = machine
        .run(&[
            "switch-role",
            "blah",
            "--display-name",
            "P & Q",
            "--color",
            "#FFFFFF",
            "--json",
        ])
        .ok();
    let json: Value = serde_json::from_str(&json).unwrap();
    let url = format!(
        "{endpoint}/switchrole?account=666666666666&roleName=BlahRole&displayName=P%20%26%20Q&color=ffffff"
    );
    assert_eq!(json["url"], url.as_str());
    assert_eq!(json["page_origin"], "$AWS_ENDPOINT_URL");
    assert!(
        json["warnings"][0]
            .as_str()
            .unwrap()
            .contains("AWS documents none"),
        "{json}"
    );
    let page = machine.run(&["switch-role", "--all", "-"]).ok();
    assert!(
        page.contains("BlahRole") && page.contains("BlahRole&amp;displayName=blah\""),
        "{page}"
    );
    assert_eq!(machine.sandbox.calls().len(), before, "something was called");
}

#[test]
fn no_key_is_needed() {
    let machine = Machine::new();
    fs::remove_file(machine.path(".aws/credentials")).unwrap();
    let ran = machine.run_quietly(&["switch-role", "blah"]);
    assert!(
        ran.stderr.contains("the way to the role is not known here"),
        "{}",
        ran.stderr
    );
    assert!(ran.ok().contains("roleName=BlahRole&displayName=blah"));
    let arn = "arn:aws-cn:iam::777777777777:role/x/R+";
    let ran = machine.finish(
        machine
            .command(["switch-role", arn])
            .env_remove("AWS_ENDPOINT_URL"),
    );
    assert!(
        ran.stderr
            .contains("documents no such link for partition `aws-cn`"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.ok()
            .starts_with("https://signin.amazonaws.cn/switchrole?account=777777777777&roleName=x%2FR%2B&")
    );
    // An ExternalId is known without a chain as well, and a source that somebody names has to be there.
    let said = machine.run_quietly(&["switch-role", "partner"]).failed(1);
    assert!(said.contains("wants an ExternalId"), "{said}");
    let said = machine
        .run_quietly(&["switch-role", arn, "--source-profile", "nobody"])
        .failed(1);
    assert!(said.contains("nobody"), "{said}");
}

#[test]
fn what_cannot_work_is_refused_with_the_reason() {
    let machine = Machine::new();
    let long = format!(
        "arn:aws:iam::666666666666:role/{}/{}",
        "p".repeat(32),
        "n".repeat(32)
    );
    let role_of = |name: &str| format!("arn:aws:iam::666666666666:role/{name}");
    machine.found(
        json!({}),
        json!([
            role(&role_of("Wants"), JOE, "conditional", &["sts:ExternalId"]),
            role(
                &role_of("Owned"),
                "arn:aws:iam::111111111111:root",
                "allowed",
                &[]
            ),
        ]),
    );
    machine.append_config("[profile owner]\nlogin_session = arn:aws:iam::111111111111:root\n");
    for (arguments, reason) in [
        (&["partner"][..], "wants an ExternalId"),
        (&["blah", "--external-id", "some-id"], "wants an ExternalId"),
        (&[&role_of("Wants")], "wants an ExternalId"),
        (
            &["chained"],
            "reached from the role arn:aws:iam::666666666666:role/BlahRole",
        ),
        (&[&long], "65 characters together, and the console takes 64"),
        (&[&role_of("Owned")], "is a root user"),
        (&[&role_of("Any"), "--source-profile", "owner"], "is a root user"),
        (&["joe"], "assumes no role"),
        (&["nobody"], "nobody"),
        (&["blah", "--read-only"], "--read-only has no place in a link"),
        (&["blah", "--duration", "2h"], "--duration has no place in a link"),
        (
            &["--all", "-", "--region", "us-east-1"],
            "--region belongs to one role",
        ),
    ] {
        let mut all = vec!["switch-role"];
        all.extend(arguments);
        let said = machine.run_quietly(&all).failed(1);
        assert!(said.contains(reason), "{arguments:?}: {said}");
        assert!(said.contains("hint: "), "{arguments:?}: {said}");
        assert!(
            !said.contains("partner-7421") && !said.contains("some-id"),
            "{said}"
        );
    }
    for arguments in [
        &["blah", "--color", "pink"][..],
        &["blah", "--display-name", &"n".repeat(65)],
        &["blah", "--display-name", ""],
        &["blah", "--browser", "x"],
        &["blah", "--all", "x"],
    ] {
        let mut all = vec!["switch-role"];
        all.extend(arguments);
        assert!(!machine.run_quietly(&all).failed(2).is_empty());
    }
    // What is the hub's by the files may be one's own by what was found.
    machine.found(
        json!({}),
        json!([role(&role_of("team/ChainedRole"), JOE, "allowed", &[])]),
    );
    let link = machine.run(&["switch-role", "chained"]).ok();
    assert!(
        link.contains("roleName=team%2FChainedRole&displayName=chained"),
        "{link}"
    );
}

#[test]
fn the_browser_gets_the_link_and_nobody_else() {
    let machine = Machine::new();
    let browser = machine.path("browser");
    fs::write(
        &browser,
        "#!/bin/sh\nprintf '%s' \"$2\" >\"$1.new\" && mv \"$1.new\" \"$1\"\n",
    )
    .unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
    let opened = machine.path("opened");
    let command = format!("{} {}", browser.display(), opened.display());
    let shown = machine
        .run(&["switch-role", "blah", "--open", "--browser", &command])
        .ok();
    assert_eq!(shown, "");
    let link = wait_for("the browser", || fs::read_to_string(&opened).ok());
    assert!(
        link.ends_with("/switchrole?account=666666666666&roleName=BlahRole&displayName=blah"),
        "{link}"
    );
    fs::remove_file(&opened).unwrap();
    let shown = machine
        .finish(
            machine
                .command(["switch-role", "blah", "--open", "--json"])
                .env("BROWSER", &command),
        )
        .ok();
    assert!(shown.contains("\"opened\": true"), "{shown}");
    wait_for("the browser", || fs::read_to_string(&opened).ok());
    for (arguments, why, hint) in [
        (
            &["--open"][..],
            "there is no browser here",
            "Without --open the link is printed",
        ),
        (
            &["--open", "--browser", "/no/such"],
            "the browser does not start",
            "have the link printed",
        ),
    ] {
        let said = machine
            .run_quietly(&[&["switch-role", "blah"], arguments].concat())
            .failed(1);
        assert!(said.contains(why) && said.contains(hint), "{said}");
    }
}

#[test]
fn the_page_has_every_role_once_and_says_why_one_has_no_link() {
    let machine = Machine::new();
    const HOSTILE: &str = "\"><script>alert('x')</script>\u{202e}";
    machine.append_config(
        "[profile again]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\nsource_profile = joe\ncolor = blue\n\
         [profile odd]\nrole_arn = nonsense\n[profile gov]\nrole_arn = arn:aws-us-gov:iam::777777777777:role/G\nsource_profile = joe\nregion = us-gov-west-1\n",
    );
    machine.found(
        json!({"222222222222": {"name": HOSTILE, "alias": "a&b"}}),
        json!([
            role("arn:aws:iam::222222222222:role/<b>/Found", JOE, "allowed", &[]),
            role(
                "arn:aws:iam::222222222222:role/Wants",
                JOE,
                "conditional",
                &["sts:ExternalId"]
            ),
            role("arn:aws:iam::222222222222:role/Never", JOE, "denied", &[]),
            role("arn:aws:iam::222222222222:role/team*/x", JOE, "pattern", &[]),
            role("arn:aws:iam::666666666666:role/BlahRole", JOE, "allowed", &[]),
        ]),
    );
    let path = machine.path("links.html");
    let file = path.to_str().unwrap();
    let json = machine.at_aws(&["switch-role", "--all", file, "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    let roles = json["roles"].as_array().unwrap();
    let names: Vec<_> = roles
        .iter()
        .map(|role| role["role_name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "<b>/Found",
            "Wants",
            "BlahRole",
            "PartnerRole",
            "team/ChainedRole",
            "G"
        ]
    );
    assert_eq!(json["links"], 3);
    assert_eq!(roles[2]["profiles"], json!(["again", "blah"]));
    assert_eq!(roles[2]["color"], "83d4e8");
    for (at, reason) in [(1, "ExternalId"), (3, "ExternalId"), (4, "reached from")] {
        assert!(
            roles[at]["reason"].as_str().unwrap().contains(reason),
            "{}",
            roles[at]
        );
        assert_eq!(roles[at]["url"], Value::Null);
    }
    assert!(
        roles[5]["url"]
            .as_str()
            .unwrap()
            .starts_with("https://signin.amazonaws-us-gov.com/")
    );

    let page = fs::read_to_string(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(page.matches("<li").count(), 6);
    assert_eq!(page.matches("<script>").count(), 1);
    for there in [
        "&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;\u{fffd}",
        "<span class=\"path\">&lt;b&gt;/</span><b>Found</b>",
        "<bdi class=\"alias\">a&amp;b</bdi>",
        "No link: it wants an ExternalId",
        "default-src 'none'; script-src 'sha256-",
        "fill=\"#83d4e8\"",
        "<span class=\"partition\">aws-us-gov</span>",
    ] {
        assert!(page.contains(there), "{there}: {page}");
    }
    for not_there in ["http://", "src=", "partner-7421", file, ".aws/"] {
        assert!(!page.contains(not_there), "{not_there}: {page}");
    }
    // The same roles make the same page, over the one that is there.
    let said = machine.finish(
        machine
            .command(["switch-role", "--all", "links.html"])
            .env_remove("AWS_ENDPOINT_URL")
            .env_remove("ROLECALL_LOG")
            .current_dir(machine.home.path()),
    );
    assert!(
        said.stderr.contains("3 of 6 roles have a link in"),
        "{}",
        said.stderr
    );
    assert!(
        said.stderr.contains("profile `odd` is left out"),
        "{}",
        said.stderr
    );
    assert_eq!(said.ok(), "");
    assert_eq!(fs::read_to_string(&path).unwrap(), page);
    assert_eq!(machine.at_aws(&["switch-role", "--all", "-"]), page);
}

#[test]
fn nothing_but_a_page_of_ours_is_written_over() {
    let machine = Machine::new();
    let path = machine.path("notes.html");
    let file = path.to_str().unwrap();
    let home = machine.home.path().to_str().unwrap();
    for bytes in [&b"<!doctype html>\n<p>mine"[..], b"\xff\xfe"] {
        fs::write(&path, bytes).unwrap();
        let said = machine.run_quietly(&["switch-role", "--all", file]).failed(1);
        assert!(said.contains("is not a page of rolecall's"), "{said}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    // Nobody but whoever reads it lets the writer in: a pipe that is taken for a file would be found empty.
    let pipe = machine.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let writer = pipe.clone();
    std::thread::spawn(move || fs::OpenOptions::new().write(true).open(writer));
    for other in [home, pipe.to_str().unwrap()] {
        let said = machine.run_quietly(&["switch-role", "--all", other]).failed(1);
        assert!(said.contains("is not a page of rolecall's"), "{said}");
    }
    // An empty file was made for it, and a link stays one.
    fs::write(&path, "").unwrap();
    let link = machine.path("link.html");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let _ = machine
        .run(&["switch-role", "--all", link.to_str().unwrap()])
        .ok();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&path).unwrap().contains("BlahRole"));
    let bare = Machine::new();
    bare.write(".aws/config", "");
    let said = bare.run_quietly(&["switch-role", "--all", "-"]).failed(1);
    assert!(
        said.contains("no role is known") && said.contains("rolecall roles"),
        "{said}"
    );
}

#[test]
fn a_services_section_decides_where_a_link_leads() {
    let machine = Machine::new();
    machine.append_config(
        "[profile elsewhere]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\nsource_profile = joe\nservices = ours\n\
         [services ours]\nsignin =\n  endpoint_url = https://signin.example/base/\n",
    );
    let mut command = machine.command(["switch-role", "elsewhere"]);
    let ran = machine.finish(command.env_remove("AWS_ENDPOINT_URL").env_remove("ROLECALL_LOG"));
    assert!(ran.stderr.contains("which is no page of AWS"), "{}", ran.stderr);
    assert!(
        ran.ok()
            .starts_with("https://signin.example/base/switchrole?account=")
    );
    let mut command = machine.command(["switch-role", "elsewhere"]);
    let own = command.env("AWS_ENDPOINT_URL_SIGNIN", "http://127.0.0.1:1");
    assert!(
        machine
            .finish(own)
            .ok()
            .starts_with("http://127.0.0.1:1/switchrole?")
    );
    let mut command = machine.command(["switch-role", "elsewhere"]);
    let none = command.env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    assert!(
        machine
            .finish(none)
            .ok()
            .starts_with("https://signin.aws.amazon.com/")
    );
    let mut command = machine.command(["switch-role", "elsewhere"]);
    let plain = command.env("AWS_ENDPOINT_URL_SIGNIN", "http://signin.example");
    assert!(
        machine
            .finish(plain)
            .failed(1)
            .contains("only a loopback address")
    );
}

/// Ten thousand roles are a page in seconds, also where nothing is optimized.
#[test]
fn a_large_organization_is_one_page() {
    let machine = Machine::new();
    let (mut accounts, mut roles) = (serde_json::Map::new(), Vec::new());
    for account in 0..1000_u64 {
        let id = (222_200_000_000 + account).to_string();
        for number in 0..10 {
            let arn = format!("arn:aws:iam::{id}:role/ops/Role{number}");
            roles.push(role(&arn, JOE, "allowed", &[]));
        }
        accounts.insert(id, json!({"name": format!("team {account}"), "alias": null}));
    }
    machine.found(accounts.into(), roles.into());
    let page = machine.run(&["switch-role", "--all", "-"]).ok();
    assert_eq!(page.matches("<li").count(), 10_003);
    assert!(page.len() < 6_000_000, "{} bytes", page.len());
}
