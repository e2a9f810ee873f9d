//! ARNs of the things a chain is made of, parsed once and never again.

use std::fmt;
use std::str::FromStr;

use crate::error::Invalid;
use crate::partition::Partition;

/// Twelve digits.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AccountId([u8; 12]);

impl AccountId {
    /// The digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AccountId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if let Ok(digits) = <[u8; 12]>::try_from(text.as_bytes())
            && digits.iter().all(u8::is_ascii_digit)
        {
            return Ok(Self(digits));
        }
        Err(account_problem(text))
    }
}

fn account_problem(text: &str) -> Invalid {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if text.is_empty() {
        Invalid::new("the account is missing: it is 12 digits")
    } else if digits.len() == text.len() {
        Invalid::new(format!("account `{text}` has {} digits, not 12", digits.len()))
    } else if digits.len() == 12 {
        Invalid::new(format!("account `{text}` is not 12 digits alone")).suggest(digits)
    } else {
        Invalid::new(format!("account `{text}` is not 12 digits"))
    }
}

/// The ARN of an IAM role, with its path: `arn:PARTITION:iam::ACCOUNT:role/[PATH/]NAME`.
///
/// Limits: 20 to 2048 characters (STS `AssumeRole`, `RoleArn`); names of 1 to 64 of `[\w+=,.@-]`, paths of up to 512
/// printable ASCII characters (IAM `CreateRole`).
///
/// ```
/// let arn: rolecall::RoleArn = "arn:aws:iam::666666666666:role/team/Deploy".parse()?;
/// assert_eq!((arn.path(), arn.name()), ("/team/", "Deploy"));
/// # Ok::<(), rolecall::Invalid>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RoleArn {
    partition: Partition,
    account: AccountId,
    /// Begins and ends with `/`.
    path: String,
    name: String,
}

impl RoleArn {
    /// A role by its parts; `resource` is `[PATH/]NAME`.
    ///
    /// # Errors
    /// [`Invalid`] when the path or the name is not one IAM would take.
    pub fn new(partition: Partition, account: AccountId, resource: &str) -> Result<Self, Invalid> {
        let resource = resource.strip_prefix('/').unwrap_or(resource);
        let (path, name) = match resource.rsplit_once('/') {
            Some((path, name)) => (format!("/{path}/"), name),
            None => ("/".to_owned(), resource),
        };
        if name.is_empty() {
            return Err(Invalid::new("the role's name is missing at the end"));
        }
        if name.len() > 64 {
            return Err(Invalid::new(format!(
                "role name `{name}` has {} characters, at most 64 are allowed",
                name.len()
            )));
        }
        if let Some(bad) = name.chars().find(|c| !is_name_character(*c)) {
            return Err(Invalid::new(format!(
                "role name `{name}` has {}, which IAM does not allow (letters, digits and `_+=,.@-` are)",
                shown(bad)
            )));
        }
        if path.len() > 512 || path.bytes().any(|b| !(0x21..=0x7e).contains(&b)) {
            return Err(Invalid::new(format!(
                "`{path}` is not a role path: up to 512 printable ASCII characters"
            )));
        }
        Ok(Self {
            partition,
            account,
            path,
            name: name.to_owned(),
        })
    }

    /// The partition the role lives in.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The account the role belongs to.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The path, `/` where there is none.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The name, without the path.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:{}:iam::{}:role{}{}",
            self.partition, self.account, self.path, self.name
        )
    }
}

impl fmt::Debug for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RoleArn {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fail = |problem: &str| Invalid::new(format!("`{text}` is not a role ARN: {problem}"));
        let tidy = text.trim().trim_matches(QUOTES);
        if tidy != text && tidy.parse::<Self>().is_ok() {
            return Err(fail("there are blanks or quotes around it").suggest(tidy));
        }
        if text.len() > 2048 {
            return Err(Invalid::new(format!(
                "a role ARN has at most 2048 characters, this one has {}",
                text.len()
            )));
        }
        let fields: Vec<&str> = text.splitn(6, ':').collect();
        if fields[0] != "arn" {
            return Err(fail(
                "it does not begin with `arn:`, as in `arn:aws:iam::123456789012:role/NAME`",
            ));
        }
        let [_, partition, service, region, account, resource] = fields[..] else {
            return Err(wrong_colons(text, &fields));
        };
        let partition = partition
            .parse()
            .map_err(|invalid: Invalid| fail(&invalid.to_string()))?;
        if service == "sts"
            && let Some(name) = resource
                .strip_prefix("assumed-role/")
                .and_then(|rest| rest.split('/').next())
        {
            return Err(fail("it names a session of a role, not the role")
                .suggest(format!("arn:{partition}:iam::{account}:role/{name}")));
        }
        if service != "iam" {
            return Err(fail(&format!("roles belong to `iam`, not to `{service}`")));
        }
        if !region.is_empty() {
            return Err(wrong_colons(text, &fields));
        }
        let Some(name) = resource.strip_prefix("role/") else {
            let kind = resource.split(['/', ':']).next().unwrap_or_default();
            let invalid = fail(&format!(
                "it names a `{kind}`, and only a `role/NAME` can be assumed"
            ));
            return Err(match resource.strip_prefix("role:") {
                Some(name) => invalid.suggest(format!("arn:{partition}:iam::{account}:role/{name}")),
                None => invalid,
            });
        };
        let account = account.parse().map_err(|invalid: Invalid| {
            let better = invalid
                .suggestion()
                .map(|digits| format!("arn:{partition}:iam::{digits}:{resource}"));
            let invalid = fail(&invalid.to_string());
            match better {
                Some(better) => invalid.suggest(better),
                None => invalid.suggest(format!("arn:{partition}:iam::<12 digits>:{resource}")),
            }
        })?;
        Self::new(partition, account, name).map_err(|invalid| fail(&invalid.to_string()))
    }
}

/// Quotes that come along when an ARN is copied out of a page, a JSON document or a program.
pub(crate) const QUOTES: [char; 7] = ['"', '\'', '`', '“', '”', '‘', '’'];

/// The mistake of the article everyone copies from: a colon too few, because the region of IAM is empty.
fn wrong_colons(text: &str, fields: &[&str]) -> Invalid {
    let Some(at) = text.find(":role/") else {
        return Invalid::new(format!(
            "`{text}` is not a role ARN: it has {} of 6 fields",
            fields.len()
        ))
        .suggest("arn:aws:iam::<12 digits>:role/<NAME>");
    };
    let (head, resource) = (&text[..at], &text[at + 1..]);
    let account = head.rsplit(':').next().unwrap_or_default();
    let account_known = account.parse::<AccountId>().is_ok();
    let partition = fields
        .get(1)
        .filter(|p| p.parse::<Partition>().is_ok())
        .unwrap_or(&"aws");
    let mut problem = if fields.len() < 6 {
        "a colon is missing between `iam` and the account".to_owned()
    } else {
        "the field between `iam` and the account must be empty".to_owned()
    };
    if !account_known {
        problem = format!("{problem}, and {}", account_problem(account));
    }
    let account = if account_known { account } else { "<12 digits>" };
    Invalid::new(format!("`{text}` is not a role ARN: {problem}"))
        .suggest(format!("arn:{partition}:iam::{account}:{resource}"))
}

/// `[\w+=,.@-]`, the characters of names in IAM and STS.
pub(crate) fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

/// A character as a person reads it in a message.
pub(crate) fn shown(c: char) -> String {
    match c {
        ' ' => "a space".to_owned(),
        '\'' => "an apostrophe".to_owned(),
        c if c.is_control() => format!("the control character U+{:04X}", c as u32),
        c => format!("`{c}`"),
    }
}

/// The ARN of a managed policy: `arn:PARTITION:iam::{ACCOUNT|aws}:policy/[PATH/]NAME`, 20 to 2048 characters.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PolicyArn(String);

impl PolicyArn {
    /// The ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// AWS's own `ReadOnlyAccess` in `partition`, what `--read-only` stands for.
    pub fn read_only(partition: Partition) -> Self {
        Self(format!("arn:{partition}:iam::aws:policy/ReadOnlyAccess"))
    }
}

impl fmt::Display for PolicyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PolicyArn {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fields: Vec<&str> = text.splitn(6, ':').collect();
        let good = match fields[..] {
            ["arn", partition, "iam", "", account, resource] => {
                partition.parse::<Partition>().is_ok()
                    && (account == "aws" || account.parse::<AccountId>().is_ok())
                    && resource
                        .strip_prefix("policy/")
                        .is_some_and(|name| !name.is_empty() && !name.ends_with('/'))
                    && resource.bytes().all(|b| (0x21..=0x7e).contains(&b))
            }
            _ => false,
        };
        if good && (20..=2048).contains(&text.len()) {
            return Ok(Self(text.to_owned()));
        }
        Err(
            Invalid::new(format!("`{text}` is not the ARN of a managed policy"))
                .suggest("arn:aws:iam::<12 digits, or aws>:policy/<NAME>"),
        )
    }
}

/// Whom a session acts as: `arn:PARTITION:sts::ACCOUNT:assumed-role/NAME/SESSION`. It has lost the role's path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AssumedRoleArn {
    partition: Partition,
    account: AccountId,
    name: String,
    session_name: String,
}

impl AssumedRoleArn {
    /// The account the session acts in.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The partition the session acts in.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The role's name, without its path.
    pub fn role_name(&self) -> &str {
        &self.name
    }

    /// The session's name.
    pub fn session_name(&self) -> &str {
        &self.session_name
    }

    /// Whether this is a session of `role` (as far as an ARN without path can say) called `session_name`.
    pub fn is_session_of(&self, role: &RoleArn, session_name: &str) -> bool {
        self.partition == role.partition
            && self.account == role.account
            && self.name == role.name
            && self.session_name == session_name
    }
}

impl fmt::Display for AssumedRoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            partition,
            account,
            name,
            session_name,
        } = self;
        write!(
            f,
            "arn:{partition}:sts::{account}:assumed-role/{name}/{session_name}"
        )
    }
}

impl FromStr for AssumedRoleArn {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fail = || Invalid::new(format!("`{text}` is not the ARN of a role's session"));
        let fields: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "sts", "", account, resource] = fields[..] else {
            return Err(fail());
        };
        let parts: Vec<&str> = resource.split('/').collect();
        let ["assumed-role", name, session_name] = parts[..] else {
            return Err(fail());
        };
        if name.is_empty() || session_name.is_empty() {
            return Err(fail());
        }
        Ok(Self {
            partition: partition.parse().map_err(|_| fail())?,
            account: account.parse().map_err(|_| fail())?,
            name: name.to_owned(),
            session_name: session_name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        text.parse::<RoleArn>().unwrap_err().sentence()
    }

    #[test]
    fn the_articles_arn_is_refused_with_what_it_should_be() {
        assert_eq!(
            refused("arn:aws:iam:666666:role/BlahRole"),
            "`arn:aws:iam:666666:role/BlahRole` is not a role ARN: a colon is missing between `iam` and the account, \
             and account `666666` has 6 digits, not 12; did you mean `arn:aws:iam::<12 digits>:role/BlahRole`?"
        );
    }

    #[test]
    fn near_misses_are_answered_with_the_right_form() {
        for (text, better) in [
            (
                "arn:aws:iam:666666666666:role/BlahRole",
                "arn:aws:iam::666666666666:role/BlahRole",
            ),
            (
                "“arn:aws:iam::666666666666:role/BlahRole”",
                "arn:aws:iam::666666666666:role/BlahRole",
            ),
            (
                "arn:aws:iam:us-east-1:666666666666:role/BlahRole",
                "arn:aws:iam::666666666666:role/BlahRole",
            ),
            (
                "arn:aws:iam::6666-6666-6666:role/BlahRole",
                "arn:aws:iam::666666666666:role/BlahRole",
            ),
            (
                "arn:aws:iam::666666666666:role:BlahRole",
                "arn:aws:iam::666666666666:role/BlahRole",
            ),
            (
                "arn:aws:sts::666666666666:assumed-role/BlahRole/me",
                "arn:aws:iam::666666666666:role/BlahRole",
            ),
        ] {
            assert_eq!(
                text.parse::<RoleArn>().unwrap_err().suggestion(),
                Some(better),
                "{text}"
            );
            assert!(better.parse::<RoleArn>().is_ok(), "{better}");
        }
    }

    #[test]
    fn what_cannot_be_assumed_is_said_to_be_so() {
        for (text, word) in [
            ("arn:aws:iam::666666666666:user/joe", "`user`"),
            ("arn:aws:s3:::bucket", "`iam`"),
            ("arn:aws:iam::666666666666:role/", "name is missing"),
            ("arn:aws:iam::666666666666:role/a b", "a space"),
            ("arn:moon:iam::666666666666:role/a", "partition"),
            ("BlahRole", "begin with `arn:`"),
            ("arn:aws:iam", "3 of 6 fields"),
        ] {
            assert!(refused(text).contains(word), "{}", refused(text));
        }
        assert!(
            refused(&format!("arn:aws:iam::666666666666:role/{}", "a".repeat(65))).contains("at most 64")
        );
    }

    #[test]
    fn every_partition_and_path_passes_and_reads_back() {
        for partition in Partition::ALL {
            for resource in [
                "BlahRole",
                "team/Deploy",
                "aws-reserved/sso.amazonaws.com/AWSReservedSSO_x",
                "a",
            ] {
                let text = format!("arn:{partition}:iam::012345678901:role/{resource}");
                assert_eq!(text.parse::<RoleArn>().unwrap().to_string(), text);
            }
        }
    }

    #[test]
    fn sessions_are_compared_without_the_path() {
        let role: RoleArn = "arn:aws:iam::666666666666:role/team/Deploy".parse().unwrap();
        let session: AssumedRoleArn = "arn:aws:sts::666666666666:assumed-role/Deploy/joe"
            .parse()
            .unwrap();
        assert!(session.is_session_of(&role, "joe"));
        assert!(!session.is_session_of(&role, "jane"));
        for other in [
            "arn:aws:sts::666666666667:assumed-role/Deploy/joe",
            "arn:aws-cn:sts::666666666666:assumed-role/Deploy/joe",
            "arn:aws:sts::666666666666:assumed-role/deploy/joe",
        ] {
            assert!(
                !other
                    .parse::<AssumedRoleArn>()
                    .unwrap()
                    .is_session_of(&role, "joe"),
                "{other}"
            );
        }
        assert!(
            "arn:aws:sts::666666666666:assumed-role/Deploy"
                .parse::<AssumedRoleArn>()
                .is_err()
        );
    }

    #[test]
    fn policy_arns() {
        for good in [
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "arn:aws-cn:iam::123456789012:policy/team/p",
        ] {
            assert_eq!(good.parse::<PolicyArn>().unwrap().to_string(), good);
        }
        for bad in [
            "arn:aws:iam::aws:policy/",
            "arn:aws:iam::aws:role/x",
            "ReadOnlyAccess",
            "arn:aws:iam::12:policy/x",
        ] {
            assert!(bad.parse::<PolicyArn>().is_err(), "{bad}");
        }
    }
}
