"""A wrong value of a union: the errors of the intended member, each at its line and column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Discriminator, Field
from tests.core.manifest.manifest_kit import HEAD, draft, types_of

from lading import ManifestError, Options, Range
from lading.manifest.bind import bind_draft
from lading.manifest.check import check
from lading.manifest.compose import compose
from lading.manifest.document import load


class Flag(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Key(Options):
    kind: Literal["key"]
    key: str
    length: Annotated[int, Range(ge=8)] = 32


@dataclass(frozen=True)
class Token(Options):
    kind: Literal["token", "oauth"]
    issuer: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Open(Options):
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cold(Options):
    depth: int
    mode: Literal["cold"] = "cold"


@dataclass(frozen=True)
class Warm(Options):
    heat: int
    mode: Literal["warm"] = "warm"


@dataclass(frozen=True)
class Nested(Options):
    kind: Literal["nested"]
    inner: Key | Token


@dataclass(frozen=True)
class Plain:
    """A record that does not subclass Options follows the rules of the options around it."""

    kind: Literal["plain"]
    count: int


@dataclass(frozen=True)
class Gate(Options):
    auth: Key | Token | None = None
    tagged: Annotated[Key | Token, Field(discriminator="kind")] | None = None
    named: Annotated[Cold | Warm, Discriminator("mode")] | None = None
    several: tuple[Key | Token, ...] = ()
    by_name: Mapping[str, Key | Token] = field(default_factory=dict)
    pair: tuple[str, Key | Token] | None = None
    either: str | Key | tuple[Key | Token, ...] = ""
    partly: Key | Open | None = None
    store: Cold | Warm | None = None
    deep: Nested | Token | None = None
    plain: Plain | Key | None = None
    word: Literal["all"] | Literal["none"] | int = "all"
    flag: Flag | int = 0
    rest: Key | Mapping[str, int] | None = None
    alone: Literal["off"] | Key = "off"
    listed: Literal["off"] | tuple[Key, ...] = "off"


CASES = [
    ("auth: {kind: key, key: A, length: 7}", ["45: auth.length: must be at least 8"]),
    (
        "auth: {kind: key, token: A, length: 7}",
        ["11: auth.key: missing key", "29: auth.token: unknown key", "47: auth.length"],
    ),
    ("auth: {kind: oauth, issuer: 3}", ['39: auth.issuer: expected text, found 3: quote it, "3"']),
    ("auth: {kind: kee, key: A}", ["24: auth.kind: must be 'key', 'token' or 'oauth' (did you mean key?)"]),
    ("auth: {kind: 3}", ["24: auth.kind: must be 'key', 'token' or 'oauth'"]),
    ("auth: {kind: }", ["24: auth.kind: must be 'key', 'token' or 'oauth'"]),
    ("auth: {}", ["11: auth.kind: missing key: must be 'key', 'token' or 'oauth'"]),
    ("auth: {issuer: a}", ["11: auth.kind: missing key"]),
    ("auth: 3", ["17: auth: expected a mapping, found 3"]),
    ("auth: [1]", ["11: auth: expected a mapping, found a list"]),
    ("tagged: {kind: key, key: A, length: 7}", ["47: tagged.length: must be at least 8"]),
    ("tagged: {kind: key, key: A, token: A}", ["39: tagged.token: unknown key"]),
    ("tagged: {kind: none}", ["26: tagged.kind: must be 'key', 'token' or 'oauth'"]),
    ("tagged: {key: a}", ["11: tagged.kind: missing key: must be 'key', 'token' or 'oauth'"]),
    ("tagged: 3", ["19: tagged: expected a mapping, found 3"]),
    ("named: {depth: 1}", ["11: named.mode: missing key: must be 'cold' or 'warm'"]),
    ("named: {mode: warm, depth: 1}", ["11: named.heat: missing key", "31: named.depth: unknown key"]),
    ("several: [{kind: key, key: A}, {kind: key}]", ["42: several.1.key: missing key"]),
    ("several: [{kind: a}, {kind: key, key: 3}]", ["28: several.0.kind: must be", "49: several.1.key: expected text"]),
    ("by_name: {Key: {kind: token, key: A}}", ["21: by_name.Key.issuer: missing key", "40: by_name.Key.key: unknown"]),
    ("by_name: {a: {kind: b}}", ["31: by_name.a.kind: must be 'key', 'token' or 'oauth'"]),
    ("pair: [a, {kind: key, key: 3}]", ["38: pair.1.key: expected text"]),
    ("either: {kind: key, key: 3}", ["36: either.key: expected text"]),
    ("either: [{kind: token, issuer: 3}]", ["42: either.0.issuer: expected text"]),
    ("either: 3", ["19: either: expected text, a mapping or a list, found 3"]),
    ("partly: {kind: key}", ["11: partly.key: missing key"]),
    ("partly: {kind: open}", ["26: partly.kind: must be 'key'"]),
    ("partly: {hosts: 3}", ["27: partly.hosts: expected a list, found 3"]),
    ("store: {depth: x}", ['26: store.depth: expected a whole number, found "x"']),
    ("store: {}", ["11: store.mode: missing key: must be 'cold' or 'warm'"]),
    ("deep: {kind: nested, inner: {kind: key, key: 3}}", ["56: deep.inner.key: expected text"]),
    ("deep: {kind: nested, inner: {kind: none}}", ["46: deep.inner.kind: must be 'key', 'token' or 'oauth'"]),
    ("plain: {kind: plain, count: '3', more: 1}", ['39: plain.count: expected a whole number, found "3"', "44: p"]),
    ("word: al", ["17: word: must be 'all' or 'none' or a whole number (did you mean all?)"]),
    ("flag: blue", ["17: flag: must be 'red' or a whole number"]),
    ("rest: {kind: key, key: 3}", ["34: rest.key: expected text"]),
    ("rest: {a: b}", ['21: rest.a: expected a whole number, found "b"']),
    ("alone: {kind: key}", ["11: alone.key: missing key"]),
    ("alone: of", ["18: alone: must be 'off' or a mapping (did you mean off?)"]),
    ("listed: [{kind: key}]", ["20: listed.0.key: missing key"]),
]


def problems(folder: Path, options: str) -> list[str]:
    """The problems in the options of a target, each as `column: path: message`."""
    found = draft(folder, f"{HEAD}targets:\n  local: {{{options}}}\n")
    with pytest.raises(ManifestError) as caught:
        bind_draft(found, {**types_of(found), ("targets", "local"): Gate})
    prefix = f"{folder / 'lading.yaml'}:5:"
    return [str(problem).removeprefix(prefix).replace(" targets.local.", " ") for problem in caught.value.problems]


@pytest.mark.parametrize(("options", "expected"), CASES)
def test_only_the_intended_member_is_reported(options: str, expected: list[str], tmp_path: Path) -> None:
    found = problems(tmp_path, options)
    assert len(found) == len(expected), found
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(start)


VALUES = st.recursive(
    st.sampled_from(["key", "token", "cold", "off", 3, 7.5, True, None]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["kind", "key", "Key", "issuer", "mode", "depth", "inner", "a"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)


@pytest.mark.slow
@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from([*Gate.__dataclass_fields__]), VALUES, min_size=1, max_size=2))
def test_a_value_is_refused_exactly_if_pydantic_refuses_it(options: dict[str, Any]) -> None:
    import json

    from pydantic import TypeAdapter, ValidationError

    document = load(compose(json.dumps(options), ""), "")
    found = check(Gate, options, document, (), reserved=())
    try:
        TypeAdapter(Gate).validate_json(json.dumps(options))
    except ValidationError:
        assert found
    else:
        assert found == []
    assert all(problem.path.partition(".")[0] in options for problem in found)
