"""The forms of a request that the default scoring script takes, with models that are saved as people save them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from tests.plugins.bundle.conftest import Packed

from lading import Column, ModelVersion, Schema, SchemaColumn
from lading_bundle.options import BundleOptions
from lading_sklearn.schema import schema_of_model

Run = Callable[..., Any]

FRAME = pd.DataFrame({"age": [1.0, 2, 3, 4], "hours": [2.0, 1, 4, 3]})
AGE = LinearRegression().fit(FRAME, FRAME["age"])
TEXTS = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["good", "bad"] * 5, ["yes", "no"] * 5)
FOREST = RandomForestClassifier(5, random_state=0).fit(FRAME.to_numpy(), ["low", "low", "high", "high"])


def lengths(texts: Any) -> Any:
    return np.array([[len(text)] for text in texts])


def lowered(texts: Any) -> Any:
    return [text.lower() for text in texts]


def filled(texts: Any) -> Any:
    return ["bad" if text is None else text for text in texts]


class Sum(BaseEstimator):  # type: ignore[misc]
    """A first step of a project's own: it takes a data frame, and remembers no columns."""

    def fit(self, rows: Any, labels: Any = None) -> Sum:
        return self

    def transform(self, rows: Any) -> Any:
        return rows.assign(sum=rows["age"] + rows["hours"])


TYPES = {"number": "float64", "boolean": "bool", "": "object", "category": "object", "text": "object", "date": "object"}
CUSTOM = Pipeline([("sum", Sum()), ("scale", StandardScaler()), ("model", LinearRegression())]).fit(FRAME, FRAME["age"])


@pytest.fixture
def serve(salary: ModelVersion, pack: Callable[..., Packed], load: Callable[[Packed], Any], tmp_path: Path) -> Run:
    """Register a model as a finished file, package it, and return what a request is answered with."""

    def of(model: Any, known: Schema | None = None, **options: Any) -> Callable[[Any], Any]:
        file = tmp_path / f"model{len(list(tmp_path.iterdir()))}.joblib"
        joblib.dump(model, file)
        columns = tuple(Column(name=each.name, dtype=TYPES[each.kind]) for each in (known.columns if known else ()))
        version = replace(salary, file=file, file_name=file.name, columns=columns, label=None)
        run = load(pack(replace(version, schema=known) if known else version, **options)).run
        return lambda body: run(json.dumps(body))

    return of


def refused(answer: Any) -> str:
    """The message of a request that was answered with 400."""
    assert answer.status_code == 400
    message: str = json.loads(answer.get_data())["message"]
    return message


SPLIT = {"columns": ["hours", "age"], "index": [0, 1], "data": [[44, 30], [1, 2]]}


FORMS = [
    {"data": [[30, 44], [2, 1]]},
    {"data": [{"hours": 44, "age": 30}, {"age": 2, "hours": 1}]},
    SPLIT,
    {"data": SPLIT["data"], "columns": SPLIT["columns"]},
    {"columns": [0, 1], "index": [0, 1], "data": [[30, 44], [2, 1]]},
    {"input_data": SPLIT},
    {"input_data": [[30, 44], [2, 1]]},
    {"dataframe_split": SPLIT},
    {"dataframe_records": [{"hours": 44, "age": 30}, {"age": 2, "hours": 1}]},
    {"instances": [[30, 44], [2, 1]]},
    {"instances": [{"hours": 44, "age": 30}, {"age": 2, "hours": 1}]},
    {"data": [[30, 44], [2, 1]], "method": "predict"},
]


def test_each_form_gives_the_rows_to_the_model(serve: Run) -> None:
    score = serve(AGE)
    for body in FORMS:
        assert score(body) == pytest.approx([30, 2]), body


REFUSED: list[tuple[Any, str]] = [
    ({"data": [[1, 2]], "rows": []}, "the body has the unknown key rows; the known ones are data, columns, index"),
    ({"instances": [[1, 2]], "signature_name": ""}, "the body has the unknown key signature_name"),
    ({"data": [[1, 2]], "instances": [[1, 2]]}, "the body has the unknown key instances"),
    ({"dataframe_split": {**SPLIT, "dtypes": {}}}, "dataframe_split has the unknown key dtypes"),
    ({"dataframe_split": {"columns": ["age", "hours"]}}, "dataframe_split.data: a list of rows is expected"),
    ({"input_data": {"columns": "age", "data": [[1, 2]]}}, "input_data.data: the columns beside it are a list"),
    ({"columns": ["age", "hrs"], "data": [[1, 2]]}, "age, hours is expected; missing: hours; unknown: hrs"),
    ({"columns": ["age"], "data": [[1]]}, "data: an object with age, hours is expected; missing: hours"),
    ({"columns": ["age", "hours", "age"], "data": [[1, 2, 3]]}, "a name is repeated"),
    ({"columns": ["hours", "age"], "data": [[1, 2, 3]]}, "data[0] has 3 values, not 2"),
    ({"data": [{"age": 1, "hours": 2}, {"age": 1, "hours": 2, "pay": 3}]}, "data[1]: an object with age, hours"),
    ({"data": [{"age": 1, "hours": 2}, {"age": 1, "hours": 2, "pay": 3}]}, "unknown: pay"),
    ({"instances": ["a text"]}, "instances[0] is a string, not a list of values"),
    ({"data": [[1, 2], [3, None]]}, "data[1][1] is null, which the model does not take (column hours, value null)"),
    ({"data": [[1, [2]]]}, "data[0][1] is a list, not a value (column hours, value [2])"),
    ({"data": [[1, 2]], "method": "predict_proba"}, 'method: predict is expected, not "predict_proba"'),
    ({"data": [[1, 2]], "method": "fit"}, 'method: predict is expected, not "fit"'),
    ({"data": [[1, 2]], "method": ["predict"]}, 'method: predict is expected, not ["predict"]'),
]


def test_what_a_request_may_not_hold_is_named(serve: Run) -> None:
    score = serve(AGE)
    for body, message in REFUSED:
        assert message in refused(score(body))


def test_a_model_without_names_takes_no_names(serve: Run) -> None:
    score = serve(LinearRegression().fit(FRAME.to_numpy(), FRAME["age"]))
    assert score({"data": [[30, 44]]}) == pytest.approx([30])
    assert score({"columns": [0, 1], "data": [[30, 44]]}) == pytest.approx([30])
    for body in (SPLIT, {"data": [{"age": 30, "hours": 44}]}):
        assert "the model does not know columns by name" in refused(score(body))
    assert "data[0][1] is null, which the model does not take (value null)" in refused(score({"data": [[1, None]]}))


@pytest.mark.slow
def test_null_is_a_missing_value_where_the_model_takes_one(serve: Run) -> None:
    rows = np.array([[1, 1], [np.nan, 1], [3, 0], [4, 0]] * 20)
    model = HistGradientBoostingClassifier().fit(rows, ["a", "b", "c", "d"] * 20)
    assert serve(model)({"data": [[None, 1], [1, 1]]}) == ["b", "a"]
    framed = HistGradientBoostingClassifier().fit(pd.DataFrame(rows, columns=["x", "y"]), ["a", "b", "c", "d"] * 20)
    assert serve(framed)({"data": [{"y": 1, "x": None}, {"x": 1, "y": 1}]}) == ["b", "a"]


TEXT_FORMS = [
    {"data": ["good", "bad"]},
    {"data": [["good"], ["bad"]]},
    {"data": [{"text": "good"}, {"text": "bad"}]},
    {"columns": ["text"], "data": [["good"], ["bad"]]},
    {"instances": ["good", "bad"]},
]
OTHER_ROWS: list[tuple[Any, str]] = [
    (["good", 1], "data[1] is a number, not a list of values"),
    (["good", None], "data[1] is null"),
    ([["good"], [1]], "data[1][0] is a number, not a text (value 1)"),
    ([["good", "bad"]], "data[0] has 2 values, not 1"),
]


def test_a_text_model_takes_texts(serve: Run) -> None:
    score = serve(TEXTS)
    for body in TEXT_FORMS:
        assert score(body) == ["yes", "no"], body
    for rows, message in OTHER_ROWS:
        assert message in refused(score({"data": rows}))


WORDS, LETTERS = ("words", TfidfVectorizer()), ("letters", TfidfVectorizer(analyzer="char"))
LOGISTIC = LogisticRegression()
OF_TEXTS = [
    make_pipeline(FeatureUnion([WORDS, LETTERS]), LOGISTIC),
    make_pipeline(FeatureUnion([("length", FunctionTransformer(lengths)), WORDS]), LOGISTIC),
    make_pipeline(make_pipeline(TfidfVectorizer(), TruncatedSVD(1)), LOGISTIC),
    make_pipeline("passthrough", TfidfVectorizer(), LOGISTIC),
    GridSearchCV(make_pipeline(TfidfVectorizer(), LOGISTIC), {"logisticregression__C": [1.0]}, cv=2),
    CalibratedClassifierCV(make_pipeline(TfidfVectorizer(), LOGISTIC), cv=2),
    VotingClassifier([("one", make_pipeline(TfidfVectorizer(), LOGISTIC))]),
]


@pytest.mark.parametrize("model", OF_TEXTS)
def test_a_vectorizer_inside_another_estimator_takes_texts(serve: Run, model: Any) -> None:
    texts = ["good day", "bad luck"] * 5
    model = clone(model).fit(texts, ["yes", "no"] * 5)
    score = serve(model)
    for body in TEXT_FORMS:
        assert score(body) == model.predict(["good", "bad"]).tolist(), body
    assert schema_of_model(model).is_text


def test_a_first_step_of_the_users_own_gets_texts(serve: Run) -> None:
    steps = (FunctionTransformer(lowered), TfidfVectorizer(), LogisticRegression())
    score = serve(make_pipeline(*steps).fit(["good", "bad"] * 5, ["yes", "no"] * 5))
    assert score({"data": ["GOOD", "BAD", "BAD"]}) == ["yes", "no", "no"]
    assert "the model has 1 answers to 2 rows" in refused(score({"data": [{"a": "GOOD"}, {"a": "BAD"}]}))


def test_a_first_step_of_the_users_own_gets_a_a_data_frame(serve: Run) -> None:
    score = serve(CUSTOM)
    split = {"columns": ["age", "hours"], "data": [[30, 44], [2, 1]]}
    assert score(split) == score({"data": [{"age": 30, "hours": 44}, {"hours": 1, "age": 2}]}) == pytest.approx([30, 2])
    assert "must be in the same order" in refused(score(SPLIT))
    assert "hours" in refused(score({"data": [{"age": 30}]}))
    assert "does not take these columns" in refused(score({"data": [[30, 44]]}))


class Halved(Sum):
    """A step that raises TypeError for a text."""

    def fit(self, rows: Any, labels: Any = None) -> Halved:
        self.feature_names_in_ = np.array(["age", "hours"], dtype=object)
        return self

    def transform(self, rows: Any) -> Any:
        return np.array([[age / 2, hours] for age, hours in rows.itertuples(index=False)])


def test_a_cell_that_raises_another_error_in_the_model_is_named(serve: Run) -> None:
    steps = [("half", Halved()), ("model", LinearRegression())]
    score = serve(Pipeline(steps).fit(FRAME, FRAME["age"]))
    assert refused(score({"data": [[1, 2], [3, 4], ["x", 5]]})).startswith("data[2]: unsupported operand")
    assert score({"data": [[1, 2]]}) == pytest.approx([1])


class Kinds(BaseEstimator):  # type: ignore[misc]
    """A model that answers with the types of the cells of each row."""

    def fit(self, rows: Any, labels: Any = None) -> Kinds:
        self.fitted_ = True
        return self

    def predict(self, rows: Any) -> Any:
        return [" ".join(type(cell).__name__ for cell in row) for row in rows.astype(object).to_numpy().tolist()]


def columns_of(*columns: SchemaColumn) -> Schema:
    return Schema(columns=columns, is_framed=True)


@pytest.mark.parametrize("kind", ["category", "text", "date"])
def test_a_column_of_text_takes_only_text_and_null(serve: Run, kind: Any) -> None:
    known = columns_of(SchemaColumn(name="age", kind="number"), SchemaColumn(name="city", kind=kind))
    score = serve(Kinds().fit(FRAME), known)
    assert score({"data": [[1, "Oslo"], [2, None]]}) == ["int str", "int float"]
    assert score({"data": [[1, None]]}) == ["int float"]
    for rows in ([[1, 5]], [[1, 5], [2, 6.5]], [[1, 5], [2, "Oslo"]], [[None, 5]]):
        assert refused(score({"data": rows})) == "data[0][1] is a number, not a text (column city, value 5)"
    assert "data[0][1] is a boolean, not a text (column city, value true)" in refused(score({"data": [[1, True]]}))
    one = serve(Kinds().fit(FRAME), columns_of(SchemaColumn(name="city", kind=kind)))
    assert one({"data": [{"city": "Oslo"}, {"city": None}]}) == ["str", "float"]
    assert refused(one({"data": [[5]]})) == "data[0][0] is a number, not a text (column city, value 5)"


def test_a_column_of_another_kind_takes_other_values(serve: Run) -> None:
    numbered = SchemaColumn(name="city", kind="category", categories=(1, 2))  # type: ignore[arg-type] # another trainer
    for column in (SchemaColumn(name="city"), numbered):
        score = serve(Kinds().fit(FRAME), columns_of(column))
        assert score({"data": [[5], ["x"], [True]]}) == ["int", "str", "bool"]
    assert serve(Kinds().fit(FRAME), columns_of(SchemaColumn(name="ok", kind="boolean")))({"data": [[True]]}) == [
        "bool"
    ]


def test_null_for_a_text_model_is_named(serve: Run) -> None:
    score = serve(TEXTS)
    assert (
        refused(score({"data": [["good"], [None]]})) == "data[1][0] is null, which the model does not take (value null)"
    )
    for rows in ([None], [[None]], [{"text": None}]):
        assert "data[0]" in refused(score({"data": rows}))
    filling = make_pipeline(FunctionTransformer(filled), TfidfVectorizer(), LogisticRegression())
    takes_null = serve(filling.fit(["good", "bad"] * 5, ["yes", "no"] * 5), Schema(is_text=True))
    assert takes_null({"data": [["good"], [None]]}) == ["yes", "no"]


def test_another_method_by_request(serve: Run) -> None:
    rows = [[1, 2], [4, 3]]
    score = serve(FOREST)
    assert score({"data": rows, "method": "predict_proba"}) == FOREST.predict_proba(rows).tolist()
    assert score({"data": rows}) == ["low", "high"]
    assert "predict or predict_proba" in refused(score({"data": rows, "method": "decision_function"}))
    margins = LinearSVC(random_state=0).fit(FRAME.to_numpy(), [0, 0, 1, 1])
    answer = serve(margins)({"data": rows, "method": "decision_function"})
    assert answer == margins.decision_function(rows).tolist()


def test_the_manifest_chooses_the_method_and_the_form_of_its_answer(serve: Run) -> None:
    rows = [[1, 2], [4, 3]]
    high, low = FOREST.predict_proba(rows).T.tolist()
    assert serve(FOREST, method="predict_proba")({"data": rows}) == FOREST.predict_proba(rows).tolist()
    records = serve(FOREST, method="predict_proba", output="records")
    assert records({"data": rows}) == [{"high": h, "low": one} for h, one in zip(high, low, strict=True)]
    assert records({"data": rows, "method": "predict"}) == ["low", "high"]
    assert serve(FOREST, method="predict_proba", output="classes")({"data": rows}) == ["low", "high"]
    two = RandomForestClassifier(5, random_state=0).fit(FRAME.to_numpy(), [["a", 1], ["a", 0], ["b", 1], ["b", 0]])
    answer = serve(two, method="predict_proba", output="records")({"data": rows})
    assert [[list(each) for each in row] for row in answer] == [[["a", "b"], ["0", "1"]]] * 2
    with pytest.raises(ValueError, match="has predict, not predict_proba: choose another `method` under package"):
        serve(AGE, method="predict_proba")


def test_a_scoring_script_of_the_user_has_no_method(tmp_path: Path) -> None:
    for option in ({"method": "predict_proba"}, {"output": "records"}):
        with pytest.raises(ValueError, match="a scoring script of your own calls the model itself"):
            BundleOptions(scoring_script=tmp_path / "score.py", **option)  # type: ignore[arg-type]
