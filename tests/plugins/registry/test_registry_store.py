"""The registry `store` with a real store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import lading
from lading import Models, RegisterRequest
from lading.store import Store
from lading_registry import lading_describe, lading_register


@dataclass(frozen=True)
class FakeContext:
    models: Models


def register(store: Store, name: str, content: bytes, folder: Path) -> lading.ModelReference:
    file = folder / "model.joblib"
    file.write_bytes(content)
    request = RegisterRequest(
        name=name,
        sha256=hashlib.sha256(content).hexdigest(),
        file=file,
        file_name=file.name,
        framework="scikit-learn",
        framework_version="1.9.1",
        python="3.11",
    )
    return lading_register(request=request, context=cast("lading.Context", FakeContext(store.models)))


def test_versions_count_up_and_the_same_bytes_are_the_same_version(tmp_path: Path) -> None:
    store = Store.open(tmp_path / ".lading")
    references = [register(store, "m", content, tmp_path) for content in (b"one", b"two", b"one")]
    assert [(one.registry, one.name, one.version) for one in references] == [
        ("store", "m", "1"),
        ("store", "m", "2"),
        ("store", "m", "1"),
    ]
    kept = store.models.get("m", 2)
    assert kept is not None
    assert kept.file.read_bytes() == b"two"
    store.close()


def test_it_has_no_options() -> None:
    assert lading_describe().options is lading.Options
