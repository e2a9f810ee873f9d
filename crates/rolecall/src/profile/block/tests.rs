use proptest::prelude::*;

use super::*;

const ADMIN: &str = "arn:aws:iam::111111111111:role/Admin";
const AUDIT: &str = "arn:aws:iam::222222222222:role/team/Audit";
/// One that the property test may find.
const R1: &str = "arn:aws:iam::111111111111:role/r1";
const JOE: &str = "[profile joe]\nregion = eu-west-1\n";

fn joe() -> Start {
    Start::Profile("joe".to_owned())
}

fn wanted(role: &str, account: &str) -> Wanted {
    Wanted::new(role.parse().unwrap(), Some(account), Some(joe()))
}

fn both() -> [Wanted; 2] {
    [wanted(ADMIN, "prod"), wanted(AUDIT, "dev")]
}

fn of(text: &str) -> ConfigFile {
    ConfigFile::of(Path::new("f"), Some(text), None).unwrap()
}

/// All that joe may assume was found.
fn searched() -> Options {
    Options {
        searched: vec![joe()],
        ..Options::default()
    }
}

fn planned(text: &str, wanted: &[Wanted]) -> Edit {
    plan(&of(text), wanted, &searched()).unwrap()
}

fn after(text: &str, wanted: &[Wanted]) -> String {
    planned(text, wanted).after().to_owned()
}

fn names(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.name.as_str()).collect()
}

#[test]
fn the_block_is_what_all_tools_read_alike() {
    let mut admin = wanted(ADMIN, "prod");
    admin.external_id = Some("a:b/c=d".parse().unwrap());
    admin.mfa_serial = Some("arn:aws:iam::333333333333:mfa/joe".parse().unwrap());
    admin.region = Some("eu-west-1".parse().unwrap());
    let mut audit = wanted(AUDIT, "dev");
    audit.start = Some(Start::EcsContainer);
    let edit = planned(JOE, &[audit, admin]);
    let (begin, rest) = edit.after()[JOE.len() + 1..].split_once('\n').unwrap();
    assert!(begin.starts_with("# BEGIN rolecall roles sha256:"), "{begin}");
    assert_eq!(
        rest,
        "# `rolecall roles --write` makes the profiles from here to the end mark anew: write your own outside.\n\n\
         [profile prod-Admin]\nrole_arn = arn:aws:iam::111111111111:role/Admin\nsource_profile = joe\n\
         external_id = a:b/c=d\nmfa_serial = arn:aws:iam::333333333333:mfa/joe\nregion = eu-west-1\n\n\
         [profile dev-Audit]\nrole_arn = arn:aws:iam::222222222222:role/team/Audit\n\
         credential_source = EcsContainer\n\n# END rolecall roles\n"
    );
    assert_eq!(names(&edit.added), ["prod-Admin", "dev-Audit"]);
    let set = of(edit.after()).profiles(edit.after()).unwrap();
    assert_eq!(set.warnings(), Vec::<String>::new());
}

#[test]
fn the_same_roles_make_the_same_text() {
    let [admin, audit] = both();
    let one = after(JOE, &[admin.clone(), audit.clone(), admin.clone()]);
    assert_eq!(one, after(JOE, &[audit, admin]));
    let again = planned(&one, &both());
    assert!(again.is_nothing() && again.diff().is_empty());
    assert_eq!(names(&again.kept), ["prod-Admin", "dev-Audit"]);
    assert!(again.added.is_empty() && again.changed.is_empty() && again.pruned.is_empty());
}

#[test]
fn a_role_that_is_gone_is_taken_out_of_the_block_and_of_nothing_else() {
    let mine = format!("{JOE}\n[profile mine]\nrole_arn = {AUDIT}\ncredential_source = Environment\n");
    let text = after(&mine, &both());
    let [admin, _] = both();
    let edit = planned(&text, std::slice::from_ref(&admin));
    assert_eq!(
        (names(&edit.pruned), names(&edit.kept)),
        (vec!["dev-Audit"], vec!["prod-Admin"])
    );
    assert!(edit.after().starts_with(&mine) && !edit.after().contains("dev-Audit"));
    // The last one takes the block with it.
    let edit = planned(edit.after(), &[]);
    assert_eq!(edit.after(), format!("{mine}\n"));
    assert!(planned(edit.after(), &[]).is_nothing());
    // And comes back to the same place.
    assert_eq!(after(edit.after(), &both()), text);
}

#[test]
fn what_was_not_searched_stays() {
    let text = after(JOE, &both());
    for searched in [vec![], vec![Start::Environment]] {
        let options = Options {
            searched,
            ..Options::default()
        };
        let edit = plan(&of(&text), &[], &options).unwrap();
        assert!(edit.is_nothing() && edit.pruned.is_empty());
        assert_eq!(edit.left.len(), 2);
        assert!(edit.left[0].1.contains("not all found out"), "{:?}", edit.left);
    }
}

#[test]
fn what_others_name_stays() {
    let text = after(JOE, &both());
    let theirs = format!("{text}\n[profile next]\nrole_arn = {AUDIT}\nsource_profile = prod-Admin\n");
    let edit = planned(&theirs, &[]);
    assert_eq!((names(&edit.pruned), edit.left.len()), (vec!["dev-Audit"], 1));
    assert_eq!(edit.left[0].0.name, "prod-Admin");
    // So does the one that a wanted role is assumed with, and it is not named anew.
    let mut hop = wanted("arn:aws:iam::333333333333:role/Deep", "deep");
    hop.start = Some(Start::Profile("dev-Audit".to_owned()));
    let options = Options {
        name: Some("{role}".parse().unwrap()),
        ..searched()
    };
    let edit = plan(
        &of(&text),
        &[wanted(AUDIT, "dev"), wanted(ADMIN, "prod"), hop],
        &options,
    )
    .unwrap();
    assert_eq!(
        (names(&edit.added), names(&edit.kept), names(&edit.changed)),
        (vec!["Deep"], vec!["dev-Audit"], vec!["Admin"])
    );
}

#[test]
fn a_role_with_a_profile_gets_no_second_one() {
    let mine = format!("{JOE}[profile mine]\nrole_arn = {ADMIN}\nsource_profile = joe\n");
    let edit = planned(&mine, &both());
    assert_eq!(names(&edit.added), ["dev-Audit"]);
    assert_eq!(edit.skipped.len(), 1);
    assert_eq!(
        (edit.skipped[0].0.to_string().as_str(), edit.skipped[0].1.as_str()),
        (ADMIN, "profile `mine` is for it")
    );
    // Assumed with something else, it is another one.
    let other = mine.replace("source_profile = joe", "credential_source = Environment");
    assert_eq!(
        names(&planned(&other, &both()).added),
        ["prod-Admin", "dev-Audit"]
    );
    let mut nowhere = wanted(ADMIN, "prod");
    nowhere.start = None;
    let mut unknown = wanted(AUDIT, "dev");
    unknown.start = Some(Start::Profile("jo".to_owned()));
    let edit = planned(JOE, &[nowhere, unknown]);
    assert!(edit.is_nothing());
    let why: Vec<_> = edit.skipped.iter().map(|(_, why)| why.as_str()).collect();
    assert_eq!(
        why,
        [
            "no profile can say what it is assumed with",
            "there is no profile `jo` to assume it with"
        ]
    );
}

#[test]
fn no_name_of_the_users_is_taken() {
    for theirs in [
        "[profile prod-Admin]\n",
        "[profile  prod-Admin ]\n",
        "[profile \"prod-Admin\"]\n",
        "[prod-Admin]\n",
        "[profile prod-Admin] # mine\n",
    ] {
        let edit = planned(&format!("{theirs}{JOE}"), &both());
        assert_eq!(
            names(&edit.added),
            ["prod-Admin-111111111111", "dev-Audit"],
            "{theirs}"
        );
    }
    let credentials = Some((
        Path::new("c"),
        "[prod-Admin]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n",
    ));
    let file = ConfigFile::of(Path::new("f"), Some(JOE), credentials).unwrap();
    let edit = plan(&file, &both(), &searched()).unwrap();
    assert_eq!(names(&edit.added), ["prod-Admin-111111111111", "dev-Audit"]);
    // A name that came up outside later is given up in the block.
    let text = format!("{}[profile prod-Admin]\nregion = x\n", after(JOE, &both()));
    let edit = planned(&text, &both());
    assert_eq!(
        (names(&edit.pruned), names(&edit.added)),
        (vec!["prod-Admin"], vec!["prod-Admin-111111111111"])
    );
    for name in ["default", "DEFAULT"] {
        let role = format!("arn:aws:iam::111111111111:role/{name}");
        let options = Options {
            name: Some("{role}".parse().unwrap()),
            ..searched()
        };
        let edit = plan(&of(JOE), &[wanted(&role, "a")], &options).unwrap();
        assert_eq!(names(&edit.added), [format!("{name}-111111111111")]);
    }
}

#[test]
fn a_name_stays_whatever_its_account_is_called_now() {
    let text = after(JOE, &both());
    let renamed = [wanted(ADMIN, "production"), wanted(AUDIT, "prod")];
    assert!(planned(&text, &renamed).is_nothing());
    let options = Options {
        name: Some("{account_name}-{role}".parse().unwrap()),
        ..searched()
    };
    let edit = plan(&of(&text), &renamed, &options).unwrap();
    assert_eq!(names(&edit.changed), ["production-Admin", "prod-Audit"]);
    // What was named by a template keeps that name without one.
    assert!(planned(edit.after(), &both()).is_nothing());
}

#[test]
fn what_a_hand_wrote_is_never_lost_silently() {
    let text = after(JOE, &both());
    let line = |at: &str| text.lines().position(|line| line == at).unwrap() + 1;
    let heading = line("[profile dev-Audit]");
    let force = Options {
        force: true,
        ..searched()
    };
    for (edited, said) in [
        (
            text.replace(
                "[profile dev-Audit]",
                "output = json\n# mine\n[profile dev-Audit]",
            ),
            format!(
                "edited by hand, and lines {heading}, {} would be lost",
                heading + 1
            ),
        ),
        (
            text.replace("# END", "[profile own]\na = b\nc = d\n# END"),
            format!(
                "edited by hand, and lines {} to {} would be lost",
                heading + 4,
                heading + 6
            ),
        ),
        (
            text.replace(&format!("role_arn = {AUDIT}"), &format!("role_arn = {ADMIN}2")),
            format!("edited by hand, and line {} would be lost", heading + 1),
        ),
        (
            text.replace("sha256:", "# sha256:")
                .replace("# `rolecall", "# mine\n# `rolecall"),
            "edited by hand, and line 5 would be lost".to_owned(),
        ),
    ] {
        let error = plan(&of(&edited), &both(), &searched()).unwrap_err();
        assert!(error.to_string().starts_with("f:4: "), "{error}");
        assert!(error.to_string().ends_with(&said), "{error}: {said}");
        assert!(error.hints()[1].contains("--force"));
        let edit = plan(&of(&edited), &both(), &force).unwrap();
        assert_eq!((edit.after(), edit.before()), (text.as_str(), edited.as_str()));
    }
    // A line that was taken out of a profile.
    let [mut admin, audit] = both();
    admin.region = Some("eu-west-1".parse().unwrap());
    let regional = [admin, audit];
    let edited = after(JOE, &regional).replace(
        "role/Admin\nsource_profile = joe\nregion = eu-west-1\n",
        "role/Admin\nsource_profile = joe\n",
    );
    let error = plan(&of(&edited), &regional, &searched()).unwrap_err();
    assert!(
        error.to_string().ends_with("and would be written again"),
        "{error}"
    );
    assert!(
        plan(&of(&edited), &regional, &force)
            .unwrap()
            .after()
            .contains("joe\nregion = eu-west-1\n\n[profile dev")
    );
}

#[test]
fn what_a_hand_wrote_and_need_not_go_stays() {
    let text = after(JOE, &both());
    // Another name.
    let renamed = text.replace("[profile dev-Audit]", "[profile audit]");
    let edit = planned(&renamed, &both());
    assert_eq!(names(&edit.kept), ["prod-Admin", "audit"]);
    assert!(edit.after().contains("[profile audit]") && !edit.after().contains("dev-Audit"));
    assert!(planned(edit.after(), &both()).is_nothing());
    // Set up with another start, it is that start's, and stands beside the new one.
    let jim = text.replace(
        "source_profile = joe\n\n[profile dev",
        "source_profile = jim\n\n[profile dev",
    );
    let edit = planned(&jim, &both());
    assert_eq!(edit.left[0].0.name, "prod-Admin");
    assert_eq!(names(&edit.added), ["prod-Admin-111111111111"]);
    assert!(edit.after().contains("source_profile = jim\n"));
    // One that was taken out comes again, and is shown.
    let section = format!("[profile dev-Audit]\nrole_arn = {AUDIT}\nsource_profile = joe\n\n");
    let edit = planned(&text.replace(&section, ""), &both());
    assert_eq!(
        (names(&edit.added), edit.after()),
        (vec!["dev-Audit"], text.as_str())
    );
    assert!(edit.diff().contains("+[profile dev-Audit]"));
    // The ends of its lines are no edit.
    let edit = planned(&text.replace('\n', "\r\n"), &both());
    assert!(edit.is_nothing(), "{}", edit.diff());
}

#[test]
fn marks_that_are_no_pair_are_an_error_with_their_line() {
    let text = after(JOE, &both());
    let end = text.lines().count();
    for (broken, said) in [
        (
            text.replace("# END rolecall roles\n", ""),
            "f:4: `# BEGIN rolecall roles` stands here, and no".to_owned(),
        ),
        (
            format!("{text}{text}"),
            format!("f:{}: `# BEGIN rolecall roles` stands in line 4 already", end + 4),
        ),
        (
            format!("# END rolecall roles\n{text}"),
            "f:1: `# END rolecall roles` stands here, and no".to_owned(),
        ),
        (
            format!("{text}# END rolecall roles\n"),
            format!("f:{}: `# END rolecall roles` stands in line {end}", end + 1),
        ),
        (
            text.replace("# BEGIN", "  # BEGIN"),
            "f:4: the mark `# BEGIN rolecall roles` begins with a blank".to_owned(),
        ),
        (
            text.replace("# END", "\t# END"),
            format!("f:{end}: the mark `# END rolecall roles` begins with a blank"),
        ),
        (
            format!("{text}# a word\n\noutput = json\n"),
            format!("f:{}: this line stands below the block", end + 3),
        ),
        (
            format!("{text}  more\n"),
            format!("f:{}: this line stands below the block", end + 1),
        ),
        (
            text.replace("\n\n[profile prod", "\n\noutput = x\n[profile prod"),
            "f:7: this line stands in the block".to_owned(),
        ),
    ] {
        let force = Options {
            force: true,
            ..searched()
        };
        let error = plan(&of(&broken), &both(), &force).unwrap_err();
        assert!(error.to_string().starts_with(&said), "{error}: {said}");
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!error.hints().is_empty());
    }
    for fine in [
        format!("{text}\n# a word\n[profile x]\n"),
        format!("# BEGIN rolecall rolesx\n{text}"),
    ] {
        assert!(plan(&of(&fine), &both(), &searched()).is_ok(), "{fine}");
    }
}

#[test]
fn the_file_keeps_its_kind() {
    for (text, between, end) in [
        ("", "", "\n"),
        ("\u{feff}", "", "\n"),
        (JOE, "\n", "\n"),
        (JOE.trim_end(), "\n\n", "\n"),
        ("[profile joe]\nregion = x\n\n", "", "\n"),
        ("[profile joe]\r\nregion = x\r\n", "\r\n", "\r\n"),
        ("[profile joe]\r\nregion = x", "\r\n\r\n", "\r\n"),
        ("\u{feff}[profile joe]\r\nregion = x\r\n\r\n", "", "\r\n"),
        ("[profile joe]\nregion = x\n\tmore\n", "\n", "\n"),
        ("[profile joe]\ns3 =\n  a = b", "\n\n", "\n"),
    ] {
        let mut admin = wanted(ADMIN, "prod");
        admin.start = Some(Start::Environment);
        let edit = planned(text, &[admin]);
        let block = edit
            .after()
            .strip_prefix(text)
            .unwrap()
            .strip_prefix(between)
            .unwrap();
        assert!(block.starts_with("# BEGIN"), "{text:?}: {block}");
        let bare = block.replace("\r\n", "");
        assert_eq!(bare.contains('\n'), end == "\n", "{text:?}: {block:?}");
    }
    // A block at the end of a file without a last line end stays one.
    let text = after(JOE, &both());
    assert!(planned(text.trim_end(), &both()).is_nothing());
}

#[test]
fn what_would_be_read_otherwise_is_not_written() {
    let file = of(JOE);
    let outside = file.profiles(JOE).unwrap();
    let admin = wanted(ADMIN, "prod");
    let sections = [Section::of("prod-Admin", &admin, &joe())];
    let text = sections::replaced(JOE, None, &sections);
    assert!(check(&file, &outside, &text, &sections).is_ok());
    for wrong in [
        text.replace("role/Admin", "role/Other"),
        text.replace("source_profile = joe\n", "source_profile = joe\nregion = x\n"),
        text.replace("[profile prod-Admin]", "[profile prod-Other]"),
        text.replace("region = eu-west-1", "region = eu-west-2"),
        format!("{text}[profile more]\n"),
        text.replace("[profile prod-Admin]", "[profile prod-Admin"),
    ] {
        let error = check(&file, &outside, &wrong, &sections).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal, "{wrong}");
    }
}

#[test]
fn a_file_of_thousands_of_profiles_takes_no_more_than_its_share() {
    let many = |count: usize| -> (String, Vec<Wanted>) {
        let text =
            (0..count).map(|n| format!("[profile p{n}]\nrole_arn = {ADMIN}{n}\nsource_profile = joe\n"));
        // Each two of them have one name without what it may not hold.
        let role = |n| format!("arn:aws:iam::222222222222:role/r{}{}", n / 2, ["=", ","][n % 2]);
        let all = (0..count).map(|n| wanted(&role(n), "dev"));
        (format!("{JOE}{}", text.collect::<String>()), all.collect())
    };
    let (text, all) = many(5000);
    let edit = planned(&text, &all);
    assert_eq!(edit.added.len(), 5000);
    assert!(edit.after().starts_with(&text));
    let half = planned(edit.after(), &all[..2500]);
    assert_eq!((half.kept.len(), half.pruned.len()), (2500, 2500));
    assert!(half.diff().lines().filter(|line| line.starts_with('-')).count() > 2500 * 4);
}

#[test]
fn a_secret_in_the_file_is_not_in_what_is_shown() {
    let text = "[profile joe]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARY\n";
    let file = of(text);
    let edit = plan(&file, &both(), &searched()).unwrap();
    assert!(edit.after().contains("CANARY"));
    assert!(edit.diff().contains("aws_secret_access_key = **********"));
    for shown in [edit.diff(), format!("{edit:?}"), format!("{file:?}")] {
        assert!(!shown.contains("CANARY"), "{shown}");
    }
}

#[cfg(unix)]
#[test]
fn it_is_read_and_written_through_the_host() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::builder().home(home.path()).build();
    let file = ConfigFile::read(&host).unwrap();
    let mut admin = wanted(ADMIN, "prod");
    admin.start = Some(Start::Environment);
    let edit = plan(&file, &[admin.clone()], &searched()).unwrap();
    let saved = edit.save(&host).unwrap();
    assert_eq!(
        (saved.path.as_path(), saved.backup),
        (home.path().join(".aws/config").as_path(), None)
    );
    assert_eq!(host.read(&saved.path).unwrap().as_deref(), Some(edit.after()));
    assert!(edit.save(&host).is_err(), "it is there now");
    // Named by the variable, and kept beside itself.
    let path = home.path().join("elsewhere");
    let host = Host::builder()
        .env("AWS_CONFIG_FILE", path.to_str().unwrap())
        .build();
    host.write_private(&path, JOE).unwrap();
    let edit = plan(&ConfigFile::read(&host).unwrap(), &[admin], &searched()).unwrap();
    let saved = edit.save(&host).unwrap();
    let backup = home.path().join("elsewhere.rolecall-backup");
    assert_eq!(saved.backup.as_deref(), Some(backup.as_path()));
    assert_eq!(host.read(&backup).unwrap().as_deref(), Some(JOE));
    assert_eq!(
        ProfileSet::load(&host)
            .unwrap()
            .profile("prod-Admin")
            .unwrap()
            .value("role_arn"),
        Some(ADMIN)
    );
    let error = ConfigFile::read(&Host::builder().build()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
}

/// A piece of a file that the grammar takes.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\[profile [a-d]{1,2}\\]\nregion = x\n(\tmore=é\n|# a word\n|\n|region = y ; c\n){0,3}",
        "\\[profile [a-d]{1,2}\\]\n(s3 =\n  a = b\n){0,1}(x=y\n){0,1}",
        "\\[(default|sso-session s|services v|plugins|profile \"x y\")\\]\nregion = x ; c\n",
        "[#;][ a-z=]{0,8}\n",
        "(\n|  \n|\t\n){1,2}",
        Just(format!("[profile mine]\nrole_arn = {R1}\nsource_profile = joe\n")),
        Just("[profile prod-r1]\nregion = x\n".to_owned()),
    ]
}

fn file_text() -> impl Strategy<Value = String> {
    let pieces = (
        prop::collection::vec(piece(), 0..8),
        prop::collection::vec(piece(), 0..4),
    );
    (pieces, any::<(bool, bool, bool)>()).prop_map(|((above, below), (crlf, bom, cut))| {
        let mut text = format!("{}{JOE}{}", above.concat(), below.concat());
        if cut {
            text.truncate(text.trim_end_matches('\n').len());
        }
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        if bom { format!("\u{feff}{text}") } else { text }
    })
}

fn roles() -> impl Strategy<Value = Vec<Wanted>> {
    let role = (1..4_u8, 0..5_u8).prop_map(|(account, role)| {
        let arn = format!("arn:aws:iam::{}:role/r{role}", account.to_string().repeat(12));
        wanted(&arn, ["prod", "prod", "dev"][usize::from(account) - 1])
    });
    prop::collection::vec(role, 0..12)
}

proptest! {
    #[test]
    fn every_byte_outside_of_the_block_is_kept(
        text in file_text(), first in roles(), second in roles(), tail in prop::collection::vec(piece(), 0..3)
    ) {
        let file = of(&text);
        let edit = plan(&file, &first, &searched()).unwrap();
        prop_assert!(edit.after().starts_with(&text));
        let added = &edit.after()[text.len()..];
        prop_assert_eq!(added.is_empty(), edit.added.is_empty());
        let blank = added.trim_start_matches(['\r', '\n']);
        prop_assert!(blank.is_empty() || blank.starts_with(marks::BEGIN));
        // Somebody goes on below it, and other roles are found.
        let kept = edit.after().len() - blank.len();
        let tail = format!("\n[profile tail]\n{}", tail.concat());
        let grown = [edit.after(), &tail].concat();
        let file = of(&grown);
        let edit = plan(&file, &second, &searched()).unwrap();
        prop_assert!(edit.after().starts_with(&grown[..kept]));
        if blank.is_empty() {
            prop_assert!(edit.after().starts_with(&grown));
        } else {
            prop_assert!(edit.after().ends_with(&tail));
        }
        // And again it is the same.
        let file = of(edit.after());
        prop_assert!(plan(&file, &second, &searched()).unwrap().is_nothing());
        // Every role has one profile, in the block or outside.
        let set = file.profiles(edit.after()).unwrap();
        for wanted in &second {
            let arn = wanted.role.to_string();
            let for_it = set.profiles().filter(|profile| {
                profile.value("role_arn") == Some(&arn) && profile.value("source_profile") == Some("joe")
            });
            prop_assert!(for_it.count() >= 1, "{}", arn);
        }
    }
}
