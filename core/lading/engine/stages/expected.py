"""Judge whether a model can be trained, and whether a package can be made of it, so that no training is wasted."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement

from ...errors import LadingError, ManifestError, PluginError, Refused
from ...manifest import DEFAULT_PLUGINS
from ...model import ExpectedModel, InspectRequest, PackageProblem
from ...model.description import Role
from ...plugin.bound import BoundPlugin, bind
from .distributions import installed
from .environments import resolve_expected
from .several import Finished

if TYPE_CHECKING:
    from pathlib import Path

    from ...manifest import Draft, Manifest, Path_, Section
    from ...model import Distribution, ExpectedPin, Installs, ModelVersion, TrainedModel
    from ..session.session import Session

_Placed = tuple["Path_", PackageProblem]  # the block that a problem is in, and the problem


def judge_package(session: Session, version: ModelVersion | None = None, *, made: TrainedModel | None = None) -> None:
    """Raise ManifestError or Refused if the packager cannot make a package of the version, or of the expected model.

    The pins are resolved for the targets of the command, so it raises BadInput if they cannot be installed together.
    `made` is the description of a finished model, if it is known.
    """
    section, installs = session.manifest.package, _installs(session.manifest)
    if section is None:
        judge_manifest(session.manifest, session.draft(), made)
        return
    expected = replace(_of_version(version) if version else _expected(session.manifest, made), installs=installs)
    if version:
        _raise(session.draft(), _placed(section, section.options.package_problems(expected)))
    else:
        _judge(session.manifest, session.draft(), expected)
    resolve_expected(session, _readable(session, section, section.options.expected_pins(expected)), expected)


def _readable(session: Session, section: Section, pins: Sequence[ExpectedPin]) -> Sequence[ExpectedPin]:
    """The expected pins of a packager. Raises PluginError, at its option, for one that cannot be read."""
    for pin in pins:
        try:
            Requirement(pin.requirement)
        except InvalidRequirement as error:
            plugin = session.plugin(section).installed
            message = f"{pin.place}{plugin} expects the pin '{pin.requirement}', which is not a requirement"
            place = session.at_option(section.path, pin.option, message) if pin.option else message
            hint = f"report this to the authors of {plugin.distribution}: a pin is NAME==VERSION, or NAME @ ADDRESS"
            raise PluginError(place, hint=hint) from error
    return pins


def _installs(manifest: Manifest) -> dict[str, Installs]:
    """The installations elsewhere that a command leads to. Of several targets, each reports its own problems later."""
    blocks = (*manifest.targets.values(), *([manifest.image] if manifest.image else []))
    found = {block.name: block.options.installs for block in blocks if len(manifest.targets) < 2}
    return {name: installs for name, installs in found.items() if installs is not None and not installs.here}


def judge_manifest(manifest: Manifest, draft: Draft, made: TrainedModel | None) -> None:
    """Like `judge_package`, without a store and without a target. The options of a training are judged too."""
    _judge(manifest, draft, _expected(manifest, made) if manifest.package else None)


def _judge(manifest: Manifest, draft: Draft, expected: ExpectedModel | None) -> None:
    """Judge the options of a training, and those of a package of the expected model."""
    section, file = manifest.package, manifest.register.file
    placed = _placed(manifest.train, manifest.train.options.training_problems()) if manifest.train else []
    if section is not None and expected is not None:
        if file and file.is_dir() and section.options.own_script is False:
            reason = f"{file.name} is a folder, and the default scoring script loads one file"
            message = f"{reason}: name a scoring_script under package"
            raise ManifestError((draft.document.problem(("register", "file"), message),))
        problems = section.options.package_problems(expected)
        placed += _placed(section, (each for each in problems if not each.about_model))
        placed += [(("register",), replace(each, option="file")) for each in problems if each.about_model]
    _raise(draft, placed)


def _expected(manifest: Manifest, made: TrainedModel | None) -> ExpectedModel:
    """The facts about the model of a manifest before it is trained, or before a finished one is registered."""
    finished = Finished.of(manifest)
    if finished and made is None:
        made = finished.described({file: _inspected(file) for file in finished.files})
    trainer = manifest.train.options if manifest.train else None
    full = _full_modules(made) if made else trainer.model_imports if trainer else None
    return ExpectedModel(
        name=manifest.register.model,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        find_distributions=installed,
        framework=made.framework if made else "",
        framework_version=made.framework_version if made else "",
        imports=None if full is None else _without_dots(full),
        full_imports=full or (),
        requires=made.requires if made else (),
        modules=trainer.model_modules(manifest.file.parent.resolve()) if trainer else (),
        find_methods=trainer.model_methods if trainer else lambda: None,
        finished=manifest.register.file.name if manifest.register.file else "",
    )


def inspector() -> BoundPlugin:
    """The plugin that describes model files."""
    return bind(Role.TRAIN, DEFAULT_PLUGINS[Role.TRAIN])


class Imports(NamedTuple):
    """The modules that loading a model imports: without dots, and with them. Empty for a file that is not a pickle."""

    imports: tuple[str, ...] = ()
    full_imports: tuple[str, ...] = ()


def imports_of(file: Path) -> Imports:
    return _imports(_described(file))


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
        **_imports(made)._asdict(),
        requires=made.requires if made else (),
        is_recorded=True,
    )


def _imports(made: TrainedModel | None) -> Imports:
    full = _full_modules(made) if made else ()
    return Imports(_without_dots(full), full)


def _full_modules(made: TrainedModel) -> tuple[str, ...]:
    return made.contents.full_modules if made.contents else ()


def _without_dots(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.partition(".")[0] for name in names))


def _inspected(file: Path) -> TrainedModel:
    return inspector().inspect(InspectRequest(file=file))


def _placed(section: Section, problems: Iterable[PackageProblem]) -> list[_Placed]:
    return [(section.path, problem) for problem in problems]


def _raise(draft: Draft, found: Iterable[_Placed]) -> None:
    placed = [(draft.problem(block, one.option, _worded(one)), one.refused) for block, one in found]
    wrong = tuple(problem for problem, refused in placed if not refused)
    if wrong:
        raise ManifestError(wrong)
    if placed:
        raise Refused("\n".join(str(problem) for problem, _refused in placed))


def _worded(problem: PackageProblem) -> str:
    return f"{problem.message}; {problem.hint}" if problem.hint else problem.message
