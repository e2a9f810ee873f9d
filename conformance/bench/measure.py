"""One process: `credential-process` cold and warm beside what one would run instead.

usage: rolecall sandbox [--tls DIR] -- measure.py ROLECALL MINIMAL RUNS [RIVALS]
"""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from processes import HEAD, WARM_UP, Env, Subject, interleaved, joes_keys, milliseconds, row, stop_agent, subject

ROLE = "arn:aws:iam::666666666666:role/BlahRole"
COLD = "`credential-process`, cold, STS on loopback"
# For each account and region the agent lets twenty through in a second: a bench asks for more.
REGIONS = ("us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-west-2", "eu-central-1", "sa-east-1")


def each_time_another(rolecall: str, env: Env) -> Subject:
    """Cold every time: a session that nobody has asked for."""
    count = itertools.count()

    def take() -> float:
        n = next(count)
        target = [ROLE, "--source-profile", "joe", "--session-name", f"bench-{n}", "--region", REGIONS[n % len(REGIONS)]]
        return milliseconds([rolecall, "credential-process", *target], env)

    return take


def each_time_an_agent(rolecall: str, env: Env, folder: Path) -> Subject:
    """Cold, and no agent runs: the process starts it."""
    count = itertools.count()

    def take() -> float:
        runtime = folder / str(next(count))
        taken = milliseconds([rolecall, "credential-process", "blah"], {**env, "ROLECALL_RUNTIME_DIR": str(runtime)})
        stop_agent(runtime)
        return taken

    return take


def rivals(folder: Path | None, env: Env, scratch: Path) -> dict[str, Subject]:
    """What is installed of those that do the same, each warm: with the session it keeps in a file of its own."""
    found: dict[str, Subject] = {}
    if folder is None:
        return found
    aws, export, vault = (folder / path for path in ("venv/bin/aws", "export/bin/aws-export-credentials", "bin/aws-vault"))
    if aws.exists():
        # It has no `export-credentials`; this one finds the session in its cache and calls nobody.
        found["AWS CLI v1, `configure list`"] = subject([str(aws), "configure", "list", "--profile", "blah"], env)
    if export.exists():
        kept = ["--cache-file", str(scratch / "exported")]
        found["`aws-export-credentials`"] = subject([str(export), "--profile", "blah", *kept], env)
    if vault.exists():
        backend = {"AWS_VAULT_BACKEND": "file", "AWS_VAULT_FILE_PASSPHRASE": "bench", "AWS_VAULT_FILE_DIR": str(scratch / "vault")}
        own = {**env, **backend}
        # Its SDK knows no endpoint but AWS, so that no role can be had of it here: it opens its store and hands out a key.
        add = [str(vault), "add", "--env", "joe"]
        subprocess.run(add, env={**own, **joes_keys()}, check=True, capture_output=True)
        export = [str(vault), "export", "--no-session", "--format=json", "joe"]
        found["aws-vault 7.2, file backend, a stored key and no role"] = subject(export, own)
    return found


def main(rolecall: str, minimal: str, runs: int, beside: Path | None) -> None:
    env = {name: value for name, value in os.environ.items() if name != "ROLECALL_LOG"}
    off, on = {**env, "ROLECALL_AGENT": "off"}, {**env, "ROLECALL_AGENT": "on"}
    keys = env | joes_keys()
    cold = subject([rolecall, "credential-process", "blah"], off)
    if os.environ["AWS_ENDPOINT_URL"].startswith("https:"):
        # The yardstick knows the authority by rustls' own variable.
        keys |= {"SSL_CERT_FILE": os.environ["AWS_CA_BUNDLE"]}
        ours, theirs = interleaved(runs, cold, subject([minimal, ROLE], keys))
        row(f"{COLD}, TLS", ours, "minimal aws-sdk-rust program", theirs, "≤ 1.3")
        return

    print(f"Median wall time of a process (95th percentile), {runs} interleaved runs after {WARM_UP}.\n")
    print(HEAD)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        milliseconds([rolecall, "credential-process", "blah"], on)
        warm, true, python = interleaved(
            runs,
            subject([rolecall, "credential-process", "blah"], on),
            subject(["/bin/true"], env),
            subject([shutil.which("python3", path=os.defpath) or sys.executable, "-c", "pass"], env),
        )
        what = "`credential-process`, session warm in the agent"
        row(what, warm, "`/bin/true`", true, "≤ 3, p95 ≤ 15 ms")
        row(what, warm, "`python3 -c pass`", python)
        for name, take in rivals(beside, env, scratch).items():
            ours, theirs = interleaved(max(runs // 10, 5), subject([rolecall, "credential-process", "blah"], on), take)
            row(what, ours, name, theirs)
        ours, theirs, least = interleaved(runs, cold, subject([minimal, ROLE], keys), subject([minimal, ROLE, "--no-tls"], keys))
        row(f"{COLD}, plain HTTP, `ROLECALL_AGENT=off`", ours, "minimal aws-sdk-rust program", theirs, "≤ 1.3")
        row("the same", ours, "the same program built without TLS", least, "≤ 1.3")
        shared, starting, alone = interleaved(
            runs, each_time_another(rolecall, on), each_time_an_agent(rolecall, on, scratch), cold
        )
        row("the same, with an agent that has no such session", shared, "`ROLECALL_AGENT=off`", alone)
        row("the same, and it starts the agent", starting, "`ROLECALL_AGENT=off`", alone)
        ours, theirs = interleaved(runs, subject([rolecall, "--version"], env), subject(["/bin/true"], env))
        row("`rolecall --version`", ours, "`/bin/true`", theirs)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]) if len(sys.argv) > 4 else None)
