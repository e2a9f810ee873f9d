//! A session as shell code: each shell's own quoting, by one tested quoter each.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use crate::error::Invalid;
use crate::partition::Region;
use crate::session::Session;
use crate::time::rfc3339;

/// The shells whose code a session is written in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shell {
    /// bash, and every other POSIX shell.
    Bash,
    /// cmd.exe.
    Cmd,
    /// fish.
    Fish,
    /// PowerShell.
    PowerShell,
    /// zsh.
    Zsh,
}

/// The formats of `aws configure export-credentials`, for programs that read that command's output.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// `export K=V`.
    Env,
    /// `K=V`.
    EnvNoExport,
    /// `set -gx K V`.
    Fish,
    /// `$Env:K="V"`.
    PowerShell,
    /// The JSON of the `credential_process` protocol.
    Process,
    /// `set K=V`.
    WindowsCmd,
}

/// Variables that would outrank or contradict the ones that are set; shell code takes them away first.
const STALE: [&str; 18] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_SESSION_EXPIRATION",
    // Not every session says its account: one of before must not stay.
    "AWS_ACCOUNT_ID",
    // What older tools read.
    "AWS_CREDENTIAL_FILE",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AMAZON_ACCESS_KEY_ID",
    "AMAZON_SECRET_ACCESS_KEY",
    "AMAZON_SESSION_TOKEN",
];

impl std::str::FromStr for Shell {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "bash" | "sh" | "dash" | "ksh" => Ok(Self::Bash),
            "zsh" => Ok(Self::Zsh),
            "fish" => Ok(Self::Fish),
            "powershell" | "pwsh" => Ok(Self::PowerShell),
            "cmd" => Ok(Self::Cmd),
            other => Err(Invalid::new(format!(
                "`{other}` is not a known shell: bash, zsh, fish, powershell or cmd"
            ))),
        }
    }
}

impl std::str::FromStr for Format {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "process" => Ok(Self::Process),
            "env" => Ok(Self::Env),
            "env-no-export" => Ok(Self::EnvNoExport),
            "powershell" => Ok(Self::PowerShell),
            "windows-cmd" => Ok(Self::WindowsCmd),
            "fish" => Ok(Self::Fish),
            other => Err(Invalid::new(format!(
                "`{other}` is not a known format: process, env, env-no-export, powershell, windows-cmd or fish"
            ))),
        }
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

/// A session as code that the shell evaluates: stale variables taken away, then the session's set.
pub fn render(shell: Shell, session: &Session, region: Option<&Region>) -> Zeroizing<String> {
    // Grown once, so that no copy is left behind.
    let mut out = Zeroizing::new(String::with_capacity(16 * 1024));
    for name in STALE {
        let _ = match shell {
            Shell::Bash | Shell::Zsh => writeln!(out, "unset {name}"),
            Shell::Fish => writeln!(out, "set -e {name}"),
            Shell::PowerShell => writeln!(out, "Remove-Item Env:{name} -ErrorAction SilentlyContinue"),
            Shell::Cmd => writeln!(out, "set \"{name}=\""),
        };
    }
    for (name, value) in variables(session, region) {
        let value = quote(shell, &value);
        let _ = match shell {
            Shell::Bash | Shell::Zsh => writeln!(out, "export {name}={}", *value),
            Shell::Fish => writeln!(out, "set -gx {name} {}", *value),
            Shell::PowerShell => writeln!(out, "$Env:{name} = {}", *value),
            Shell::Cmd => writeln!(out, "set \"{name}={}\"", *value),
        };
    }
    out
}

/// A session as `aws configure export-credentials --format` writes it: these four variables, in this form.
pub fn export(format: Format, session: &Session) -> Zeroizing<String> {
    if format == Format::Process {
        let mut json = super::credential_process(session);
        json.push('\n');
        return json;
    }
    let mut out = Zeroizing::new(String::with_capacity(16 * 1024));
    for (name, value) in variables(session, None).into_iter().take(4) {
        // Keys, tokens and times need no quotes, and AWS's command writes none; anything else is no key of AWS's.
        let plain = value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"/+=:_.-".contains(&b));
        let value = |shell| {
            if plain {
                value.clone()
            } else {
                quote(shell, &value)
            }
        };
        let _ = match format {
            Format::Env | Format::Process => writeln!(out, "export {name}={}", *value(Shell::Bash)),
            Format::EnvNoExport => writeln!(out, "{name}={}", *value(Shell::Bash)),
            Format::Fish => writeln!(out, "set -gx {name} {}", *value(Shell::Fish)),
            Format::PowerShell if plain => writeln!(out, "$Env:{name}=\"{}\"", *value(Shell::PowerShell)),
            Format::PowerShell => writeln!(out, "$Env:{name}={}", *value(Shell::PowerShell)),
            Format::WindowsCmd => writeln!(out, "set {name}={}", *value(Shell::Cmd)),
        };
    }
    out
}

/// A value so that the shell reads exactly it. What cmd.exe cannot be told is left out.
pub fn quote(shell: Shell, value: &str) -> Zeroizing<String> {
    Zeroizing::new(match shell {
        // Nothing is special between single quotes but the quote itself.
        Shell::Bash | Shell::Zsh => format!("'{}'", value.replace('\'', r"'\''")),
        Shell::Fish => format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'")),
        Shell::PowerShell => format!("'{}'", value.replace('\'', "''")),
        // In a batch file a percent sign is doubled; a quote cannot be said at all, and no AWS value has one.
        Shell::Cmd => value.replace('%', "%%").replace(['"', '\r', '\n'], ""),
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
    fn every_shell_and_every_format() {
        let (session, region) = (session("CANARYTOKEN"), "eu-west-1".parse().unwrap());
        for (name, line) in [
            ("bash", "export AWS_SESSION_TOKEN='CANARYTOKEN'\n"),
            ("zsh", "export AWS_SESSION_TOKEN='CANARYTOKEN'\n"),
            ("fish", "set -gx AWS_SESSION_TOKEN 'CANARYTOKEN'\n"),
            ("powershell", "$Env:AWS_SESSION_TOKEN = 'CANARYTOKEN'\n"),
            ("cmd", "set \"AWS_SESSION_TOKEN=CANARYTOKEN\"\n"),
        ] {
            let out = render(name.parse().unwrap(), &session, Some(&region));
            assert!(
                out.contains(line) && out.contains("eu-west-1"),
                "{name}: {}",
                *out
            );
            assert!(
                out.contains("2026-01-01T00:58:00Z") && out.contains("AWS_PROFILE"),
                "{name}"
            );
        }
        for (name, line) in [
            ("env", "export AWS_SESSION_TOKEN=CANARYTOKEN\n"),
            ("env-no-export", "\nAWS_SESSION_TOKEN=CANARYTOKEN\n"),
            ("fish", "set -gx AWS_SESSION_TOKEN CANARYTOKEN\n"),
            ("powershell", "$Env:AWS_SESSION_TOKEN=\"CANARYTOKEN\"\n"),
            ("windows-cmd", "set AWS_SESSION_TOKEN=CANARYTOKEN\n"),
            ("process", "\"SessionToken\":\"CANARYTOKEN\""),
        ] {
            let out = export(name.parse().unwrap(), &session);
            assert!(out.contains(line) && !out.contains("unset"), "{name}: {}", *out);
            assert_eq!(
                out.lines().count(),
                if name == "process" { 1 } else { 4 },
                "{name}"
            );
        }
        assert!("tcsh".parse::<Shell>().is_err() && "bash".parse::<Format>().is_err());
    }

    #[test]
    fn nothing_of_before_outlives_the_code() {
        let stale = [
            "AWS_PROFILE",
            "AWS_ACCOUNT_ID",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            "AWS_CREDENTIAL_FILE",
            "AWS_ACCESS_KEY",
            "AWS_SECRET_KEY",
            "AMAZON_ACCESS_KEY_ID",
            "AMAZON_SECRET_ACCESS_KEY",
            "AMAZON_SESSION_TOKEN",
        ];
        let mut script = render(Shell::Bash, &session("CANARYTOKEN"), None).to_string();
        script.push_str("env");
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(script)
            .envs(stale.map(|name| (name, "before")));
        let output = String::from_utf8(command.output().unwrap().stdout).unwrap();
        assert!(!output.contains("=before"), "{output}");
        assert!(
            output.contains("AWS_ACCOUNT_ID=666666666666"),
            "taken away before it is set"
        );
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
            let mut script = render(Shell::Bash, &session(token), None).to_string();
            script.push_str("printf %s \"$AWS_SESSION_TOKEN\"");
            let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), token);
        }
    }
}
