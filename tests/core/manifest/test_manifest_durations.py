"""Options in seconds, which also take text with a unit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
from jsonschema import Draft202012Validator
from tests.conftest import ROOT
from tests.core.manifest.manifest_kit import HEAD, draft, types_of

from lading import Duration, Means, Options, Range
from lading.errors import ManifestError
from lading.manifest import Section
from lading.manifest.bind import bind_draft
from lading.manifest.fields import option_fields
from lading.manifest.json_schema import options_schema
from lading.model.constraints import in_seconds

PATH = ("targets", "local")
FORMS = "must be seconds, or a number with a unit, such as 90s, 10m, 2h or 1d"


@dataclass(frozen=True)
class Steps(Options):
    pauses: tuple[Annotated[float, Range(ge=0), Duration()], ...] = ()


@dataclass(frozen=True)
class Waiting(Options):
    limit: Annotated[float, Range(gt=0, le=86400), Duration()] = 60.0
    """Seconds to wait."""
    whole: Annotated[int, Range(ge=1), Duration()] = 1
    shared: Annotated[Annotated[float, Range(gt=0), Duration()] | None, Means("seconds to score")] = None
    steps: Steps | None = None


def waiting(folder: Path, text: str, *, known_valid: bool = False, **environ: str) -> Section:
    found = draft(folder, f"{HEAD}targets: {{local: {{{text}}}}}\n", environ)
    return bind_draft(found, {**types_of(found), PATH: Waiting}, known_valid=known_valid).targets["local"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200), ("7d", 604800), ("1.15m", 69), ("0.5s", 0.5), ("0", 0)],
)
def test_a_duration_is_a_number_with_or_without_a_unit(text: str, seconds: float) -> None:
    assert repr(in_seconds(text)) == repr(seconds)


@pytest.mark.parametrize("text", ["", "m", "1x", "500ms", "1e3", "-1s", "+1s", "10 m", "10m\n", "nan", "1_0s", "٣s"])
def test_another_text_is_not_a_duration(text: str) -> None:
    assert in_seconds(text) is None


BUILT = [
    ("limit: 90", Waiting(limit=90.0)),
    ("limit: 1.5", Waiting(limit=1.5)),
    ("limit: 10m", Waiting(limit=600.0)),
    ('limit: "90"', Waiting(limit=90.0)),
    ("limit: 1d", Waiting(limit=86400.0)),
    ("whole: 2m", Waiting(whole=120)),
    ("shared: 1.5m", Waiting(shared=90.0)),
    ("shared: ~", Waiting(shared=None)),
    ("steps: {pauses: [0, 5m]}", Waiting(steps=Steps((0.0, 300.0)))),
    ("limit: '${LIMIT}'", Waiting(limit=7200.0)),
    ("limit: '1${LIMIT}'", Waiting(limit=43200.0)),
    ("whole: '${NUMBER}'", Waiting(whole=30)),
]


@pytest.mark.parametrize(("text", "expected"), BUILT)
@pytest.mark.parametrize("known_valid", [False, True])
def test_an_option_gets_the_seconds(text: str, expected: Waiting, known_valid: bool, tmp_path: Path) -> None:
    section = waiting(tmp_path, text, known_valid=known_valid, LIMIT="2h", NUMBER="30")
    assert repr(section.options) == repr(expected)


WRONG = [
    ("limit: 2d", "4:26: targets.local.limit: must be at most 86400 seconds"),
    ("limit: 0s", "4:26: targets.local.limit: must be more than 0 seconds"),
    ("limit: 86401", "4:26: targets.local.limit: must be at most 86400"),
    ("limit: soon", f"4:26: targets.local.limit: {FORMS}"),
    ("limit: true", "4:26: targets.local.limit: expected a number, found true"),
    ("limit: [1]", "4:19: targets.local.limit: expected a number, found a list"),
    ("whole: 1.5s", '4:26: targets.local.whole: expected a whole number, found "1.5s"'),
    ("shared: 10 minutes", f"4:27: targets.local.shared: {FORMS}"),
    ("steps: {pauses: [1m, 1y]}", f"4:40: targets.local.steps.pauses.1: {FORMS}"),
    ("limit: '${LIMIT}'", "4:26: targets.local.limit: must be at most 86400 seconds"),
    ("limit: '${SECRET}'", f"4:26: targets.local.limit: {FORMS}"),
]


@pytest.mark.parametrize(("text", "problem"), WRONG)
def test_a_wrong_duration_is_reported_at_its_place(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        waiting(tmp_path, text, LIMIT="3d", SECRET="hush")
    assert [str(found).removeprefix(f"{tmp_path}/lading.yaml:") for found in caught.value.problems] == [problem]


def test_a_unit_changes_no_value_that_is_stored_or_compared(tmp_path: Path) -> None:
    short = waiting(tmp_path, "limit: 10m, whole: 1m, steps: {pauses: [1, 2m]}")
    plain = waiting(tmp_path, "limit: 600, whole: 60, steps: {pauses: [1, 120]}")
    assert repr((short.value, short.record)) == repr((plain.value, plain.record))


def test_a_variable_is_kept_as_written(tmp_path: Path) -> None:
    section = waiting(tmp_path, "limit: '${LIMIT}'", LIMIT="10m")
    assert (section.value, section.record) == ({"limit": "10m"}, {"limit": "${LIMIT}"})


def test_the_schema_has_both_forms() -> None:
    validator = Draft202012Validator(options_schema(Waiting))
    for right in ({"limit": 90}, {"limit": "10m"}, {"limit": "${LIMIT}"}, {"shared": None}, {"whole": "1h"}):
        validator.validate(right)
    for wrong in ({"limit": 0}, {"limit": 86401}, {"limit": "soon"}, {"limit": True}, {"whole": 1.5}):
        assert not validator.is_valid(wrong), wrong


def test_the_forms_are_shown_in_words() -> None:
    limit, *_ = option_fields(options_schema(Waiting))
    assert (limit.type, limit.default, limit.meaning) == ("number or text", 60.0, "Seconds to wait.")
    assert limit.allowed == f"more than 0; at most 86400; {FORMS.removeprefix('must be ')}"


def test_every_option_in_seconds_takes_a_unit() -> None:
    """Except for those whose name, which is that of a platform, has the unit."""
    rows = re.findall(
        r"^\| `(\w+)` \| ([\w ]+) \| [^|]* \| Seconds ", (ROOT / "docs/manifest.md").read_text(), re.MULTILINE
    )
    assert len(rows) > 15
    assert [name for name, kind in rows if not kind.endswith(" or string")] == [
        name for name, _ in rows if name.endswith("_seconds")
    ]
