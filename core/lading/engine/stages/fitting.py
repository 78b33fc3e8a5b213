"""Find versions that fit a finished model of another version of its framework than the one installed here."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator

from ...errors import BadInput
from ...model import TrainedModel
from ..resolving import Conflict, Question, Resolver
from ..resolving.question import MACHINES, OFFLINE
from .distributions import installed


def fitting_pins(made: TrainedModel) -> tuple[str, ...]:
    """Pins of the framework, of the libraries that the model imports, and of what these require, for this Python.

    Raises BadInput, with the reason, if they cannot be installed together, or if no package index answers.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    processor = platform.machine().replace("arm64", "aarch64")  # the name on a Mac
    machine = next((name for name, other in MACHINES.items() if other == processor), "linux/amd64")
    framework = f"{made.framework}=={made.framework_version}"
    question = Question((framework, *made.requires, *_libraries(made)), python, machine)
    found = Resolver().resolve(question)
    if isinstance(found, Conflict):
        raise BadInput(f"{found} ({question.where})", hint="run lading with the Python that made the model")
    if found.way == OFFLINE:
        raise BadInput(f"no package index answered, so the versions that fit {framework} are not known")
    if found.unchecked:
        raise BadInput(
            f"{', '.join(found.unchecked)} has no wheel ({question.where})",
            hint="run lading with the Python that made the model",
        )
    return tuple(f"{name}=={version}" for name, version in found.versions.items())


def _libraries(made: TrainedModel) -> Iterator[str]:
    """The distributions that provide the modules of the model, as far as they are installed here."""
    modules = set(made.contents.modules if made.contents else ()) - sys.stdlib_module_names
    for name, distribution in installed().items():
        if modules & set(distribution.modules):
            yield name
