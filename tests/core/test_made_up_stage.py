"""A stage that only this file adds, between `train` and `register`. The pipeline, plans and reports include it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lading.cli.progress import working
from lading.engine.pipeline import PACKAGE, REGISTER, STAGES, packaged, subjects
from lading.engine.plan.plan import make_plan
from lading.engine.session.order import Needs, Order
from lading.engine.session.session import Session, open_session
from lading.engine.stages import cache_keys as keys
from lading.engine.stages.stage import Making, Stage
from lading.engine.stages.trained import Trained
from lading.errors import Interrupted
from lading.model import Json
from lading.model.records import OnEvent, ignore

MANIFEST = """\
version: 1
name: rate
register: {model: rate, file: model.txt}
package: {scoring_script: score.py}
"""
SCRIPT = "def init(): ...\ndef run(raw_data): return raw_data\n"


class Weigh(Making[Trained, Trained]):
    """Weighs the model and passes it on."""

    name = "weigh"

    def __init__(self, weigh: Callable[[bytes], int]) -> None:
        self._weigh = weigh
        self._weight: int | None = None

    def inputs(self, session: Session, upstream: Trained | None) -> keys.Inputs:
        return keys.inputs(self.name, {}, {}, **({"model": upstream.sha256} if upstream else {}))

    def find(self, session: Session, made_from: keys.Inputs, upstream: Trained) -> Trained | None:
        self._weight = session.store.reuse.get(made_from.key)
        return None if self._weight is None else upstream

    def run(self, session: Session, upstream: Trained) -> Trained:
        self._weight = self._weigh(session.store.files.path(upstream.sha256).read_bytes())
        return upstream

    def record(self, output: Trained) -> Json:
        return self._weight

    def describe(self, output: Trained) -> dict[str, Json]:
        return {"detail": f"{self._weight} bytes", "bytes": self._weight}

    def planned(self, output: Trained | None) -> dict[str, str | None]:
        return {"bytes": None if output is None else str(self._weight)}


def with_weighing(weigh: Callable[[bytes], int] = len) -> tuple[Stage, ...]:
    place = STAGES.index(REGISTER)
    return (*STAGES[:place], Weigh(weigh), *STAGES[place:])


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    (tmp_path / "model.txt").write_text("7")
    (tmp_path / "score.py").write_text(SCRIPT)
    file = tmp_path / "lading.yaml"
    file.write_text(MANIFEST)
    return file


@contextmanager
def session_of(manifest: Path, needs: Needs, on_event: OnEvent = ignore) -> Iterator[Session]:
    order = Order.of("package", manifest, needs, store=manifest.parent / "store", targets=())
    with open_session(order, on_event) as session:
        yield session


def run(manifest: Path, stages: tuple[Stage, ...]) -> None:
    """The work of the command `package` with these stages."""
    with (
        working(*subjects(PACKAGE, stages=stages)) as on_event,
        session_of(manifest, Needs.DEPLOY, on_event) as session,
    ):
        packaged(session, stages=stages)


def test_it_runs_and_is_reported_and_then_reused(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(manifest, with_weighing())
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["weigh: started", "weigh: done · 1 bytes", "register: started"]
    run(manifest, with_weighing())
    assert capsys.readouterr().err.splitlines()[:2] == [
        "weigh: unchanged · 1 bytes",
        "register: unchanged · rate version 1",
    ]
    (manifest.parent / "model.txt").write_text("77")
    run(manifest, with_weighing())
    assert "weigh: done · 2 bytes" in capsys.readouterr().err


def test_a_plan_lists_it_in_its_place(manifest: Path) -> None:
    def planned() -> list[tuple[str, str, str]]:
        with session_of(manifest, Needs.PLAN) as session:
            plan = make_plan(session, stages=with_weighing())
        return [(stage.stage, stage.action, stage.known_after) for stage in plan.stages]

    run(manifest, STAGES)
    assert planned() == [
        ("train", "leave", ""),
        ("weigh", "create", ""),
        ("register", "update", "weigh"),
        ("package", "update", "weigh"),
        ("deploy", "create", ""),
    ]
    run(manifest, with_weighing())
    assert planned()[:4] == [
        ("train", "leave", ""),
        ("weigh", "reuse", ""),
        ("register", "reuse", ""),
        ("package", "reuse", ""),
    ]


def test_an_interrupt_names_it_and_is_not_its_failure(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_content: bytes) -> int:
        raise Interrupted("interrupted")

    with pytest.raises(Interrupted) as caught:
        run(manifest, with_weighing(interrupted))
    assert caught.value.message == "interrupted; done: nothing; not done: weigh, register, package"
    assert capsys.readouterr().err.splitlines() == ["weigh: started"]


def test_a_registered_model_and_an_exported_package_skip_it() -> None:
    assert subjects(PACKAGE, stages=with_weighing()) == ("train", "weigh", "register", "package")
    assert subjects(PACKAGE, model="rate:1", stages=with_weighing()) == ("package",)
    assert subjects(PACKAGE, archive=True, stages=with_weighing()) == ("register", "package")
