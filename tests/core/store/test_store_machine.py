"""Any sequence of uses and reopenings, compared with plain dictionaries."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from tests.core.store.store_kit import packed, request_for, sha256, written

from lading.model import ModelReference, ModelVersion, Release, Run
from lading.store import Store

names = st.sampled_from(["salary", "Salary", "it's", "Ä/.."])
services = st.sampled_from(["one", "two"])
contents = st.sampled_from([b"aa", b"bb", b"cc"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


class StoreMachine(RuleBasedStateMachine):
    begun = Bundle("begun")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.root = self.folder / ".lading"
        self.store = Store.open(self.root)
        self.models: dict[tuple[str, int], ModelVersion] = {}
        self.releases: dict[tuple[str, int], Release] = {}
        self.runs: dict[str, Run] = {}
        self.outputs: dict[str, object] = {}
        self.intents: dict[int, tuple[str, str]] = {}
        self.digests: dict[Path, bytes] = {}

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(name=names, content=contents, module=contents | st.none(), description=st.text(max_size=5))
    def register(self, name: str, content: bytes, module: bytes | None, description: str) -> None:
        file = written(self.folder / "model", content)
        modules = () if module is None else (written(self.folder / "train.py", module),)
        model = self.store.models.register(request_for(file, name, modules=modules, description=description))
        assert model.sha256 == sha256(content)
        assert [path.read_bytes() for path in model.modules] == [*filter(None, [module])]
        key = (model.name, model.version)
        known = self.models.get(key)
        if known is None:
            assert model.version == 1 + max((version for other, version in self.models if other == name), default=0)
            twins = [other for other in self.models.values() if other.name == name and other.sha256 == model.sha256]
            assert model.modules not in [twin.modules for twin in twins]
            self.models[key] = model
        else:
            assert (known.sha256, known.modules, known.created) == (model.sha256, model.modules, model.created)
            self.models[key] = replace(known, description=description)

    @rule(data=st.data(), registry=st.sampled_from(["mlflow", "azureml"]), version=st.text(max_size=2))
    def refer(self, data: st.DataObject, registry: str, version: str) -> None:
        if not self.models:
            return
        key = data.draw(st.sampled_from(sorted(self.models)))
        reference = ModelReference(registry=registry, name="there", version=version)
        self.store.models.refer(*key, reference)
        others = tuple(known for known in self.models[key].references if known.registry != registry)
        self.models[key] = replace(self.models[key], references=(*others, reference))

    @rule(target=begun, service=services)
    def begin(self, service: str) -> tuple[str, int]:
        model = self.store.models.register(request_for(written(self.folder / "model", b"aa"), "salary"))
        self.models[model.name, model.version] = model
        release = self.store.releases.begin(service, "local", packed(self.store, model, {"score.py": b""}))
        assert release.number == 1 + max((number for other, number in self.releases if other == service), default=0)
        self.releases[service, release.number] = release
        return service, release.number

    @rule(
        key=consumes(begun),
        state=st.sampled_from(["up", "up", "canary", "refused", "failed"]),
        reason=st.text(max_size=3),
    )
    def finish(self, key: tuple[str, int], state: str, reason: str) -> None:
        if state == "canary" and any(r.state == state and other == key[0] for (other, _), r in self.releases.items()):
            state = "failed"
        if state == "up":
            for other, release in self.releases.items():
                if other[0] == key[0] and release.state == "up":
                    self.releases[other] = replace(release, state="superseded")
        self.releases[key] = self.store.releases.finish(self.releases[key], state, reason)
        assert (self.releases[key].state, self.releases[key].reason) == (state, reason)

    @rule(service=services, state=st.sampled_from(["up", "aborted"]))
    def end_the_canary(self, service: str, state: str) -> None:
        canary = self.store.releases.canary(service, "local")
        if canary is None:
            return
        for key, release in self.releases.items():
            if state == "up" and key[0] == service and release.state == "up":
                self.releases[key] = replace(release, state="superseded")
        self.releases[service, canary.number] = self.store.releases.finish(canary, state)

    @rule(id_=st.sampled_from(["a", "ab", "b"]), metrics=st.dictionaries(st.text(max_size=3), json_values, max_size=2))
    def save_run(self, id_: str, metrics: dict[str, object]) -> None:
        self.runs[id_] = Run(id=id_, name="salary", state="finished", started=datetime.now(UTC), metrics=metrics)
        self.store.runs.save(self.runs[id_])

    @rule(key=st.sampled_from(["x", "y"]), output=json_values)
    def reuse(self, key: str, output: object) -> None:
        self.store.reuse.put(key, "train", output)
        self.outputs[key] = output

    @rule(service=services, name=st.text(max_size=3))
    def intend(self, service: str, name: str) -> None:
        self.intents[self.store.journal.intend(service, "local", name)] = (service, name)

    @rule(data=st.data(), known=st.booleans())
    def settle(self, data: st.DataObject, known: bool) -> None:
        if self.intents:
            id_ = data.draw(st.sampled_from(sorted(self.intents)))
            self.store.journal.settle(id_, "done" if known else "unknown")
            if known:
                del self.intents[id_]

    @rule(name=st.sampled_from(["f", "g"]), content=contents, replaced=st.booleans(), old=st.booleans())
    def write_file(self, name: str, content: bytes, replaced: bool, old: bool) -> None:
        file = self.folder / name
        if replaced:
            file.unlink(missing_ok=True)
        written(file, content)
        if old:
            past = time.time_ns() - 60_000_000_000
            os.utime(file, ns=(past, past))
        self.digests[file] = content

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = Store.open(self.root)

    @invariant()
    def models_agree(self) -> None:
        listed = self.store.models.list()
        assert {(model.name, model.version): model for model in listed} == self.models
        assert len(listed) == len(self.models)
        for name in {name for name, _ in self.models}:
            versions = [version for other, version in self.models if other == name]
            assert self.store.models.get(name) == self.models[name, max(versions)]
            assert [model.version for model in self.store.models.list(name)] == sorted(versions, reverse=True)

    @invariant()
    def releases_agree(self) -> None:
        for service in ("one", "two"):
            known = [release for (other, _), release in sorted(self.releases.items()) if other == service][::-1]
            assert self.store.releases.list(service) == known
            assert self.store.releases.current(service, "local") == next((r for r in known if r.state == "up"), None)
            assert self.store.releases.canary(service, "local") == next((r for r in known if r.state == "canary"), None)
            assert self.store.releases.pending(service, "local") == [r for r in known if r.state == "pending"]

    @invariant()
    def the_rest_agrees(self) -> None:
        assert {run.id: run for run in self.store.runs.list()} == self.runs
        assert {key: self.store.reuse.get(key) for key in self.outputs} == self.outputs
        for service in ("one", "two"):
            found = {intent.id: intent.name for intent in self.store.journal.open(service, "local")}
            assert found == {id_: name for id_, (other, name) in self.intents.items() if other == service}

    @invariant()
    def digests_agree(self) -> None:
        for file, content in self.digests.items():
            assert self.store.digests.file(file) == sha256(content)


StoreMachine.TestCase.settings = settings(max_examples=10, stateful_step_count=25, database=None)
TestStore = StoreMachine.TestCase


class LongerStoreMachine(StoreMachine):
    """The same with more examples."""


LongerStoreMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=25, database=None)
TestStoreForLonger = pytest.mark.slow(LongerStoreMachine.TestCase)
