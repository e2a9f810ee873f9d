//! Every mistake is told with its line. Each row is a world, and what is said of it.

use rolecall_sandbox::World;

use super::problems;

/// The world of a row: an account with everything that rows refer to, and the row's own lines from line 12 on.
pub(super) fn world(lines: &str) -> String {
    format!(
        r#"[[account]]
id = "111111111111"
name = "one"
[[account.user]]
name = "ann"
[[account.group]]
name = "team"
[[account.policy]]
name = "Own"
document = [{{ Effect = "Allow", Action = "s3:*", Resource = "*" }}]
# The row:
{lines}
"#
    )
}

/// Line, words of the message, words of the hint; all that is wrong, in order.
type Wrong = (u32, &'static str, &'static str);

fn check(rows: &[(&str, &[Wrong])]) {
    for (lines, expected) in rows {
        let found = problems(&world(lines));
        let is_expected = found.len() == expected.len()
            && found
                .iter()
                .zip(*expected)
                .all(|((message, hint), (line, words, hint_words))| {
                    message.starts_with(&format!("{line}: "))
                        && message.contains(words)
                        && hint.as_deref().unwrap_or_default().contains(hint_words)
                });
        assert!(is_expected, "{lines}\n{found:#?}");
    }
    // The control: without a row's lines, nothing is wrong.
    World::from_toml(&world(""), "w.toml").expect("a test's own helper");
}

#[test]
fn syntax_keys_and_types() {
    check(&[
        ("[[account.user]]\nname = ", &[(13, "quoted", "in quotes")]),
        ("[[account]\n", &[(12, "", "")]),
        (
            "[[profile]]\nname = 'p'",
            &[(
                12,
                "neither whose key nor which role",
                "role_arn and source_profile",
            )],
        ),
        (
            "[[account.role]]\nname = 'R'",
            &[(12, "a role has no `trust`", "trust = { file")],
        ),
        (
            "[account.user]\nname = 'b'",
            &[(12, "duplicate key", "two brackets")],
        ),
        (
            "nmae = 'b'",
            &[(12, "a managed policy has no key `nmae`", "`name`")],
        ),
        (
            "[[account.role]]\nnam = 'R'\ntrust = [{ Effect = 'Allow', Action = 'sts:AssumeRole', Principal = '*' }]",
            &[(12, "a role has no `name`", ""), (13, "no key `nam`", "`name`")],
        ),
        (
            "[[accounts]]\nid = '1'",
            &[(12, "the world has no key `accounts`", "`account`")],
        ),
        (
            "[[account.user]]\nname = 5",
            &[(13, "`name` of a user is a number, not a text", "name = \"5\"")],
        ),
        (
            "[[account]]\nid = 222222222222",
            &[(13, "`id` of an account is a number", "id = \"222222222222\"")],
        ),
        (
            "[[account.user]]\nname = 'b'\ngroups = 'team'",
            &[(
                14,
                "`groups` of a user is a text, not a list of texts",
                "[\"team\"]",
            )],
        ),
        (
            "[[account.user]]\nname = 'b'\naccess_key = 'no'",
            &[(14, "not true or false", "")],
        ),
        (
            "[[account.user]]\nname = 'b'\ntags = { a = 1 }",
            &[(14, "`tags.a` of a user", "")],
        ),
        (
            "[[account.topic]]\nname = ['b']",
            &[(13, "is a list, not a text", "")],
        ),
        (
            "[[account.role]]\nname = 'R'\ntrust = [{ Effect = 'Allow', Action = 'sts:AssumeRole', Principal = '*' }]\nmax_session_seconds = -5",
            &[(15, "out of bounds: -5", "")],
        ),
        ("[organization]\nmanagement = 1", &[(13, "`management`", "")]),
        (
            "[[organization]]\nmanagement = '111111111111'",
            &[(12, "is a list, not a table", "")],
        ),
        (
            "[profile]\nname = 'a'",
            &[(12, "is a table, not a list of tables", "[[profile]]")],
        ),
    ]);
}

#[test]
fn accounts_and_names() {
    let long = "n".repeat(65);
    let long = format!("[[account.user]]\nname = '{long}'");
    check(&[
        ("[[account]]\nid = '22222222222'", &[(13, "11 digits", "")]),
        (
            "[[account]]\nid = '22222222222x'",
            &[(13, "account `22222222222x`", "")],
        ),
        (
            "[[account]]\nid = '111111111111'",
            &[(13, "account 111111111111 is there twice; see line 2", "")],
        ),
        ("[[account]]\nname = 'two'", &[(12, "an account has no `id`", "")]),
        (
            "[[account.user]]\nname = 'ann'",
            &[(
                13,
                "user ann of account 111111111111 is there twice; see line 5",
                "",
            )],
        ),
        (
            "[[account.user]]\nname = 'Ann'",
            &[(
                13,
                "users ann and Ann, whose names differ in nothing but case",
                "",
            )],
        ),
        (
            "[[account.group]]\nname = 'TEAM'",
            &[(13, "groups team and TEAM", "")],
        ),
        (
            "[[account.role]]\nname = 'R'\ntrust = [{ Effect = 'Allow', Action = 'sts:AssumeRole', Principal = '*' }]\n[[account.role]]\nname = 'r'\ntrust = [{ Effect = 'Allow', Action = 'sts:AssumeRole', Principal = '*' }]",
            &[(16, "roles R and r", "")],
        ),
        (
            "[[account.user]]\nname = 'admin'",
            &[(13, "has its administrator", "leave it out")],
        ),
        (
            "[[account.user]]\nname = 'a b'",
            &[(13, "user `a b`: a name has 1 to 64", "")],
        ),
        (&long, &[(13, "1 to 64", "")]),
        (
            "[[account.user]]\nname = 'b'\npath = 'team'",
            &[(14, "the path `team`", "/team/")],
        ),
        (
            "[[account.user]]\nname = 'b'\ntags = { Key = '1', key = '2' }",
            &[(14, "differ in nothing but case", "")],
        ),
        (
            "[[account.user]]\nname = 'b'\ntags = { 'aws:x' = '1' }",
            &[(14, "tag `aws:x`", "")],
        ),
        (
            "[[account.bucket]]\nname = 'Large'",
            &[(13, "bucket `Large`", "")],
        ),
        (
            "[[account.bucket]]\nname = '192.168.5.4'",
            &[(13, "no address", "")],
        ),
        (
            "[[account.bucket]]\nname = 'abc'\n[[account]]\nid = '222222222222'\n[[account.bucket]]\nname = 'abc'",
            &[(17, "bucket abc is there twice; see line 13", "all accounts share")],
        ),
        ("[[account.topic]]\nname = 'a.b'", &[(13, "topic `a.b`", "")]),
        (
            "[[account.topic]]\nname = 'a'\nregion = 'nowhere at all'",
            &[(14, "`region`", "")],
        ),
        (
            "[[account]]\nid = '222222222222'\nalias = 'No-'",
            &[(14, "alias `No-`", "")],
        ),
        (
            "[[account.role]]\nname = 'R'\ntrust = [{ Effect = 'Allow', Action = 'sts:AssumeRole', Principal = '*' }]\nmax_session_seconds = 60",
            &[(15, "3600 to 43200", "")],
        ),
        (
            "[[account.user]]\nname = 'b'\nmfa = [{ seed = 'short' }]",
            &[(14, "is no seed", "base32")],
        ),
        (
            "[[account.user]]\nname = 'b'\nmfa = [{ name = 'x' }, { name = 'x' }]",
            &[(14, "mfa/x is there twice", "")],
        ),
        (
            "[[account.oidc_provider]]\nurl = 'http://a'",
            &[(13, "is no issuer", "https://")],
        ),
    ]);
}

/// Who names somebody that a mistake left out is not blamed for it.
#[test]
fn one_mistake_is_one_problem() {
    check(&[(
        "[[account.role]]\nname = 'R'\ntrust = [{ Effect = 'Allow', Action = 'sts:AssumeRole', Principal = { AWS = \
         '222222222222' } }]\n[[account]]\nid = '22222222222'\n[[profile]]\nname = 'p'\naccount = '222222222222'\nuser = \
         'admin'",
        &[(16, "11 digits", "")],
    )]);
}

#[test]
fn references() {
    check(&[
        (
            "[[account.user]]\nname = 'b'\ngroups = ['teem']",
            &[(14, "in the group teem, which does not exist", "`team`")],
        ),
        (
            "[[account.user]]\nname = 'b'\nattached = ['Owm']",
            &[(14, "managed policy Owm, which", "`Own`")],
        ),
        (
            "[[account.user]]\nname = 'b'\nattached = ['ReadOnlyAccess']",
            &[(
                14,
                "which does not exist",
                "arn:aws:iam::aws:policy/ReadOnlyAccess",
            )],
        ),
        (
            "[[account.user]]\nname = 'b'\nattached = ['Own', 'Own']",
            &[(14, "Own twice", "")],
        ),
        (
            "[[account.user]]\nname = 'b'\nboundary = 'None'",
            &[(14, "the boundary of user b", "")],
        ),
        (
            "[[profile]]\nname = 'p'\naccount = '111111111111'\nuser = 'anne'",
            &[(15, "has no user anne", "`ann`")],
        ),
        (
            "[[profile]]\nname = 'p'\naccount = '222222222222'\nuser = 'ann'",
            &[(14, "account 222222222222, which does not exist", "")],
        ),
        (
            "[[profile]]\nname = 'p'\naccount = '111111111111'\nuser = 'root'",
            &[(15, "has no access key", "root_key = true")],
        ),
        (
            "[[profile]]\nname = 'p'\nrole_arn = 'arn:aws:iam::111111111111:role/R'\nsource_profile = 'q'",
            &[
                (14, "which does not exist", "dangling = true"),
                (15, "source profile q, which does not exist", ""),
            ],
        ),
        (
            "[[profile]]\nname = 'p'\nrole_arn = 'arn:aws:iam::111111111111:role/R'\ndangling = true\ncredential_source = 'Ec2InstanceMetadata'",
            &[(
                16,
                "credential source Ec2InstanceMetadata, and there is none",
                "[instance]",
            )],
        ),
        (
            "[[profile]]\nname = 'p'\nrole_arn = 'arn:aws:iam::111111111111:role/R'\ndangling = true\ncredential_source = 'EcsContainer'",
            &[(16, "and there is none", "[[container]]")],
        ),
        (
            "[[profile]]\nname = 'p'\nrole_arn = 'arn:aws:iam::111111111111:role/R'\ndangling = true\ncredential_source = 'Ec2'",
            &[(16, "`credential_source` of profile p is `Ec2`", "EcsContainer")],
        ),
        (
            "[[profile]]\nname = 'p'\nrole_arn = 'arn:aws:iam::111111111111:role/R'\ndangling = true\nsource_profile = 'p'\ncredential_source = 'Ec2'",
            &[(12, "both `source_profile` and `credential_source`", "")],
        ),
        (
            "[[profile]]\nname = 'p'\naccount = '111111111111'\nuser = 'ann'\n[[profile]]\nname = 'p'\n\
             account = '111111111111'\nuser = 'ann'",
            &[(17, "profile p is there twice; see line 13", "")],
        ),
        (
            "[[profile]]\nname = 'p]'\naccount = '111111111111'\nuser = 'ann'\nmfa_serial = 'arn:aws:iam::111111111111:mfa/a'",
            &[(13, "profile `p]`", ""), (16, "MFA device", "")],
        ),
        (
            "[[profile]]\nname = 'p'\nsso_account_id = '111111111111'\nsso_role_name = 'X'",
            &[(
                14,
                "through Identity Center, and there is none",
                "[identity_center]",
            )],
        ),
    ]);
}

#[test]
fn policies() {
    let user = "[[account.user]]\nname = 'b'\n[account.user.policies]\n";
    let rows: &[(&str, &[Wrong])] = &[
        (
            "p = '''\n{\"Version\": \"2012-10-17\",\n  \"Statement\": [}\n'''",
            &[(17, "is not JSON", "")],
        ),
        (
            "p = '''\n{\"Statement\":\n{\"Sid\": \"\u{2013}\"}}\n'''",
            &[(17, "has the character \\u{2013}", "U+00FF")],
        ),
        ("p = 5", &[(15, "is not a policy", "JSON in quotes")]),
        ("p = ''' '''", &[(15, "is empty", "Statement")]),
        (
            "p = [{ Effect = 'Deny', Action = 'GetObject', Resource = '*' }]",
            &[(15, "prefaced by a vendor", "with their service")],
        ),
        (
            "p = [{ Effect = 'Deny', Action = 's3:*', Resource = '*', Condition.StringEqals.'aws:a' = 'b' }]",
            &[(15, "`StringEqals` is not", "`StringEquals`")],
        ),
        (
            "p = [{ Effect = 'Deny', Action = 's3:*', Resource = '*', Condition.StringEquals = 'b' }]",
            &[(15, "is an object", "an operator, a key")],
        ),
        (
            "p = { file = 'p.json' }",
            &[(15, "not read from a file itself", "")],
        ),
        (
            "p = '''\n{\"Statement\": [\n {\"Effect\": \"Allow\", \"Action\": \"s3:*\", \"Resource\": \"*\"},\n \
             {\"Effect\": \"Allow\", \"Action\": \"s3:*\"}]}\n'''",
            &[(18, "statement 2: ", "Resource")],
        ),
        (
            "p = [\n{ Effect = 'Allow', Action = 's3:*', Resource = '*' },\n{ Effect = 'Alow', Action = 's3:*', Resource = '*' }]",
            &[(17, "statement 2: ", "")],
        ),
        (
            "p = [{ Effect = 'Allow', Action = 's3:*', Resource = '*', Conditions = {} }]",
            &[(15, "Conditions", "`Condition`")],
        ),
        (
            "p = [{ Effect = 'Allow', Action = 's3:*', Resource = '*', Principal = '*' }]",
            &[(15, "principal", "Who may assume a role")],
        ),
        (
            "p = [{ Effect = 'Allow', Action = 's3:*', Resource = '*', Condition.DateLessThan.'aws:CurrentTime' = 2026-01-01 }]",
            &[(15, "a date without quotes", "quotes")],
        ),
    ];
    for (lines, wrong) in rows {
        check(&[(&format!("{user}{lines}"), *wrong)]);
    }
    let wide = "x".repeat(2048);
    let quota = format!("{user}p = [{{ Effect = 'Allow', Action = 's3:{wide}', Resource = '*' }}]");
    check(&[
        (&quota, &[(13, "IAM lets them have 2048", "")]),
        (
            "[[account.policy]]\nname = 'P'\ndocument = []\nversions = []",
            &[(12, "not both", ""), (13, "has no version", "")],
        ),
        (
            "[[account.policy]]\nname = 'P'\ndefault_version = 2\nversions = [[{ Effect = 'Deny', Action = '*', Resource = '*' }]]",
            &[(14, "has no version 2", "")],
        ),
    ]);
}

/// As IAM, which saves no trust policy that names nobody.
#[test]
fn principals_of_trust_policies() {
    let rows: &[(&str, Wrong)] = &[
        (
            "AWS = '222222222222'",
            (14, "there is no account 222222222222", "dangling"),
        ),
        (
            "AWS = 'arn:aws:iam::222222222222:root'",
            (14, "there is no account", ""),
        ),
        (
            "AWS = 'arn:aws:iam::111111111111:user/anne'",
            (14, "has no user anne", "`ann`"),
        ),
        (
            "AWS = 'arn:aws:iam::111111111111:user/team/ann'",
            (14, "another path", "user/ann"),
        ),
        (
            "AWS = 'arn:aws:iam::111111111111:role/S'",
            (14, "has no role S", "dangling = true"),
        ),
        (
            "AWS = 'arn:aws:sts::111111111111:assumed-role/S/x'",
            (14, "has no role", ""),
        ),
        (
            "AWS = 'arn:aws:iam::111111111111:group/team'",
            (14, "a group is no principal", ""),
        ),
        ("AWS = 'ann'", (14, "", "")),
        (
            "Federated = 'arn:aws:iam::111111111111:oidc-provider/x.y'",
            (14, "no such provider", "oidc_provider"),
        ),
        (
            "AWS = 'arn:aws:iam::111111111111:user/*'",
            (14, "nvalid principal", ""),
        ),
    ];
    for (principal, wrong) in rows {
        let lines = format!(
            "[[account.role]]\nname = 'R'\ntrust = [{{ Effect = 'Allow', Action = 'sts:AssumeRole', Principal = {{ {principal} }} }}]"
        );
        check(&[(&lines, &[*wrong])]);
    }
    // In JSON, the line within the policy.
    check(&[(
        "[[account.role]]\nname = 'R'\ntrust = '''\n{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\",\n\
         \"Principal\": {\"AWS\": [\"111111111111\",\n\"222222222222\"]}}}\n'''",
        &[(17, "there is no account 222222222222", "")],
    )]);
    for principal in [
        "AWS = '111111111111'",
        "AWS = 'arn:aws:iam::111111111111:root'",
        "AWS = 'arn:aws:iam::111111111111:user/ann'",
        "AWS = 'arn:aws:iam::111111111111:role/R'",
        "AWS = 'AROACANARYDELETED0001'",
        "AWS = '*'",
        "Service = 'ec2.amazonaws.com'",
        "Federated = 'accounts.google.com'",
    ] {
        let lines = format!(
            "[[account.role]]\nname = 'R'\ntrust = [{{ Effect = 'Allow', Action = 'sts:AssumeRole', Principal = {{ {principal} }} }}]"
        );
        if let Err(errors) = World::from_toml(&world(&lines), "w.toml") {
            panic!("{principal}: {errors}");
        }
    }
}

#[test]
fn the_organization_and_the_identity_center() {
    let organization = "[organization]\nmanagement = '111111111111'\n";
    let two = "[[account]]\nid = '222222222222'\n";
    let rows: &[(&str, &[Wrong])] = &[
        (
            "[[organization.unit]]\nname = 'A/B'",
            &[(15, "in the unit A, which does not exist", "")],
        ),
        (
            "[[organization.unit]]\nname = 'A'\n[[organization.unit]]\nname = 'A'",
            &[(17, "twice; see line 15", "")],
        ),
        (
            "[[organization.unit]]\nname = 'A/'",
            &[(15, "", ""), (15, "", "")],
        ),
        (
            "[[organization.unit]]\nname = 'A'\nservice_control = ['No']",
            &[(16, "service control policy No, which", "")],
        ),
        (
            "[[organization.unit]]\nname = 'A'\nservice_control = ['FullAWSAccess']",
            &[(16, "without being told", "")],
        ),
        (
            "[[organization.unit]]\nname = 'A'\nfull_access = false",
            &[(14, "no service control policy at all", "")],
        ),
        ("[organization.policies]\nP = '{'", &[(15, "is not JSON", "")]),
        (
            "[[account]]\nid = '222222222222'\nunit = 'B'\n[[organization.unit]]\nname = 'Bb'",
            &[(16, "in the unit B, which does not exist", "`Bb`")],
        ),
        (
            "[[account]]\nid = '222222222222'\nsuspended = true",
            &[(14, "is not in the organization", "Root")],
        ),
    ];
    for (lines, wrong) in rows {
        check(&[(&format!("{organization}{lines}"), *wrong)]);
    }
    let center = "[identity_center]\nstart_url = 'https://x.awsapps.com/start'\nusers = ['ann']\n\
                  [[identity_center.permission_set]]\nname = 'Look'\n";
    let rows: &[(&str, &[Wrong])] = &[
        (
            "[[identity_center.assignment]]\nusers = ['an']\naccounts = ['333333333333']\npermission_sets = ['Lok']",
            &[
                (18, "directory user an", ""),
                (19, "account 333333333333", ""),
                (20, "permission set Lok", ""),
            ],
        ),
        ("session_seconds = 60", &[(17, "3600 to 43200", "")]),
        (
            "[[identity_center.permission_set]]\nname = 'Look'",
            &[(18, "twice", "")],
        ),
        ("policy = [{ Effect = 'Allow' }]", &[(17, "ction", "\"Action\"")]),
    ];
    for (lines, wrong) in rows {
        check(&[(&format!("{center}{lines}"), *wrong)]);
    }
    let users: Vec<String> = (0..10_001).map(|n| format!("'u{n}'")).collect();
    let many = format!(
        "[identity_center]\nstart_url = 'https://x.awsapps.com/start'\nusers = [{0}]\n[[identity_center.permission_set]]\n\
         name = 'Look'\n[[identity_center.assignment]]\nusers = [{0}]\naccounts = ['111111111111']\npermission_sets = ['Look']",
        users.join(", ")
    );
    check(&[
        (&many, &[(17, "more than 10000 assignments", "")]),
        (
            "[organization]\nmanagement = '999999999999'",
            &[(13, "management account 999999999999 does not exist", "")],
        ),
        (
            &format!("{two}unit = 'Root'"),
            &[(14, "there is none", "[organization]")],
        ),
    ]);
}
