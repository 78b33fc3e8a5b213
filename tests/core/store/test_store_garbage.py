"""Cleaning, compared with a model of the data in use, after any sequence of uses and interrupted cleanings."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.core.store.store_kit import THIS, packed, request_for, sha256, written
from tests.waiting import LIMIT, eventually

from lading.errors import Locked, Refused
from lading.model import Release, Run
from lading.store import Store
from lading.store.database import Database
from lading.store.garbage import Needed, forget

contents = st.sampled_from([b"aa", b"bb", b"cc", b"dd"])
trained = st.sampled_from([b"aa", b"xx", b"yy", b"zz"])  # only the first of these is ever registered
deployments = st.sampled_from([("one", "local"), ("two", "local"), ("one", "aci")])
ENDS = ("up", "up", "up", "failed", "deleted", "pending", "aborted")


class GarbageMachine(RuleBasedStateMachine):
    """`history` holds the releases of each deployment, newest last. The other attributes are digests that must stay."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.root = self.folder / ".lading"
        self.store = Store.open(self.root)
        self.history: dict[tuple[str, str], list[Release]] = {}
        self.registered: set[str] = set()
        self.modules: set[Path] = set()
        self.newest: dict[str, str] = {}
        self.kept: set[str] = set()
        self.works: dict[tuple[str, str], Path] = {}

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(name=st.sampled_from(["salary", "cost"]), content=trained, known=st.booleans())
    def train(self, name: str, content: bytes, known: bool) -> None:
        """Store a file and a run. If `known`, also store an output for reuse, which names a snapshot."""
        model, _ = self.store.files.put(written(self.folder / "model", content))
        snapshot, _ = self.store.files.put(written(self.folder / "snapshot", b"of " + content))
        now = datetime.now(UTC)
        self.store.runs.save(
            Run(id=f"{now:%f}-{name}", name=name, state="finished", started=now, ended=now, model_sha256=model)
        )
        self.newest[name] = model
        if known:
            self.store.reuse.put(f"{name} {content!r}", "train", {"sha256": model, "distributions": snapshot})

    @rule(content=contents, module=contents, deployment=deployments, end=st.sampled_from(ENDS), script=contents)
    def release(self, content: bytes, module: bytes, deployment: tuple[str, str], end: str, script: bytes) -> None:
        modules = (written(self.folder / "train.py", module),)
        model = self.store.models.register(request_for(written(self.folder / "model", content), modules=modules))
        self.registered.add(model.sha256)
        self.modules.update(model.modules)
        package = packed(self.store, model, {"azureml-app/score.py": script})
        self.store.reuse.put(f"{content!r} {script!r}", "package", package.digest)
        self.kept.add(package.digest)
        release = self.store.releases.begin(*deployment, package, beside=end == "aborted")
        self.works[deployment] = written(self.store.work("deployments", *reversed(deployment)) / "spec", b"x")
        history = self.history.setdefault(deployment, [])
        if end == "up":
            release = self.store.releases.finish(replace(release, golden_requests=()), "up")
            history[:] = [replace(one, state="superseded") if one.state == "up" else one for one in history]
        elif end == "aborted":
            release = self.store.releases.finish(replace(release, golden_requests=()), "canary")
            release = self.store.releases.finish(release, "aborted")
        elif end != "pending":
            release = self.store.releases.finish(release, end)
        history.append(release)
        if end == "deleted":
            history[:] = [self._deleted(one) for one in history]

    def _deleted(self, release: Release) -> Release:
        return self.store.releases.finish(release, "deleted") if release.state in ("up", "pending") else release

    @rule(content=contents)
    def pack_only(self, content: bytes) -> None:
        model = self.store.models.register(request_for(written(self.folder / "model", content)))
        self.registered.add(model.sha256)
        self.kept.add(packed(self.store, model, {"azureml-app/score.py": b"alone"}).digest)

    @rule()
    def die(self) -> None:
        """Leave the scratch folder of a killed process behind."""
        written(self.root / "tmp" / "dead" / "half", b"half")

    @rule(keep=st.integers(0, 3))
    def clean(self, keep: int) -> None:
        said = self.store.garbage(keep)
        assert self.store.garbage(keep) == said
        removed = self.store.clean(keep, command="lading gc")
        assert removed == said
        assert not any(item.path.exists() for item in removed)
        assert self.store.garbage(keep) == []
        self._expect(keep)

    @rule(keep=st.integers(0, 3))
    def clean_and_die(self, keep: int) -> None:
        """Interrupt a cleaning after the records and before the files. The files are found again."""
        said = self.store.garbage(keep)
        database = Database(self.root / "store.db")
        forget(database, Needed(database, keep))
        database.close()
        assert self.store.garbage(keep) == said
        self._expect(keep)

    def _expect(self, keep: int) -> None:
        self.kept &= self._live() | {digest for one in self.history for digest in self._last(one, keep)}
        for deployment, history in self.history.items():
            if history[-1].state == "deleted" and not any(one.state in ("up", "pending") for one in history):
                self.works.pop(deployment, None)

    def _live(self) -> set[str]:
        releases = [one for history in self.history.values() for one in history]
        return {one.package_digest for one in releases if one.state in ("up", "pending")}

    def _last(self, deployment: tuple[str, str], keep: int) -> list[str]:
        answered = [one for one in reversed(self.history[deployment]) if one.golden_requests is not None]
        return list(dict.fromkeys(one.package_digest for one in answered if one.state != "aborted"))[:keep]

    @invariant()
    def what_is_needed_is_there(self) -> None:
        for digest in self.registered | set(self.newest.values()):
            self.store.files.check(digest)
        assert all(module.is_file() for module in self.modules)
        assert all(path.is_file() for path in self.works.values())
        for release in (one for history in self.history.values() for one in history):
            version = self.store.models.get(release.model, release.model_version)
            assert version is not None
            package = self.store.packages.get(release.package_digest, version)
            assert (package is not None) == (release.package_digest in self.kept)

    @invariant()
    def what_is_remembered_is_there(self) -> None:
        for name in ("salary", "cost"):
            for content in (b"aa", b"xx", b"yy", b"zz"):
                output = self.store.reuse.get(f"{name} {content!r}")
                if output is not None:
                    self.store.files.check(output["sha256"])
                    self.store.files.check(output["distributions"])


GarbageMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=15, database=None)
TestGarbage = GarbageMachine.TestCase


def test_clean_refuses_while_the_store_is_in_use(store: Store) -> None:
    with store.in_use(), store.in_use(), pytest.raises(Locked, match="'store' is locked by another command"):
        store.clean(0, command="lading gc")
    assert store.clean(0, command="lading gc") == []


@pytest.mark.parametrize(("ends", "kept"), [(("aborted",), 0), (("deleted",), 0), (("up",), 1), (("up", "deleted"), 1)])
def test_only_a_promoted_canary_takes_a_place_among_the_kept_packages(
    store: Store, tmp_path: Path, ends: tuple[str, ...], kept: int
) -> None:
    packages = []
    for number in range(2):
        model = store.models.register(request_for(written(tmp_path / "model", b"%d" % number)))
        packages.append(packed(store, model, {"azureml-app/score.py": b"alone"}))
        release = store.releases.begin("one", "local", packages[-1], beside=number == 1)
        release = store.releases.finish(replace(release, golden_requests=()), "canary" if number else "up")
        for end in ends if number else ("superseded",):
            release = store.releases.finish(release, end)
    removed = [item.name for item in store.garbage(1) if item.kind == "package"]
    assert removed == [packages[1 - kept].digest]


@pytest.mark.parametrize("state", ["up", "superseded"])
def test_a_canary_that_an_older_version_promoted_keeps_its_package(store: Store, tmp_path: Path, state: str) -> None:
    model = store.models.register(request_for(written(tmp_path / "model", b"aa")))
    package = packed(store, model, {"azureml-app/score.py": b"alone"})
    release = store.releases.finish(store.releases.begin("one", "local", package, beside=True), state)
    store.releases.accept(replace(release, promoted=False), ())
    assert [found.came_up for found in store.releases.list("one", "local")] == [True]
    assert "package" not in [item.kind for item in store.garbage(1)]


def test_a_scratch_folder_in_use_is_not_garbage(root: Path, store: Store) -> None:
    holder = subprocess.Popen(
        [sys.executable, str(THIS), "hold", str(root), ""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    folder = Path(holder.stdout.readline().strip())
    assert store.clean(0, command="lading gc") == []
    assert folder.is_dir()
    holder.kill()
    holder.communicate(timeout=LIMIT)
    eventually(lambda: [item.path for item in store.garbage(0)] == [folder])


def test_foreign_files_are_not_removed(root: Path, store: Store, tmp_path: Path) -> None:
    stored, path = store.files.put(written(tmp_path / "model", b"aa"))
    stranger = written(root / "files" / "notes.txt", b"mine")
    unknown = written(store.work("deployments", "local", "of-a-lost-database") / "desired.json", b"{}")
    (item,) = store.clean(0, command="lading gc")
    assert (item.kind, item.name, item.bytes, item.path) == ("file", stored, 2, path)
    assert (stored, path.exists(), stranger.exists(), unknown.exists()) == (sha256(b"aa"), False, True, True)


@pytest.mark.parametrize("place", ["packages", "files", "trees", "modules", "plots"])
def test_a_link_at_the_name_of_stored_data_is_refused(root: Path, store: Store, tmp_path: Path, place: str) -> None:
    outside = tmp_path / "outside"
    written(outside / "secret", b"mine")
    name = "a" * (32 if place == "plots" else 64)
    (root / place).mkdir(exist_ok=True)
    (root / place / name).symlink_to(outside)
    with pytest.raises(Refused, match=f"{root / place / name} is a symbolic link"):
        store.garbage(0)
    with pytest.raises(Refused, match="is a symbolic link"):
        store.clean(0, command="lading gc")
    assert (outside / "secret").exists()
