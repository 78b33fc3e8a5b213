"""The spec of a release, for its supervisor and its workers: one immutable JSON file, known by its sha256."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .control import write_bytes
from .owned import Foreign, read_own


@dataclass(frozen=True)
class Limits:
    """What one client may ask of a worker. Sizes in bytes, times in seconds of the worker's event loop.

    `write_timeout` is how long a client may take for each 64 KiB of an answer, as the kernel counts, and `max_unread`
    what all answers may take that are not read yet. `drain_timeout` is how long a retired release may finish what it
    has begun.
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
    """A release to run: `workers` processes of `python` in `folder` with the environment `env`: the whole of it
    but for the variables in `handed`: their values are handed to the supervisor, and never written down.

    They serve on `host` and `port` (0: one that is free, and then always that one), and are called by `hosts`, too.
    `init()` must end within `start_timeout` seconds. `model_file` is checked against `model_sha256` before the scoring
    script sees it.
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
        """The spec in a file. Raises Foreign if its bytes have another sha256, and OSError."""
        return cls.from_bytes(read_recorded(path, sha256))


def read_recorded(path: Path, sha256: str) -> bytes:
    """The bytes of a spec. Raises Foreign if they have another sha256, and OSError."""
    data = read_own(path)
    found = sha256_of(data)
    if found != sha256:
        raise Foreign(path, f"has sha256 {found}, not {sha256} as recorded")
    return data


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
