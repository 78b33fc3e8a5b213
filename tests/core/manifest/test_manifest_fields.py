"""The options of a plugin for people: nested records, lists and choices are shown in full, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from lading import InputPath, Options, Range, Text
from lading.manifest.fields import OptionField, option_fields
from lading.manifest.json_schema import options_schema


class Side(StrEnum):
    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True)
class Cord(Options):
    metres: Annotated[int, Range(ge=1, le=99)]
    """Its length."""
    side: Side = Side.LEFT
    """Which side."""


@dataclass(frozen=True)
class Key(Options):
    kind: Literal["key"]
    """How to sign in."""
    name: Annotated[str, Text(pattern="^[A-Z]+$", min_length=2, max_length=8)]
    """Name of the variable."""


@dataclass(frozen=True)
class Token(Options):
    kind: Literal["token", "oauth"]
    name: str = "me"
    """Name of the issuer."""


@dataclass(frozen=True)
class Team(Options):
    leader: str
    """Who leads."""
    members: tuple[Team, ...] = ()
    """Who helps."""


@dataclass(frozen=True)
class AllKinds(Options):
    cord: Cord
    """The first cord."""
    spare: Cord | None = None
    """The second cord."""
    cords: tuple[Cord, ...] = ()
    """All cords."""
    by_name: Mapping[str, Cord] = field(default_factory=dict)
    """Cords by name."""
    deep: Mapping[str, tuple[Cord, ...]] = field(default_factory=dict)
    """Lists of cords."""
    pair: tuple[int, Cord] | None = None
    """A number and a cord."""
    auth: Key | Token | None = None
    """The account."""
    tagged: Annotated[Key | Token, Field(discriminator="kind")] | None = None
    """The other account."""
    untold: tuple[Cord | Team, ...] = ()
    """A cord or a team."""
    mixed: str | tuple[Key, ...] = ""
    """Text or keys."""
    team: Team | None = None
    """The team."""
    sides: tuple[Side, ...] = ()
    """Which sides."""
    speed: Annotated[float, Range(gt=0, lt=2.5)] = 1.0
    """Metres a second."""
    lit: bool = False
    """Whether it is lit."""
    mode: Literal["fast", 3] = "fast"
    """How."""
    chart: InputPath | None = None
    """A map."""
    extra: Any = None
    """Anything."""
    limits: Mapping[str, Annotated[float, Range(ge=0)]] = field(default_factory=dict)
    """Limits by name."""
    codes: Mapping[Annotated[str, Text(pattern="^[a-z]$")], str] = field(default_factory=dict)
    """Codes by letter."""
    by_side: Mapping[Side, tuple[Literal["x", "y"], ...]] = field(default_factory=dict)
    """Letters by side."""


FIELDS = {found.option: found for found in option_fields(options_schema(AllKinds))}

SHOWN = [
    ("cord", "mapping", "", "The first cord."),
    ("cord.metres", "whole number", "at least 1; at most 99", "Its length."),
    ("cord.side", "text", "left | right", "Which side."),
    ("spare.metres", "whole number", "at least 1; at most 99", "Its length."),
    ("cords", "list of mappings", "", "All cords."),
    ("cords[].metres", "whole number", "at least 1; at most 99", "Its length."),
    ("by_name", "mapping to mappings", "", "Cords by name."),
    ("by_name.NAME.side", "text", "left | right", "Which side."),
    ("deep.NAME[].metres", "whole number", "at least 1; at most 99", "Its length."),
    ("pair[1].metres", "whole number", "at least 1; at most 99", "Its length."),
    ("auth", "mapping", "", "The account."),
    ("auth.kind", "text", "key | token | oauth", "How to sign in."),
    ("tagged.kind", "text", "key | token | oauth", "How to sign in."),
    ("untold", "list of mappings", "", "A cord or a team."),
    ("untold[].metres", "whole number", "at least 1; at most 99", "as Cord: Its length."),
    ("untold[].leader", "text", "", "as Team: Who leads."),
    ("mixed", "text or list of mappings", "", "Text or keys."),
    (
        "mixed[].name",
        "text",
        "at least 2 characters; at most 8 characters; text that matches ^[A-Z]+$",
        "Name of the v",
    ),
    ("team.members[].…", "", "", "the fields of team again"),
    ("sides", "list of text", "left | right", "Which sides."),
    ("speed", "number", "more than 0; less than 2.5", "Metres a second."),
    ("lit", "true or false", "", "Whether it is lit."),
    ("mode", "text or whole number", "fast | 3", "How."),
    ("chart", "path", "must exist", "A map."),
    ("extra", "any value", "", "Anything."),
    ("limits", "mapping to numbers", "at least 0", "Limits by name."),
    ("codes", "mapping to text", "names: text that matches ^[a-z]$", "Codes by letter."),
    ("by_side", "mapping to list of text", "names: left | right; x | y", "Letters by side."),
]


@pytest.mark.parametrize(("option", "kind", "allowed", "meaning"), SHOWN)
def test_a_field_is_shown_with_its_dotted_name_type_limits_and_meaning(
    option: str, kind: str, allowed: str, meaning: str
) -> None:
    found = FIELDS[option]
    assert (found.type, found.allowed) == (kind, allowed)
    assert found.meaning.startswith(meaning)


def test_a_field_is_required_or_has_a_default() -> None:
    assert [(FIELDS[name].required, FIELDS[name].default) for name in ("cord", "cord.metres", "cord.side", "lit")] == [
        (True, None),
        (True, None),
        (False, "left"),
        (False, False),
    ]


def test_the_records_of_a_union_are_distinguished_by_their_literal_field() -> None:
    for option in ("auth", "tagged"):
        shown = [found for found in option_fields(options_schema(AllKinds)) if found.option.startswith(f"{option}.")]
        assert [(found.option, found.meaning) for found in shown] == [
            (f"{option}.kind", "How to sign in."),
            (f"{option}.name", "if kind is key: Name of the variable."),
            (f"{option}.name", "if kind is token or oauth: Name of the issuer."),
        ]


def test_recursive_options_are_shown_once() -> None:
    shown: tuple[OptionField, ...] = option_fields(options_schema(Team))
    assert [found.option for found in shown] == ["leader", "members", "members[].…"]
    assert shown[-1].meaning == "the fields of the block again"
