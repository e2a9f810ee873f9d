"""A way to STS that says of every session that it ends sooner than it does.

The shortest session anybody may ask STS for lasts 15 minutes, and no test waits that long for a renewal. What is asked
and what it is signed with go through as they came; of the answer only the end is rewritten. So the product renews as it
would, and every session it gets is a new one of the server's.
"""

import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class _Way(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    endpoint: str
    seconds: int
    asked: list[dict[str, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.asked.append({name: values[0] for name, values in parse_qs(body.decode()).items()})
        connection = http.client.HTTPConnection(urlsplit(self.endpoint).netloc, timeout=10)
        try:
            # The Host is signed, so it goes on as it came.
            connection.request("POST", self.path, body, dict(self.headers))
            answer = connection.getresponse()
            status, said = answer.status, answer.read()
        finally:
            connection.close()
        end = datetime.now(timezone.utc) + timedelta(seconds=self.seconds)
        told = f"<Expiration>{end:%Y-%m-%dT%H:%M:%S.%fZ}</Expiration>".encode()
        said = re.sub(rb"<Expiration>[^<]*</Expiration>", told, said)
        self.send_response(status)
        self.send_header("content-type", "text/xml")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the case says what went wrong."""


@contextmanager
def hasty(endpoint: str, seconds: int) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """The URL of the way to `endpoint`, and the list of what was asked over it."""
    asked: list[dict[str, str]] = []
    way = type("Way", (_Way,), {"endpoint": endpoint, "seconds": seconds, "asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), way)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
