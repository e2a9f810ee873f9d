//! The console's own link to switch to a role ("Switch to an IAM role (console)"). It names a role and holds no
//! credential: whoever opens it switches with the identity they are signed in to the console with.
//!
//! Making one calls nothing. What is known of the way to the role says whether the link can work: [`Way::check`].

mod way;

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::arn::RoleArn;
use crate::error::{Invalid, is_hidden};
use crate::partition::{Partition, Region};

pub use way::{Obstacle, Way};

/// What stands for itself in a query (RFC 3986, unreserved): a `+` in a role's name would be read as a blank.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// How many characters the console shows for a role, and how many the role's path and name may have together.
const MOST_CHARACTERS: usize = 64;

/// What the console shows in the place of the role's name, at most 64 characters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DisplayName(String);

impl DisplayName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name made of text that nobody wrote for it: cut to the console's length, without what is not seen.
    /// `None` where nothing is left.
    pub fn of(text: &str) -> Option<Self> {
        let seen = text.chars().filter(|c| !is_hidden(*c));
        let text: String = seen
            .collect::<String>()
            .trim()
            .chars()
            .take(MOST_CHARACTERS)
            .collect();
        let text = text.trim_end();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DisplayName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let characters = text.chars().count();
        if text.trim().is_empty() {
            return Err(Invalid::new("the display name is empty"));
        }
        if characters > MOST_CHARACTERS {
            let cut: String = text.chars().take(MOST_CHARACTERS).collect();
            return Err(Invalid::new(format!(
                "the display name has {characters} characters, and the console shows {MOST_CHARACTERS}"
            ))
            .suggest(cut.trim()));
        }
        if text.contains(is_hidden) {
            return Err(Invalid::new(format!(
                "the display name `{text}` has a character that is not seen"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The colour the console shows a role in. AWS documents no such field: it takes the colours of its own palette, which has
/// changed before, and what it does with another is not promised.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Color([u8; 6]);

impl Color {
    /// The palette that the console's own page offers, as people wrote it down in August 2024.
    pub const PALETTE: [(&'static str, Self); 5] = [
        ("red", Self(*b"f2b0a9")),
        ("orange", Self(*b"fbc8aa")),
        ("yellow", Self(*b"efda95")),
        ("green", Self(*b"b7ca9d")),
        ("blue", Self(*b"83d4e8")),
    ];

    /// The six digits, in lower case, without `#`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Whether the console's own page offers it.
    pub fn is_of_palette(self) -> bool {
        Self::PALETTE.iter().any(|(_, color)| *color == self)
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Color {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let named = Self::PALETTE
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        if let Some((_, color)) = named {
            return Ok(*color);
        }
        let digits = text.strip_prefix('#').unwrap_or(text).to_ascii_lowercase();
        match <[u8; 6]>::try_from(digits.as_bytes()) {
            Ok(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(Self(digits)),
            _ => {
                let names: Vec<_> = Self::PALETTE.iter().map(|(name, _)| *name).collect();
                Err(Invalid::new(format!(
                    "`{text}` is no colour: it is {}, or six hexadecimal digits",
                    names.join(", ")
                )))
            }
        }
    }
}

/// The page of the console where roles are switched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SwitchPage {
    url: String,
    /// Whether AWS's documents do not say so, and the partition's sign-in host does.
    is_inferred: bool,
}

impl SwitchPage {
    /// The page of a partition. Documented is the one of the commercial regions alone ("Switch to an IAM role (console)");
    /// the others are where their partition's sign-in service is (its endpoint rules). China and GovCloud sign in at one
    /// host, the sovereign and the isolated clouds in a region: in `region` where it lies in the partition, else in its
    /// first.
    pub fn of(partition: Partition, region: Option<&Region>) -> Self {
        let suffix = partition.sign_in_suffix();
        let host = match partition {
            Partition::Aws | Partition::AwsCn | Partition::AwsUsGov => format!("signin.{suffix}"),
            Partition::AwsEusc
            | Partition::AwsIso
            | Partition::AwsIsoB
            | Partition::AwsIsoE
            | Partition::AwsIsoF => {
                let own = region.filter(|region| region.partition() == partition && !region.is_global());
                let region = own.cloned().unwrap_or_else(|| partition.default_region());
                format!("{region}.signin.{suffix}")
            }
        };
        Self {
            url: format!("https://{host}/switchrole"),
            is_inferred: partition != Partition::Aws,
        }
    }

    /// The page of what stands in for the sign-in service at this URL.
    pub fn at(endpoint: &str) -> Self {
        Self {
            url: format!("{}/switchrole", endpoint.trim_end_matches('/')),
            is_inferred: false,
        }
    }

    /// Its URL, without a query.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether AWS's documents do not name it.
    pub fn is_inferred(&self) -> bool {
        self.is_inferred
    }
}

/// A link: where, to which role, and what is shown for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SwitchLink<'a> {
    /// The page that switches.
    pub page: &'a SwitchPage,
    /// The role.
    pub role: &'a RoleArn,
    /// What is shown for it.
    pub display_name: &'a DisplayName,
    /// And in which colour.
    pub color: Option<Color>,
}

/// The URL. Every value is percent-encoded, so that none can leave its field; the account is its id, which no alias can
/// come to mean something else than.
impl fmt::Display for SwitchLink<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = |text| utf8_percent_encode(text, ESCAPED);
        write!(
            f,
            "{}?account={}&roleName={}&displayName={}",
            self.page.url,
            self.role.account(),
            utf8_percent_encode(&name_with_path(self.role), ESCAPED),
            encoded(self.display_name.as_str())
        )?;
        match self.color {
            Some(color) => write!(f, "&color={color}"),
            None => Ok(()),
        }
    }
}

/// `[PATH/]NAME`, as the console wants it.
pub fn name_with_path(role: &RoleArn) -> String {
    format!("{}{}", role.path().trim_start_matches('/'), role.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(arn: &str, name: &str, color: Option<&str>) -> String {
        let role: RoleArn = arn.parse().unwrap();
        SwitchLink {
            page: &SwitchPage::of(role.partition(), None),
            role: &role,
            display_name: &name.parse().unwrap(),
            color: color.map(|color| color.parse().unwrap()),
        }
        .to_string()
    }

    #[test]
    fn no_value_leaves_its_field() {
        for (arn, name, color, query) in [
            (
                "arn:aws:iam::666666666666:role/BlahRole",
                "blah",
                None,
                "account=666666666666&roleName=BlahRole&displayName=blah",
            ),
            (
                "arn:aws:iam::666666666666:role/team/a+b=c,d.e@f-g_h",
                "Prod & Co. #1?",
                Some("RED"),
                "account=666666666666&roleName=team%2Fa%2Bb%3Dc%2Cd.e%40f-g_h&displayName=Prod%20%26%20Co.%20%231%3F&color=f2b0a9",
            ),
            (
                "arn:aws:iam::012345678901:role/%/\"&color=x/R",
                "<é→>'\"%20",
                Some("#0A1B2C"),
                "account=012345678901&roleName=%25%2F%22%26color%3Dx%2FR&displayName=%3C%C3%A9%E2%86%92%3E%27%22%2520&color=0a1b2c",
            ),
        ] {
            let expected = format!("https://signin.aws.amazon.com/switchrole?{query}");
            assert_eq!(link(arn, name, color), expected);
        }
    }

    #[test]
    fn every_partition_has_its_page() {
        for (partition, host, inferred) in [
            (Partition::Aws, "signin.aws.amazon.com", false),
            (Partition::AwsCn, "signin.amazonaws.cn", true),
            (
                Partition::AwsEusc,
                "eusc-de-east-1.signin.amazonaws-eusc.eu",
                true,
            ),
            (Partition::AwsIso, "us-iso-east-1.signin.c2shome.ic.gov", true),
            (
                Partition::AwsIsoB,
                "us-isob-east-1.signin.sc2shome.sgov.gov",
                true,
            ),
            (Partition::AwsIsoE, "eu-isoe-west-1.signin.csphome.adc-e.uk", true),
            (
                Partition::AwsIsoF,
                "us-isof-south-1.signin.csphome.hci.ic.gov",
                true,
            ),
            (Partition::AwsUsGov, "signin.amazonaws-us-gov.com", true),
        ] {
            let page = SwitchPage::of(partition, None);
            assert_eq!(page.url(), format!("https://{host}/switchrole"));
            assert_eq!(page.is_inferred(), inferred, "{partition}");
            assert!(Partition::is_aws_host(host), "{host}");
        }
        let west: Region = "us-iso-west-1".parse().unwrap();
        let page = |partition, region| SwitchPage::of(partition, Some(region)).url;
        assert!(page(Partition::AwsIso, &west).contains("//us-iso-west-1.signin."));
        assert!(page(Partition::AwsIsoB, &west).contains("//us-isob-east-1.signin."));
        let global: Region = "aws-iso-global".parse().unwrap();
        assert!(page(Partition::AwsIso, &global).contains("//us-iso-east-1.signin."));
        let cn: Region = "cn-north-1".parse().unwrap();
        assert!(page(Partition::AwsCn, &cn).contains("//signin.amazonaws.cn/"));
        let stand_in = SwitchPage::at("http://127.0.0.1:4566/");
        assert_eq!(stand_in.url(), "http://127.0.0.1:4566/switchrole");
        assert!(!stand_in.is_inferred());
    }

    #[test]
    fn colours_by_name_and_by_digits() {
        for (text, digits, is_ours) in [
            ("red", "f2b0a9", true),
            ("Orange", "fbc8aa", true),
            ("yellow", "efda95", true),
            ("green", "b7ca9d", true),
            ("blue", "83d4e8", true),
            ("#83D4E8", "83d4e8", true),
            ("0a0b0c", "0a0b0c", false),
        ] {
            let color: Color = text.parse().unwrap();
            assert_eq!(
                (color.as_str(), color.is_of_palette()),
                (digits, is_ours),
                "{text}"
            );
        }
        for bad in [
            "", "#", "pink", "12345", "1234567", "##12345", "12345g", "#12345é", " red",
        ] {
            let sentence = bad.parse::<Color>().unwrap_err().sentence();
            assert!(sentence.contains("six hexadecimal digits"), "{sentence}");
        }
    }

    #[test]
    fn a_display_name_is_seen_and_short() {
        assert!("é".repeat(64).parse::<DisplayName>().is_ok());
        let long = "é".repeat(65).parse::<DisplayName>().unwrap_err();
        assert_eq!(long.suggestion(), Some("é".repeat(64).as_str()));
        for bad in ["", "  ", "a\u{202e}b", "a\nb"] {
            assert!(bad.parse::<DisplayName>().is_err(), "{bad:?}");
        }
        let made = DisplayName::of(&format!(" \u{202e}{} x", "a".repeat(63))).unwrap();
        assert_eq!(made.as_str(), "a".repeat(63));
        assert_eq!(DisplayName::of("\u{202e} "), None);
    }
}
