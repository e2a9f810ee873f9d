"""Commands inside rolecall's sandbox."""

from .places import rolecall

# A profile that hands the role over through credential_process, as a user would write it.
_VIA = """
printf '\\n[profile via]\\nregion = us-east-1\\ncredential_process = rolecall credential-process blah\\n' \\
  >>"${AWS_CONFIG_FILE:-$HOME/.aws/config}"
export AWS_PROFILE=via AWS_SDK_LOAD_CONFIG=1
exec "$@"
"""


# What else a user's machine may hold that some SDK looks at before it asks the endpoint: the sandbox itself already has
# a `[default]` with valid keys of someone else.
_HOSTILE = """
printf '[Credentials]\\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\\naws_secret_access_key = stray\\n' >"$HOME/.boto"
export AMAZON_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE AMAZON_SECRET_ACCESS_KEY=stray AMAZON_SESSION_TOKEN=stray
exec rolecall exec "$@"
"""


def inside(command: list[str], *, session_seconds: int | None = None) -> list[str]:
    """A command with the sandbox around it."""
    short = [] if session_seconds is None else ["--session-seconds", str(session_seconds)]
    return [rolecall(), "sandbox", *short, "--", *command]


def by_exec(command: list[str], target: str = "blah") -> list[str]:
    return ["bash", "-c", _HOSTILE, "exec", target, "--", *command]


def by_imds(command: list[str]) -> list[str]:
    """Under `exec`, with nothing but instance metadata to find the role by."""
    return ["bash", "-c", _HOSTILE, "exec", "blah", "--imds=only", "--", *command]


def by_credential_process(command: list[str]) -> list[str]:
    return ["bash", "-c", _VIA, "via", *command]
