"""What has to hold of everything that was handed out, called and held: a line each."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from .watch import Held

# A call whose client was killed is over when the witness hears of it, which takes it a moment on a busy machine.
_HEARD = 0.25
# What STS said of an answer counts as long as it was asked at once: a session is served to within seconds of its end.
_AT_ONCE = 2.0


def _lines(paths: list[Path]) -> Iterator[dict]:
    for path in paths:
        for line in path.read_text().splitlines():
            yield json.loads(line)


class Ledger:
    def __init__(self, answers: list[Path], calls: Path, killed: float, away: tuple[float, float]) -> None:
        told = list(_lines(answers))
        self.answers = sorted((line for line in told if "none" not in line), key=lambda line: line["answered"])
        self.none = [line for line in told if "none" in line]
        self.calls = [json.loads(line) for line in calls.read_text().splitlines()]
        self._killed, self._away = killed, away
        self.failed = 0

    def check(self, what: str, wrong: list[str], found: str = "") -> None:
        print(f"{'FAIL' if wrong else 'ok'} {what}{': ' if found else ''}{found}", flush=True)
        for line in wrong[:5]:
            print(f"     {line}", flush=True)
        self.failed += bool(wrong)

    def all(self, keys: int, lifetimes: float) -> None:
        self._enough()
        self._expired()
        self._torn()
        self._backwards()
        self._in_flight()
        self._calls(keys, lifetimes)

    def _enough(self) -> None:
        killed = [line for line in self.none if line["kind"] == "killed"]
        without = [line for line in self.none if line["kind"] != "killed"]
        away = [line for line in without if self._while_away(line["asked"], line["answered"])]
        without = [line for line in without if line not in away]
        asked = len(self.answers) + len(without)
        by_kind = Counter(line["kind"] for line in self.answers)
        wrong = []
        if len(without) > asked * 0.05:
            why = Counter(line["none"].splitlines()[0][:160] for line in without)
            wrong = [f"{len(without)} of {asked} had none", *(f"{count} × {text}" for text, count in why.most_common(4))]
        if not killed or not all(by_kind[kind] for kind in ("process", "endpoint")):
            wrong.append(f"nothing is proved by {by_kind} and {len(killed)} killed")
        if not away:
            wrong.append("no session ended while STS was away, so that it was away for nothing")
        found = (
            f"{by_kind['process']} processes and {by_kind['endpoint']} requests; {len(without)} had none, and "
            f"{len(away)} while STS was away; {len(killed)} were killed"
        )
        self.check("who asks is answered", wrong, found)

    def _expired(self) -> None:
        wrong = [self._of(line) for line in self.answers if line["remains"] <= 0]
        wrong += [self._of(line) for line in self._weighed() if line["error"] == "ExpiredToken"]
        least = min((line["remains"] for line in self.answers), default=0)
        self.check("nothing expired is handed out", wrong, f"the nearest end was {least:.1f} s away")

    def _torn(self) -> None:
        """The key, the secret and the token are of one session, and it is the one that was asked for."""
        weighed = self._weighed()
        wrong = [
            self._of(line)
            for line in weighed
            if line["error"] not in ("", "ExpiredToken")
            or (line["arn"] and not line["arn"].endswith(f"assumed-role/BlahRole/soak-{line['key']:05}"))
        ]
        if len(weighed) < len(self.answers) * 0.9:
            wrong.append(f"only {len(weighed)} of {len(self.answers)} were asked about at once")
        self.check("no triple is torn, and none is another's", wrong, f"{len(weighed)} shown to STS")

    def _weighed(self) -> list[dict]:
        return [line for line in self.answers if line["weighed"] < _AT_ONCE]

    def _backwards(self) -> None:
        """Who asks after somebody was answered gets what ends no earlier."""
        wrong, seen = [], 0
        by_key = defaultdict(list)
        for line in self.answers:
            by_key[line["key"]].append(line)
        for lines in by_key.values():
            for kind in ("process", "endpoint"):
                # An endpoint has a session of its own as long as it is fresh, whatever others got since.
                own = [line for line in lines if line["kind"] == kind]
                latest, at = 0.0, 0
                for line in sorted(own, key=lambda line: line["asked"]):
                    while at < len(own) and own[at]["answered"] < line["asked"]:
                        # One that was got alone, without the agent, is nobody else's.
                        if not self._around_the_kill(own[at]["asked"], own[at]["answered"]):
                            latest = max(latest, own[at]["ends"])
                        at += 1
                    seen += at > 0
                    if latest > line["ends"] and not self._around_the_kill(line["asked"], line["answered"]):
                        wrong.append(f"{latest - line['ends']:.0f} s shorter: {self._of(line)}")
        self.check("no shorter session takes the place of a longer one", wrong, f"{seen} compared")

    def _in_flight(self) -> None:
        wrong = []
        by_key = defaultdict(list)
        for key, begun, ended, answered in self.calls:
            by_key[key].append((begun, ended, answered))
        for key, calls in by_key.items():
            calls.sort()
            for (begun, ended, _), (next_begun, *_) in zip(calls, calls[1:], strict=False):
                if ended - next_begun > _HEARD and not self._around_the_kill(begun, next_begun):
                    wrong.append(f"{key}: {begun:.2f} to {ended:.2f}, and from {next_begun:.2f}")
        self.check("one session is got by one process at a time", wrong, f"{len(self.calls)} calls of STS")

    def _calls(self, keys: int, lifetimes: float) -> None:
        sessions = len({line["id"] for line in self.answers})
        calls = sum(not self._while_away(begun, ended) for _, begun, ended, _ in self.calls)
        # One life more for every key, because the agent was killed once, and its sessions with it.
        most = 2.2 * keys * (lifetimes + 1)
        wrong = [] if calls <= most else [f"{calls} calls, of at most {most:.0f}"]
        self.check("2.2 calls of STS for each lifetime at most", wrong, f"{sessions} sessions, {calls} calls")

    def _around_the_kill(self, begun: float, ended: float) -> bool:
        """The sessions and the leases of a killed agent are gone, and its clients go on alone."""
        return begun < self._killed + 2 and ended > self._killed - 1

    def _while_away(self, begun: float, ended: float) -> bool:
        """Whoever asked at the end of it may have been told what others were a moment ago."""
        return begun < self._away[1] + 6 and ended > self._away[0]

    def growth(self, held: Held, before: tuple[float, float], after: tuple[float, float], slack: int) -> None:
        """After STS was away it is no more than before, but for what an allocator makes of it."""
        early, late = held.between(*before), held.between(*after)
        if early is None or late is None:
            self.check(f"{held.name} does not grow", ["it was not seen for long enough"])
            return
        wrong = []
        if late[0] > early[0] * 1.1 + slack:
            wrong.append(f"{late[0]} kB after {early[0]} kB")
        if late[1] > early[1] * 1.5 + 16:
            wrong.append(f"{late[1]} open files after {early[1]}")
        self.check(f"{held.name} does not grow", wrong, f"{early[0]} kB then {late[0]} kB, {early[1]} then {late[1]} files")

    @staticmethod
    def _of(line: dict) -> str:
        return (
            f"{line['kind']} {line['key']}, asked at {line['asked']:.2f}, answered at {line['answered']:.2f}: {line['id']} with "
            f"{line['remains']:.1f} s to its end, and STS says {line['error'] or line['arn']}"
        )
