"""Finished models: described without being loaded. One is refused if the manifest does not trust what it imports, or if
the file holds no model that could answer.
"""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ... import model
from ..._version import __version__
from ...base import metadata
from ...errors import Refused
from ...store import read_store
from ...store.reuse import INSPECTED
from . import cache_keys as keys
from .admission import Loading, admit, check_holds
from .expected import inspector, judge_package
from .several import Finished
from .trained import Trained, keep_trained

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ...manifest import Manifest
    from ..session.session import Session

_LOADING = "loading"


def inspected(session: Session) -> Trained:
    """Describe and keep the files or folders that `register:` names.

    Raises Refused if one is not trusted, and NotUp if no release of it could answer.
    """
    found = _found(session)
    if found.known is not None:
        _judge(session, found.finished)
        return found.known
    finished, files = found.finished, session.store.files
    made = {file: _describe(session, file) for file in finished.files}
    _judge(session, finished, made)
    described = finished.described(made)
    judge_package(session, made=described)
    with finished.whole(session.store) as file:
        trained = keep_trained(session, replace(described, file=file), None, finished.parts(files, made))
    session.store.reuse.put(found.key, INSPECTED, trained.output())
    return trained


def foreseen(session: Session) -> tuple[str, Trained | None]:
    """The cache key of the finished models, and their facts if they are known. Raises Refused if one is not trusted."""
    found = _found(session)
    _judge(session, found.finished)
    return found.key, found.known


def admit_received(session: Session, request: model.RegisterRequest) -> None:
    """Raise Refused for a model from an exported package, if it is not trusted and was not trained in this store."""
    for part in request.parts:
        _admit(session, request.file / part.place, part.sha256)
    if not request.parts:
        _admit(session, request.file, request.sha256)


def check_finished(manifest: Manifest, environ: Mapping[str, str]) -> model.TrainedModel | None:
    """Describe the finished models of a manifest, if it names some. It reads the manifest's store, if that exists.

    Raises Refused if one is not trusted, and NotUp if it cannot answer.
    """
    finished = Finished.of(manifest)
    if finished is None:
        return None
    return finished.described({file: _checked(manifest, file, environ) for file in finished.files})


def _checked(manifest: Manifest, file: Path, environ: Mapping[str, str]) -> model.TrainedModel:
    made = inspector().inspect(model.InspectRequest(file=file))
    loading = Loading.of(made)
    try:
        admit(manifest, loading, file.name)
    except Refused:
        if not _is_own(manifest, file, environ):
            raise
    check_holds(manifest, loading, file.name)
    return made


def _judge(session: Session, finished: Finished, made: Mapping[Path, model.TrainedModel] | None = None) -> None:
    for file in finished.files:
        loading = _admit(session, file, session.store.files.digest(file), made[file] if made else None)
        check_holds(session.manifest, loading, file.name)


class _Found(NamedTuple):
    """The files or folders that `register:` names, their cache key, and their facts if they are known."""

    finished: Finished
    key: str
    known: Trained | None


def _found(session: Session) -> _Found:
    finished = Finished.of(session.manifest)
    assert finished is not None, "a manifest names either a training or a finished model"
    parts = {"parts": list(finished.several)} if finished.several else {}
    key = keys.key(INSPECTED, file=finished.name, sha256=finished.digest(session.store.files), **parts)
    known = session.store.reuse.get(key)
    return _Found(finished, key, None if known is None else Trained.known(known))


def _admit(session: Session, file: Path, sha256: str, made: model.TrainedModel | None = None) -> Loading:
    """The effects of loading a model. Raise Refused if it is not trusted. A model that this store trained always is."""
    key = _loading_key(session, file.name, sha256)
    loading = Loading.known(session.store.reuse.get(key))
    if loading is None:
        loading = Loading.of(made or _describe(session, file))
        if not session.order.reads:
            session.store.reuse.put(key, _LOADING, loading.output())
    if session.store.runs.of_model(sha256) is None:
        admit(session.manifest, loading, file.name)
    return loading


def _is_own(manifest: Manifest, file: Path, environ: Mapping[str, str]) -> bool:
    """Whether a run of the manifest's store trained a file. A store that the user does not trust does not count."""
    with suppress(Refused), closing(read_store(manifest.file, environ)) as store:
        store.demand_trust()
        return store.runs.of_model(store.files.digest(file)) is not None
    return False


def _loading_key(session: Session, name: str, sha256: str) -> str:
    """The cache key of a model's imports: another trainer, or another library, may judge them in another way."""
    trainer = inspector()
    description = trainer.description
    return keys.key(
        _LOADING,
        file=name,
        sha256=sha256,
        lading=__version__,
        code=session.store.digests.tree(trainer.code),
        libraries={each: metadata.version(each) for each in (*description.libraries, *description.inspects_with)},
    )


def _describe(session: Session, file: Path) -> model.TrainedModel:
    plugin, request = inspector(), model.InspectRequest(file=file)
    return session.run_hook(plugin, "lading_inspect", lambda: plugin.inspect(request), end=session.end())
