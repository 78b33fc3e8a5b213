"""Train with a script: its arguments, its allowed results, and every way in which it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.plugins import catboost_kit
from tests.plugins.sklearn.conftest import FakeContext
from tests.waiting import eventually

import lading
from lading import Column, TrainedModel
from lading_sklearn.scripts import fit_script

Train = Callable[..., TrainedModel]
DATA = Path(__file__).parents[3] / "data" / "sal.csv"


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., Path]:
    def write(body: str, name: str = "my_training.py") -> Path:
        file = tmp_path / name
        file.write_text(textwrap.dedent(body))
        return file

    return write


GOOD = """
    import helper_of_mine
    from sklearn.base import BaseEstimator, RegressorMixin

    class Mean(RegressorMixin, BaseEstimator):
        def fit(self, rows, answers):
            self.n_features_in_, self.mean_ = 1, sum(answers) / len(answers)
            return self
        def predict(self, rows):
            return [self.mean_ for _row in rows]

    def train(data, log, *, scale):
        print("reading", data.name)
        rows = [line.split(",") for line in data.read_text().splitlines()[1:]]
        model = Mean().fit(rows, [scale * float(y) for _x, y in rows])
        log("mean", model.mean_)
        log("bad", float("nan"))
        return model
"""


@pytest.mark.slow
def test_a_script_trains(train: Train, script: Callable[..., Path], context: FakeContext, tmp_path: Path) -> None:
    script("", "helper_of_mine.py")
    file = script(GOOD)
    model = train(data=DATA, script=file, params={"scale": 2})
    assert model.metrics == {"mean": pytest.approx(2 * 2552000 / 21), "bad": None}
    assert model.parameters["script"] == "my_training.py"
    assert model.parameters["params.scale"] == 2
    assert model.modules == (file,)
    assert model.columns == (Column(name="x0", dtype="float64"),)
    assert "reading sal.csv" in context.lines
    program = "import joblib, sys; print(type(joblib.load(sys.argv[1])).__module__)"
    done = subprocess.run(
        [sys.executable, "-c", program, model.file], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "my_training"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise RuntimeError('no luck')", r"(?s)my_training.py ended with exit code 1; its last lines:.*no luck"),
        ("import sys; sys.exit(0)", "ended before it returned a model"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        (
            "from sklearn.dummy import DummyRegressor as D; m = D().fit([[0]], [0]); m.f = lambda: 0; return m",
            "cannot be kept in a file",
        ),
    ],
)
def test_a_failed_script_reports_how(train: Train, script: Callable[..., Path], body: str, message: str) -> None:
    with pytest.raises(lading.StageFailed, match=message):
        train(data=DATA, script=script(f"def train(data, log):\n    {body}\n"))


def test_a_finished_training_keeps_its_model_whatever_it_logs(
    train: Train, script: Callable[..., Path], context: FakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = script("""
        import numpy
        from sklearn.dummy import DummyRegressor
        def train(data, log):
            for step in range(3):
                log("loss", 1 / (step + 1), step=step)
            log("report", {"a": {"f1": numpy.float64(0.5)}, 1: float("inf")})
            log("matrix", numpy.eye(2, dtype=int))
            log("model", object())
            return DummyRegressor().fit([[0]], [0])
    """)
    warnings: list[str] = []
    monkeypatch.setattr(FakeContext, "warn", lambda _self, message: warnings.append(message), raising=False)
    model = train(data=DATA, script=file)
    assert model.metrics == {
        "loss": pytest.approx(1 / 3),
        "loss.steps": [[0, 1.0], [1, 0.5], [2, pytest.approx(1 / 3)]],
        "report": {"a": {"f1": 0.5}, "1": None},
        "matrix": [[1, 0], [0, 1]],
    }
    assert warnings == [
        "the metric report is a dict: it is kept as JSON, and evaluate cannot require it",
        "the metric matrix is a ndarray: it is kept as JSON, and evaluate cannot require it",
        "the metric model is a object, which cannot be stored: log numbers, text, lists or mappings",
    ]


@pytest.fixture
def fit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Run a script here, without the child process, and forget it."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield lambda script, data=str(DATA): fit_script({"script": str(script), "data": data, "params": {}})
    sys.modules.pop("my_training", None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def train(data, log): return None", "my_training.py returned no model"),
        ("def train(data, log): return 42", "returned a int, which cannot predict"),
        ("from sklearn.dummy import DummyRegressor\ndef train(data, log): return DummyRegressor()", "is not fitted"),
    ],
)
def test_invalid_results(fit: Callable[..., Any], script: Callable[..., Path], body: str, message: str) -> None:
    with pytest.raises(lading.StageFailed, match=message):
        fit(script(body))


@pytest.mark.parametrize("call", ["", ".fit([[0]], [0])"])
def test_a_model_of_catboost_says_itself_whether_it_is_fitted(
    fit: Callable[..., Any], script: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    catboost_kit.install(monkeypatch)
    file = script(
        f"from catboost.core import CatBoostRegressor\ndef train(data, log): return CatBoostRegressor(){call}"
    )
    if call:
        fit(file)
        return
    with pytest.raises(lading.StageFailed, match=r"my_training\.py returned a model that is not fitted"):
        fit(file)


def test_the_name_of_the_steps_of_a_metric_cannot_be_a_metric(
    fit: Callable[..., Any], script: Callable[..., Path]
) -> None:
    file = script("""
        from sklearn.dummy import DummyRegressor
        def train(data, log):
            log("loss.steps", 3)
            log("loss", 0.5, step=0)
            log("other.steps", 4)
            return DummyRegressor().fit([[0]], [0])
    """)
    fitted = fit(file)
    assert fitted.metrics == {"loss": 0.5, "loss.steps": [[0, 0.5]], "other.steps": 4}
    assert fitted.warnings == ("the metric loss.steps is not kept: this is the name of the steps of loss",)


def test_a_script_gets_a_mapping_of_paths(fit: Callable[..., Any], script: Callable[..., Path]) -> None:
    file = script("""
        from sklearn.dummy import DummyRegressor
        def train(data, log):
            log("names", sorted(data))
            log("lines", [len(path.read_text().splitlines()) for path in data.values()])
            return DummyRegressor().fit([[0]], [0])
    """)
    assert fit(file, {"a": str(DATA), "b": str(DATA)}).metrics == {"names": ["a", "b"], "lines": [22, 22]}


def test_a_script_without_the_function(fit: Callable[..., Any], script: Callable[..., Path]) -> None:
    with pytest.raises(lading.BadInput, match="has no function train"):
        fit(script("def fit(): pass"))


def test_a_script_with_the_name_of_a_loaded_module(fit: Callable[..., Any], script: Callable[..., Path]) -> None:
    with pytest.raises(lading.BadInput, match="a module called json exists already"):
        fit(script("def train(data, log): pass", "json.py"))


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").exists() and ") Z " in Path(f"/proc/{pid}/stat").read_text()


def wait_until(condition: Callable[[], bool]) -> None:
    eventually(condition)


def wait_until_gone(pid: int) -> None:
    wait_until(lambda: gone(pid))


SLOW = """
    import os, pathlib, subprocess, sys, time
    def train(data, log, folder):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        file = pathlib.Path(folder, "pids")
        file.with_suffix(".new").write_text(f"{os.getpid()} {child.pid}")
        file.with_suffix(".new").rename(file)
        print("hanging")
        time.sleep(600)
"""


def pids_in(folder: Path) -> list[int]:
    return [int(pid) for pid in (folder / "pids").read_text().split()]


@pytest.mark.slow
def test_the_time_limit_ends_a_script_and_its_children(
    train: Train, script: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(lading.StageFailed, match=r"(?s)exceeded its time limit of 15 s; its last lines:\s+hanging"):
        train(data=DATA, script=script(SLOW), params={"folder": str(tmp_path)}, time_limit=15.0)
    for pid in pids_in(tmp_path):
        wait_until_gone(pid)


@pytest.mark.slow
def test_cancelling_ends_a_script_and_its_children(
    train: Train, script: Callable[..., Path], context: FakeContext, tmp_path: Path
) -> None:
    context.on_line = lambda _line: setattr(context, "cancelled", True)
    with pytest.raises(lading.Interrupted):
        train(data=DATA, script=script(SLOW), params={"folder": str(tmp_path)})
    for pid in pids_in(tmp_path):
        wait_until_gone(pid)


HOST = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import FakeContext
from lading import TrainRequest
from lading_sklearn import lading_train
from lading_sklearn.options import SklearnOptions

folder = Path(sys.argv[3])
options = SklearnOptions(data=Path(sys.argv[2]), script=Path(sys.argv[2]), params={"folder": str(folder)})
request = TrainRequest(name="a", options=options, folder=folder)
lading_train(request=request, context=FakeContext(folder))
"""


@pytest.mark.slow
def test_a_training_dies_with_its_host(script: Callable[..., Path], tmp_path: Path) -> None:
    arguments = [Path(__file__).parent, script(SLOW), tmp_path]
    host = subprocess.Popen([sys.executable, "-c", HOST, *map(str, arguments)])
    try:
        wait_until((tmp_path / "pids").exists)
    finally:
        host.send_signal(signal.SIGKILL)
        host.wait()
    for pid in pids_in(tmp_path):
        wait_until_gone(pid)


@pytest.mark.slow
def test_the_environment_is_an_allow_list(
    train: Train, script: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET", "hush")
    monkeypatch.setenv("MY_SETTING", "loud")
    file = script("""
        import os
        from sklearn.dummy import DummyRegressor
        def train(data, log):
            log("seen", f"{os.environ.get('MY_SECRET')} {os.environ.get('MY_SETTING')}")
            return DummyRegressor().fit([[0]], [0])
    """)
    assert train(data=DATA, script=file, env=("MY_SETTING",)).metrics["seen"] == "None loud"
