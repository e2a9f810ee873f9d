"""What a child of `rolecall exec` can see of its surroundings, as JSON: its environment, every command line, and which
of the files it was left hold a secret of the sandbox's (the sandbox's own credentials file, where keys belong, apart).
"""

import json
import os
from pathlib import Path


def command_lines() -> list[str]:
    lines = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            lines.append(Path("/proc", pid, "cmdline").read_text(errors="backslashreplace").replace("\0", " ").strip())
        except OSError:
            continue
    return lines


def files_with_secrets() -> list[str]:
    own = Path.home() / ".aws/credentials"
    files = (path for top in (os.environ["TMPDIR"], Path.home()) for path in Path(top).rglob("*"))
    files = {path for path in files if path.is_file() and not path.is_symlink() and path != own}
    return [str(path) for path in files if b"CANARYSECRET" in path.read_bytes() or b"CANARYTOKEN" in path.read_bytes()]


print(
    json.dumps(
        {
            "environment": dict(os.environ),
            "command_lines": command_lines(),
            "files_with_secrets": files_with_secrets(),
            "shared_credentials": Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).read_text(),
        }
    )
)
