"""Record the files of a project that a process reads, so that a training runs again when one of them changes.

Python calls an audit hook for each file that it opens or imports, and for each folder that it lists. Code that does not
go through Python, such as the readers of pyarrow and h5py, is not recorded.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

MOST = 1000
"""The limit of recorded files and folders per training, without those that the manifest names."""

CHANGED = "changed while it was read"
"""The stamp of a file or folder whose content is uncertain."""

_SHARED = "LADING_READS"
_MOST_NOTES = 100_000  # of files that were read, listed or written; limits the memory
_IGNORED = frozenset(
    (
        *(".cache", ".eggs", ".git", ".hg", ".ipynb_checkpoints", ".lading", ".nox", ".svn", ".tox", ".venv"),
        *("__pycache__", "dist-packages", "node_modules", "site-packages"),
    )
)
_IGNORED_ENDINGS = (".egg-info", ".dist-info")
# These modules list every folder of sys.path, including the folder of a training script.
_IMPORT_SYSTEM = frozenset(
    ("_frozen_importlib_external", "importlib", "importlib_metadata", "pkg_resources", "pkgutil")
)

_real = lru_cache(maxsize=4096)(os.path.realpath)


def is_ignored(name: str) -> bool:
    """Whether a file or folder with this name is a cache, an environment, or data of a tool."""
    return name in _IGNORED or name.endswith(_IGNORED_ENDINGS) or (name[:1] == "." and name.endswith("_cache"))


def file_stamp(path: Path | str) -> str:
    """A text that changes with the content of a file or with the names in a folder. Empty if neither exists."""
    try:
        status = os.stat(path)  # noqa: PTH116 - called for each file that a training opens
        return _digest(_names(path)) if stat.S_ISDIR(status.st_mode) else _stamp(status)
    except OSError:
        return ""


class Reads:
    """Records the files of `project` that this process and its Python child processes read.

    `named` are files and folders that are inputs anyway. `log` is a file that the processes share.
    """

    def __init__(self, project: Path, named: Iterable[Path], log: Path) -> None:
        from importlib.util import source_from_cache  # not in the hook, which would record its own import

        self._root = os.path.join(os.path.realpath(project), "")  # noqa: PTH118 - keeps the separator at its end
        self._known = frozenset(map(str, named))
        self._skipped = tuple(f"{path}{os.sep}" for path in (*self._known, *self._environments()))
        self._seen: set[tuple[str, str]] = set()
        self._log = log
        self._lost = False
        self._watches = True
        self._source_from_cache = source_from_cache
        sys.addaudithook(self._on_audit_event)

    def spread(self) -> None:
        """Also record in the Python processes that this process starts. Forked processes do so anyway."""
        os.environ[_SHARED] = json.dumps([self._root, sorted(self._known), str(self._log)])
        path = (str(Path(__file__).with_name("spawned")), os.environ.get("PYTHONPATH"))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, path))

    def stop(self) -> dict[str, str] | None:
        """Stop recording. Returns the stamp of each file and folder from its first read.

        Files that the processes wrote themselves are left out. Returns None if there are too many entries, or if one
        was lost.
        """
        self._watches = False
        text = self._log.read_text(encoding="utf-8") if self._log.exists() else ""
        notes = [tuple(json.loads(line)) for line in text.splitlines()]
        found = _Notes(notes).inputs()
        return None if self._lost or len(found) > MOST or len(notes) > _MOST_NOTES else found

    def _environments(self) -> Iterator[str]:
        """The folders inside the project that hold the running Python."""
        for prefix in {sys.prefix, sys.base_prefix, os.path.realpath(sys.prefix)}:
            if prefix.startswith(self._root):
                yield prefix

    def _on_audit_event(self, event: str, args: tuple[Any, ...]) -> None:
        hear = _EVENTS.get(event)
        if hear is not None and self._watches:
            try:  # noqa: SIM105 - contextlib.suppress takes as long as all the rest
                hear(self, *args)
            except Exception:  # a hook that raises would stop the training
                pass

    def _opened(self, path: Any, _mode: str | None, flags: int) -> None:
        access = flags & os.O_ACCMODE
        if access == os.O_RDONLY:
            self._read(path)
        elif access == os.O_RDWR and not flags & os.O_TRUNC:
            self._updated(path)
        else:
            self._wrote(path)

    def _read(self, path: Any) -> None:
        self._note("read", self._source(os.fsdecode(path)), lambda file: None if _is_folder(file) else file_stamp(file))

    def _updated(self, path: Any, *_more: Any) -> None:
        self._note("update", path, file_stamp)

    def _wrote(self, path: Any, *_more: Any) -> None:
        self._note("write", path, lambda _inside: "")

    def _removed(self, path: Any, *_more: Any) -> None:
        self._note("remove", path, lambda _inside: "")

    def _moved(self, source: Any, destination: Any, *_more: Any) -> None:
        self._removed(source)
        self._wrote(destination)

    def _linked(self, _source: Any, destination: Any, *_more: Any) -> None:
        self._wrote(destination)

    def _imported(self, _module: str, file: str | None, *_more: Any) -> None:
        if file:  # an extension module, which no other event reports
            self._read(file)

    def _loaded(self, library: Any) -> None:
        if library:  # None is the process itself
            self._read(library)

    def _connected(self, database: Any) -> None:
        path = os.fsdecode(database)
        self._updated(unquote(urlsplit(path).path) if path.startswith("file:") else path)

    def _listed(self, folder: Any = None) -> None:
        caller = sys._getframe(2).f_globals.get("__name__", "")
        if caller.partition(".")[0] in _IMPORT_SYSTEM:
            return
        if isinstance(folder, int):  # a descriptor, from os.fwalk
            folder = os.readlink(f"/proc/self/fd/{folder}")  # noqa: PTH115 - the hook also runs in small processes
        self._note("list", "." if folder is None else folder, _names)

    def _note(self, kind: str, path: Any, describe: Callable[[str], Any]) -> None:
        inside = self._inside(os.fsdecode(path))
        if inside is None or (kind, inside) in self._seen or len(self._seen) > _MOST_NOTES:
            return
        self._seen.add((kind, inside))
        described = describe(inside)
        if described is not None:
            self._write(json.dumps([kind, inside, described]).encode() + b"\n")

    def _write(self, line: bytes) -> None:
        """Append a line at once.

        The file does not stay open, because a worker may close descriptors and reuse their numbers.
        """
        try:
            log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(log, line)
            finally:
                os.close(log)
        except OSError:
            self._lost = True

    def _source(self, path: str) -> str:
        """The source file of a cached module. Any other file is returned unchanged."""
        try:
            return self._source_from_cache(path) if path.endswith(".pyc") else path
        except ValueError:
            return path

    def _holds(self, path: str) -> bool:
        return path.startswith(self._root) or path == self._root[:-1]

    def _inside(self, path: str) -> str | None:
        """The absolute path of a file that counts as an input. None for any other file."""
        folder, name = os.path.split(path)
        if os.pardir in folder:  # `..` after a link does not lead where the text says
            path = os.path.join(_real(folder), name)  # noqa: PTH118
        path = os.path.abspath(path)  # noqa: PTH100 - called for each file that a training opens
        if not self._holds(path):
            folder, name = os.path.split(path)
            path = os.path.join(_real(folder), name)  # noqa: PTH118
        if not self._holds(path) and os.path.islink(path):  # noqa: PTH114
            path = os.path.realpath(path)
        if not self._holds(path) or path in self._known or path.startswith(self._skipped):
            return None
        return None if any(map(is_ignored, Path(path[len(self._root) :]).parts)) else path


_EVENTS: Mapping[str, Callable[..., None]] = {
    "open": Reads._opened,
    "import": Reads._imported,
    "os.listdir": Reads._listed,
    "os.scandir": Reads._listed,
    "os.rename": Reads._moved,
    "os.link": Reads._linked,
    "os.symlink": Reads._linked,
    "os.mkdir": Reads._wrote,
    "os.truncate": Reads._wrote,
    "os.remove": Reads._removed,
    "os.rmdir": Reads._removed,
    "ctypes.dlopen": Reads._loaded,
    "sqlite3.connect": Reads._connected,
}


def follow() -> None:
    """Record for the training that started this process. See `Reads.spread`."""
    project, named, log = json.loads(os.environ[_SHARED])
    Reads(Path(project), map(Path, named), Path(log))


class _Notes:
    """The records of all processes of a training, in order of time."""

    def __init__(self, notes: list[tuple[Any, ...]]) -> None:
        self._notes = notes
        self._written = {path for kind, path, _ in notes if kind == "write"}
        self._written |= {path for kind, path, then in notes if kind == "update" and then != file_stamp(path)}
        self._touched = self._written | {path for kind, path, _ in notes if kind == "remove"}

    def inputs(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for kind, path, described in self._notes:
            if kind == "list":
                found.setdefault(path, self._listing(path, described))
            elif kind in ("read", "update") and path not in self._written:
                found.setdefault(path, described)
        return found

    def _listing(self, folder: str, then: list[str]) -> str:
        """The stamp of a folder. It is `CHANGED` if anybody but the training created or removed files there."""
        try:
            now = _names(folder)
        except OSError:
            return CHANGED
        strange = {os.path.join(folder, name) for name in set(then) ^ set(now)} - self._touched  # noqa: PTH118
        return CHANGED if strange else _digest(now)


def _is_folder(path: str) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - called for each file that a training opens


def _names(folder: Path | str) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not is_ignored(name))  # noqa: PTH208


def _digest(names: list[str]) -> str:
    return sha256(json.dumps(names).encode()).hexdigest()


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"
