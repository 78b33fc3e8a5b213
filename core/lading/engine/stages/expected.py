"""Judge whether a package can be made of a model that does not exist yet, so that no training is wasted."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from ...errors import LadingError, ManifestError, Refused
from ...manifest import DEFAULT_PLUGINS
from ...model import ExpectedModel, InspectRequest, PackageProblem
from ...model.description import Role
from ...plugin.bound import BoundPlugin, bind
from .distributions import installed
from .several import Finished

if TYPE_CHECKING:
    from pathlib import Path

    from ...manifest import Draft, Manifest, Path_
    from ...model import Distribution, ModelVersion, TrainedModel
    from ..session.session import Session


def judge_package(session: Session, version: ModelVersion | None = None, *, made: TrainedModel | None = None) -> None:
    """Raise ManifestError or Refused if the packager cannot make a package of the version, or of the expected model.

    `made` is the description of a finished model, if it is known.
    """
    section = session.manifest.package
    if section is not None and version:
        _raise(session.draft(), section.path, section.options.package_problems(_of_version(version)))
    else:
        judge_manifest(session.manifest, session.draft(), made)


def judge_manifest(manifest: Manifest, draft: Draft, made: TrainedModel | None) -> None:
    """Like `judge_package`, without a store."""
    section, file = manifest.package, manifest.register.file
    if section is not None:
        if file and file.is_dir() and section.options.own_script is False:
            reason = f"{file.name} is a folder, and the default scoring script loads one file"
            message = f"{reason}: name a scoring_script under package"
            raise ManifestError((draft.document.problem(("register", "file"), message),))
        _raise(draft, section.path, section.options.package_problems(_expected(manifest, made)))


def _expected(manifest: Manifest, made: TrainedModel | None) -> ExpectedModel:
    """The facts about the model of a manifest before it is trained, or before a finished one is registered."""
    finished = Finished.of(manifest)
    if finished and made is None:
        made = finished.described({file: _inspected(file) for file in finished.files})
    trainer = manifest.train.options if manifest.train else None
    return ExpectedModel(
        name=manifest.register.model,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        find_distributions=installed,
        framework=made.framework if made else "",
        framework_version=made.framework_version if made else "",
        imports=_modules(made) if made else trainer.model_imports if trainer else None,
        requires=made.requires if made else (),
    )


def inspector() -> BoundPlugin:
    """The plugin that describes model files."""
    return bind(Role.TRAIN, DEFAULT_PLUGINS[Role.TRAIN])


def imports_of(file: Path) -> tuple[str, ...]:
    """The modules that loading a model imports, without dots. Empty for a file that is not a pickle."""
    made = _described(file)
    return _modules(made) if made else ()


def _described(file: Path) -> TrainedModel | None:
    with suppress(LadingError):  # a trainer may make a file that is empty, or that looks damaged
        return _inspected(file)
    return None


def _of_version(version: ModelVersion) -> ExpectedModel:
    def recorded() -> Mapping[str, Distribution]:
        return version.distributions

    made = _described(version.file)
    return ExpectedModel(
        name=version.name,
        python=version.python,
        find_distributions=recorded,
        framework=version.framework,
        framework_version=version.framework_version,
        imports=_modules(made) if made else (),
        requires=made.requires if made else (),
        is_recorded=True,
    )


def _modules(made: TrainedModel) -> tuple[str, ...]:
    return made.contents.modules if made.contents else ()


def _inspected(file: Path) -> TrainedModel:
    return inspector().inspect(InspectRequest(file=file))


def _raise(draft: Draft, block: Path_, problems: Iterable[PackageProblem]) -> None:
    placed = [(draft.problem(block, found.option, _worded(found)), found.refused) for found in problems]
    wrong = tuple(problem for problem, refused in placed if not refused)
    if wrong:
        raise ManifestError(wrong)
    if placed:
        raise Refused("\n".join(str(problem) for problem, _refused in placed))


def _worded(problem: PackageProblem) -> str:
    return f"{problem.message}; {problem.hint}" if problem.hint else problem.message
