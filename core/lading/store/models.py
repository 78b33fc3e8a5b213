"""Model versions: numbered, immutable, and without duplicates."""

from __future__ import annotations

import builtins
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BadInput
from ..model import Distribution, ModelReference, ModelVersion
from .codec import from_record, to_json
from .database import Database
from .digests import digest_of
from .files import Files
from .guard import TREES, Guard

if TYPE_CHECKING:
    from ..model import RegisterRequest


class ModelVersions:
    """The local registry of a store. It implements `lading.Models`.

    Records hold paths relative to the store. Many versions share the same distributions, so these are stored once.
    """

    def __init__(self, guard: Guard, database: Database, files: Files) -> None:
        self._guard = guard
        self._root = guard.root
        self._database = database
        self._files = files
        self._distributions: dict[str, Mapping[str, Distribution]] = {}

    def register(self, request: RegisterRequest) -> ModelVersion:
        """Store a model and give it the next version of its name.

        If the model, the modules and the scoring script are unchanged, the version stays the same. The other fields of
        the request are stored, but the run stays the first one. Raises Refused if the digest of the model is not
        `request.sha256`.
        """
        file = self._files.put(request.file, request.sha256)[1]
        modules = tuple(self._files.put(module, name=module.name)[1] for module in request.modules)
        scoring = self._files.put(request.scoring, name=request.scoring.name)[1] if request.scoring else None
        model = replace(_first_version(request, file, modules), scoring=scoring)
        content = self._content(model)
        with self._database.write() as connection:
            rows = connection.execute(
                "SELECT record FROM models WHERE name = ? AND content = ?", (request.name, content)
            ).fetchall()
            if rows:
                model = _again(from_record(ModelVersion, rows[0][0]), model)
            else:
                model = replace(model, version=_newest(connection, request.name) + 1)
            self._write(model, content)
        return model

    def get(self, name: str, version: int | None = None) -> ModelVersion | None:
        """A version, by default the newest one. None if it does not exist."""
        rows = self._database.read(
            "SELECT record, distributions FROM models WHERE name = ? AND version = coalesce(?, version)"
            " ORDER BY version DESC LIMIT 1",
            name,
            version,
        )
        return self._read(*rows[0]) if rows else None

    def list(self, name: str | None = None) -> builtins.list[ModelVersion]:
        """The versions of this name, or all versions, newest first."""
        rows = self._database.read(
            "SELECT record, distributions FROM models WHERE name = coalesce(?, name) ORDER BY seq DESC", name
        )
        return [self._read(*row) for row in rows]

    def check(self, model: ModelVersion) -> None:
        """Raise Refused if the file of a version, or one of its source files, is missing or altered."""
        self._files.check(model.sha256, stored=model.file)
        for source in sources(model):
            self._files.check(source.parent.name, name=source.name)

    def refer(self, name: str, version: int, reference: ModelReference) -> None:
        """Record the name of a version in a registry, replacing an earlier record.

        Raises BadInput for an unknown version.
        """
        with self._database.write() as connection:
            where = (name, version)
            row = connection.execute("SELECT record FROM models WHERE name = ? AND version = ?", where).fetchone()
            if row is None:
                raise BadInput(f"no model '{name}:{version}'")
            model: ModelVersion = from_record(ModelVersion, row[0])
            others = tuple(other for other in model.references if other.registry != reference.registry)
            record = to_json(replace(model, references=(*others, reference)))
            update = "UPDATE models SET record = ? WHERE name = ? AND version = ?"
            self._database.keep("models", update, (record, *where))

    def _content(self, model: ModelVersion) -> str:
        """The digest of all files of a version, by which the same version is found again."""
        modules = sorted(str(module.relative_to(self._root)) for module in model.modules)
        scoring = [["scoring", str(model.scoring.relative_to(self._root))]] if model.scoring else []
        parts = [["part", part.place] for part in model.parts]  # a model of one folder may have the same files
        return digest_of([model.sha256, *modules, *scoring, *parts])

    def _write(self, model: ModelVersion, content: str) -> None:
        document = to_json(model.distributions)
        distributions = digest_of(document)
        record = replace(
            model,
            file=model.file.relative_to(self._root),
            modules=tuple(module.relative_to(self._root) for module in model.modules),
            scoring=model.scoring.relative_to(self._root) if model.scoring else None,
            distributions={},
        )
        insert = "INSERT OR IGNORE INTO distributions VALUES (?, ?)"
        self._database.keep("distributions", insert, (distributions, document))
        self._database.keep(
            "models",
            "INSERT INTO models (name, version, content, distributions, record) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (name, version) DO UPDATE"
            " SET distributions = excluded.distributions, record = excluded.record",
            (model.name, model.version, content, distributions, to_json(record)),
        )

    def _read(self, record: str, distributions: str) -> ModelVersion:
        model: ModelVersion = from_record(ModelVersion, record)
        return replace(
            model,
            file=self._place(model.file),
            modules=tuple(self._guard.file(*module.parts) for module in model.modules),
            scoring=self._guard.file(*model.scoring.parts) if model.scoring else None,
            distributions=self._installed(distributions),
        )

    def _place(self, file: Path) -> Path:
        kind = self._guard.folder if file.parts[:1] == (TREES,) else self._guard.file
        return kind(*file.parts)

    def _installed(self, sha256: str) -> Mapping[str, Distribution]:
        if sha256 not in self._distributions:
            ((document,),) = self._database.read("SELECT document FROM distributions WHERE sha256 = ?", sha256)
            self._distributions[sha256] = from_record(Mapping[str, Distribution], document)
        return self._distributions[sha256]


def sources(model: ModelVersion) -> tuple[Path, ...]:
    """The source files that are kept with a version: its modules and its scoring script."""
    return (*model.modules, *((model.scoring,) if model.scoring else ()))


def _newest(connection: sqlite3.Connection, name: str) -> int:
    query = "SELECT coalesce(max(version), 0) FROM models WHERE name = ?"
    newest: int = connection.execute(query, (name,)).fetchone()[0]
    return newest


def _again(known: ModelVersion, model: ModelVersion) -> ModelVersion:
    run = known.run or model.run
    return replace(model, version=known.version, created=known.created, run=run, references=known.references)


def _first_version(request: RegisterRequest, file: Path, modules: tuple[Path, ...]) -> ModelVersion:
    return ModelVersion(
        name=request.name,
        version=1,
        sha256=request.sha256,
        file=file,
        file_name=request.file_name,
        created=datetime.now(UTC),
        framework=request.framework,
        framework_version=request.framework_version,
        python=request.python,
        description=request.description,
        tags=request.tags,
        run=request.run.id if request.run else None,
        columns=request.columns,
        label=request.label,
        distributions=request.distributions,
        modules=modules,
        samples=request.samples,
        schema=request.schema,
        parts=request.parts,
    )
