"""Any text is read with an expected result, and values written as YAML or JSON are read back equal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.core.manifest.manifest_kit import HEAD, draft, problems, types_of

from lading import ManifestError
from lading.manifest import Draft
from lading.manifest.bind import bind_draft

# Values that both YAML and a manifest allow: no control characters, no number beyond 64 bits, no infinite number.
TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cn"), include_characters="\n\t"))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
REFERENCE_FREE = VALUES.filter(lambda value: "${" not in json.dumps(value))
FRAGMENTS = st.lists(
    st.sampled_from(
        (
            *(
                "a",
                "b:",
                "c: ",
                "- ",
                "\n",
                "\n  ",
                "\n    ",
                "[",
                "]",
                "{",
                "}",
                ",",
                "&x ",
                "*x",
                "<<: ",
                "!!str ",
                "!t ",
            ),
            *(
                "'",
                '"',
                "|",
                ">",
                "? ",
                "# ",
                "%YAML 1.1\n",
                "---",
                "...",
                "1.10",
                "no",
                "2024-02-30",
                "${A}",
                "${",
                "\t",
            ),
            *("train:", "targets:", "local:", "plugin:", "samples:", "version: 1\n", "name: abc\n", "register:"),
        )
    ),
    max_size=30,
).map("".join)
relaxed = settings(max_examples=100)


@relaxed
@given(data=st.binary(max_size=200) | st.text().map(lambda text: text.encode("utf-8", "replace")))
@example(data=b"\xef\xbb\xbf")
@example(data=b"? ")
@example(data=b": ")
@example(data=b"<<: *a")
def test_no_bytes_raise_anything_but_problems(data: bytes, tmp_path: Path) -> None:
    assert problems(tmp_path, data) != []


@relaxed
@given(text=FRAGMENTS)
@example(text="train:\n  data: {}\n")
def test_no_yaml_raises_anything_but_problems(text: str, tmp_path: Path) -> None:
    for found in (problems(tmp_path, text), problems(tmp_path, HEAD + text)):
        assert all(isinstance(problem, str) for problem in found)


@relaxed
@given(key=st.sampled_from(["train", "package", "targets", "connections", "gates", "track", "register"]), value=VALUES)
@example(key="train", value=[])
def test_no_value_of_a_block_raises_anything_but_problems(key: str, value: Any, tmp_path: Path) -> None:
    document = {"version": 1, "name": "abc", "register": {"file": "model.joblib"}, key: value}
    found = problems(tmp_path, json.dumps(document, ensure_ascii=False))
    assert all(problem.startswith("1:") for problem in found)


@relaxed
@given(value=REFERENCE_FREE, style=st.sampled_from(["json", "block", "flow"]))
def test_written_values_are_read_back_equal(value: Any, style: str, tmp_path: Path) -> None:
    document = {
        "version": 1,
        "name": "abc",
        "register": {"file": "model.joblib"},
        "package": {"samples": [{"request": value, "response": 0}]},
    }
    text = json.dumps(document, ensure_ascii=False) if style == "json" else _dump(document, flow=style == "flow")
    found = draft(tmp_path, text)
    (sample,) = bind_draft(found, types_of(found)).samples
    assert sample.request == value
    assert json.dumps(sample.request) == json.dumps(value)


class _Dumper(yaml.SafeDumper):
    """Quotes all text that YAML versions read differently."""


_Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))
_Dumper.add_representer(float, lambda dumper, number: dumper.represent_scalar("tag:yaml.org,2002:float", repr(number)))


def _dump(document: Any, *, flow: bool) -> str:
    return yaml.dump(document, Dumper=_Dumper, default_flow_style=flow, allow_unicode=True, sort_keys=False)


@relaxed
@given(
    sent=st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), REFERENCE_FREE, min_size=1, max_size=4),
    flow=st.booleans(),
    data=st.data(),
)
def test_a_wrong_value_is_reported_at_its_place(
    sent: dict[str, Any], flow: bool, data: st.DataObject, tmp_path: Path
) -> None:
    mark = "qzx-mark"
    path = data.draw(st.sampled_from(list(_containers(sent, ()))))
    _put(sent, path, mark)
    document = {
        "version": 1,
        "name": "abc",
        "register": {"file": "model.joblib"},
        "package": {"samples": [{"request": sent, "response": 0}]},
    }
    text = _dump(document, flow=flow).replace(f'"{mark}"', ".nan")
    offset = text.index(".nan")
    before = text[:offset].split("\n")
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(f"{len(before)}:{len(before[-1]) + 1}: package.samples.0.request.")
    assert problem.endswith(".nan is not a number that JSON has: write a finite one, or quote it")


def _containers(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The paths of all values inside a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _containers(item, (*path, key))


def _put(value: Any, path: tuple[Any, ...], item: Any) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = item


@relaxed
@given(text=FRAGMENTS)
def test_a_draft_with_any_fault_is_fingerprinted_and_listed(text: str, tmp_path: Path) -> None:
    found = _draft_or_none(tmp_path, HEAD + text)
    if found is not None:
        assert all(ref.plugin and ref.name for ref in found.sections())
        assert len(found.fingerprint([ref.path for ref in found.sections()])) == 64
        assert all(isinstance(name, str) for name in (*found.default_targets(), *found.accounts(), found.name))


def _draft_or_none(folder: Path, text: str) -> Draft | None:
    try:
        return draft(folder, text)
    except ManifestError:
        return None


@relaxed
@given(word=st.text("0178_:.eE+-xob", min_size=1, max_size=7))
@example(word="1e3")
@example(word="0o7")
@example(word="190:20:30")
@example(word="1_0.5")
@example(word=".0_")
def test_a_number_is_read_alike_by_all_of_yaml_or_is_a_problem(word: str, tmp_path: Path) -> None:
    found = _draft_or_none(tmp_path, f"{HEAD}package: {{samples: [{{request: [{word}], response: 0}}]}}\n")
    if found is None:
        return
    try:
        (sample,) = bind_draft(found, types_of(found)).samples
    except ManifestError:
        return
    (ours,), (theirs,) = sample.request, yaml.safe_load(f"[{word}]")
    # Only YAML 1.2 reads 1e3 and -.5 as numbers, but everyone who writes them means numbers.
    assert ours == theirs or (isinstance(ours, float) and float(theirs) == ours)
