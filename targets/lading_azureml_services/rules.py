"""Rules between the options of a service. Each has a test for a broken rule, and a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lading import check_env_sizes

Rules = tuple[tuple[Callable[[Any], object], str], ...]

_AZURES = ("AZUREML_MODEL_DIR", "AZUREML_ENTRY_SCRIPT", "AZUREML_SOURCE_DIRECTORY")


def obey(options: Any, rules: Rules) -> None:
    for broken, message in rules:
        if broken(options):
            raise ValueError(message)


def has_any(options: Any, names: tuple[str, ...]) -> bool:
    return any(getattr(options, name) for name in names)


def has_all(options: Any, names: tuple[str, ...]) -> bool:
    return all(getattr(options, name) for name in names)


def above(lower: float | None, upper: float | None) -> bool:
    return lower is not None and upper is not None and lower > upper


def reserved(tags: Mapping[str, str]) -> bool:
    return any(name.startswith("lading.") for name in tags)


def check_env(env: Mapping[str, str]) -> None:
    for name in env:
        if name in _AZURES:
            raise ValueError(f"env: Azure ML sets {name} itself")
    check_env_sizes(env)
