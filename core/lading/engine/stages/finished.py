"""A finished model: described without being loaded, and refused if the manifest does not trust what it imports."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, NamedTuple

from ... import model
from ..._version import __version__
from ...base import metadata
from ...errors import Refused
from ...manifest import DEFAULT_PLUGINS
from ...model.description import Role
from ...plugin.bound import BoundPlugin, bind
from ...store import read_store
from ...store.reuse import INSPECTED
from ...store.tree import check_part
from . import cache_keys as keys
from .admission import Loading, admit
from .trained import Trained, keep_trained

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ...manifest import Manifest
    from ..session.session import Session

_LOADING = "loading"


def inspected(session: Session) -> Trained:
    """Describe and keep the file or folder that `register:` names. Raises Refused if it is not trusted."""
    found = _found(session)
    if found.known is not None:
        _admit(session, found.file, found.sha256)
        return found.known
    made = _describe(session, found.file)
    _admit(session, found.file, found.sha256, made)
    trained = keep_trained(session, made, None)
    session.store.reuse.put(found.key, INSPECTED, trained.output())
    return trained


def foreseen(session: Session) -> tuple[str, Trained | None]:
    """The cache key of the finished model, and its facts if they are known. Raises Refused if it is not trusted."""
    found = _found(session)
    _admit(session, found.file, found.sha256)
    return found.key, found.known


def admit_received(session: Session, file: Path, sha256: str) -> None:
    """Raise Refused for a model from an exported package, if it is not trusted and was not trained in this store."""
    _admit(session, file, sha256)


def check_finished(manifest: Manifest, environ: Mapping[str, str]) -> None:
    """Raise Refused if a manifest names a finished model and does not trust it. No store is needed."""
    file = manifest.register.file
    if file is None:
        return
    check_part(str(file), file.name)
    loading = Loading.of(_trainer().inspect(model.InspectRequest(file=file)))
    try:
        admit(manifest, loading, file.name)
    except Refused:
        if not _is_own(manifest, file, environ):
            raise


class _Found(NamedTuple):
    """The file or folder that `register:` names, its digest, its cache key, and its facts if they are known."""

    file: Path
    sha256: str
    key: str
    known: Trained | None


def _found(session: Session) -> _Found:
    file = session.manifest.register.file
    assert file is not None, "a manifest names either a training or a finished model"
    check_part(str(file), file.name)
    sha256 = session.store.files.digest(file)
    key = keys.key(INSPECTED, file=file.name, sha256=sha256)
    known = session.store.reuse.get(key)
    return _Found(file, sha256, key, None if known is None else Trained.known(known))


def _admit(session: Session, file: Path, sha256: str, made: model.TrainedModel | None = None) -> None:
    """Raise Refused for a model that is not trusted. What a run of this store trained needs no trust."""
    if session.store.runs.of_model(sha256) is not None:
        return
    key = _loading_key(session, file.name, sha256)
    loading = Loading.known(session.store.reuse.get(key))
    if loading is None:
        loading = Loading.of(made or _describe(session, file))
        if not session.order.reads:
            session.store.reuse.put(key, _LOADING, loading.output())
    admit(session.manifest, loading, file.name)


def _is_own(manifest: Manifest, file: Path, environ: Mapping[str, str]) -> bool:
    """Whether a run of the manifest's store trained a file. A store that the user does not trust does not count."""
    with suppress(Refused), closing(read_store(manifest.file, environ)) as store:
        store.demand_trust()
        return store.runs.of_model(store.files.digest(file)) is not None
    return False


def _loading_key(session: Session, name: str, sha256: str) -> str:
    """The cache key of a model's imports: another trainer, or another library, may judge them in another way."""
    trainer = _trainer()
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
    trainer, request = _trainer(), model.InspectRequest(file=file)
    return session.run_hook(trainer, "lading_inspect", lambda: trainer.inspect(request), end=session.end())


def _trainer() -> BoundPlugin:
    return bind(Role.TRAIN, DEFAULT_PLUGINS[Role.TRAIN])
