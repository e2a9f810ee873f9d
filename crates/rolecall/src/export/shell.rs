//! A session as shell code: each shell's own quoting, by one tested quoter each.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use crate::error::Invalid;
use crate::partition::Region;
use crate::session::Session;
use crate::time::rfc3339;

/// The forms a session's variables are written in. The names of `aws configure export-credentials` are understood too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// `export K='V'`, for bash and every other POSIX shell.
    Bash,
    /// `set "K=V"`, for cmd.exe.
    Cmd,
    /// `K=V`, for files that other programs read (`env-no-export`).
    Dotenv,
    /// `set -gx K 'V'`, for fish.
    Fish,
    /// `$Env:K = 'V'`, for PowerShell.
    PowerShell,
    /// The JSON of the `credential_process` protocol.
    Process,
    /// As for bash.
    Zsh,
}

/// Variables that would outrank or contradict the ones that are set; shell code takes them away first.
const STALE: [&str; 9] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_SESSION_EXPIRATION",
];

impl std::str::FromStr for Form {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Ok(match text {
            "bash" | "sh" | "env" => Self::Bash,
            "zsh" => Self::Zsh,
            "fish" => Self::Fish,
            "powershell" | "pwsh" => Self::PowerShell,
            "cmd" | "windows-cmd" => Self::Cmd,
            "env-no-export" => Self::Dotenv,
            "process" => Self::Process,
            other => {
                return Err(Invalid::new(format!(
                    "`{other}` is not a form: bash, zsh, fish, powershell, cmd, process, env, env-no-export or windows-cmd"
                )));
            }
        })
    }
}

/// The variables of a session, in the order every tool writes them.
pub fn variables(session: &Session, region: Option<&Region>) -> Vec<(&'static str, Zeroizing<String>)> {
    let credentials = session.credentials();
    let text = |value: &str| Zeroizing::new(value.to_owned());
    let mut variables = vec![
        ("AWS_ACCESS_KEY_ID", text(credentials.access_key_id())),
        ("AWS_SECRET_ACCESS_KEY", text(credentials.secret_access_key())),
        (
            "AWS_SESSION_TOKEN",
            text(credentials.session_token().unwrap_or_default()),
        ),
        (
            "AWS_CREDENTIAL_EXPIRATION",
            Zeroizing::new(rfc3339(session.advertised_end())),
        ),
    ];
    if let Some(account) = credentials.account_id() {
        variables.push(("AWS_ACCOUNT_ID", text(account.as_str())));
    }
    if let Some(region) = region {
        variables.push(("AWS_REGION", text(region.as_str())));
        variables.push(("AWS_DEFAULT_REGION", text(region.as_str())));
    }
    variables
}

/// A session's variables in a form that the shell evaluates.
pub fn render(form: Form, session: &Session, region: Option<&Region>) -> Zeroizing<String> {
    if form == Form::Process {
        return super::credential_process(session);
    }
    // Grown once, so that no copy is left behind.
    let mut out = Zeroizing::new(String::with_capacity(16 * 1024));
    for name in STALE {
        let _ = match form {
            Form::Bash | Form::Zsh => writeln!(out, "unset {name}"),
            Form::Fish => writeln!(out, "set -e {name}"),
            Form::PowerShell => writeln!(out, "Remove-Item Env:{name} -ErrorAction SilentlyContinue"),
            Form::Cmd => writeln!(out, "set \"{name}=\""),
            Form::Dotenv | Form::Process => Ok(()),
        };
    }
    for (name, value) in variables(session, region) {
        let quoted = quote(form, &value);
        let _ = match form {
            Form::Bash | Form::Zsh => writeln!(out, "export {name}={}", *quoted),
            Form::Fish => writeln!(out, "set -gx {name} {}", *quoted),
            Form::PowerShell => writeln!(out, "$Env:{name} = {}", *quoted),
            Form::Cmd => writeln!(out, "set \"{name}={}\"", *quoted),
            Form::Dotenv | Form::Process => writeln!(out, "{name}={}", *quoted),
        };
    }
    out
}

/// A value so that the shell reads exactly it.
fn quote(form: Form, value: &str) -> Zeroizing<String> {
    Zeroizing::new(match form {
        // Nothing is special between single quotes but the quote itself.
        Form::Bash | Form::Zsh => format!("'{}'", value.replace('\'', r"'\''")),
        Form::Fish => format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'")),
        Form::PowerShell => format!("'{}'", value.replace('\'', "''")),
        // In a batch file a percent sign is doubled; a quote cannot be said at all, and no AWS value has one.
        Form::Cmd => value.replace('%', "%%").replace(['"', '\r', '\n'], ""),
        // The files have no common quoting, and no AWS value needs any.
        Form::Dotenv | Form::Process => value.replace(['\r', '\n'], ""),
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::session::SessionParts;

    fn session(token: &str) -> Session {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        Session::new(SessionParts {
            access_key_id: "ASIACANARYAKID000001".into(),
            secret_access_key: "CANARYSECRET/+=".into(),
            session_token: token.into(),
            account: "666666666666".parse().ok(),
            principal: None,
            issued_at: start,
            expires_at: start + Duration::from_secs(3600),
        })
    }

    #[test]
    fn every_form() {
        let (session, region) = (session("CANARYTOKEN"), "eu-west-1".parse().unwrap());
        for (name, line) in [
            ("bash", "export AWS_SESSION_TOKEN='CANARYTOKEN'\n"),
            ("zsh", "export AWS_SESSION_TOKEN='CANARYTOKEN'\n"),
            ("fish", "set -gx AWS_SESSION_TOKEN 'CANARYTOKEN'\n"),
            ("powershell", "$Env:AWS_SESSION_TOKEN = 'CANARYTOKEN'\n"),
            ("windows-cmd", "set \"AWS_SESSION_TOKEN=CANARYTOKEN\"\n"),
            ("env-no-export", "AWS_SESSION_TOKEN=CANARYTOKEN\n"),
            ("process", "\"SessionToken\":\"CANARYTOKEN\""),
        ] {
            let out = render(name.parse().unwrap(), &session, Some(&region));
            assert!(out.contains(line), "{name}: {}", *out);
            assert!(out.contains("2026-01-01T00:58:00Z"), "{name}");
        }
        assert!("tcsh".parse::<Form>().is_err());
    }

    #[test]
    fn a_posix_shell_reads_back_exactly_what_was_written() {
        for token in [
            "plain",
            "it's",
            "a $HOME `id` \\ \" b",
            "'; touch pwned; '",
            "tab\tnewline\nend",
        ] {
            let mut script = render(Form::Bash, &session(token), None).to_string();
            script.push_str("printf %s \"$AWS_SESSION_TOKEN\"");
            let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), token);
        }
    }
}
