"""A finished model: described without being loaded. It is refused if the manifest does not trust what it imports, or if
the file holds no model that could answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import model
from ..._version import __version__
from ...store.reuse import INSPECTED
from ...store.tree import check_part
from . import cache_keys as keys
from .admission import Loading, admit, check_holds
from .expected import inspector, judge_package
from .trained import Trained, keep_trained

if TYPE_CHECKING:
    from pathlib import Path

    from ...manifest import Manifest
    from ..session.session import Session

_LOADING = "loading"


def inspected(session: Session) -> Trained:
    """Describe and keep the file or folder that `register:` names.

    Raises Refused if it is not trusted, and NotUp if no release of it could answer.
    """
    file, key, known = _found(session)
    loading_key = _loading_key(file.name, session.store.files.digest(file))
    loading = Loading.known(session.store.reuse.get(loading_key))
    if known is not None and loading is not None:
        _judge(session.manifest, loading, file.name)
        return known
    made = _describe(session, file)
    loading = Loading.of(made)
    _judge(session.manifest, loading, file.name)
    judge_package(session, made=made)
    trained = known or keep_trained(session, made, None)
    session.store.reuse.put_all([(key, INSPECTED, trained.output()), (loading_key, _LOADING, loading.output())])
    return trained


def foreseen(session: Session) -> tuple[str, Trained | None]:
    """The cache key of the finished model, and its facts if they are known. Raises Refused if it is not trusted."""
    file, key, known = _found(session)
    loading = Loading.known(session.store.reuse.get(_loading_key(file.name, session.store.files.digest(file))))
    _judge(session.manifest, loading or Loading.of(_describe(session, file)), file.name)
    return key, known


def admit_received(session: Session, file: Path, sha256: str) -> None:
    """Raise Refused for a model from an exported package, if it is not trusted and was not trained in this store."""
    if any(run.model_sha256 == sha256 for run in session.store.runs.list()):
        return
    key = _loading_key(file.name, sha256)
    loading = Loading.known(session.store.reuse.get(key))
    if loading is None:
        loading = Loading.of(_describe(session, file))
        session.store.reuse.put(key, _LOADING, loading.output())
    admit(session.manifest, loading, file.name)


def check_finished(manifest: Manifest) -> model.TrainedModel | None:
    """Describe the finished model of a manifest, if it names one. No store is needed.

    Raises Refused if the manifest does not trust it, and NotUp if it cannot answer.
    """
    file = manifest.register.file
    if file is None:
        return None
    check_part(str(file), file.name)
    made = inspector().inspect(model.InspectRequest(file=file))
    _judge(manifest, Loading.of(made), file.name)
    return made


def _judge(manifest: Manifest, loading: Loading, name: str) -> None:
    admit(manifest, loading, name)
    check_holds(manifest, loading, name)


def _found(session: Session) -> tuple[Path, str, Trained | None]:
    """The file or folder that `register:` names, its cache key, and its facts if they are known."""
    file = session.manifest.register.file
    assert file is not None, "a manifest names either a training or a finished model"
    check_part(str(file), file.name)
    key = keys.key(INSPECTED, file=file.name, sha256=session.store.files.digest(file))
    known = session.store.reuse.get(key)
    return file, key, None if known is None else Trained.known(known)


def _loading_key(name: str, sha256: str) -> str:
    """The cache key of a model's imports. Another version of Lading may judge them in another way."""
    return keys.key(_LOADING, file=name, sha256=sha256, lading=__version__)


def _describe(session: Session, file: Path) -> model.TrainedModel:
    plugin, request = inspector(), model.InspectRequest(file=file)
    return session.run_hook(plugin, "lading_inspect", lambda: plugin.inspect(request), end=session.end())
