"""Takes a user's key out of the credentials file and into rolecall's vault, and uses a role with boto3 from there. Run inside
the sandbox, with the place where the key is to rest: `secret-service`, `file` or `kernel`. Prints one JSON line; no secret.
"""

import configparser
import json
import os
import pty
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CLIENT = str(Path(__file__).parent / "client.py")
HOME = Path.home()
VAULT = Path(os.environ["XDG_DATA_HOME"], "rolecall/vault")
PASSPHRASE = "correct horse battery staple"
BUS = """<busconfig><type>session</type><listen>unix:path={}</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"""


def wrong(why: str) -> None:
    sys.exit(f"vault.py: {why}")


def take_key() -> tuple[str, str]:
    """joe's key, which is not in the file afterwards."""
    path = Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"])
    file = configparser.ConfigParser(default_section="nobody's")
    file.read_string(path.read_text())
    key = (file["joe"]["aws_access_key_id"], file["joe"]["aws_secret_access_key"])
    file.remove_section("joe")
    with path.open("w") as out:
        file.write(out)
    return key


def run(
    command: list[str], *, told: str | None = None, passphrase: str | None = None, **more: str
) -> subprocess.CompletedProcess:
    """Runs a command to its end; the passphrase comes through a pipe, if it comes."""
    environment = {**os.environ, **more}
    descriptors = ()
    if passphrase is not None:
        read, write = os.pipe()
        os.write(write, passphrase.encode() + b"\n")
        os.close(write)
        environment["ROLECALL_VAULT_PASSPHRASE_FD"] = str(read)
        descriptors = (read,)
    where_from = {"input": told} if told is not None else {"stdin": subprocess.DEVNULL}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, pass_fds=descriptors, start_new_session=True, **where_from
    )
    for descriptor in descriptors:
        os.close(descriptor)
    return done


def well(done: subprocess.CompletedProcess) -> str:
    if done.returncode:
        wrong(f"{' '.join(done.args)} ended with {done.returncode}: {done.stderr[-600:]}")
    return done.stdout


def nothing_is_left_in_the_clear(secret: str) -> None:
    for path in HOME.rglob("*"):
        if path.is_file() and not path.is_symlink() and secret.encode() in path.read_bytes():
            wrong(f"the key is in {path}")


def add(key: tuple[str, str], backend: str, **more: str) -> None:
    told = "\n".join(key) + "\n"
    added = json.loads(well(run(["rolecall", "vault", "add", "joe", "--stdin", "--json"], told=told, **more)))
    if (added["profile"], added["access_key_id"], added["backend"]) != ("joe", key[0], backend):
        wrong(f"added {added}")
    if added["arn"] != "arn:aws:iam::111111111111:user/joe.bloggs":
        wrong(f"whose it is: {added['arn']}")
    nothing_is_left_in_the_clear(key[1])


def listed() -> list[str]:
    """The profiles that have a key. Nothing is unlocked for it: there is nobody who could."""
    listed = json.loads(well(run(["rolecall", "vault", "list", "--json"])))
    return [entry["profile"] for entry in listed["keys"]]


def used(**more: str) -> list[dict]:
    """What boto3 saw of the role, under `exec` and through `credential_process`."""
    config = Path(os.environ["AWS_CONFIG_FILE"])
    via = "\n[profile via]\nregion = us-east-1\ncredential_process = rolecall credential-process blah\n"
    if "[profile via]" not in config.read_text():
        config.write_text(config.read_text() + via)
    out = well(run(["rolecall", "exec", "blah", "--", sys.executable, CLIENT, "1"], **more))
    out += well(run([sys.executable, CLIENT, "1"], AWS_PROFILE="via", **more))
    return [json.loads(line) for line in out.splitlines()]


def secret_service() -> list[dict]:
    key = take_key()
    # Not in the case's own folder: a socket's path has 108 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="rolecall-", dir="/tmp"))
    (folder / "bus.conf").write_text(BUS.format(folder / "bus"))
    os.environ["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={folder / 'bus'}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    bus = subprocess.Popen(["dbus-daemon", "--config-file", str(folder / "bus.conf"), "--nofork", "--nopidfile"], **quiet)
    keyring = None
    try:
        _until(lambda: (folder / "bus").exists(), "the bus does not start")
        unlocked = ["--foreground", "--unlock", "--components=secrets", "--control-directory", str(folder)]
        keyring = subprocess.Popen(["gnome-keyring-daemon", *unlocked], stdin=subprocess.PIPE, text=True, **quiet)
        keyring.stdin.write("the keyring's own")
        keyring.stdin.close()
        # Whoever asks for nothing that is there is answered when the service is there, and not before.
        _until(lambda: not run(["secret-tool", "search", "--all", "x", "y"]).returncode, "the keyring does not start")
        add(key, "secret-service")
        seen = _seen()
        if f"rolecall: access key {key[0]} of profile joe" not in seen or "attribute.name = joe" not in seen:
            wrong("secret-tool does not find the item")
        rounds = used()
        if listed() != ["joe"]:
            wrong(f"listed: {listed()}")
        well(run(["rolecall", "vault", "remove", "joe", "--yes"]))
        if listed() or "access-key" in _seen():
            wrong("it is still there after it was removed")
        return rounds
    finally:
        for process in (keyring, bus):
            if process:
                process.kill()
                process.wait()
        shutil.rmtree(folder)


def _seen() -> str:
    """What another program finds of ours; not the secrets."""
    found = run(["secret-tool", "search", "--all", "application", "rolecall"])
    lines = (found.stdout + found.stderr).splitlines()
    return "\n".join(line for line in lines if not line.startswith("secret ="))


def _until(is_so, otherwise: str) -> None:
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.05)
    wrong(otherwise)


def file() -> list[dict]:
    """The format is age's: its own program opens with the passphrase what rolecall wrote."""
    key = take_key()
    os.environ.update(ROLECALL_VAULT_BACKEND="file", ROLECALL_VAULT_KEEP="off")
    add(key, "file", passphrase=PASSPHRASE)
    rounds = used(passphrase=PASSPHRASE)
    if listed() != ["joe"]:
        wrong(f"listed: {listed()}")
    identity = HOME / "identity"
    if _age_with_passphrase("not the passphrase", identity) == 0:
        wrong("age opens the identity with another passphrase")
    if _age_with_passphrase(PASSPHRASE, identity):
        wrong("age does not open the identity with the passphrase")
    records = [*(VAULT / "records").iterdir()]
    opened = [well(run(["age", "-d", "-i", str(identity), str(record)])) for record in records]
    identity.unlink()
    if not any(key[0] in text and key[1] in text for text in opened):
        wrong("no record is the key's")
    well(run(["rolecall", "vault", "remove", "joe", "--yes"]))
    if listed() or [*(VAULT / "records").iterdir()]:
        wrong("it is still there after it was removed")
    return rounds


def _age_with_passphrase(passphrase: str, to: Path) -> int:
    """age asks a terminal for it, and nothing else."""
    to.unlink(missing_ok=True)
    child, terminal = pty.fork()
    if child == 0:
        os.execvp("age", ["age", "-d", "-o", str(to), str(VAULT / "identity.age")])
    said = b""
    was_told = False
    while True:
        try:
            heard = os.read(terminal, 1024)
        except OSError:
            break
        if not heard:
            break
        said += heard
        if not was_told and b"passphrase" in said:
            os.write(terminal, passphrase.encode() + b"\n")
            was_told = True
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kernel() -> list[dict]:
    """The passphrase is given once; what comes after finds the identity in the kernel, until it is forgotten."""
    key = take_key()
    os.environ.update(ROLECALL_VAULT_BACKEND="file", ROLECALL_VAULT_KEEP="5m")
    add(key, "file", passphrase=PASSPHRASE)
    try:
        keys = Path("/proc/keys").read_text()
        if "rolecall:vault:" not in keys:
            wrong("the kernel does not list it")
        rounds = used()
    finally:
        well(run(["rolecall", "vault", "lock"]))
    refused = run(["rolecall", "credential-process", "partner"])
    if refused.returncode != 1 or "passphrase" not in refused.stderr:
        wrong(f"after it was locked: {refused.returncode} {refused.stderr[-400:]}")
    return rounds


cases = {"secret-service": secret_service, "file": file, "kernel": kernel}
print(json.dumps(cases[sys.argv[1]]()))
