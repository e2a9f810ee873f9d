"""Two hundred processes at once, all cold, one role: how often STS is called, how often a person is, and how long it takes.

usage: rolecall sandbox [--world organization] -- crowd.py ROLECALL MINIMAL [RIVALS]
"""

import os
import statistics
import sys
import tempfile
from pathlib import Path

from processes import Env, at_once, calls, joes_keys, milliseconds, sandbox, stop_agent

ROLE = "arn:aws:iam::666666666666:role/BlahRole"
CROWD, FEW, TIMES = 200, 20, 5
# What a call of STS takes from far away.
FAR = 300
PHONE = "arn:aws:iam::100000000002:mfa/omar"


class Counted:
    """Runs of a crowd, each with a runtime directory of its own, so that nothing is warm."""

    def __init__(self, command: list[str], env: Env, folder: Path) -> None:
        self._command, self._env, self._folder, self._runs = command, env, folder, 0

    def _fresh(self) -> dict[str, str]:
        self._runs += 1
        return {**self._env, "ROLECALL_RUNTIME_DIR": str(self._folder / f"run-{self._runs}")}

    def one(self) -> float:
        env = self._fresh()
        taken = milliseconds(self._command, env)
        stop_agent(Path(env["ROLECALL_RUNTIME_DIR"]))
        return taken

    def crowd(self) -> tuple[float, int]:
        env, before = self._fresh(), calls()
        taken = at_once(CROWD, self._command, env)
        made = calls() - before
        stop_agent(Path(env["ROLECALL_RUNTIME_DIR"]))
        return taken, made


def told(what: str, made: set[int], taken: list[float], beside: str, theirs: list[float], target: str) -> None:
    wall, other = statistics.median(taken), statistics.median(theirs)
    count = ", ".join(map(str, sorted(made)))
    print(f"| {what} | {count} | {wall:.0f} ms | {beside} | {other:.0f} ms | {wall / other:.2f} | {target} |", flush=True)


def near_and_far(rolecall: str, minimal: str, beside: Path | None, env: Env, folder: Path) -> None:
    ours = Counted([rolecall, "credential-process", "blah"], env, folder)
    ours.one()
    near = [ours.crowd() for _ in range(TIMES)]
    made = {count for _, count in near}
    wall = [taken for taken, _ in near]
    one = [ours.one() for _ in range(TIMES)]
    told("rolecall, STS on loopback", made, wall, "one process", one, "1 call")
    floor = [at_once(CROWD, ["/bin/true"], env) for _ in range(TIMES)]
    told("rolecall, STS on loopback", made, wall, "as many `/bin/true`", floor, "–")
    keys, before = {**env, **joes_keys()}, calls()
    theirs = [at_once(CROWD, [minimal, ROLE], keys) for _ in range(TIMES)]
    each = {(calls() - before) // TIMES}
    told("minimal aws-sdk-rust program, STS on loopback", each, theirs, "rolecall", wall, "–")

    sandbox("faults", {"fault": f"AssumeRole:delay={FAR}ms:always"})
    far = [ours.crowd() for _ in range(TIMES)]
    one = [ours.one() for _ in range(TIMES)]
    told(f"rolecall, STS {FAR} ms away", {count for _, count in far}, [taken for taken, _ in far], "one process", one, "1 call, ≤ 2")
    sandbox("faults", method="DELETE")

    # The AWS CLI keeps what it gets in its home, a file for each role; so nothing is warm here either.
    for name, folder_of, program, arguments in (
        ("AWS CLI v1", "venv", "aws", ["configure", "list"]),
        ("aws-export-credentials", "export", "aws-export-credentials", ["--cache-file", str(folder / "exported")]),
    ):
        path = beside / folder_of / "bin" / program if beside else None
        if path and path.exists():
            before = calls()
            taken = at_once(FEW, [str(path), *arguments, "--profile", "blah"], {**env, "HOME": str(folder)})
            told(f"{name}, {FEW} of them, STS on loopback", {calls() - before}, [taken], f"{CROWD} of rolecall", wall, "–")


def with_mfa(rolecall: str, env: Env, folder: Path) -> None:
    asked = folder / "asked"
    ask = folder / "ask"
    ask.write_text(
        f"#!{sys.executable}\nimport json, urllib.request\n"
        f"open({str(asked)!r}, 'a').write('asked\\n')\n"
        f"print(json.load(urllib.request.urlopen({env['AWS_ENDPOINT_URL'] + '/_sandbox/mfa-code?serial=' + PHONE!r}))['code'])\n"
    )
    ask.chmod(0o700)
    with open(env["AWS_CONFIG_FILE"], "a") as config:
        config.write(
            f"\n[profile asked]\nregion = us-east-1\nrole_arn = arn:aws:iam::100000000011:role/Admin\n"
            f"source_profile = omar\nmfa_serial = {PHONE}\nmfa_process = {ask}\n"
        )
    ours = Counted([rolecall, "credential-process", "asked"], env, folder)
    # Every code is good once: one crowd, and nothing to compare it with.
    taken, made = ours.crowd()
    prompts = len(asked.read_text().splitlines())
    print(f"| rolecall, the role wants MFA | {made}, and {prompts} prompt{'s' * (prompts != 1)} | {taken:.0f} ms | – | – | – | 1 prompt |", flush=True)


def main(rolecall: str, minimal: str, beside: Path | None) -> None:
    env = {name: value for name, value in os.environ.items() if name != "ROLECALL_LOG"} | {"ROLECALL_AGENT": "on"}
    with tempfile.TemporaryDirectory() as folder:
        if any(account["id"] == "100000000002" for account in sandbox("accounts")):
            with_mfa(rolecall, env, Path(folder))
            return
        print(f"\n{CROWD} processes at once, all cold, one role; the median of {TIMES} times.\n")
        print("| what | STS calls | wall | beside | it takes | ratio | target |\n|---|---|---|---|---|---|---|")
        near_and_far(rolecall, minimal, beside, env, Path(folder))


main(sys.argv[1], sys.argv[2], Path(sys.argv[3]) if len(sys.argv) > 3 else None)
