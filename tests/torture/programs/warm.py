"""Fork one `lading` command after another, from a process that has already imported the modules: `warm.py MODULE...`.

Reads a line of JSON for each, `{argv, folder, env, output, seconds, memory}`, and writes its exit code. The output of
the command goes to `out` and `err` in the folder `output`. SIGALRM ends a command that takes too long.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from importlib import import_module
from pathlib import Path
from socketserver import BaseServer
from typing import NoReturn

from lading.cli import main
from lading.python import deploying as api  # noqa: F401


def serve() -> None:
    for name in sys.argv[1:]:
        import_module(name)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            command(**json.loads(line))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        sys.stdout.flush()


def command(argv: list[str], folder: str, env: dict[str, str], output: str, seconds: int, memory: int) -> NoReturn:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in enumerate(("out", "err"), 1):
        os.dup2(os.open(Path(output) / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["lading", *argv]
    signal.alarm(seconds)
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    BaseServer.serve_forever = _end_at_once  # type: ignore[method-assign,assignment]  # `forward` would not end
    main()
    raise AssertionError("a command ends its process")


def _end_at_once(*_: object) -> None:
    """Serve no request."""


serve()
