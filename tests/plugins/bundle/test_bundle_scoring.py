"""The default scoring script, with models that were really trained."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.plugins import catboost_kit
from tests.plugins.bundle.conftest import Packed

from lading import ModelVersion

Pack = Callable[..., Packed]
Load = Callable[[Packed], ModuleType]
Train = Callable[..., ModelVersion]


@pytest.fixture
def score(salary: ModelVersion, pack: Pack, load: Load) -> Callable[[str], Any]:
    run: Callable[[str], Any] = load(pack(salary)).run
    return run


DRIVER = """
import json, runpy, sys
from azureml_inference_server_http.api import aml_response
sys.modules["azureml.contrib.services.aml_response"] = aml_response
script = runpy.run_path(sys.argv[1])
script["init"]()
print(json.dumps(script["run"](sys.argv[2])))
"""


@pytest.mark.slow
def test_the_salary_model_answers_in_a_separate_process(salary: ModelVersion, pack: Pack, tmp_path: Path) -> None:
    packed = pack(salary)
    env = {**os.environ, "AZUREML_MODEL_DIR": str(packed.lay_out(tmp_path / "release"))}
    script = tmp_path / "release" / "azureml-app" / packed.files.scoring_script
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, script, '{"data": [[21], [45]]}'],
        env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == pytest.approx([141760.56910569107, 185924.79674796748], rel=1e-9)
    assert done.stderr == ""


def test_rows_by_name(score: Callable[[str], Any]) -> None:
    assert score('{"data": [{"x": 21}]}') == score('{"data": [[21]]}') == score('{"data": [[21.0]]}')


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "the body is not JSON"),
        ("{", "the body is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[[21]]", "the key data"),
        ('{"rows": [[21]]}', "the key data"),
        ('{"data": null}', "a list of rows is expected"),
        ('{"data": []}', "a list of rows is expected"),
        ('{"data": 21}', "a list of rows is expected"),
        ('{"data": [21]}', "data[0] is a number, not a list of values"),
        ('{"data": [[]]}', "data[0] has 0 values, not 1"),
        ('{"data": [[1], [1, 2]]}', "data[1] has 2 values"),
        ('{"data": [[[1]]]}', "data[0][0] is a list, not a number"),
        ('{"data": [[1], ["2"]]}', "data[1][0] is a string"),
        ('{"data": [[null]]}', "data[0][0] is null"),
        ('{"data": [[true]]}', "data[0][0] is a boolean"),
        ('{"data": [[NaN]]}', "data[0][0] is not finite"),
        ('{"data": [[1], [-Infinity]]}', "data[1][0] is not finite"),
        ('{"data": [[1e999]]}', "data[0][0] is not finite"),
        ('{"data": [[1e308]]}', "the model has no finite answer"),
        ('{"data": [[%s]]}' % ("9" * 5000), "the body is not JSON: Exceeds the limit"),
        ('{"data": [[%s]]}' % ("9" * 400), "data[0][0] is too large"),
        ('{"data": [[18446744073709551616, 1]]}', "data[0] has 2 values"),
        ('{"data": [[9223372036854775808]]}', "data[0][0] is too large"),
        ('{"data": [{"y": 21}]}', "data[0]: an object with x is expected"),
        ('{"data": [{"x": 21}, [21]]}', "data[1]: an object with x is expected"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_wrong_data_is_answered_with_400(score: Callable[[str], Any], body: str, message: str) -> None:
    response = score(body)
    assert response.status_code == 400
    assert response.mimetype == "application/json"
    assert message in json.loads(response.get_data())["message"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["x", "data", "y"]), inner, max_size=2),
)


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@given(data=JSON | st.lists(st.lists(st.floats() | st.integers(), min_size=1, max_size=1), max_size=5))
def test_any_data_is_predicted_from_or_answered_with_400(score: Callable[[str], Any], data: Any) -> None:
    answer = score(json.dumps({"data": data}))
    if isinstance(answer, list):
        assert len(answer) == len(data)
        json.dumps(answer, allow_nan=False)
    else:
        assert answer.status_code == 400


@pytest.fixture(scope="session")
def homes(train: Train, tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    """A classifier with two columns, one of which is text."""
    from lading_sklearn.options import Step

    file = tmp_path_factory.mktemp("data") / "homes.csv"
    rows = [f"{city},{n},{'dear' if n > 4 else 'cheap'}" for city in ("Oslo", "Bergen") for n in range(9)]
    file.write_text("\n".join(["city,rooms,price", *rows]))
    encoders = [["city", {"estimator": "sklearn.preprocessing.OneHotEncoder"}, ["city"]]]
    steps = (
        Step("columns", "sklearn.compose.ColumnTransformer", {"transformers": encoders, "remainder": "passthrough"}),
        Step("model", "sklearn.tree.DecisionTreeClassifier"),
    )
    return train("homes", data=file, features=("city", "rooms"), label="price", steps=steps)


def test_columns_and_labels_of_text(homes: ModelVersion, pack: Pack, load: Load) -> None:
    packed = pack(homes)
    score = load(packed).run
    assert score('{"data": [["Oslo", 8], ["Bergen", 1]]}') == ["dear", "cheap"]
    assert score('{"data": [{"rooms": 8, "city": "Oslo"}]}') == ["dear"]
    assert any(line.startswith("pandas==") for line in packed.files.requirements)
    for wrong, message in (
        ([["Oslo", 1], ["Oslo", "8"]], 'data[1][1] is a string, not a number (column rooms, value "8")'),
        ([["Oslo", 8], [None, 8]], "data[1][0] is null, which the model does not take (column city, value null)"),
        ([["Oslo", 8], ["Bergen", 1], ["Paris", 8]], "data[2], column city: Found unknown categories ['Paris']"),
    ):
        response = score(json.dumps({"data": wrong}))
        assert response.status_code == 400
        assert message in json.loads(response.get_data())["message"]


def test_a_model_and_its_classes_from_a_script(
    train: Train, pack: Pack, load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "my_training.py"
    script.write_text(
        "from sklearn.base import BaseEstimator\n"
        "class Twice(BaseEstimator):\n"
        "    def fit(self): self.n_features_in_ = 1; return self\n"
        "    def predict(self, rows): return [[2 * value for value in row] for row in rows.tolist()]\n"
        "def train(data, log): return Twice().fit()\n"
    )
    packed = pack(train("twice", data=script, script=script))
    assert packed.read("azureml-app/my_training.py") == script.read_text()
    assert load(packed).run('{"data": [[21]]}') == [[42]]
    del sys.modules["my_training"]


class Own(BaseEstimator):  # type: ignore[misc]
    """A model of the user's own, which keeps what it has learned under any name."""

    def predict(self, rows: Any) -> Any:
        return rows


class Saying:
    """A model of another library, which says itself whether it is fitted, as XGBoost and LightGBM do."""

    def fit(self, rows: Any, answers: Any) -> None: ...

    def predict(self, rows: Any) -> Any:
        return rows

    def __sklearn_is_fitted__(self) -> bool:
        return False


class Untrained:
    predict = None


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"model": 1}, "a dict with the keys model"),
        ([1, 2], "an object of list, which has no predict()"),
        (np.ones(3), "an object of ndarray, which has no predict()"),
        (Untrained(), "an object of Untrained, which has no predict()"),
        (LinearRegression, "LinearRegression itself, not an object that was made with it"),
        (StandardScaler(), "an object of StandardScaler, which has no predict()"),
        (make_pipeline(StandardScaler()), "an object of Pipeline, which has no predict()"),
        (LinearRegression(), "a LinearRegression that is not fitted"),
        (make_pipeline(StandardScaler(), LinearRegression()), "a Pipeline that is not fitted"),
        (Saying(), "a Saying that is not fitted"),
        (make_pipeline(StandardScaler(), Saying()), "a Pipeline that is not fitted"),
    ],
)
def test_only_a_fitted_model_is_served(salary: ModelVersion, pack: Pack, load: Load, found: Any, words: str) -> None:
    script = load(pack(salary))
    with pytest.raises(script.NoModel) as raised:
        script.check_model(found, "model.joblib")
    assert str(raised.value).startswith(f"model.joblib holds {words}, and the default scoring script needs")


def test_a_model_of_catboost_says_itself_whether_it_is_fitted(
    salary: ModelVersion, pack: Pack, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, script = catboost_kit.install(monkeypatch)(), load(pack(salary))
    for found, name in ((model, "CatBoostRegressor"), (make_pipeline(StandardScaler(), model), "Pipeline")):
        with pytest.raises(script.NoModel, match=f"holds a {name} that is not fitted"):
            script.check_model(found, "model.joblib")
    script.check_model(model.fit([[1.0]], [1.0]), "model.joblib")


@pytest.mark.parametrize("found", [Own(), make_pipeline(StandardScaler(), Own())])
def test_a_model_of_the_users_own_class_is_served(salary: ModelVersion, pack: Pack, load: Load, found: Any) -> None:
    load(pack(salary)).check_model(found, "model.joblib")
