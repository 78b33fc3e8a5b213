"""The fate of a setting on another target, which an options type can explain."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias


class Fate(StrEnum):
    """The fate of a setting on another target."""

    KEPT = "kept"
    MAPPED = "mapped"
    LOSSY = "lossy"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, kw_only=True)
class Counterpart:
    """The fate of an option of another plugin's block, for `Options.counterparts`. `detail` has the lines to write."""

    fate: Fate
    detail: str = ""

    @classmethod
    def at(cls, option: str, wanted: object, found: object) -> Counterpart:
        """The fate of a value that belongs in `option`, such as `scale_settings.max_instances`.

        `found` is the present value of that option.
        """
        if wanted == found:
            return cls(fate=Fate.MAPPED, detail=f"as {option}")
        there = "" if found is None else f"; it is {_yaml(found)} there"
        return cls(fate=Fate.LOSSY, detail=f"write `{_line(option, wanted)}`{there}")

    @classmethod
    def under(cls, option: str) -> CounterpartRule:
        """The rule for values that belong in `option`, such as `autoscale.max`, with the same unit."""

        def rule(options: Any, value: Any) -> Counterpart:
            found = options
            for name in option.split("."):
                found = None if found is None else getattr(found, name)
            return cls.at(option, value, found)

        return rule

    @classmethod
    def always(cls, fate: Fate, detail: str) -> CounterpartRule:
        """The rule for an option that has one fate, whatever its value is."""
        return lambda _options, _value: cls(fate=fate, detail=detail)


CounterpartRule: TypeAlias = Callable[[Any, Any], Counterpart]
"""The fate of a value, given the options of the new block and the value in the old one."""


def _line(option: str, value: object) -> str:
    """An option as in a manifest: `scale_settings: {max_instances: 3}`."""
    name, _, inner = option.partition(".")
    return f"{name}: {{{_line(inner, value)}}}" if inner else f"{name}: {_yaml(value)}"


def _yaml(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
