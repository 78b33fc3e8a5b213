"""Bytes by their digest: `files/<sha256>`, read-only, and whole or absent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..errors import BadInput, Refused
from .digests import Digests
from .durable import make_folder, move, naming, seal
from .guard import FILES, MODULES, TMP, Guard
from .scratch import scratch

_CHUNK = 1 << 20
_HINT = "put a copy of it back, or let `lading repair` say what it can do"


class Files:
    """The stored files. A file is copied in, or linked where it lies in the store's own scratch folders."""

    def __init__(self, guard: Guard, digests: Digests) -> None:
        self._guard = guard
        self._tmp = guard.root / TMP
        self._digests = digests

    def path(self, sha256: str, *, name: str = "") -> Path:
        """Where the bytes of that digest lie, once they are stored, under their own file name if they have one."""
        return self._guard.file(MODULES, sha256, name) if name else self._guard.file(FILES, sha256)

    def put(self, source: Path, sha256: str | None = None, *, name: str = "") -> tuple[str, Path]:
        """Store a file; returns its digest and its stored path. What is stored already, and unaltered, is kept.

        `name` keeps it under a file name, which a module needs. Raises BadInput where there is no such file, and
        Refused where its bytes do not have the digest `sha256`.
        """
        if sha256 and self.is_intact(sha256, name) and self._digests.file(source) == sha256:
            return sha256, self.path(sha256, name=name)
        with naming(source):
            if not source.is_file():
                raise BadInput(f"no such file: {source}")
        with scratch(self._guard) as folder, naming(self._guard.root):
            found = self._bring(source, folder / "file")
            if sha256 not in (None, found):
                raise Refused(f"{source} was altered: its sha256 is {found}, not {sha256}", hint=_HINT)
            path = self.path(found, name=name)
            if not self.is_intact(found, name):
                make_folder(path.parent)
                move(folder / "file", path)
            return found, path

    def check(self, sha256: str, *, name: str = "") -> None:
        """Raise Refused where the stored bytes are gone or altered."""
        path = self.path(sha256, name=name)
        with naming(path):
            if not path.exists():
                raise Refused(f"{path} is missing", hint=_HINT)
        found = self._digests.file(path)
        if found != sha256:
            raise Refused(f"{path} was altered: its sha256 is {found}, not {sha256}", hint=_HINT)

    def is_intact(self, sha256: str, name: str) -> bool:
        """Whether the stored bytes are there, and unaltered."""
        path = self.path(sha256, name=name)
        with naming(path):
            return path.exists() and self._digests.file(path) == sha256

    def _bring(self, source: Path, copy: Path) -> str:
        """Link or copy a file, onto the disk, and return its digest."""
        import hashlib

        if source.is_relative_to(self._tmp) and source.stat().st_nlink == 1:
            with suppress(OSError):  # a file system without links
                os.link(source, copy)
        if copy.exists():
            seal(copy)
            return self._digests.file(copy)
        digest = hashlib.sha256()
        with copy.open("xb") as writer:
            for chunk in _chunks(source):
                digest.update(chunk)
                writer.write(chunk)
        seal(copy)
        self._digests.remember(copy, digest.hexdigest())
        return digest.hexdigest()


def _chunks(source: Path) -> Iterator[bytes]:
    with naming(source), source.open("rb") as reader:
        while chunk := reader.read(_CHUNK):
            yield chunk
