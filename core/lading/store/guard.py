"""The guard of a store: the one place where a name in it becomes a path, once what stands there has been looked at.

A store can come with a cloned repository or a cache, so any name in it can be a link, or a thing of somebody else. The
attacker plants content; nobody races as the same user.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from ..errors import BadInput, Refused

ID, DATABASE, LEDGER, IGNORE = "id", "store.db", "store.ledger", ".gitignore"
LOCKS, TMP, FILES, MODULES, PACKAGES, WORK = "locks", "tmp", "files", "modules", "packages", "work"
DAMAGED = "damaged"

_FOLDERS = (LOCKS, TMP, FILES, MODULES, PACKAGES, WORK, DAMAGED)
_CONTROL = (
    *(f"{name}{end}" for name in (IGNORE, ID, LEDGER) for end in ("", ".part")),
    *(f"{DATABASE}{end}" for end in ("", "-journal")),  # SQLite's own, which it opens by itself
)
_NEVER = (f"{DATABASE}-wal", f"{DATABASE}-shm")  # the database keeps no such log, but SQLite would read a planted one
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}
_PLUGINS = (stat.S_IFDIR, stat.S_IFREG, stat.S_IFIFO)  # what a plugin may make in its work folder
_PLUGIN_DEPTH = 2  # deeper, as in a virtual environment, there may be links
_OTHERS_WRITE = 0o022
ELSEWHERE = "keep the store elsewhere with --store or LADING_STORE"


class Foreign(Refused):
    """Something that is not the store's own stands at a name of the store."""


class Guard:
    """Gives the paths in the store `root`. Each part of a path is looked at with `lstat` before it is given away.

    A part has to be of the expected kind, the user's own, closed to the writing of others (with `modes`), and on the
    device of the store; a control file has one name only. What is missing passes. Everything else raises Foreign.
    """

    def __init__(self, root: Path, *, modes: bool = True) -> None:
        self.root = root
        self._modes = modes
        self._device: int | None = None

    def check(self) -> bool:
        """Look at the store's folder and at every known name in it; False if there is no such folder."""
        if self._look(self.root, stat.S_IFDIR) is None:
            return False
        for name in _FOLDERS:
            self.folder(name)
        for name in _CONTROL:
            self.control(name)
        for name in _NEVER:
            if self.control(name).exists():
                raise Foreign(f"{self.root / name} is not a file of Lading's", hint=f"remove it; {ELSEWHERE}")
        with suppress(FileNotFoundError):
            for lock in (self.root / LOCKS).iterdir():
                self.control(LOCKS, lock.name)
        return True

    def require(self) -> None:
        """Like `check`; raises BadInput if there is no such folder."""
        if not self.check():
            hint = "`lading deploy` makes one; --store names another place"
            raise BadInput(f"there is no store in {self.root}", hint=hint)

    def folder(self, *names: str) -> Path:
        """The path of a folder."""
        return self._path(names, stat.S_IFDIR)

    def file(self, *names: str) -> Path:
        """The path of a file, which may have other names: models are hard-linked into releases."""
        return self._path(names, stat.S_IFREG)

    def control(self, *names: str) -> Path:
        """The path of a file that Lading writes in place."""
        return self._path(names, stat.S_IFREG, alone=True)

    def open(self, path: Path, flags: int) -> int:
        """Open a control file that this guard gave, which may be created; a link at its name is not followed."""
        return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)

    def work(self, *names: str) -> Path:
        """The path of a folder of a plugin, with what it made there: no link leads out of it at the first levels."""
        folder = self.folder(WORK, *names)
        self._look_below(folder, _PLUGIN_DEPTH)
        return folder

    def _path(self, names: tuple[str, ...], kind: int, *, alone: bool = False) -> Path:
        path = self.root
        for number, name in enumerate(names, 1):
            if name in ("", ".", "..") or "/" in name or "\0" in name:
                raise Foreign(
                    f"a record in {self.root} names {'/'.join(names)!r}, which is not in the store",
                    hint="`lading repair` shows what it can rebuild",
                )
            path /= name
            last = number == len(names)
            if self._look(path, kind if last else stat.S_IFDIR, alone=alone and last) is None:
                return self.root.joinpath(*names)
        return path

    def _look(self, path: Path, kind: int, *, alone: bool = False) -> os.stat_result | None:
        """What stands at a path; None for nothing."""
        try:
            status = path.lstat()
        except FileNotFoundError:
            return None
        found = stat.S_IFMT(status.st_mode)
        if found != kind:
            raise Foreign(f"{_named(path, found)}, and {_KINDS[kind]} belongs there", hint=f"remove it, or {ELSEWHERE}")
        self._refuse_foreign(path, status)
        if self._modes and status.st_mode & _OTHERS_WRITE:
            raise Foreign(
                f"{path} is writable by other users, who could change what is deployed",
                hint=f"chmod -R go-rwx {self.root}; if chmod has no effect, {ELSEWHERE}",
            )
        if alone and status.st_nlink > 1:
            raise Foreign(f"{path} is a hard link: the file has another name", hint=f"remove it, or {ELSEWHERE}")
        return status

    def _refuse_foreign(self, path: Path, status: os.stat_result) -> None:
        if status.st_uid != os.geteuid():
            raise Foreign(
                f"{path} belongs to user {status.st_uid}, and this command runs as user {os.geteuid()}",
                hint=f"run it as the owner, or {ELSEWHERE}",
            )
        self._device = self._device or self.root.lstat().st_dev
        if status.st_dev != self._device:
            raise Foreign(f"{path} lies on another device than {self.root}", hint=f"unmount it, or {ELSEWHERE}")

    def _look_below(self, folder: Path, depth: int) -> None:
        try:
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            return
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # its process has just removed it
                continue
            path, kind = folder / entry.name, stat.S_IFMT(status.st_mode)
            if kind not in _PLUGINS:
                raise Foreign(f"{_named(path, kind)}, which no plugin makes", hint=f"remove it, or {ELSEWHERE}")
            self._refuse_foreign(path, status)
            if kind == stat.S_IFDIR and depth > 1:
                self._look_below(path, depth - 1)


def _named(path: Path, kind: int) -> str:
    leads = f" to {path.readlink()}" if kind == stat.S_IFLNK else ""
    return f"{path} is {_KINDS.get(kind, 'a foreign thing')}{leads}"
