"""Asks the three about a case, in a home of its own and an environment of nothing but the case's."""

import json
import os
import pwd
import subprocess
from pathlib import Path

from ..cases import Failed
from ..places import HERE, PYTHON, RUST_RESOLVE, rolecall
from . import home
from .outcome import Outcome, of_rolecall, of_sdk
from .trees import Case

# What rolecall names a session that nobody named.
_SOMEBODY = pwd.getpwuid(os.getuid()).pw_name


class Asker:
    """One home, one botocore that stays, and the other two anew for each case."""

    def __init__(self, folder: Path) -> None:
        self.home = folder
        # Everything that was said, for the search for secrets.
        self.said: list[str] = []
        self._lies: set[str] = set()
        home.build(folder)
        self._botocore = subprocess.Popen(
            [PYTHON, str(HERE / "py/resolve.py")],
            env=self._environment({}),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "botocore.log").open("w"),
            text=True,
        )

    def __enter__(self) -> "Asker":
        return self

    def __exit__(self, *_why: object) -> None:
        self._botocore.stdin.close()
        self._botocore.wait()

    def ask(self, case: Case) -> tuple[Outcome, Outcome, Outcome]:
        """What botocore, the AWS SDK for Rust and rolecall make of it."""
        gone = dict.fromkeys(self._lies - set(case.files))
        self._lies = set(case.files)
        home.settle(self.home, gone | case.files)
        return self._by_botocore(case), self._by_rust(case), self._by_rolecall(case)

    def _environment(self, env: dict[str, str]) -> dict[str, str]:
        own = {"HOME": str(self.home), "PATH": f"{self.home}/bin:/usr/bin:/bin"}
        return own | {name: value.replace(home.HOME, str(self.home)) for name, value in env.items()}

    def _by_botocore(self, case: Case) -> Outcome:
        asked = {"env": self._environment(case.env), "ask": case.ask}
        self._botocore.stdin.write(json.dumps(asked) + "\n")
        self._botocore.stdin.flush()
        line = self._botocore.stdout.readline()
        if not line:
            raise Failed(f"botocore ended: {(self.home / 'botocore.log').read_text()[-600:]}")
        return of_sdk(json.loads(line))

    def _by_rust(self, case: Case) -> Outcome:
        code, out, err = self._run([RUST_RESOLVE, *case.ask], case)
        if code:
            # It panics over a key that cannot stand in a header.
            return Outcome("call", f"exit {code}: {err[-300:]}")
        return of_sdk(json.loads(out))

    def _by_rolecall(self, case: Case) -> Outcome:
        target = {"default": [], "profile": ["--", case.ask[-1]], "role": ["--session-name", "probe", "--", case.ask[-1]]}
        code, out, err = self._run([rolecall(), "plan", "--json", *target[case.ask[0]]], case)
        self.said += [out, err]
        return of_rolecall(code, out, err, _SOMEBODY)

    def _run(self, command: list[str], case: Case) -> tuple[int, str, str]:
        done = subprocess.run(
            command,
            env=self._environment(case.env),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=30,
        )
        return done.returncode, done.stdout, done.stderr
