"""The comparison of two releases that serve."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from unittest.mock import Mock
from urllib.request import Request, urlopen

import pytest
from tests.conftest import Shell
from tests.waiting import LIMIT

from lading.engine.release import comparing
from lading.engine.release.answers import golden_change
from lading.engine.release.endpoint import Endpoint
from lading.errors import Transient
from lading.model import GoldenRequest, Json, Release
from lading_serving.figures import FIGURES

SCRIPT = """\
import json, os

def init():
    global factor
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.joblib")) as file:
        factor = int(file.read())

def run(raw_data):
    rows = json.loads(raw_data)["data"]
    return [factor * (row["size"] if isinstance(row, dict) else row[0]) for row in rows]
"""
MANIFEST = """\
version: 1
name: price
register: {model: rate, file: model.joblib}
package:
  scoring_script: score.py
  samples: [{request: {data: [[1]]}, response: [FACTOR]}, {request: {data: [[0]]}, response: [0]}]
"""


@pytest.fixture
def pair(shell: Shell) -> Iterator[Shell]:
    """Release 1 doubles a number, and release 2, the canary, triples it."""
    shell.write("score.py", SCRIPT)
    for factor, argv in ((2, ("deploy",)), (3, ("deploy", "--canary", "0"))):
        shell.write("model.joblib", str(factor))
        shell.write("lading.yaml", MANIFEST.replace("FACTOR", str(factor)))
        shell(*argv)
    yield shell
    shell("delete")


@pytest.mark.slow
def test_the_golden_requests_show_how_the_releases_differ(pair: Shell) -> None:
    found = pair("compare", "--json").json()
    assert (found["old"], found["new"], found["requests"], found["equal"]) == (1, 2, 2, 0.5)
    assert found["outputs"] == [{"output": "answer", "largest": 1 / 3, "mean": 1 / 6}]
    row = {"row": 1, "difference": 1 / 3, "request": {"data": [[1]]}, "old": [2], "new": [3]}
    assert found["rows"] == [row]
    assert 0 < found["old_latency"]["median"] <= found["old_latency"]["p99"]
    table = pair("compare").out
    assert "equal answers  50 %" in table
    assert "0.333333" in table


@pytest.mark.slow
def test_the_rows_of_a_file_are_compared_and_the_ten_most_different_are_shown(pair: Shell) -> None:
    rows = [0.0] * 80 + [float(number) for number in range(1, 21)]
    pair.write("rows.csv", "size\n" + "".join(f"{row}\n" for row in rows))
    pair.write("rows.jsonl", "".join(json.dumps({"size": row}) + "\n" for row in rows))
    by_format = [pair("compare", "--data", name, "--json").json() for name in ("rows.csv", "rows.jsonl")]
    for found in by_format:
        assert (found["requests"], found["equal"], len(found["rows"])) == (100, 0.8, 10)
    assert by_format[0]["rows"] == by_format[1]["rows"]


@pytest.mark.slow
def test_a_comparison_does_not_count_in_the_figures_of_a_rollout(pair: Shell) -> None:
    pair("score", "-d", '{"data": [[1]]}')
    pair.write("rows.jsonl", '{"size": 2}\n{"width": 2}\n')  # the second fails
    before = figures(pair)
    assert sum(requests for requests, _errors in before.values()) == 5  # with the golden ones of both
    assert pair("compare", "--data", "rows.jsonl", "--json").json()["failed"] == [1, 1]
    assert figures(pair) == before


def figures(pair: Shell) -> dict[str, tuple[int, int]]:
    """The scored requests and the errors of each release."""
    uri = pair("uri").out.strip()
    request = Request(uri.replace("/score", "/metrics"), headers={"accept": FIGURES})
    with urlopen(request, timeout=LIMIT) as answer:
        found = json.load(answer)["releases"]
    return {each["release"]: (each["total"]["requests"], each["total"]["errors"]) for each in found}


@pytest.mark.slow
def test_failed_requests_are_counted_and_are_no_equal_answers(pair: Shell) -> None:
    pair.write("rows.jsonl", '{"size": 2}\n{"width": 2}\n{"size": 0}\n')
    found = pair("compare", "--data", "rows.jsonl", "--json").json()
    assert (found["requests"], found["failed"]) == (3, [1, 1])
    assert found["equal"] == pytest.approx(1 / 3)
    assert "failed requests" in pair("compare", "--data", "rows.jsonl").out
    pair.write("wrong.jsonl", '{"width": 2}\n')
    assert "both releases refuse every request" in pair("compare", "--data", "wrong.jsonl", code=6).err


FIXED = """\
version: 1
name: price
register: {model: rate, file: model.joblib}
package: {scoring_script: score.py}
"""
FRAGILE = """\
import json, os

def init():
    global factor
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.joblib")) as file:
        factor = int(file.read())

def run(raw_data):
    (row,) = json.loads(raw_data)["data"]
    with open(os.environ["ASKED"], "a") as file:
        file.write(f"{factor} {row['size']}\\n")
    if row["size"] == 13 and factor == 3:
        os._exit(1)
    return [factor * row["size"]]
"""


@pytest.fixture
def fragile(shell: Shell) -> Iterator[Shell]:
    """Release 1, and a canary that a row with the size 13 ends. Both note their requests in the file `asked`."""
    shell.write("score.py", FRAGILE)
    target = f"target: local\ntargets: {{local: {{env: {{ASKED: '{shell.folder / 'asked'}'}}}}}}\n"
    for factor, argv in ((2, ("deploy",)), (3, ("deploy", "--canary", "0"))):
        shell.write("model.joblib", str(factor))
        shell.write("lading.yaml", FIXED + target)
        shell(*argv)
    yield shell
    shell("delete")


def test_a_row_that_ends_a_worker_is_a_failed_row(fragile: Shell) -> None:
    fragile.write("rows.jsonl", "".join(json.dumps({"size": size}) + "\n" for size in (0, 13, 0, 0)))
    done = fragile("compare", "--data", "rows.jsonl", "--json")
    found = done.json()
    assert (found["requests"], found["failed"], found["equal"]) == (4, [0, 1], 0.75)
    assert (found["rows"][0]["row"], found["rows"][0]["difference"], found["rows"][0]["old"]) == (2, 1.0, [26])
    assert found["rows"][0]["new"]["status"] == 503
    assert (fragile.folder / "asked").read_text().splitlines().count("3 13") == 2


@pytest.mark.parametrize("number", ["Infinity", "-1e999"])
def test_a_row_that_cannot_be_sent_is_named_before_the_first_request(fragile: Shell, number: str) -> None:
    fragile.write("rows.jsonl", f'{{"size": 1}}\n{{"size": 2}}\n{{"size": {number}}}\n')
    said = fragile("compare", "--data", "rows.jsonl", code=2).err
    assert "rows.jsonl: row 3 cannot be sent: a value is not a finite number" in said
    assert not (fragile.folder / "asked").exists()


def test_a_release_that_answers_nothing_ends_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = comparing._Failure(status=None, error="connection refused")
    monkeypatch.setattr(comparing, "_tried", lambda *_: (silent, 0.1))
    monkeypatch.setattr(comparing, "_wait_until_ready", lambda *_: None)
    service = Mock(endpoint=lambda _uri: Endpoint(deployment=Mock(), uri=""))
    side = comparing._Side(_accepted(1, 1), {})
    rows = comparing._asked(service, (side, side), [(1, 1)] * 20)
    with pytest.raises(Transient, match="10 requests in sequence were not answered: connection refused"):
        list(rows)


TRAINED = """\
version: 1
name: price
train: {data: train.csv, features: [FEATURES], label: y, estimator: sklearn.linear_model.LinearRegression}
package: {environment: {conda: [scikit-learn]}}
"""


@pytest.mark.slow
def test_each_release_gets_the_columns_of_its_model(shell: Shell) -> None:
    shell.write("train.csv", "x,z,y\n" + "".join(f"{x},{x % 3},{2 * x}\n" for x in range(20)))
    for features, argv in (("x", ("deploy",)), ("x, z", ("deploy", "--canary", "0"))):
        shell.write("lading.yaml", TRAINED.replace("FEATURES", features))
        shell(*argv)
    shell.write("rows.csv", "x,z\n" + "".join(f"{x},{x % 3}\n" for x in range(1, 6)))
    found = shell("compare", "--data", "rows.csv", "--json").json()
    assert (found["requests"], found["equal"]) == (5, 1.0)
    shell("delete")


@pytest.mark.slow
def test_releases_are_named_by_number_if_both_serve(pair: Shell) -> None:
    assert pair("compare", "--release", "2", "--release", "1", "--json").json()["old"] == 2
    assert (
        "release 7 of price on 'local' does not serve"
        in pair("compare", "--release", "1", "--release", "7", code=2).err
    )
    assert "give --release twice" in pair("compare", "--release", "1", code=2).err
    pair("abort")
    refused = pair("compare", code=2).err
    assert "price on 'local' has no canary to compare with" in refused
    assert "`lading deploy --canary 0` brings a release up beside it" in refused


ANSWERS = """\
import json, os

def init():
    global answers
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.joblib")) as file:
        answers = json.load(file)

def run(raw_data):
    return json.dumps(answers)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ('["yes"]', '["no"]', 1.0),
        ("[null]", "[0]", 1.0),
        ("[1]", "[NaN]", 2.0),
        ("[1]", "[Infinity]", 2.0),
        ("[1.0, 0.0]", "[1.0, 1.1e-16]", 0.0),
    ],
)
def test_each_kind_of_difference_counts(shell: Shell, old: str, new: str, difference: float) -> None:
    shell.write("score.py", ANSWERS)
    shell.write("lading.yaml", FIXED)
    for answer, argv in ((old, ("deploy",)), (new, ("deploy", "--canary", "0"))):
        shell.write("model.joblib", answer)
        shell(*argv)
    shell.write("rows.jsonl", '{"size": 1}\n')
    found = shell("compare", "--data", "rows.jsonl", "--json").json()
    assert max(each["largest"] for each in found["outputs"]) == difference
    assert found["equal"] == (0.0 if difference else 1.0)
    shell("delete")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (["yes"], ["no"], "differs from release 1, by at most 100 %"),
        ([1], [[1]], "differs from release 1, by at most 100 %"),
        ([1.0], [math.nan], "differs from release 1, by at most 200 %"),
        ([0.0], [1.1e-16], "differ from release 1"),
        ([2.0], [3.0], "differs from release 1, by at most 33 %"),
    ],
)
def test_the_golden_answers_of_a_deploy_are_compared_in_the_same_way(old: Json, new: Json, words: str) -> None:
    one, other = (_accepted(number, response) for number, response in ((1, old), (2, new)))
    number = 0 if words.startswith("differ ") else 1
    assert str(golden_change(one, other)) == f"{number} of 1 golden answers {words}"


def _accepted(number: int, response: Json) -> Release:
    """A release that has given this answer to its only golden request."""
    golden = GoldenRequest(request=1, response=response)
    return Release(
        id=str(number),
        service="price",
        target="local",
        number=number,
        package_digest="",
        model="rate",
        model_version=number,
        model_sha256="",
        state="up",
        started=datetime.now(UTC),
        golden_requests=(golden,),
    )
