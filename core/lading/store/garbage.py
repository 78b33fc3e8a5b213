"""Search for unused data in the store.

The records are removed first, in one transaction, and then the files. So no record ever names a removed file, even if
the process dies in between. Files that remain are found by the next search, because it reads the folders.
"""

from __future__ import annotations

import json
import re
import stat
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..model import Release, Shown
from .codec import from_record
from .database import Database
from .guard import BACKUPS, FILES, MODULES, PACKAGES, PLOTS, TREES, WORK, Guard
from .names import is_backup_name, safe_name
from .plots import EVALUATION, PLOTTED
from .reuse import PACKAGED, TRAINED
from .scratch import leftovers

_SHA256 = re.compile(r"[0-9a-f]{64}")
_BACKUP_SECONDS = 7 * 24 * 3600.0  # long enough to notice a failed migration


@dataclass(frozen=True)
class Garbage(Shown):
    """Unused data in the store.

    `kind` is package, file, folder (a model of several files), module, plots (of an evaluation that is not the last one
    of any model), work (the folder of a deleted deployment), backup (made before an old migration) or scratch (of a
    process that died). `bytes` is the size of its files.
    """

    kind: str
    name: str
    bytes: int
    path: Path


class Needed:
    """The digests of all data in use, and the keys of outdated rows in `reuse`.

    A file is in use if any remaining record names its digest. Plots are in use if their evaluation is the last one of a
    run or of a manifest's finished model.
    """

    def __init__(self, database: Database, keep: int) -> None:
        rows = database.read("SELECT record FROM releases ORDER BY seq DESC")
        self.releases: list[Release] = [from_record(Release, record) for (record,) in rows]
        kept = list(_kept(self.releases, keep))
        self.packages = {release.package_digest for release in kept}
        models = _digests(record for (record,) in database.read("SELECT record FROM models"))
        self.files = {release.model_sha256 for release in kept} | models | _newest_models(database)
        outputs = database.read("SELECT key, stage, output FROM reuse")
        self.stale = [(key,) for key, stage, output in outputs if not self._is_needed(stage, output)]
        gone = set(self.stale)
        self.files |= _digests(output for key, _, output in outputs if (key,) not in gone)
        self.plots = {json.loads(output) for _, stage, output in outputs if stage == PLOTTED}

    def _is_needed(self, stage: str, output: str) -> bool:
        if stage == PACKAGED:
            return json.loads(output) in self.packages
        if stage in TRAINED:
            return json.loads(output)["sha256"] in self.files
        return True


def find(guard: Guard, needed: Needed) -> list[Garbage]:
    """Unused data in the store."""
    places = [
        *(("package", path.name, path) for path in _others(guard, PACKAGES, needed.packages)),
        *(("file", path.name, path) for path in _others(guard, FILES, needed.files)),
        *(("folder", path.name, path) for path in _others(guard, TREES, needed.files)),
        *(("module", path.name, path) for path in _others(guard, MODULES, needed.files)),
        *(("plots", path.name, path) for path in _others(guard, PLOTS, needed.plots, EVALUATION)),
        *(("work", name, path) for name, path in _work_of_deleted(guard, needed.releases)),
        *(("backup", path.name, path) for path in _old_backups(guard)),
        *(("scratch", path.name, path) for path in leftovers(guard)),
    ]
    return [Garbage(kind, name, _size(path), path) for kind, name, path in places]


def forget(database: Database, needed: Needed) -> None:
    """Remove the records of unused data."""
    packages = [row for row in database.read("SELECT digest FROM packages") if row[0] not in needed.packages]
    if packages or needed.stale:
        with database.write() as connection:
            connection.executemany("DELETE FROM packages WHERE digest = ?", packages)
            connection.executemany("DELETE FROM reuse WHERE key = ?", needed.stale)
            database.renew_ledger()


def _kept(releases: Iterable[Release], keep: int) -> Iterator[Release]:
    """Yield the releases whose packages are kept. The input is sorted, newest first.

    These are the live releases, and those of the last `keep` packages that came up on each deployment.
    """
    last: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for release in releases:
        packages = last[release.service, release.target]
        if release.came_up and len(packages) < keep:
            packages.add(release.package_digest)
        if release.state in ("up", "canary", "pending") or release.package_digest in packages:
            yield release


def _newest_models(database: Database) -> set[str]:
    """The model of the newest run of each training, because the next `register` uses it."""
    runs = [json.loads(record) for (record,) in database.read("SELECT record FROM runs ORDER BY seq")]
    return set({run["name"]: run["model_sha256"] for run in runs if run["model_sha256"]}.values())


def _digests(records: Iterable[str]) -> set[str]:
    return {digest for record in records for digest in _SHA256.findall(record)}


def _others(guard: Guard, place: str, needed: set[str], shape: re.Pattern[str] = _SHA256) -> list[Path]:
    """The paths of unused data. Raises Foreign if there is a link, or another thing, at the name of one."""
    names = sorted(path.name for path in guard.folder(place).glob("*"))
    checked = guard.file if place == FILES else guard.folder
    return [checked(place, name) for name in names if shape.fullmatch(name) and name not in needed]


def _work_of_deleted(guard: Guard, releases: Iterable[Release]) -> Iterator[tuple[str, Path]]:
    """The work folders of deployments that were deleted. Folders of unknown deployments are not included."""
    newest: dict[tuple[str, str], Release] = {}
    for release in releases:
        newest.setdefault((release.target, release.service), release)
    for place, release in newest.items():
        for kind in ("deployments", "rollouts"):
            folder = guard.folder(WORK, kind, *map(safe_name, place))
            if release.state == "deleted" and any(folder.glob("*")):
                yield "/".join(place), folder


def _old_backups(guard: Guard) -> Iterator[Path]:
    """The backups of migrations that are older than `_BACKUP_SECONDS`."""
    names = sorted(path.name for path in guard.folder(BACKUPS).glob("*") if is_backup_name(path.name))
    for path in (guard.control(BACKUPS, name) for name in names):
        if time.time() - path.lstat().st_mtime > _BACKUP_SECONDS:
            yield path


def _size(path: Path) -> int:
    total = 0
    for file in (path, *path.rglob("*")):
        with suppress(FileNotFoundError):  # another process may remove a scratch folder meanwhile
            status = file.lstat()
            total += 0 if stat.S_ISDIR(status.st_mode) else status.st_size
    return total
