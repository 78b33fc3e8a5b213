"""The facts that decide the pins of a package, before its model is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .distributions import Distribution
from .environments import Installs


@dataclass(frozen=True, kw_only=True)
class ExpectedModel:
    """The facts about a model that are known before it is made, for `Options.package_problems`.

    `python` and `distributions` are those of this machine if the model has yet to be trained. `imports` is None if only
    the training shows it; `framework` and its version are then empty. `full_imports` are the same with dots, as far as
    they are known. `requires` is that of `TrainedModel`.
    `is_recorded` is whether the distributions are those of an earlier registration, and not those of this machine.
    `modules` are the files and folders of the project that loading the model imports; the packages get the files by
    themselves. `installs` are the installations that the command leads to, each under the name of its target or image.
    `find_methods` gives the methods that answer rows, or None if they are not known.
    `finished` is the name of the finished file that `register` names; empty if a training makes the model.
    """

    name: str
    python: str
    find_distributions: Callable[[], Mapping[str, Distribution]]
    framework: str = ""
    framework_version: str = ""
    imports: tuple[str, ...] | None = None
    full_imports: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    is_recorded: bool = False
    modules: tuple[Path, ...] = ()
    installs: Mapping[str, Installs] = field(default_factory=dict)
    find_methods: Callable[[], tuple[str, ...] | None] = lambda: None
    finished: str = ""


@dataclass(frozen=True, kw_only=True)
class ExpectedPin:
    """A requirement of a package that is not made yet: `numpy==1.26.4`, or `NAME @ ADDRESS`.

    `option` is the option of the packager that names it, and `place` its line in a file: `requirements.txt:3: `. Both
    are empty for a pin that another one, or the model, needs.
    """

    requirement: str
    option: str = ""
    place: str = ""


@dataclass(frozen=True, kw_only=True)
class PackageProblem:
    """A reason why a model or its package cannot be made, and the next step. `refused` is True if a safety rule
    stops it.

    `option` is the option of the plugin that it is about, as in `BadInput`. It is reported at its line and column.
    With `about_model`, it is about the finished file, and reported there.
    """

    message: str
    hint: str = ""
    option: str = ""
    refused: bool = False
    about_model: bool = False
