"""The facts that decide the pins of a package: installed distributions, and the model before it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """An installed distribution: its version and its unconditional and conditional requirements (PEP 508).

    `modules` are the names by which Python imports it, without dots. They are empty if they are not recorded.
    """

    version: str
    requires: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ExpectedModel:
    """The facts about a model that are known before it is made, for `Options.package_problems`.

    `python` and `distributions` are those of this machine if the model has yet to be trained. `imports` is None if only
    the training shows it; `framework` and its version are then empty. `requires` is that of `TrainedModel`.
    `is_recorded` is whether the distributions are those of an earlier registration, and not those of this machine.
    """

    name: str
    python: str
    find_distributions: Callable[[], Mapping[str, Distribution]]
    framework: str = ""
    framework_version: str = ""
    imports: tuple[str, ...] | None = None
    requires: tuple[str, ...] = ()
    is_recorded: bool = False


@dataclass(frozen=True, kw_only=True)
class PackageProblem:
    """A reason why a package cannot be made, and the next step. `refused` is True if a safety rule stops it.

    `option` is the option of the packager that it is about, as in `BadInput`. It is reported at its line and column.
    """

    message: str
    hint: str = ""
    option: str = ""
    refused: bool = False
