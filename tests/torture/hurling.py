"""Send cases of `malformed.py`, many at a time: `python -m tests.torture.hurling HOST PORT SEED FIRST END`.

Prints the cases with wrong responses, as JSON.
"""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice

from .malformed import Case, case

BATCH = 40  # parallel connections
LIMIT = 20.0  # seconds
MOST = 5  # limit of findings per batch, because more would repeat the same
HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
LENGTH = re.compile(rb"^content-length: (\d+)\r$", re.MULTILINE)


def main() -> None:
    host, port, seed, first, end = sys.argv[1], *map(int, sys.argv[2:])
    found: list[str] = []
    for start in range(first, end, BATCH):
        cases = {number: case(seed, number) for number in range(start, min(end, start + BATCH))}
        found += islice(_tried((host, port), cases), MOST)
        if found:
            break
    sys.stdout.write(json.dumps(found))


def _tried(address: tuple[str, int], cases: dict[int, Case]) -> Iterator[str]:
    """Send all cases, then read all responses. Yields the problems."""
    with ExitStack() as stack:
        try:
            socks = {number: stack.enter_context(socket.create_connection(address, LIMIT)) for number in cases}
        except OSError as error:
            yield f"before case {min(cases)}: {error!r}"
            return
        for number, sock in socks.items():
            _send(sock, cases[number].data)
        for number, sock in socks.items():
            wrong = _judged(cases[number], sock)
            if wrong:
                yield f"case {number}, {cases[number].kind}: {wrong}: {cases[number].data[:200]!r}"


def _send(sock: socket.socket, data: bytes) -> None:
    try:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
    except OSError:  # the response shows more
        return


def _judged(tried: Case, sock: socket.socket) -> str:
    """The problem of the responses to a case. Empty if there is none."""
    try:
        answer = b"".join(iter(lambda: sock.recv(1 << 16), b""))
    except OSError as error:
        return repr(error)
    statuses = _statuses(answer)
    if statuses is None:
        return f"the answers are not whole: {answer[-200:]!r}"
    if tried.absent and tried.absent in answer:
        return f"{tried.absent!r} is in the answer"
    if tried.statuses is not None and statuses != tried.statuses:
        return f"answered {_short(statuses)}, not {_short(tried.statuses)}"
    faults = [status for status in statuses if status >= 500 and status != 505]
    return f"answered {faults[0]}" if faults else ""


def _short(statuses: tuple[int, ...]) -> str:
    return f"{statuses[:8]}" + (f" and {len(statuses) - 8} more" if len(statuses) > 8 else "")


def _statuses(answer: bytes) -> tuple[int, ...] | None:
    """The statuses of complete responses. None if one is incomplete."""
    statuses: list[int] = []
    at = 0
    while at < len(answer):
        head = HEAD.match(answer, at)
        if head is None:
            return None
        length = LENGTH.search(head[2])
        statuses.append(int(head[1]))
        at = head.end() + (int(length[1]) if length else 0)
    return tuple(statuses) if at == len(answer) else None


if __name__ == "__main__":
    main()
