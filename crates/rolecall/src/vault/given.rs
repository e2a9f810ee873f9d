//! A key as people have it: the console's CSV file, what the AWS CLI prints, two lines.

use serde::Deserialize;
use zeroize::Zeroizing;

use super::AccessKey;
use crate::error::{Error, Invalid};
use crate::secret::Secret;

/// The headings of the console's files ("Download .csv file"): of a new key, and of a new user.
const ID: [&str; 2] = ["access key id", "accesskeyid"];
const SECRET: [&str; 2] = ["secret access key", "secretaccesskey"];
const USER: [&str; 2] = ["user name", "username"];

/// What `aws iam create-access-key` prints.
#[derive(Deserialize)]
struct Created {
    #[serde(rename = "AccessKey")]
    pair: Pair,
}

/// What stands in it, and what a `credential_process` prints.
#[derive(Deserialize)]
struct Pair {
    #[serde(rename = "AccessKeyId")]
    id: String,
    #[serde(rename = "SecretAccessKey")]
    secret: Zeroizing<String>,
    #[serde(rename = "SessionToken")]
    token: Option<Zeroizing<String>>,
}

impl AccessKey {
    /// The key in a file that the IAM console gave. Where it has keys of more than one user, `user` says whose is meant.
    ///
    /// # Errors
    /// What is wrong about the file; nothing of it is quoted.
    pub fn from_csv(text: &str, user: Option<&str>) -> Result<Self, Error> {
        let odd = |why: &str| {
            Error::config(format!("this is no CSV file with an access key: {why}")).with_hint(
                "It is the file behind \"Download .csv file\" in the IAM console, whose first line names the columns.",
            )
        };
        let text = text.trim_start_matches('\u{feff}');
        let mut rows = text.lines().filter(|line| !line.trim().is_empty());
        let heading = fields(rows.next().ok_or_else(|| odd("it is empty"))?)
            .ok_or_else(|| odd("a quote is not closed"))?;
        let column = |names: [&str; 2]| {
            let is = |field: &Zeroizing<String>| names.contains(&field.trim().to_ascii_lowercase().as_str());
            heading.iter().position(is)
        };
        let (Some(id), Some(secret)) = (column(ID), column(SECRET)) else {
            return Err(odd("it has no columns `Access key ID` and `Secret access key`"));
        };
        let name = column(USER);
        let mut found = Vec::new();
        for row in rows {
            let fields = fields(row).ok_or_else(|| odd("a quote is not closed"))?;
            let whose = name
                .and_then(|at| fields.get(at))
                .map(|field| field.trim().to_owned());
            if user.is_none_or(|user| whose.as_deref() == Some(user)) {
                found.push((whose.unwrap_or_default(), fields));
            }
        }
        match found.as_slice() {
            [] => Err(match user {
                Some(user) => odd(&format!("it has no key of a user `{user}`")),
                None => odd("it has no row below the headings"),
            }),
            [(_, fields)] => {
                let field = |at: usize| fields.get(at).map(|field| field.trim()).unwrap_or_default();
                Ok(Self::new(field(id), Secret::new(field(secret).to_owned()))?)
            }
            several => {
                let names: Vec<_> = several.iter().map(|(name, _)| name.as_str()).collect();
                Err(Error::config("the CSV file has more than one key")
                    .with_hint(format!("Say whose is meant with --user: {}.", names.join(", "))))
            }
        }
    }

    /// The key in what somebody printed: its id and its secret on two lines, or separated by blanks; the JSON of
    /// `aws iam create-access-key`, or that of a `credential_process`.
    ///
    /// # Errors
    /// What is wrong about it; nothing of it is quoted.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let odd = || {
            Error::config("this is no access key").with_hint(
                "Give its id and its secret on two lines, or the JSON that `aws iam create-access-key` prints.",
            )
        };
        if text.trim_start().starts_with('{') {
            // serde quotes what it did not expect, which may be the secret.
            let created = serde_json::from_str(text).map(|created: Created| created.pair);
            let pair: Pair = created
                .or_else(|_| serde_json::from_str(text))
                .map_err(|_| odd())?;
            if pair.token.is_some() {
                return Err(Invalid::new(
                    "there is a session token with it: the vault is for keys that have no end",
                )
                .into());
            }
            return Ok(Self::new(&pair.id, Secret::new(pair.secret.to_string()))?);
        }
        let mut words = text.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(id), Some(secret), None) => Ok(Self::new(id, Secret::new(secret.to_owned()))?),
            _ => Err(odd()),
        }
    }
}

/// The fields of one line (RFC 4180); none where a quote is not closed. The console writes no line ends into fields.
fn fields(line: &str) -> Option<Vec<Zeroizing<String>>> {
    let mut fields = vec![Zeroizing::new(String::with_capacity(line.len()))];
    let mut is_quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let field = fields.last_mut()?;
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(Zeroizing::new(String::with_capacity(line.len()))),
            c => field.push(c),
        }
    }
    (!is_quoted).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn is_it(key: Result<AccessKey, Error>) {
        let key = key.unwrap();
        assert_eq!((key.id(), key.secret().expose()), (ID, SECRET));
    }

    #[test]
    fn the_consoles_files_are_read() {
        is_it(AccessKey::from_csv(
            &format!("\u{feff}Access key ID,Secret access key\r\n{ID},{SECRET}\r\n"),
            None,
        ));
        let users = format!(
            "User name,Password,Access key ID,Secret access key,Console login link\nann,\"p,\"\"w\",AKIAOTHEROTHEROTHER1,{SECRET},https://x\njoe,,{ID},{SECRET},https://x\n"
        );
        is_it(AccessKey::from_csv(&users, Some("joe")));
        let error = AccessKey::from_csv(&users, None).unwrap_err();
        assert!(error.hints()[0].contains("ann, joe"), "{error:?}");
        assert!(AccessKey::from_csv(&users, Some("eve")).is_err());
    }

    #[test]
    fn what_is_printed_is_read() {
        is_it(AccessKey::from_text(&format!("{ID}\n{SECRET}\n")));
        is_it(AccessKey::from_text(&format!(" {ID} {SECRET}")));
        is_it(AccessKey::from_text(&format!(
            r#"{{"AccessKey": {{"UserName": "joe", "AccessKeyId": "{ID}", "Status": "Active", "SecretAccessKey": "{SECRET}", "CreateDate": "x"}}}}"#
        )));
        is_it(AccessKey::from_text(&format!(
            r#"{{"Version": 1, "AccessKeyId": "{ID}", "SecretAccessKey": "{SECRET}"}}"#
        )));
    }

    #[test]
    fn nothing_of_what_is_wrong_is_quoted() {
        let nasty = [
            String::new(),
            SECRET.to_owned(),
            format!("{SECRET}\n{ID}"),
            format!("{ID}abcdefghijklmnopqrst\n{ID}"),
            format!("{ID}\n{SECRET}\nmore"),
            format!("ASIAIOSFODNN7EXAMPLE\n{SECRET}"),
            format!(r#"{{"AccessKeyId": "{ID}", "SecretAccessKey": "{SECRET}", "SessionToken": "x"}}"#),
            format!(r#"{{"AccessKeyId": "{SECRET}""#),
            format!("{ID},{SECRET}\n{ID},{SECRET}"),
            format!("Access key ID,Secret access key\n{ID},\"{SECRET}"),
            format!("Access key ID,Secret access key\n{SECRET}"),
        ];
        for text in &nasty {
            for error in [
                AccessKey::from_text(text).unwrap_err(),
                AccessKey::from_csv(text, None).unwrap_err(),
            ] {
                let said = format!("{error} {:?} {error:?}", error.hints());
                assert!(!said.contains("wJalr"), "{said}");
                assert!(!error.hints().is_empty());
            }
        }
    }
}
