use super::*;

fn set(config: &str, credentials: &str) -> ProfileSet {
    let mut set = ProfileSet::default();
    set.add(FileKind::Config, Path::new("config"), config).unwrap();
    set.add(FileKind::Credentials, Path::new("credentials"), credentials)
        .unwrap();
    set
}

#[test]
fn the_credentials_file_wins_key_by_key() {
    let set = set(
        "[profile a]\nregion = eu-west-1\naws_access_key_id = 1\n",
        "[a]\naws_access_key_id = 2\n",
    );
    let profile = set.profile("a").unwrap();
    assert_eq!(
        (profile.value("region"), profile.value("aws_access_key_id")),
        (Some("eu-west-1"), Some("2"))
    );
    assert_eq!(
        profile
            .property("aws_access_key_id")
            .unwrap()
            .origin()
            .to_string(),
        "credentials:2"
    );
}

#[test]
fn secrets_are_masked_in_debug_and_when_shown() {
    let set = set(
        "",
        "[a]\naws_secret_access_key = CANARYSECRET\naws_session_token=CANARYTOKEN\n",
    );
    assert!(!format!("{set:?}").contains("CANARY"));
    assert_eq!(
        set.profile("a")
            .unwrap()
            .property("aws_secret_access_key")
            .unwrap()
            .shown(),
        "**********"
    );
}

#[test]
fn whatever_may_hold_a_secret_is_masked_by_the_pattern_of_its_key() {
    for (key, hidden) in [
        ("aws_secret_access_key", true),
        ("aws_security_token", true),
        ("okta_password", true),
        ("key_passphrase", true),
        ("github_token", true),
        ("web_identity_token_process", true),
        ("credential_process", true),
        ("mfa_process", true),
        ("web_identity_token_file", false),
        ("session_token_duration", false),
        ("region", false),
    ] {
        let set = set(&format!("[profile a]\n{key} = CANARY\n"), "");
        let property = set.profile("a").unwrap().property(key).unwrap();
        assert_eq!(property.shown() != "CANARY", hidden, "{key}");
        assert_eq!(property.value(), "CANARY");
    }
}

#[test]
fn urls_are_shown_without_who_signs_in_and_nested_secrets_not_at_all() {
    let set = set(
        "[profile a]\nendpoint_url = https://u:CANARY/@p@h/path\nsso_start_url = u:CANARY@h\n\
         proxy = http://u:CANARY@h:1\nsts =\n  endpoint_url = https://u:CANARY@h\n  client_secret = CANARY\n\
         plain = https://h/path\nmail = a@b\n",
        "",
    );
    let profile = set.profile("a").unwrap();
    let shown = |key| profile.property(key).unwrap().shown();
    assert_eq!(shown("endpoint_url"), "https://***@h/path");
    assert_eq!(shown("sso_start_url"), "***@h");
    assert_eq!(shown("proxy"), "http://***@h:1");
    assert_eq!(
        shown("sts"),
        "\nendpoint_url = https://***@h\nclient_secret = **********"
    );
    assert_eq!(shown("plain"), "https://h/path");
    assert_eq!(shown("mail"), "a@b");
    assert!(!format!("{set:?}").contains("CANARY"));
}

#[test]
fn an_unknown_profile_names_the_nearest() {
    let set = set("[profile production]\n[profile staging]\n", "");
    let error = set.unknown("producton");
    assert_eq!(error.hints()[0], "Did you mean `production`?");
    assert!(set.unknown("zzz").hints()[0].contains("rolecall profiles"));
}

#[test]
fn the_originals_count_only_while_the_files_are_those_that_exec_set() {
    let paths = |aws: Option<&str>, folder: Option<&str>| {
        let mut host = Host::builder()
            .home("/home/joe")
            .env("ROLECALL_CONFIG_FILE", "/original/config")
            .env("ROLECALL_SHARED_CREDENTIALS_FILE", "/original/credentials")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/run/x/credentials");
        host = aws
            .into_iter()
            .fold(host, |host, path| host.env("AWS_CONFIG_FILE", path));
        host = folder
            .into_iter()
            .fold(host, |host, path| host.env("ROLECALL_EXEC_DIR", path));
        let paths = ProfileSet::paths(&host.build());
        let shown = paths.iter().map(|(_, path)| path.display().to_string());
        shown.collect::<Vec<_>>()
    };
    let credentials = "/original/credentials";
    for (aws, folder, config) in [
        (Some("/run/x/config"), Some("/run/x"), "/original/config"),
        (Some("/run/x/config"), Some("/run/x/"), "/original/config"),
        (None, Some("/run/x"), "/original/config"),
        (Some("/elsewhere/config"), Some("/run/x"), "/elsewhere/config"),
        (Some("/run/xy/config"), Some("/run/x"), "/run/xy/config"),
        (Some("/run/x/../config"), Some("/run/x"), "/run/x/../config"),
        (Some("~/config"), Some("/run/x"), "/home/joe/config"),
        (Some("/elsewhere/config"), None, "/original/config"),
    ] {
        assert_eq!(paths(aws, folder), [config, credentials], "{aws:?} {folder:?}");
    }
}

#[test]
fn files_are_found_where_the_host_says() {
    let host = Host::builder()
        .home("/nowhere")
        .env("AWS_CONFIG_FILE", "~/other")
        .build();
    let set = ProfileSet::load(&host).unwrap();
    let paths: Vec<_> = set
        .files
        .iter()
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert_eq!(paths, ["/nowhere/other", "/nowhere/.aws/credentials"]);
    assert!(set.unknown("default").hints()[0].contains("not there"));
}

#[test]
fn a_profile_inherits_what_it_does_not_set() {
    let set = set(
        "[profile base]\nregion = eu-west-1\nmfa_serial = arn:aws:iam::111111111111:mfa/joe\nsource_profile = joe\n\
         aws_access_key_id = base-key\noutput = json\nexternal_id = base-id\n\
         [profile middle]\ninclude_profile = base\nexternal_id =\nduration_seconds = 900\n\
         [profile a]\ninclude_profile = middle\nrole_arn = arn:aws:iam::666666666666:role/R\nduration_seconds = 1800\n\
         [profile joe]\ninclude_profile = base\n[profile lost]\ninclude_profile = nowhere\nregion = x\n\
         [default]\nsource_identity = default\n",
        "[joe]\naws_access_key_id = joe-key\n",
    );
    let (a, joe) = (set.profile("a").unwrap(), set.profile("joe").unwrap());
    for (key, expected) in [
        ("region", Some("eu-west-1 config:2")),
        ("mfa_serial", Some("arn:aws:iam::111111111111:mfa/joe config:3")),
        ("source_profile", Some("joe config:4")),
        // Blank counts as not set, in the middle too.
        ("external_id", Some("base-id config:7")),
        ("duration_seconds", Some("1800 config:15")),
        // Not aws-vault's to inherit: keys, and what it does not know.
        ("aws_access_key_id", None),
        ("output", None),
        // Nobody named `[default]`.
        ("source_identity", None),
    ] {
        let found = a
            .property(key)
            .map(|property| format!("{} {}", property.value(), property.origin()));
        assert_eq!(found.as_deref(), expected, "{key}");
    }
    assert_eq!(joe.value("source_profile"), None, "it would be its own");
    assert_eq!(joe.value("aws_access_key_id"), Some("joe-key"));
    assert_eq!(joe.value("region"), Some("eu-west-1"));
    let listed = set.profiles().find(|profile| profile.name() == "a").unwrap();
    assert_eq!(listed.value("region"), Some("eu-west-1"));
    assert_eq!(
        set.warnings(),
        ["config:19: include_profile of `lost` names a profile that is not there"]
    );
}

#[test]
fn one_way_to_sign_in_is_not_mixed_with_another() {
    let set = set(
        "[profile base]\nsso_session = s\nsso_start_url = https://base\nsso_account_id = 111111111111\nsource_profile = x\n\
         [profile session]\ninclude_profile = base\nsso_session = own\n\
         [profile legacy]\ninclude_profile = base\nsso_start_url = https://own\n\
         [profile source]\ninclude_profile = base\ncredential_source = Environment\n",
        "",
    );
    let value = |profile, key| set.profile(profile).unwrap().value(key);
    assert_eq!(value("session", "sso_start_url"), None);
    assert_eq!(value("session", "sso_account_id"), Some("111111111111"));
    assert_eq!(value("legacy", "sso_session"), None);
    assert_eq!(value("source", "source_profile"), None);
}

#[test]
fn profiles_that_include_each_other_are_no_profiles() {
    let set = set(
        "[profile a]\ninclude_profile = b\n[profile b]\ninclude_profile = c\n[profile c]\ninclude_profile = b\n\
         [profile d]\ninclude_profile = d\n[profile fine]\nregion = x\n",
        "",
    );
    for (name, path) in [
        ("a", "`b` → `c` → `b` (config:4)"),
        ("b", "→"),
        ("d", "`d` → `d` (config:8)"),
    ] {
        assert!(set.profile(name).is_none());
        let error = set.unknown(name);
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(path), "{error}");
    }
    assert!(set.profile("fine").is_some());
    assert_eq!(set.profiles().count(), 5, "they are listed all the same");
    assert_eq!(set.warnings().len(), 4);
    assert_eq!(
        set.warnings_for([("fine", Taken::AsTarget)]),
        Vec::<String>::new()
    );
    // A long way round takes no longer than its length.
    let long: String = (0..20_000)
        .map(|n| format!("[profile p{n}]\ninclude_profile = p{}\n", (n + 1) % 20_000))
        .collect();
    let error = super::tests::set(&long, "").unknown("p7");
    assert!(error.to_string().contains("19992 more"), "{error}");
}

#[test]
fn two_sources_are_told_with_whoever_takes_which() {
    const KEYS: &str = "aws_access_key_id = k\naws_secret_access_key = s\n";
    for (config, credentials, taken, ours, theirs) in [
        (
            "sso_session = s\ncredential_process = p\n",
            "",
            Taken::AsTarget,
            "sso_session",
            None,
        ),
        (
            "credential_process = p\n",
            KEYS,
            Taken::AsTarget,
            "credential_process",
            Some("aws_access_key_id"),
        ),
        (
            "login_session = l\n",
            KEYS,
            Taken::AsTarget,
            "login_session",
            Some("aws_access_key_id"),
        ),
        (
            "sso_start_url = u\n",
            KEYS,
            Taken::AsTarget,
            "sso_start_url",
            None,
        ),
        (
            "sso_start_url = u\n",
            KEYS,
            Taken::AsSource,
            "aws_access_key_id",
            Some("sso_start_url"),
        ),
        (
            "role_arn = r\nweb_identity_token_file = f\nsso_session = s\n",
            "",
            Taken::AsTarget,
            "web_identity_token_file",
            None,
        ),
        (
            "credential_source = Environment\nsso_session = s\n",
            "",
            Taken::AsTarget,
            "credential_source",
            Some("sso_session"),
        ),
        (
            "role_arn = r\nsource_profile = x\nlogin_session = l\n",
            "",
            Taken::AsTarget,
            "role_arn",
            None,
        ),
    ] {
        let set = set(&format!("[profile a]\n{config}"), &format!("[a]\n{credentials}"));
        let all = set.warnings_for([("a", taken)]);
        assert_eq!(all.len(), 1, "{config}{credentials}{all:?}");
        assert!(all[0].contains(&format!(": {ours} is taken")), "{all:?}");
        match theirs {
            Some(theirs) => assert!(all[0].ends_with(&format!("botocore take {theirs}")), "{all:?}"),
            None => assert!(all[0].ends_with("by AWS's tools too"), "{all:?}"),
        }
        assert!(
            all[0].starts_with("config:") || all[0].starts_with("credentials:"),
            "{all:?}"
        );
    }
    // In the config file keys come last for botocore too.
    let both = format!("[profile a]\n{KEYS}credential_process = p\n");
    assert!(set(&both, "").warnings()[0].ends_with("by AWS's tools too"));
    for (alone, taken) in [
        (
            format!("role_arn = r\nsource_profile = x\n{KEYS}"),
            Taken::AsTarget,
        ),
        (
            format!("role_arn = r\nsource_profile = x\n{KEYS}"),
            Taken::AsSource,
        ),
        (
            format!("role_arn = r\nsource_profile = a\n{KEYS}"),
            Taken::AsTarget,
        ),
        (
            "role_arn = r\ncredential_source = Environment\n".to_owned(),
            Taken::AsTarget,
        ),
        ("sso_session = s\nsso_start_url = u\n".to_owned(), Taken::AsTarget),
    ] {
        let set = set(&format!("[profile a]\n{alone}"), "");
        assert_eq!(set.warnings_for([("a", taken)]), Vec::<String>::new(), "{alone}");
    }
}

#[test]
fn whoever_uses_a_profile_hears_of_that_one_its_sections_and_its_files() {
    let set = set(
        "[profile a]\nregion = x # c\nsso_session = s\nservices = v\n[profile b]\nregion = y # c\n\
         [sso-session s]\nsso_region = z # c\n[sso-session t]\nsso_region = z # c\n[services v]\n[services v]\n\
         [profile \"q r\"]\n[profile c]\nservices = missing\n",
        "[k]\naws_access_key_id = 1\naws_access_key_id = 2\n",
    );
    let lines = |names: &[&str]| {
        let used = names.iter().map(|name| (*name, Taken::AsTarget));
        let all = set.warnings_for(used);
        let places = all.iter().map(|text| text.split(": ").next().unwrap().to_owned());
        places.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(lines(&["a"]), "config:2 config:8 config:12");
    assert_eq!(lines(&["b"]), "config:6 config:12");
    assert_eq!(lines(&["k"]), "credentials:3");
    assert_eq!(lines(&["b", "k"]), "config:6 config:12 credentials:3");
    assert_eq!(lines(&["q r"]), "config:13");
    assert_eq!(lines(&["c"]), "config:12 config:15");
    assert_eq!(set.warnings().len(), 8);
}

#[test]
fn nested_settings_know_their_lines() {
    let set = set(
        "[profile a]\nservices = v\nname = v\n  w = x\n[services v]\nsts =\n\n  x = 1\n# c\n  # d\n  Endpoint_URL = https://h = x\n",
        "",
    );
    let profile = set.profile("a").unwrap();
    let (value, origin) = set.service_value(profile, "sts", "endpoint_url").unwrap();
    assert_eq!(
        (value, origin.to_string().as_str()),
        ("https://h = x", "config:11")
    );
    assert_eq!(set.service_value(profile, "s3", "endpoint_url"), None);
    assert_eq!(
        profile.property("name").unwrap().nested().count(),
        0,
        "a value is no block"
    );
}

#[test]
fn files_that_cannot_be_read_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let load = |path: &Path| {
        let host = Host::builder().home("/nowhere");
        ProfileSet::load(&host.env("AWS_CONFIG_FILE", path.to_str().unwrap()).build())
    };
    let file = folder.path().join("config");
    for (bytes, why) in [
        (&b"[profile a]\nregion = \xff\xfe\n"[..], "not UTF-8"),
        (&b"\xff\xfe[\0d\0e\0"[..], "not UTF-8"),
        (&b"[\0d\0e\0f\0"[..], "NUL byte"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let error = load(&file).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
        assert!(!error.hints().is_empty());
    }
    let error = load(folder.path()).unwrap_err();
    assert!(error.to_string().contains("directory"), "{error}");
    assert!(load(&folder.path().join("none")).is_ok(), "as to AWS's tools");
    std::fs::write(&file, "\u{feff}[profile a]\r\nregion = x\r\n").unwrap();
    assert_eq!(
        load(&file).unwrap().profile("a").unwrap().value("region"),
        Some("x")
    );
}

/// A line in a file is no key in the vault, whatever it says; and one that is there is not hidden by it.
#[test]
fn only_the_vault_gives_a_profile_a_key_in_the_vault() {
    let mut set = set("[profile a]\nrolecall_vault = AKIAIOSFODNN7EXAMPLE\n", "");
    let a = set.profile("a").unwrap();
    assert!(a.vault_key().is_none() && a.value(VAULT).is_some());
    assert!(a.sources(Taken::AsSource).is_empty());
    assert!(a.sources(Taken::AsTarget).is_empty());
    let kept = Property::kept(VAULT, "AKIAI44QH8DHBEXAMPLE", Origin::Vault);
    let a = set.profiles.get_mut("a").unwrap();
    a.properties.push(kept);
    a.settle();
    assert_eq!(a.vault_key().unwrap().value(), "AKIAI44QH8DHBEXAMPLE");
    assert_eq!(a.sources(Taken::AsSource)[0].0, SourceSetting::Vault);
}
