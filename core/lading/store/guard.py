"""The guard of a store. Only the guard turns names in the store into paths, and it checks each path first.

A store can come with a cloned repository or a cache. So any name in it can be a link, or belong to another user. The
guard protects from planted files, not from an attacker that runs at the same time as the same user.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from ..errors import BadInput, Refused

ID, DATABASE, LEDGER, IGNORE = "id", "store.db", "store.ledger", ".gitignore"
LOCKS, TMP, FILES, MODULES, PACKAGES, WORK = "locks", "tmp", "files", "modules", "packages", "work"
TREES = "trees"
PLOTS, DAMAGED, BACKUPS = "plots", "damaged", "backups"

_FOLDERS = (LOCKS, TMP, FILES, TREES, MODULES, PACKAGES, WORK, PLOTS, DAMAGED, BACKUPS)
_CONTROL = (
    *(f"{name}{end}" for name in (IGNORE, ID, LEDGER) for end in ("", ".part")),
    *(f"{DATABASE}{end}" for end in ("", "-journal")),  # SQLite opens these files itself
)
_NEVER = (f"{DATABASE}-wal", f"{DATABASE}-shm")  # Lading does not use this log, but SQLite would read a planted one
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}
_PLUGINS = (stat.S_IFDIR, stat.S_IFREG, stat.S_IFIFO)  # allowed in the work folder of a plugin
_PLUGIN_DEPTH = 2  # deeper folders, such as virtual environments, may contain links
_OTHERS_WRITE = 0o022
ELSEWHERE = "keep the store elsewhere with --store or LADING_STORE"


class Foreign(Refused):
    """Something that Lading did not create has the name of a part of the store."""


class Guard:
    """The source of all paths in the store `root`.

    Each part of a path is checked with `lstat` before the path is returned.

    A part must have the expected kind, belong to the user and lie on the device of the store. If `modes` is set, no
    other user may be able to write to it. A control file must not be a hard link. A missing part passes; otherwise
    Foreign is raised.
    """

    def __init__(self, root: Path, *, modes: bool = True) -> None:
        self.root = root
        self._modes = modes
        self._device: int | None = None

    def check(self) -> bool:
        """Check the folder of the store and every known name in it. Returns False if the folder does not exist."""
        if self._look(self.root, stat.S_IFDIR) is None:
            return False
        for name in _FOLDERS:
            self.folder(name)
        for name in _CONTROL:
            self.control(name)
        for name in _NEVER:
            if self.control(name).exists():
                raise Foreign(f"{self.root / name} is not a file of Lading", hint=f"remove it; {ELSEWHERE}")
        with suppress(FileNotFoundError):
            for lock in (self.root / LOCKS).iterdir():
                self.control(LOCKS, lock.name)
        return True

    def require(self) -> None:
        """Like `check`, but raise BadInput if the folder does not exist."""
        if not self.check():
            hint = "`lading deploy` creates one; --store names another folder"
            raise BadInput(f"{self.root} has no store yet", hint=hint)

    def folder(self, *names: str) -> Path:
        """The path of a folder."""
        return self._path(names, stat.S_IFDIR)

    def file(self, *names: str) -> Path:
        """The path of a file. It may have other hard links, because models are linked into releases."""
        return self._path(names, stat.S_IFREG)

    def control(self, *names: str) -> Path:
        """The path of a file that Lading writes in place."""
        return self._path(names, stat.S_IFREG, alone=True)

    def open(self, path: Path, flags: int) -> int:
        """Open a control file whose path came from this guard. `flags` may create it. A link is not followed."""
        return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)

    def work(self, *names: str) -> Path:
        """The path of a plugin's work folder. Its first levels are checked, and must not contain links."""
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
        """Check one path and return its status. Returns None if nothing exists there."""
        try:
            status = path.lstat()
        except FileNotFoundError:
            return None
        found = stat.S_IFMT(status.st_mode)
        if found != kind:
            raise Foreign(f"{_named(path, found)}, but must be {_KINDS[kind]}", hint=f"remove it, or {ELSEWHERE}")
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
            raise Foreign(f"{path} is on another device than {self.root}", hint=f"unmount it, or {ELSEWHERE}")

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
                raise Foreign(f"{_named(path, kind)}, which no plugin creates", hint=f"remove it, or {ELSEWHERE}")
            self._refuse_foreign(path, status)
            if kind == stat.S_IFDIR and depth > 1:
                self._look_below(path, depth - 1)


def _named(path: Path, kind: int) -> str:
    leads = f" to {path.readlink()}" if kind == stat.S_IFLNK else ""
    return f"{path} is {_KINDS.get(kind, 'a special file')}{leads}"
