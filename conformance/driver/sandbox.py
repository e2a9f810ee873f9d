"""Commands inside rolecall's sandbox."""

from .places import rolecall

# A profile that hands the role over through credential_process, as a user would write it.
_VIA = """
printf '\\n[profile via]\\nregion = us-east-1\\ncredential_process = rolecall credential-process blah\\n' \\
  >>"${AWS_CONFIG_FILE:-$HOME/.aws/config}"
export AWS_PROFILE=via AWS_SDK_LOAD_CONFIG=1
exec "$@"
"""


def inside(command: list[str], *, session_seconds: int | None = None) -> list[str]:
    """A command with the sandbox around it."""
    short = [] if session_seconds is None else ["--session-seconds", str(session_seconds)]
    return [rolecall(), "sandbox", *short, "--", *command]


def by_exec(command: list[str], target: str = "blah") -> list[str]:
    return ["rolecall", "exec", target, "--", *command]


def by_credential_process(command: list[str]) -> list[str]:
    return ["bash", "-c", _VIA, "via", *command]
