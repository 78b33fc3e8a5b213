"""What in the store nothing needs any more.

Records go first, in one transaction, and then the bytes: where a process dies between the two, no record speaks of what
is gone, and the bytes that are left are found again, because it is the folders that are searched and not the records.
"""

from __future__ import annotations

import json
import re
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..model import Release, Shown
from .codec import from_record
from .database import Database
from .guard import FILES, MODULES, PACKAGES, WORK, Guard
from .names import safe_name
from .scratch import leftovers

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Garbage(Shown):
    """Something that nothing needs.

    `kind` is package, file, module, work (the folder of a deployment that was deleted) or scratch (of a process that
    died); `bytes` is the size of its files.
    """

    kind: str
    name: str
    bytes: int
    path: Path


class Needs:
    """What is needed, by digest, and the keys in `reuse` of outputs that are not.

    A file is needed where a record that stays names its digest, whatever that record is for.
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

    def _is_needed(self, stage: str, output: str) -> bool:
        if stage == "package":
            return json.loads(output) in self.packages
        if stage in ("train", "inspect"):
            return json.loads(output)["sha256"] in self.files
        return True


def find(guard: Guard, needs: Needs) -> list[Garbage]:
    """Unused data in the store."""
    places = [
        *(("package", path.name, path) for path in _others(guard.folder(PACKAGES), needs.packages)),
        *(("file", path.name, path) for path in _others(guard.folder(FILES), needs.files)),
        *(("module", path.name, path) for path in _others(guard.folder(MODULES), needs.files)),
        *(("work", name, path) for name, path in _work_of_deleted(guard, needs.releases)),
        *(("scratch", path.name, path) for path in leftovers(guard)),
    ]
    return [Garbage(kind, name, _size(path), path) for kind, name, path in places]


def forget(database: Database, needs: Needs) -> None:
    """Remove the records of what is not needed."""
    packages = [row for row in database.read("SELECT digest FROM packages") if row[0] not in needs.packages]
    if packages or needs.stale:
        with database.write() as connection:
            connection.executemany("DELETE FROM packages WHERE digest = ?", packages)
            connection.executemany("DELETE FROM reuse WHERE key = ?", needs.stale)
            database.renew_ledger()


def _kept(releases: Iterable[Release], keep: int) -> Iterator[Release]:
    """Of releases, newest first, the live ones and those of the last `keep` packages that came up on a deployment."""
    last: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for release in releases:
        packages = last[release.service, release.target]
        if release.golden_requests is not None and len(packages) < keep:
            packages.add(release.package_digest)
        if release.state in ("up", "pending") or release.package_digest in packages:
            yield release


def _newest_models(database: Database) -> set[str]:
    """The model of each training's newest run: the next `register` takes it."""
    runs = [json.loads(record) for (record,) in database.read("SELECT record FROM runs ORDER BY seq")]
    return set({run["name"]: run["model_sha256"] for run in runs if run["model_sha256"]}.values())


def _digests(records: Iterable[str]) -> set[str]:
    return {digest for record in records for digest in _SHA256.findall(record)}


def _others(folder: Path, needed: set[str]) -> list[Path]:
    return sorted(path for path in folder.glob("*") if _SHA256.fullmatch(path.name) and path.name not in needed)


def _work_of_deleted(guard: Guard, releases: Iterable[Release]) -> Iterator[tuple[str, Path]]:
    """The folders that a target used for deployments which are known to be gone, and not those of unknown ones."""
    newest: dict[tuple[str, str], Release] = {}
    for release in releases:
        newest.setdefault((release.target, release.service), release)
    for place, release in newest.items():
        folder = guard.folder(WORK, "deployments", *map(safe_name, place))
        if release.state == "deleted" and any(folder.glob("*")):
            yield "/".join(place), folder


def _size(path: Path) -> int:
    total = 0
    for file in (path, *path.rglob("*")):
        with suppress(FileNotFoundError):  # a scratch folder may be swept meanwhile
            status = file.lstat()
            total += 0 if stat.S_ISDIR(status.st_mode) else status.st_size
    return total
