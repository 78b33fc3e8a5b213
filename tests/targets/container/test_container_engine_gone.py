"""A container engine that disappears during a deploy."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.targets.container.conftest import Project

pytestmark = pytest.mark.slow


class Tether:
    """A proxy in front of the engine's socket. It breaks for good after a number of messages."""

    def __init__(self, path: Path, engine: str, messages: int) -> None:
        self.host = f"unix://{path}"
        self._engine, self._left = engine.removeprefix("unix://"), messages
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def is_broken(self) -> bool:
        return self._left <= 0

    def close(self) -> None:
        for sock in (self._listener, *self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self.is_broken:
                client, _ = self._listener.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(self._engine)
                self._open += [client, engine]
                for function, ends in ((self._to_engine, (client, engine)), (self._from_engine, (engine, client))):
                    threading.Thread(target=function, args=ends, daemon=True).start()

    def _to_engine(self, client: socket.socket, engine: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                self._left -= 1
                if self.is_broken:
                    self.close()
                engine.sendall(data)
            engine.shutdown(socket.SHUT_WR)

    def _from_engine(self, engine: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := engine.recv(65536):
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)


@contextmanager
def tether(engine: str, messages: int) -> Iterator[Tether]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a socket's path has at most 107 characters
        made = Tether(Path(folder) / "socket", engine, messages)
        try:
            yield made
        finally:
            made.close()


def test_the_same_command_finishes_a_deploy_after_the_engine_disappeared(project: Project) -> None:
    project.shell("deploy")
    for messages in range(1, 40, 8):
        with tether(project.engine.host, messages) as tethered:
            cut_off = project.shell("deploy", "--force", code=5, DOCKER_HOST=tethered.host)
        assert f"no container engine answers at {tethered.host}" in cut_off.err
        project.shell("deploy")
        assert project.answer() == [7]
        assert len(project.containers()) == 1
