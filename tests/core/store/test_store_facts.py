"""Facts that a target records about a deployment. The next command and a repaired store have them."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pytest

from lading import PluginError
from lading.engine.session.context import HookContext
from lading.engine.session.events import Events
from lading.store import Store
from lading.store.facts import Facts
from lading.store.repair import repair


def facts(store: Store, service: str = "salary", target: str = "local") -> Facts:
    return Facts(store.reuse, service, target)


def test_the_next_command_reads_the_latest_record(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path / ".lading")) as store:
        assert facts(store).get("release/1") is None
        facts(store).put("release/1", "first")
        facts(store).put("release/1", "second")
    with closing(Store.open(tmp_path / ".lading")) as store:
        assert facts(store).get("release/1") == "second"


def test_a_deployment_does_not_see_the_records_of_another_one(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path / ".lading")) as store:
        facts(store).put("release/1", "ours")
        assert facts(store, service="other").get("release/1") is None
        assert facts(store, target="other").get("release/1") is None
        assert facts(store).get("release/2") is None


def test_records_survive_the_loss_of_the_database_and_a_cleaning(tmp_path: Path) -> None:
    root = tmp_path / ".lading"
    with closing(Store.open(root)) as store:
        facts(store).put("release/1", "kept")
        store.clean(0, command="test")
    (root / "store.db").unlink()
    repair(root, fix=True, command="test", wait=0)
    with closing(Store.open(root)) as store:
        assert facts(store).get("release/1") == "kept"


def test_only_targets_can_record(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path / ".lading")) as store, closing(Events("salary", lambda _event: None)) as events:
        context = HookContext(tmp_path, store.models, events, {}, threading.Event())
        with pytest.raises(PluginError, match="only the hooks of a target"):
            context.record("release/1", "text")
        with pytest.raises(PluginError, match="only the hooks of a target"):
            context.recorded("release/1")
