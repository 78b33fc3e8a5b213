"""The table of blocks, used by all readers of a manifest."""

from __future__ import annotations

from dataclasses import fields

from lading.manifest.blocks import BLOCKS
from lading.manifest.core import RESERVED, Core


def test_the_table_has_the_keys_of_the_block_types() -> None:
    assert {kind.role: set(kind.keys) for kind in BLOCKS} == {
        role: {field.name for field in fields(block)} for role, block in RESERVED.items()
    }


def test_the_table_names_keys_of_a_manifest() -> None:
    assert {kind.key for kind in BLOCKS} <= {field.name for field in fields(Core)}
