"""Files and folders by digest: `files/<sha256>`, `trees/<digest>`. They are read-only, and complete or absent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..errors import BadInput, Refused
from .digests import Digests
from .durable import make_folder, move, naming, seal
from .guard import FILES, MODULES, TMP, TREES, Guard
from .locks import locked_folder
from .scratch import scratch

_CHUNK = 1 << 20
_HINT = "restore a copy of it, or run `lading repair` to see what it can rebuild"


class Files:
    """The stored files and folders. A file is copied in, or hard-linked if it lies in a scratch folder of the store."""

    def __init__(self, guard: Guard, digests: Digests) -> None:
        self._guard = guard
        self._tmp = guard.root / TMP
        self._digests = digests

    @property
    def root(self) -> Path:
        """The folder of the store."""
        return self._guard.root

    def path(self, sha256: str, *, name: str = "") -> Path:
        """The path that a file or folder with this digest has in the store. A module also keeps its file name.

        A file and a folder never have the same digest.
        """
        if name:
            return self._guard.file(MODULES, sha256, name)
        tree = self._guard.folder(TREES, sha256)
        return tree if tree.exists() else self._guard.file(FILES, sha256)

    def digest(self, source: Path) -> str:
        """The digest of a file, or of a folder without the caches of Python, as `put` keeps it."""
        with naming(source):
            if not source.is_dir():
                return self._digests.file(source)
            from .tree import digest_of_files, source_files  # no model of one file pays for it

            return digest_of_files(source_files(source, self._guard.root), self._digests.file)

    def whole_digest(self, path: Path) -> str:
        """The digest of a file, or of a folder with its whole content, such as a stored one."""
        if not path.is_dir():
            return self._digests.file(path)
        from .tree import digest_of_files, files_of

        return digest_of_files(files_of(path), self._digests.file)

    def put(self, source: Path, sha256: str | None = None, *, name: str = "") -> tuple[str, Path]:
        """Store a file or a folder, and return its digest and stored path.

        If the store already has the same intact one, it is kept.

        `name` keeps a file under a file name, which a module needs. Raises BadInput if there is no such file, and
        Refused if its bytes do not have the digest `sha256`, or if `files_of` refuses the content of a folder.
        """
        if sha256 and self.is_intact(sha256, name) and self.digest(source) == sha256:
            return sha256, self.path(sha256, name=name)
        with naming(source):
            is_folder = source.is_dir() and not name
            if not is_folder and not source.is_file():
                raise BadInput(f"no such file: {source}")
        with scratch(self._guard) as folder, naming(self._guard.root):
            copy = folder / ("folder" if is_folder else "file")
            found = self._bring_folder(source, copy) if is_folder else self._bring(source, copy)
            if sha256 not in (None, found):
                raise Refused(f"{source} was altered: its sha256 is {found}, not {sha256}", hint=_HINT)
            path = self._guard.folder(TREES, found) if is_folder else self.path(found, name=name)
            with locked_folder(make_folder(path.parent)):  # another command may keep the same one now
                if not self.is_intact(found, name):
                    if path.is_dir():  # a folder cannot be renamed over another one
                        path.rename(folder / "altered")
                    move(copy, path)
            return found, path

    def check(self, sha256: str, *, name: str = "", stored: Path | None = None) -> None:
        """Raise Refused if the stored file or folder is missing or altered. `stored` is its path, if that is known."""
        path = stored or self.path(sha256, name=name)
        with naming(path):
            if not path.exists():
                raise Refused(f"{path} is missing" if name or stored else self._missing(sha256), hint=_HINT)
            found = self.whole_digest(path)
        if found != sha256:
            raise Refused(f"{path} was altered: its sha256 is {found}, not {sha256}", hint=_HINT)

    def _missing(self, sha256: str) -> str:
        """The message for a digest that is missing; the digest alone does not show if it was a file or a folder."""
        file, tree = self._guard.file(FILES, sha256), self._guard.folder(TREES, sha256)
        return f"{file} (a file) or {tree} (a folder) is missing"

    def is_intact(self, sha256: str, name: str) -> bool:
        """Whether the stored file exists and is unaltered."""
        path = self.path(sha256, name=name)
        with naming(path):
            try:
                return path.exists() and self.whole_digest(path) == sha256
            except Refused:  # a stored folder never has such content
                return False

    def _bring_folder(self, source: Path, copy: Path) -> str:
        from .tree import bring, source_files

        with naming(source):
            files = source_files(source, self._guard.root)
        return bring(files, copy, self._bring)

    def _bring(self, source: Path, copy: Path) -> str:
        """Link or copy a file, wait until it is on the disk, and return its digest."""
        import hashlib

        if source.is_relative_to(self._tmp) and source.stat().st_nlink == 1:
            with suppress(OSError):  # the file system may not support links
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
