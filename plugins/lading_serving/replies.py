"""The answers of the supervisor, in place of a worker: with a request id, logged and counted like those of a worker.

Only the answer with the figures is neither logged nor counted, as with a worker.
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Mapping
from contextlib import suppress

from .access import access_log, clean
from .board import METHODS, PID, Board
from .logs import Output
from .messages import Request, Response
from .pulse import LONGEST_ID
from .recorder import Place, Recorder
from .spec import ReleaseSpec

_ID = "x-request-id"


def recorder_of(spec: ReleaseSpec, board: Board, entry: int, log: Output) -> Recorder:
    """A recorder for the supervisor, at a release of the board."""

    def write(lines: bytes) -> int:
        log.write(lines)
        return len(lines)

    slot = board.add_slot(entry)
    recorder = Recorder(Place(board, slot) if slot else None, access_log(write, spec.env, spec.label))
    if slot:
        board.numbers[slot + PID] = 0  # the memory of the supervisor is not that of a worker
    return recorder


def figures(env: Mapping[str, str], board: Board, request: Request) -> Response | None:
    """The figures of a service with these variables, for a request of Lading that may read them; else None."""
    from .exposition import asks_for_figures, metrics
    from .keys import guard_of

    if request.path != "/metrics" or request.method != "GET" or not asks_for_figures(request):
        return None
    try:
        guard = guard_of(env)
    except (OSError, ValueError):  # a worker, which knows the keys, answers once it is free
        return None
    is_open = guard is None or request.path in guard.open_paths or guard.holds_key(request.headers)
    return metrics(board, request) if is_open else None


def reply(sock: socket.socket, response: Response, size: int, recorder: Recorder, *, is_silent: bool = False) -> None:
    """Read a request of at most `size` bytes, as far as it has arrived, and answer it. The client may have left.

    With `is_silent` it is neither logged nor counted.
    """
    with suppress(OSError):
        request, started = head_of(sock.recv(size)), recorder.begin()
        recorder.is_silent = is_silent
        request_id = _id(request)
        recorder.request_id = clean(request_id)
        response.headers.append((_ID, request_id))
        recorder.end(request, response, started)  # before the client has its answer
        sock.send(response.encode(with_body=request.method != "HEAD", close=True))
        sock.shutdown(socket.SHUT_WR)
    recorder.flush()


def head_of(data: bytes) -> Request:
    """The head of a request that was not checked. Its body is left out."""
    start, *fields = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    method, _, target = start.partition(" ")
    path = target.partition(" ")[0].partition("?")[0]
    pairs = (field.partition(":") for field in fields)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Request(method if method in METHODS else "other", path or "-", "", headers, b"", keep_alive=False)


def _id(request: Request) -> str:
    given = request.headers.get(_ID, "")
    return given if 0 < len(given) <= LONGEST_ID and given.isprintable() else str(uuid.uuid4())
