"""The files that an attacker can put at names of a store: the kinds of files, and the names."""

from __future__ import annotations

import os
import random
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .outside import Outside

STRANGER = 54321  # the id of another user
HUGE = 1 << 31  # bytes of a sparse file
MADE_FOR_A_MOMENT = (
    *(f"store.db-{end}" for end in ("journal", "wal", "shm")),
    ".gitignore.part",
    "store.ledger.part",
    "id.part",
    "damaged",
    "backups",
    "tmp/0123456789abcdef",
    "locks/train~0123456789ab.lock",
)
"""Names that a finished deploy does not use."""


def names(store: Path) -> list[str]:
    """All names in a store: those after a deploy, and temporary ones.

    Of names that differ only in a digest, and of the files of one package or release, only the first is used.
    """
    found = sorted(path.relative_to(store).as_posix() for path in store.rglob("*"))
    kinds = {_without_digests(name): name for name in reversed([*found, *MADE_FOR_A_MOMENT])}
    return sorted(kinds.values())


def _without_digests(name: str) -> str:
    parts = name.split("/")
    return "/".join("#" if len(part) >= 16 and set(part) <= set("0123456789abcdef") else part for part in parts)


@dataclass(frozen=True)
class Kind:
    """A kind of file. `put` creates it at a free path, and `alter` changes an existing file.

    No command creates a `foreign` kind at any name of a store.
    """

    name: str
    put: Callable[[Path, Outside], None] | None = None
    alter: Callable[[Path], None] | None = None
    foreign: bool = True

    def plant(self, path: Path, outside: Outside) -> bool:
        """Put it there. Returns False if there is nothing to alter."""
        if self.alter is not None:
            if not os.path.lexists(path):
                return False
            self.alter(path)
            return True
        assert self.put is not None
        _clear(path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.put(path, outside)
        return True


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _link(lead: Callable[[Path, Outside], object]) -> Callable[[Path, Outside], None]:
    return lambda path, outside: path.symlink_to(str(lead(path, outside)))


def _upwards(path: Path, outside: Outside) -> str:
    """A relative link to a folder beside the project, as a repository can contain it."""
    return os.path.relpath(outside.root / "a" / "b", path.parent)


def _chain(path: Path, outside: Outside) -> None:
    between = outside.project / "between"
    between.unlink(missing_ok=True)
    between.symlink_to(outside.prey / "inner")
    path.symlink_to(between)


def _garbage(path: Path, _outside: Outside) -> None:
    path.write_bytes(random.Random(11).randbytes(4096))
    path.chmod(0o600)


def _huge(path: Path, _outside: Outside) -> None:
    path.touch(mode=0o600)
    os.truncate(path, HUGE)


def _give_away(path: Path) -> None:
    os.chown(path, STRANGER, STRANGER, follow_symlinks=False)


def _node(kind: int, device: tuple[int, int] = (0, 0)) -> Callable[[Path, Outside], None]:
    return lambda path, _outside: os.mknod(path, kind | 0o600, os.makedev(*device))


KINDS = (
    Kind("a relative link upwards", _link(_upwards)),
    Kind("a link to a folder", _link(lambda _, outside: outside.prey)),
    Kind("a link to a file", _link(lambda _, outside: outside.prey / "canary")),
    Kind("a dangling link", _link(lambda _, outside: outside.prey / "nothing")),
    Kind("a link to itself", _link(lambda path, _: path.name)),
    Kind("a chain of links", _chain),
    Kind("a hard link", lambda path, outside: path.hardlink_to(outside.prey / "canary")),
    Kind("a FIFO", _node(stat.S_IFIFO)),
    Kind("a socket", _node(stat.S_IFSOCK)),
    Kind("a device", _node(stat.S_IFCHR, (1, 5))),  # /dev/zero: it never ends
    Kind("a folder", lambda path, _: path.mkdir(0o700), foreign=False),
    Kind("garbage", _garbage, foreign=False),
    Kind("a huge file", _huge, foreign=False),
    Kind("another owner", alter=_give_away),
    Kind("open to others", alter=lambda path: path.chmod(0o777)),
)


def possible(folder: Path) -> list[Kind]:
    """The kinds that this user can create here. Devices and files of other users need root."""

    def works(number: int, kind: Kind) -> bool:
        outside = Outside.make(folder / f"kind-{number}")
        path = outside.project / "name"
        if kind.alter is not None:
            path.touch()
        try:
            return kind.plant(path, outside)
        except PermissionError:
            return False

    return [kind for number, kind in enumerate(KINDS) if works(number, kind)]
