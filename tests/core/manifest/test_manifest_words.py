"""Wording of messages, checks of unknown values, references to variables, and names of files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lading.manifest.references import BadReference, escaped, expand, expand_all, names
from lading.manifest.values import holds, listing, mapping, path_to
from lading.manifest.words import PATTERN_WORDS, did_you_mean, dotted, either, quoted
from lading.store.names import safe_name

ENVIRON = {"A": "1", "B_2": "two words", "EMPTY": "", "NULL": "a\0b", "NESTED": "${A}"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", '""'),
        ('a "b"', r'"a \"b\""'),
        ("é", '"é"'),
        ("a\nb\x1b", r'"a\nb\u001b"'),
        ("a" * 60, f'"{"a" * 60}"'),
        ("a" * 61, f'"{"a" * 60}…"'),
    ],
)
def test_text_is_quoted_on_one_line(text: str, shown: str) -> None:
    assert quoted(text) == shown


@settings(max_examples=40)
@given(st.text(max_size=80))
def test_any_text_is_quoted_printably_and_its_start_can_be_read_back(text: str) -> None:
    shown = quoted(text)
    assert shown.isprintable()
    read = json.loads(shown)
    assert text == read if len(text) <= 60 else text.startswith(read[:60])


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ((), ""),
        (("targets", "local", "port"), "targets.local.port"),
        (("steps", 0, "name"), "steps.0.name"),
        (("a\nb", "c"), r'"a\nb".c'),
        (("a" * 61,), f'"{"a" * 60}…"'),
    ],
)
def test_a_path_is_shown_with_dots(path: tuple[str | int, ...], shown: str) -> None:
    assert dotted(path) == shown


@pytest.mark.parametrize(("choices", "shown"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")])
def test_choices_are_a_sentence(choices: list[str], shown: str) -> None:
    assert either(choices) == shown


def test_the_nearest_word_is_suggested_if_one_is_near() -> None:
    assert did_you_mean("estimater", ["steps", "estimator"]) == " (did you mean estimator?)"
    assert did_you_mean("zzz", ["steps", "estimator"]) == ""
    assert did_you_mean("near", [*map(str, range(50)), "near"]) == ""  # a hostile document has too many words


@pytest.mark.parametrize(
    ("start", "right", "wrong"),
    [
        ("3 to 32 ", ["abc", "a-1", "a" * 32], ["ab", "a" * 33, "1ab", "ab-", "Abc", "a_b", "abc\n"]),
        ("1 to 255 ", ["a", "1.b-c_D", "a" * 255], ["", ".a", "-a", "a b", "a/b", "a" * 256]),
        ("1 to 64 letters, digits, '_' and '-'", ["a", "A-1_b", "a" * 64], ["", "1a", "a.b", "a" * 65, "_a"]),
        ("1 to 64 letters, digits, '_', '.'", ["a", "1.b", "a" * 64], ["", ".a", "a" * 65, "a b"]),
    ],
)
def test_names_match_their_description(start: str, right: list[str], wrong: list[str]) -> None:
    (pattern,) = (pattern for pattern, words in PATTERN_WORDS.items() if words.startswith(start))
    whole = re.compile(pattern.replace("$", r"\Z"))  # the checking engine reads `$` this way
    assert all(map(whole.search, right))
    assert not any(map(whole.search, wrong))


@pytest.mark.parametrize(
    ("value", "part", "found"),
    [
        ({"a": None}, "a", True),
        ({"a": 1}, "b", False),
        ([1, 2], 1, True),
        ([1, 2], 2, False),
        ([1, 2], -1, False),
        ([1], "0", False),
        ("text", 0, False),
        (None, "a", False),
    ],
)
def test_an_unknown_value_is_searched(value: Any, part: str | int, found: bool) -> None:
    assert holds(value, part) is found
    assert mapping(value) == (value if isinstance(value, dict) else {})
    assert listing(value) == (value if isinstance(value, list) else [])


ROUTES = {"routes": [{"to": "a"}, {"to": [[1], [2]]}], "env": {"A.B": {"c": 1}, "A": {"d": 2}}, "7": 1, "none": None}


@pytest.mark.parametrize(
    ("option", "path"),
    [
        ("routes", ("routes",)),
        ("routes.1.to", ("routes", 1, "to")),
        ("routes.1.to.0.0", ("routes", 1, "to", 0, 0)),
        ("env.A.B.c", ("env", "A.B", "c")),
        ("env.A.d", ("env", "A", "d")),
        ("7", ("7",)),
        ("routes.2.to", ("routes", 2, "to")),
        ("routes.x", ("routes", "x")),
        ("routes.-1", ("routes", "-1")),
        ("routes.²", ("routes", "²")),
        ("none.0", ("none", "0")),
        ("absent.0.key", ("absent", "0", "key")),
        ("", ("",)),
        ("..", ("", "", "")),
    ],
)
def test_an_option_named_with_dots_is_a_path_into_the_block(option: str, path: tuple[str | int, ...]) -> None:
    assert path_to(ROUTES, option) == path


PARTS = st.text("ab1.", min_size=1, max_size=3)
BLOCKS = st.recursive(
    st.none(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PARTS.filter(str.isalnum), inner, max_size=3)
)


@settings(max_examples=50)
@given(BLOCKS)
def test_every_value_of_a_block_is_found_by_its_dotted_path(block: Any) -> None:
    for path in _paths(block):
        assert path_to(block, dotted(path)) == path


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for part, item in items:
        yield (*path, part)
        yield from _paths(item, (*path, part))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${A}", "1"),
        ("a${A}${B_2}b", "a1two wordsb"),
        ("${EMPTY}", ""),
        ("$A {A} $ {A} $$", "$A {A} $ {A} $$"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("${NESTED}", "${A}"),
    ],
)
def test_references_are_replaced_once(text: str, expected: str) -> None:
    assert expand(text, ENVIRON) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${C}", "the environment variable C is not set"),
        ("${NULL}", "the environment variable NULL has a value that cannot be used"),
        ("${}", "malformed reference: write ${NAME}, or $${ for the characters ${ themselves"),
        ("${1}", "malformed reference"),
        ("${A", "malformed reference"),
        ("${A-B}", "malformed reference"),
        ("${A${A}}", "malformed reference"),
    ],
)
def test_a_reference_without_a_value_is_bad(text: str, message: str) -> None:
    with pytest.raises(BadReference) as caught:
        expand(text, ENVIRON)
    assert str(caught.value).startswith(message)


def test_every_text_of_a_value_is_expanded_and_each_problem_has_its_path() -> None:
    problems: list[tuple[tuple[str | int, ...], str]] = []
    value = {"a": ["${A}", {"b": "${C}"}], "${A}": 1, "c": None}
    found = expand_all(value, ENVIRON, lambda path, message: problems.append((path, message)))
    assert found == {"a": ["1", {"b": "${C}"}], "${A}": 1, "c": None}
    assert problems == [(("a", 1, "b"), "the environment variable C is not set")]
    assert list(names(value)) == ["A", "C"]


TEXT = st.text("$${}AB_", max_size=8) | st.sampled_from(["${A}", "$${A}", "$$${"])
VALUES = st.recursive(
    st.none() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50)
@given(VALUES)
def test_an_escaped_value_expands_to_itself_and_names_no_variable(value: Any) -> None:
    problems: list[str] = []
    assert expand_all(escaped(value), {}, lambda _path, message: problems.append(message)) == value
    assert problems == []
    assert list(names(escaped(value))) == []


@pytest.mark.parametrize("name", ["a", "salary-svc", "1.2_3", "a" * 24])
def test_a_short_lower_case_name_is_kept(name: str) -> None:
    assert safe_name(name) == name


@settings(max_examples=50)
@given(st.text(max_size=40) | st.sampled_from(["A", "a/b", "..", ".a", "a.", "a" * 25, "\ud800", "con~1"]))
def test_any_name_is_a_file_name_that_no_other_has(name: str) -> None:
    found = safe_name(name)
    assert re.fullmatch(r"[a-z0-9._-]*(~[0-9a-f]{12})?", found)
    assert 0 < len(found) <= 37
    assert found == name or "~" in found
    assert found.strip(".")
