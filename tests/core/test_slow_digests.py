"""The digest of secret values, which all targets share."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from tests.conftest import ROOT

import lading
from lading import slow_digest


def test_a_digest_depends_on_the_value_and_the_salt() -> None:
    assert slow_digest("a", salt="s") == slow_digest("a", salt="s")
    assert len({slow_digest(value, salt=salt) for value in ("", "a", "é", "\udce9") for salt in ("s", "t")}) == 8


@pytest.mark.parametrize("folder", ["core", "plugins", "targets"])
def test_no_other_module_computes_a_digest_of_secrets(folder: str) -> None:
    own = {"blake2b", "blake2s", "pbkdf2_hmac", "scrypt"}
    found = {
        file.name
        for file in Path(ROOT, folder).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in own
    }
    assert found == ({"digests.py"} if folder == "core" else set())


def test_the_size_of_a_variable_is_counted_in_bytes_with_its_name() -> None:
    lading.check_env_sizes({"A": "é" * 65534, "B": ""})
    with pytest.raises(ValueError, match=r"^env: B has 131072 bytes, and Linux accepts at most 131071$"):
        lading.check_env_sizes({"A": "", "B": "x" * 131_070})
