"""A headless Chromium that reaches nothing but loopback, driven through the DevTools protocol on a pipe."""

import base64
import fcntl
import json
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import zlib
from pathlib import Path

_FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--disable-crash-reporter",
    "--no-default-browser-check",
    "--hide-scrollbars",
    # No name has an address, and no other address is asked for by our pages.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
]
_SECONDS = 30
_KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "ArrowDown": (40, ""), "ArrowUp": (38, ""), "/": (191, "/")}


class Browser:
    """One window. What its pages want of the world outside of loopback is in `failed`."""

    def __init__(self, *, width: int = 1200, height: int = 800, dark: bool = False, scripts: bool = True):
        # Not below TMPDIR: the path of a socket in it may have 107 bytes.
        self._folder = tempfile.mkdtemp(prefix="browser-", dir="/tmp")
        (low_read, self._out), (self._in, low_write) = os.pipe(), os.pipe()
        # Out of the way of the two numbers that the browser's ends will have.
        read, write = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (low_read, low_write))
        os.close(low_read)
        os.close(low_write)
        command = ["chromium", *_FLAGS, f"--user-data-dir={self._folder}", f"--window-size={width},{height}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{read} 4>&{write} {read}<&- {write}>&-', "browser", *command],
            pass_fds=(read, write),
            env=os.environ | {"HOME": self._folder, "TMPDIR": self._folder},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(write)
        self._buffer, self._number, self._session = b"", 0, None
        self._events: list[dict] = []
        self.failed: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        if not scripts:
            self._call("Emulation.setScriptExecutionDisabled", value=True)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._session = None
            self._call("Browser.close")
            self._process.wait(10)
        except (OSError, RuntimeError, subprocess.TimeoutExpired):
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        os.close(self._in)
        os.close(self._out)
        # Its helpers write for a moment longer.
        for _ in range(50):
            shutil.rmtree(self._folder, ignore_errors=True)
            if not os.path.exists(self._folder):
                break
            time.sleep(0.1)

    def open(self, url: str) -> float:
        """Opens a page and waits until it is whole; gives the seconds that took."""
        start = time.monotonic()
        self._events.clear()
        self._call("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")
        return time.monotonic() - start

    def wait_for(self, event: str) -> dict:
        while True:
            for number, known in enumerate(self._events):
                if known["method"] == event:
                    return self._events.pop(number)
            self._read()

    def run(self, script: str) -> object:
        """The value of an expression in the page."""
        done = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise RuntimeError(f"the page says {done['exceptionDetails']['text']}: {script}")
        return done["result"].get("value")

    def dom(self) -> str:
        """The page as it is now."""
        root = self._call("DOM.getDocument", depth=0)["root"]["nodeId"]
        return self._call("DOM.getOuterHTML", nodeId=root)["outerHTML"]

    def text(self) -> str:
        """What a person reads."""
        return str(self.run("document.body.innerText"))

    def type(self, text: str) -> None:
        self._call("Input.insertText", text=text)

    def press(self, key: str) -> None:
        code, text = _KEYS[key]
        what = {"key": key, "windowsVirtualKeyCode": code, **({"text": text} if text else {})}
        self._call("Input.dispatchKeyEvent", type="keyDown", **what)
        self._call("Input.dispatchKeyEvent", type="keyUp", **{k: v for k, v in what.items() if k != "text"})

    def screenshot(self, path: Path) -> bool:
        """Writes a PNG, and says whether there is something to see on it."""
        data = base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"])
        path.write_bytes(data)
        return shows_something(data)

    def _call(self, method: str, **parameters: object) -> dict:
        self._number += 1
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": self._number, "method": method, "params": parameters, **session}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _read(self) -> dict:
        signal.alarm(_SECONDS)
        while b"\0" not in self._buffer:
            more = os.read(self._in, 1 << 20)
            if not more:
                raise RuntimeError("the browser has ended")
            self._buffer += more
        signal.alarm(0)
        whole, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(whole)
        if message.get("method") == "Network.loadingFailed":
            self.failed.append(message["params"].get("errorText", ""))
        if message.get("method") == "Log.entryAdded":
            self.failed.append(message["params"]["entry"]["text"])
        if "method" in message:
            self._events.append(message)
        return message


def shows_something(png: bytes) -> bool:
    """Whether a picture has more than a few different rows: what is blank, or in stripes, has not."""
    if png[:8] != b"\x89PNG\r\n\x1a\n":
        return False
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    if depth != 8 or kind not in (2, 6):
        return False
    at, packed = 8, b""
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            packed += png[at + 8 : at + 8 + length]
        at += 12 + length
    rows, step = zlib.decompress(packed), 1 + width * (3 if kind == 2 else 4)
    return len(rows) == step * height and len({rows[at : at + step] for at in range(0, len(rows), step)}) > 60
