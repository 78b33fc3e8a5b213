"""The places of a block in the store."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar, cast

import pytest

from lading import Options
from lading.engine.release import located
from lading.engine.release.service import Service
from lading.model import Json
from lading.store import Store
from lading.store.places import Place, Places

HERE, THERE = Place("price", "hosting", {"device": "a", "module": None}), Place("price", "hosting", {"device": "b"})


def places(store: Store, root: Path, manifest: str = "lading.yaml", model: str = "rate") -> Places:
    return Places(store.reuse, root, root.parent / manifest, "edge", model)


def test_places_are_kept_for_one_block_of_one_manifest_and_model(tmp_path: Path) -> None:
    root = tmp_path / ".lading"
    with closing(Store.open(root)) as store:
        places(store, root).put(HERE, [THERE])
        found = places(store, root)
        assert (found.last, found.old) == (HERE, (THERE,))
        for other in (places(store, root, "other.yaml"), places(store, root, model="weight")):
            assert (other.last, other.old) == (None, ())
        found.forget()
        assert (found.last, found.old) == (None, ())


def test_a_place_with_a_list_is_the_same_one_when_it_is_read_again(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Shelves(Options):
        placed_by: ClassVar[tuple[str, ...]] = ("shelves",)
        shelves: tuple[str, ...] = ("a", "b")

    target = SimpleNamespace(options=Shelves(), record={}, service_name="price", connection=None, plugin="acme")
    session = SimpleNamespace(manifest=SimpleNamespace(connections={}))
    here = located.present(cast(Service, SimpleNamespace(target=target, session=session))).place
    with closing(Store.open(tmp_path / ".lading")) as store:
        places(store, tmp_path / ".lading").put(here, [])
        assert places(store, tmp_path / ".lading").last == here


def test_a_place_is_told_by_what_differs() -> None:
    assert HERE.compared_with(THERE) == "price (device a)"
    assert THERE.compared_with(HERE) == "price (device b)"
    assert HERE.compared_with(HERE) == "price"
    assert HERE.compared_with(Place("old", "other", HERE.options)) == "price (connection hosting)"
    west, east = (Place("price", "hosting", account={"region": name}, plugin=name) for name in ("west", "east"))
    assert west.compared_with(east) == "price (plugin west, connection.region west)"
    one, other = (Place("price", options={"device": "${D}"}, seals={"device": seal}) for seal in "ab")
    assert one.compared_with(other) == "price (another value of ${D} for device)"


@pytest.mark.parametrize(
    "row",
    [None, 7, [], {}, {"last": 7, "old": 7}, {"last": {}, "old": [7, {"service": 7}, {"service": "a", "options": []}]}],
)
def test_a_row_that_is_not_a_place_counts_as_none(tmp_path: Path, row: Json) -> None:
    root = tmp_path / ".lading"
    with closing(Store.open(root)) as store:
        found = places(store, root)
        store.reuse.put(found.block, "deploy", row)
        assert (found.last, found.old) == (None, ())
