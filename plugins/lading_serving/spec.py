"""The spec of a release for its supervisor and its workers: an immutable JSON file, identified by its SHA-256."""

from __future__ import annotations

import hashlib
import json
import socket
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .hosts import Hosts
from .identity import identity
from .json_files import write_bytes
from .owned import Foreign, read_own


@dataclass(frozen=True)
class Limits:
    """Limits for the clients of a worker. Sizes are in bytes, times in seconds of the worker's event loop.

    `write_timeout` is the time for each 64 KiB of a response, as counted by the kernel. `max_unread` is the limit for
    all unread responses together. `drain_timeout` is the time that a retired release has to finish its requests.
    """

    max_body: int = 16 * 1024 * 1024
    max_depth: int = 200
    max_head: int = 32 * 1024
    max_fields: int = 100
    max_connections: int = 1000
    head_timeout: float = 10.0
    body_timeout: float = 60.0
    idle_timeout: float = 65.0
    write_timeout: float = 20.0
    max_unread: int = 64 * 1024 * 1024
    linger: float = 5.0
    drain_timeout: float = 60.0


@dataclass(frozen=True)
class ReleaseSpec:
    """A release to run: `workers` processes of `python` in `folder`.

    `env` is the whole environment, except for the variables in `handed`. Their values are sent to the supervisor and
    never written to a file. The workers serve on `host` and `port`; port 0 means a free port that then stays the same.
    Clients may also use the names in `hosts`. `init()` must end within `start_timeout` seconds. `model_file` is checked
    against `model_sha256`, if that is given, before the scoring script uses it.
    """

    number: int
    python: str
    folder: str
    env: dict[str, str]
    model_file: str
    model_sha256: str
    host: str = "127.0.0.1"
    port: int = 0
    workers: int = 1
    start_timeout: float = 60.0
    tags: dict[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    handed: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def hosts_at(self, listener: socket.socket) -> Hosts:
        """The hosts of clients that reach a listening socket."""
        return Hosts(listener.getsockname()[0], self.host, self.hosts)

    @property
    def label(self) -> str:
        """The number that people know the release by, in metrics and logs."""
        return identity(self.env)["release"] or str(self.number)

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    def write(self, path: Path) -> None:
        write_bytes(path, self.to_bytes())

    @classmethod
    def from_bytes(cls, data: bytes) -> ReleaseSpec:
        content = json.loads(data)
        lists = {name: tuple(content[name]) for name in ("handed", "hosts") if name in content}
        return cls(**{**content, **lists, "limits": Limits(**content["limits"])})

    @classmethod
    def read(cls, path: Path, sha256: str) -> ReleaseSpec:
        """Read a spec from a file. Raises Foreign if its SHA-256 differs, and OSError."""
        return cls.from_bytes(read_recorded(path, sha256))


def read_recorded(path: Path, sha256: str) -> bytes:
    """Read the bytes of a spec. Raises Foreign if their SHA-256 differs, and OSError."""
    data = read_own(path)
    found = sha256_of(data)
    if found != sha256:
        raise Foreign(path, f"has sha256 {found}, not {sha256} as recorded")
    return data


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
