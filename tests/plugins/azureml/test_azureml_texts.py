"""Text from outside: the portal's file, and Azure's messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plugins.azureml.memory_kit import PLACE

from lading import (
    BadInput,
)
from lading_azureml.connection import place_in
from lading_azureml.options import AzureOptions
from lading_azureml.text import clean, clean_json, clean_lines, reason


def test_a_place_is_named_by_its_parts() -> None:
    assert place_in(AzureOptions(subscription_id="s-1", resource_group="mi2", workspace="salary")) == PLACE


def test_a_place_is_named_by_the_file_of_the_portal(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    names = {"subscription_id": "s-1", "resource_group": "mi2", "workspace_name": "salary", "more": 1}
    file.write_text(json.dumps(names), encoding="utf-8")
    assert place_in(AzureOptions(config=file)) == PLACE


def test_the_file_of_the_portal_and_the_three_names_are_one_place(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"subscription_id": "s-1", "resource_group": "MI2", "workspace_name": "salary"}))
    named = AzureOptions(subscription_id="s-1", resource_group="mi2", workspace="Salary")
    one, other = (AzureOptions.place_of("", each.placed_at) for each in (AzureOptions(config=file), named))
    assert one == other
    assert (
        AzureOptions.place_of(
            "", AzureOptions(subscription_id="s-2", resource_group="mi2", workspace="salary").placed_at
        )
        != one
    )
    file.write_text("not JSON")
    assert AzureOptions(config=file).placed_at["config"] == file  # reported when the connection is opened


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"7", b"null", b"\xff\xfe", b'{"subscription_id": "s"}', b"[" * 99999]
    + [
        json.dumps({"subscription_id": "s", "resource_group": "g", "workspace_name": name}).encode() for name in ("", 7)
    ],
)
def test_a_file_that_names_no_workspace_is_refused_at_its_option(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        place_in(AzureOptions(config=file))
    assert caught.value.message.startswith(f"{file} names no workspace")
    assert caught.value.option == "config"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({}, ""),
        ({"message": " lost "}, "lost"),
        ({"message": "lost", "details": [{"message": "on the way"}]}, "lost: on the way"),
        (
            {"message": "lost on the way", "details": [{"message": "on the way"}, {"message": "lost on the way"}]},
            "lost on the way",
        ),
        ({"message": None, "details": None}, ""),
        ({"message": "lost", "details": ["odd", {"code": "x"}, {"message": "b"}, {"message": "c"}]}, "lost: b: c"),
    ],
)
def test_the_reason_of_an_error_repeats_nothing(error: dict[str, Any], said: str) -> None:
    assert reason(error) == said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("one\r\ntwo\n\n", "one\ntwo"),
        ("a\tb", "a\tb"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("a\x00b\x07c\x7fd\u202ee", "abcde"),
        ("x?sig=s3cr3t&se=2026", "x?sig=***&se=***"),
        ('"https://x/?sv=1&a=2&sp=r"', '"https://x/?sv=***&a=2&sp=***"'),
        ("x?a=1\\u0026sig=s3cr3t\\u0026b=2", "x?a=1\\u0026sig=***\\u0026b=2"),
        ("x?a=1\\\\u0026sig=s3cr3t", "x?a=1\\\\u0026sig=***"),
        ("x?a=1&amp;sig=s3cr3t&amp;b=2", "x?a=1&amp;sig=***&amp;b=2"),
        ("x?sig=s3\\/cr3t", "x?sig=***"),
        ("y?to=x%3Fa%3D1%26sig%3Ds3cr3t%26b%3D2", "y?to=x%3Fa%3D1%26sig%3D***%26b%3D2"),
        ("design=1", "design=1"),
        ("x" * 3000, "x" * 2000),
    ],
)
def test_a_text_of_azure_is_cleaned(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_a_log_is_clean_line_by_line() -> None:
    assert clean_lines("one\x1b[0m\r\n\ntwo?sig=s3cr3t\n") == ("one", "", "two?sig=***")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_every_text_in_a_value_is_clean(value: Any) -> None:
    found = clean_json(value)
    assert clean_json(found) == found
    assert not {"\x1b", "\x07", "\x00"} & {*json.dumps(found, ensure_ascii=False)}
