"""Clients that are slow on purpose, until stdin ends: `crowd.py HOST PORT CLIENTS BODY`.

There are five kinds of equal size. Kind one sends a head in single bytes. Kind two sends a body in single bytes after
BODY bytes at once. Kind three sends one request with a large body and stays connected. Kind four sends nothing, and
kind five disconnects in the middle of its head. A disconnected client connects again. Prints `ready` when all have
begun, and at the end the number of responses by status, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from contextlib import suppress
from typing import NamedTuple

HEAD = b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LARGEST = 16 * 1024 * 1024  # the server's limit in bytes
CHUNK = b"1" * 65536
BEAT = 1.0  # seconds between two bytes, and before a client connects again


class Manner(NamedTuple):
    """The behaviour of a client: it sends `start` and `body`, and then single bytes, the end, or nothing."""

    start: bytes
    body: int = 0
    dribbles: bool = False
    leaves: bool = False


def manners(body: int) -> list[Manner]:
    return [
        Manner(HEAD + b"X-Slow: ", dribbles=True),
        Manner(HEAD + b"Content-Length: %d\r\n\r\n" % LARGEST, body, dribbles=True),
        Manner(HEAD + b"Content-Length: %d\r\n\r\n" % body, body),
        Manner(b""),
        Manner(HEAD, leaves=True),
    ]


class Crowd:
    """All clients, at one address. `statuses` counts their responses."""

    def __init__(self, host: str, port: int) -> None:
        self.statuses: Counter[str] = Counter()
        self._address = host, port
        self._tasks: list[asyncio.Task[None]] = []

    async def gather(self, clients: list[Manner]) -> None:
        """Start the clients. Returns when all have begun."""
        begun = [asyncio.Event() for _ in clients]
        self._tasks = [asyncio.create_task(self._come_again(*each)) for each in zip(clients, begun, strict=True)]
        for event in begun:
            await event.wait()

    async def _come_again(self, manner: Manner, begun: asyncio.Event) -> None:
        while True:
            with suppress(OSError):
                await self._visit(manner, begun)
            await asyncio.sleep(BEAT)

    async def _visit(self, manner: Manner, begun: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection(*self._address)
        reading = asyncio.create_task(self._read(reader))
        try:
            await _begin(writer, manner, reading)
            begun.set()
            while manner.dribbles and not reading.done():
                writer.write(b"x")
                await asyncio.wait([reading], timeout=BEAT)
        finally:
            await reading
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while answer := await reader.read(65536):
                for part in answer.split(b"HTTP/1.1 ")[1:]:
                    self.statuses[part[:3].decode()] += 1


async def _begin(writer: asyncio.StreamWriter, manner: Manner, reading: asyncio.Task[None]) -> None:
    writer.write(manner.start)
    left = manner.body
    while left > 0 and not reading.done():
        writer.write(CHUNK[:left])
        left -= len(CHUNK)
        await writer.drain()
    if manner.leaves:
        writer.write_eof()


async def main() -> None:
    host, port, clients, body = sys.argv[1], *map(int, sys.argv[2:])
    crowd, kinds = Crowd(host, port), manners(body)
    await crowd.gather([kinds[number % len(kinds)] for number in range(clients)])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    sys.stdout.write(json.dumps(crowd.statuses))


if __name__ == "__main__":
    asyncio.run(main())
