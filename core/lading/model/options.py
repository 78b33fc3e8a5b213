"""What a plugin's options are made of.

Nothing here imports pydantic: a manifest that is already known to be valid is read without it. The constraints speak
pydantic's protocol (`__get_pydantic_core_schema__`), which is called only when a manifest is checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

if TYPE_CHECKING:
    from .environments import Installs

Json = Any
"""A JSON value: None, bool, int, float, str, a list of them or a mapping of str to them."""


@dataclass(frozen=True)
class Options:
    """Base of every options type. Subclass it as a frozen dataclass with a docstring under each field.

    Example:
        >>> from dataclasses import dataclass
        >>> from typing import Annotated
        >>> @dataclass(frozen=True)
        ... class HarbourOptions(Options):
        ...     port: Annotated[int, Range(ge=0, le=65535)] = 0
        ...     '''Port to listen on; 0 picks a free one.'''
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "strict": True,
        "extra": "forbid",
        "use_attribute_docstrings": True,
    }

    @property
    def cannot_record(self) -> str:
        """Of a trainer's options: why no golden requests can be recorded with them, in words that a hint may follow.

        Empty where they can be, or where that shows in the training alone.
        """
        return ""

    @property
    def installs(self) -> Installs | None:
        """Of a target or an image: what another machine installs under these options; None when it installs nothing.

        The framework finds out whether that can be installed before it asks anything of the target.
        """
        return None

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        """The docstrings of inherited fields too: pydantic reads those in a class's own source alone.

        The docstring of the class, which pydantic renders from 2.13 on, is left out: every pydantic makes one schema.
        """
        from pydantic import TypeAdapter

        reference: dict[str, Any] = handler(schema)
        definition = handler.resolve_ref_schema(reference)
        definition.pop("description", None)
        fields = definition["properties"]
        for base in (above for above in cls.__mro__[1:] if issubclass(above, Options) and above is not Options):
            for name, field in TypeAdapter(base).json_schema()["properties"].items():
                if "description" in field:
                    fields[name].setdefault("description", field["description"])
        return reference


class Range:
    """Bounds of a number, for `Annotated[int, Range(ge=0)]`."""

    def __init__(
        self,
        *,
        ge: float | None = None,
        gt: float | None = None,
        le: float | None = None,
        lt: float | None = None,
    ) -> None:
        bounds = {"ge": ge, "gt": gt, "le": le, "lt": lt}
        self.bounds = {name: bound for name, bound in bounds.items() if bound is not None}

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {**handler(source), **self.bounds}


class Text:
    """Rules for a string: `pattern` (a regular expression that the whole string matches, with ^ and $) and lengths."""

    def __init__(self, *, pattern: str | None = None, min_length: int = 0, max_length: int | None = None) -> None:
        self.rules: dict[str, Any] = {"min_length": min_length}
        if pattern is not None:
            self.rules["pattern"] = pattern
        if max_length is not None:
            self.rules["max_length"] = max_length

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {**handler(source), **self.rules}


class Means:
    """What a number stands for, in words that plugins share, where each may have a name and a unit of its own for it.

    `unit` is what one of the option's own is in the shared words: `Means("seconds to score", unit=0.001)` for
    milliseconds. A plan that compares two targets finds an option under its other name by this.
    """

    def __init__(self, what: str, *, unit: float = 1) -> None:
        self.what = what
        self.unit = unit


class IsPath:
    """Marks a path that is resolved against the manifest."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {"type": "str", "min_length": 1}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {**handler(schema), "format": "path"}


class IsInput(IsPath):
    """Marks a path that a stage reads: required to exist, and digested into the key."""


ManifestPath = Annotated[Path, IsPath()]
"""A file or folder named in a manifest, relative to it, that need not exist. A plugin receives it absolute."""

InputPath = Annotated[Path, IsInput()]
"""The same, for one that must exist and that a stage reads."""
