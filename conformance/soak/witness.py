"""Stands between the clients and STS and writes down which call was in flight when. It changes nothing.

usage: python3 -m soak.witness STS_PORT FILE — prints its port, then runs until its standard input ends.
"""

import asyncio
import json
import re
import sys
import threading
import time
from typing import TextIO

_NAME = re.compile(rb"Action=AssumeRole&.*RoleSessionName=([^&]+)")


class Call:
    """An AssumeRole in flight, from its body until the answer begins or either side is gone."""

    def __init__(self, key: str, file: TextIO) -> None:
        self.key, self._file, self._begun = key, file, time.monotonic()

    def end(self, answered: bool) -> None:
        self._file.write(json.dumps([self.key, self._begun, time.monotonic(), answered]) + "\n")
        self._file.flush()


async def _pass_on(client: asyncio.StreamReader, back: asyncio.StreamWriter, port: int, file: TextIO) -> None:
    call: list[Call] = []

    async def onward(to: asyncio.StreamWriter) -> None:
        seen = b""
        while data := await client.read(65536):
            seen = (seen + data)[-16384:]
            if named := _NAME.search(seen):
                seen = b""
                call.append(Call(named[1].decode(), file))
            to.write(data)
            await to.drain()

    async def backward(source: asyncio.StreamReader) -> None:
        while data := await source.read(65536):
            while call:
                call.pop().end(answered=True)
            back.write(data)
            await back.drain()

    upstream = None
    try:
        source, upstream = await asyncio.open_connection("127.0.0.1", port)
        ways = [asyncio.create_task(onward(upstream)), asyncio.create_task(backward(source))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
    except OSError:
        pass
    finally:
        while call:
            call.pop().end(answered=False)
        # A fault that resets a connection arrives as one: not as an answer that is merely short.
        back.transport.abort()
        if upstream:
            upstream.transport.abort()


async def _main(port: int, path: str) -> None:
    with open(path, "w") as file:
        server = await asyncio.start_server(
            lambda reader, writer: _pass_on(reader, writer, port, file), "127.0.0.1", 0, backlog=512
        )
        print(server.sockets[0].getsockname()[1], flush=True)
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        threading.Thread(
            target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)), daemon=True
        ).start()
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), sys.argv[2]))
