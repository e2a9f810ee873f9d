//! What a text looks like that has a key in it. Nothing of the text leaves here.

/// An example in AWS's documentation, and so in everybody's histories.
const EXAMPLE: &[u8] = b"EXAMPLE";

/// How many keys stand in the console's file with access keys, `None` of any other text. The first line has their titles:
/// `Access key ID,Secret access key` since 2023, and before with the user's name and password before them.
pub(super) fn consoles_keys(bytes: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    let titles = lines.next()?.to_ascii_lowercase();
    let has = |title: &str| {
        titles
            .split(',')
            .any(|column| column.trim().trim_matches('"') == title)
    };
    let keys = lines.filter(|line| !line.trim().is_empty()).count();
    (has("access key id") && has("secret access key") && keys > 0).then_some(keys)
}

/// Whether a line has `name`, and behind it something as long as a secret access key.
pub(super) fn has_secret_of(bytes: &[u8], name: &str) -> bool {
    /// A secret access key has 40 characters.
    const SECRET: usize = 40;
    let is_of_secret = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    bytes.split(|byte| *byte == b'\n').any(|line| {
        let line = line.to_ascii_lowercase();
        let at = line
            .windows(name.len())
            .position(|window| window == name.as_bytes());
        at.is_some_and(|at| {
            line[at + name.len()..]
                .split(|byte| !is_of_secret(byte))
                .any(|word| word.iter().skip_while(|byte| **byte == b'=').count() >= SECRET)
        })
    })
}

/// The lines, from 1, with the id of a long-term access key in them: `AKIA` and at least twelve more letters and digits.
pub(super) fn lines_with_key_ids(bytes: &[u8]) -> Vec<usize> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    lines
        .filter(|(_, line)| has_key_id(line))
        .map(|(index, _)| index + 1)
        .collect()
}

fn has_key_id(line: &[u8]) -> bool {
    const PREFIX: &[u8] = b"AKIA";
    let is_word = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let mut rest = line;
    while let Some(at) = rest.windows(PREFIX.len()).position(|window| window == PREFIX) {
        let is_begin = at == 0 || !rest[at - 1].is_ascii_alphanumeric();
        let word = &rest[at..];
        let length = word.iter().take_while(|byte| is_word(byte)).count();
        let word = &word[..length];
        if is_begin && length >= 16 && !word.ends_with(EXAMPLE) {
            return true;
        }
        rest = &rest[at + PREFIX.len()..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    #[test]
    fn the_consoles_file_is_known_by_its_titles() {
        for (text, expected) in [
            ("Access key ID,Secret access key\nAKIAX,y\n", Some(1)),
            ("\u{feff}Access key ID,Secret access key\r\nAKIAX,y", Some(1)),
            (
                "User name,Password,Access key ID,Secret access key,Console login link\njoe,,A,b,\nmary,,C,d,\n",
                Some(2),
            ),
            ("\"Access key ID\",\"Secret access key\"\na,b", Some(1)),
            ("Access key ID,Secret access key\n", None),
            ("Access key ID,Last used\nAKIAX,y\n", None),
            ("", None),
        ] {
            assert_eq!(consoles_keys(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_secret_is_something_long_behind_its_name() {
        let has = |text: String| has_secret_of(text.as_bytes(), "aws_secret_access_key");
        assert!(has(format!("[a]\naws_secret_access_key = {SECRET}\n")));
        assert!(has(format!("AWS_SECRET_ACCESS_KEY={SECRET}")));
        assert!(!has("aws_secret_access_key = \n".to_owned()));
        assert!(!has("aws_secret_access_key = $SECRET".to_owned()));
        assert!(!has(format!("aws_access_key_id = {SECRET}")));
        assert!(has_secret_of(format!("AKIAX:{SECRET}").as_bytes(), ":"));
        assert!(!has_secret_of(b"a comment: short", ":"));
    }

    #[test]
    fn an_id_is_a_word_of_its_own() {
        let text = "ls\nexport A=AKIAQWERTYUIOPASDFGH\nAKIAIOSFODNN7EXAMPLE\nxAKIAQWERTYUIOPASDFGH\nAKIASHORT\necho 'AKIAQWERTYUIOPASDFGH'";
        assert_eq!(lines_with_key_ids(text.as_bytes()), [2, 6]);
        assert_eq!(lines_with_key_ids(b"\xff\xfe"), Vec::<usize>::new());
    }
}
