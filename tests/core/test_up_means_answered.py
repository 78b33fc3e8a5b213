"""A release is up only if it can answer: a file without a fitted model never becomes one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from tests.conftest import Shell
from tests.waiting import LIMIT

MANIFEST = """\
version: 1
name: svc
register: {model: saved, file: saved.pkl}
package: {PACKAGE}
"""
GOOD = "LinearRegression().fit([[1.0], [2.0], [3.0]], [10.0, 20.0, 30.0])"
KNOWN = {  # from the bytes of the file
    f"{{'model': {GOOD}, 'columns': ['x']}}": "a dict with the keys model, columns",
    f"({GOOD}, ['x'])": "a tuple of 2 values",
    "StandardScaler().fit([[1.0], [2.0]])": "a StandardScaler, which has no predict()",
    "LinearRegression()": "a LinearRegression that is not fitted",
}
LOADED = {  # only once it is loaded
    "LocalOutlierFactor(n_neighbors=1).fit([[1.0], [2.0]])": "an object of LocalOutlierFactor, which has no predict()",
}
NEEDED = "and the default scoring script needs a fitted model with predict()"
ANSWERS = "def init(): pass\ndef run(raw_data): return 42\n"


@pytest.fixture
def site(shell: Shell) -> Iterator[Shell]:
    write(shell)
    yield shell
    shell("delete", code=None)


def write(site: Shell, package: str = "") -> None:
    site.write("lading.yaml", MANIFEST.replace("PACKAGE", package))


def save(site: Shell, made: str) -> None:
    imports = (
        "import joblib; from sklearn.linear_model import LinearRegression; "
        "from sklearn.neighbors import LocalOutlierFactor; from sklearn.preprocessing import *; "
        "from sklearn.compose import *; from sklearn.impute import SimpleImputer; from sklearn.pipeline import *"
    )
    code = f"{imports}; joblib.dump({made}, 'saved.pkl')"
    subprocess.run([sys.executable, "-c", code], cwd=site.folder, check=True, timeout=LIMIT)


@pytest.mark.slow
@pytest.mark.parametrize("made", KNOWN)
def test_every_command_names_what_a_file_holds_in_place_of_a_model(site: Shell, made: str) -> None:
    save(site, made)
    for command in ("check", "plan", "register", "deploy"):
        done = site(command, code=8)
        assert f"saved.pkl holds {KNOWN[made]}, {NEEDED}\n" in done.err
        assert "save the fitted model alone, or name a scoring_script under package" in done.err
    assert not list((site.folder / ".lading").glob("files/*"))
    done = site("init", "new", "--model", "saved.pkl", code=2)
    assert f"saved.pkl holds {KNOWN[made]}, {NEEDED}\n" in done.err
    assert site("model", "inspect", "saved.pkl", "--json").json()["holds"] == KNOWN[made]


@pytest.mark.slow
def test_a_script_of_the_users_own_takes_the_model_out_of_the_file(site: Shell) -> None:
    save(site, next(iter(KNOWN)))
    site.write("score.py", ANSWERS)
    write(site, "scoring_script: score.py, environment: {pip: []}")
    site("check")
    site("deploy")
    assert site("score", "-d", "[]").json() == 42
    write(site)
    assert NEEDED in site("deploy", code=8).err  # also from what the store knows


@pytest.mark.slow
def test_a_file_that_only_its_loading_shows_never_replaces_a_model(site: Shell) -> None:
    save(site, GOOD)
    assert site("deploy", "--json").json()["deployments"][0]["asked"] is True
    for made, words in LOADED.items():
        save(site, made)
        done = site("deploy", code=8)
        assert f"saved.pkl holds {words}, {NEEDED}" in done.err
        assert "save the fitted model alone, or name a scoring_script" in done.err
        assert site("score", "-d", '{"data": [[4]]}').json() == [pytest.approx(40)]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_traceback_begins_in_the_users_file_and_is_shown_once(site: Shell, workers: int) -> None:
    site.fails = True
    save(site, GOOD)
    site.write("helper.py", "__import__('no' + 'where')\n")  # the check finds a literal name
    site.write("score.py", f"import helper\n{ANSWERS}")
    write(site, "scoring_script: score.py, include: [helper.py], environment: {pip: []}")
    with (site.folder / "lading.yaml").open("a") as manifest:
        manifest.write(f"targets: {{local: {{port: 0, workers: {workers}}}}}\n")
    told = site("deploy", code=8).err.partition("error: ")[2].splitlines()
    fix = "add the distribution that has nowhere under package.environment, or nowhere.py under package.include"
    assert told[0].endswith(f": ModuleNotFoundError: No module named 'nowhere': {fix}")
    assert [line.strip() for line in told[1:]] == [
        "Traceback (most recent call last):",
        f'File "{site.folder / "score.py"}", line 1, in <module>',
        "import helper",
        f'File "{site.folder / "helper.py"}", line 1, in <module>',
        "__import__('no' + 'where')",
        "`lading logs` shows the whole log",
    ]


FRAMED = (
    "(frame := __import__('pandas').DataFrame({'area': [1.0, None, 3.0], 'town': ['Oslo', 'Rome', 'Oslo']}), "
    "make_pipeline(make_column_transformer((SimpleImputer(), ['area']), (OneHotEncoder(), ['town'])), "
    "LinearRegression()).fit(frame, [10, 20, 30]))[1]"
)


@pytest.mark.slow
def test_a_finished_model_that_picks_columns_by_name_has_pandas_in_its_package(site: Shell) -> None:
    save(site, FRAMED)
    folder = Path(site("package").out.strip())
    assert "\npandas==" in (folder / "requirements.txt").read_text()
    done = site("deploy")
    assert "local: up, not asked: all that is known" in done.err
    rows = '{"data": [{"area": 3, "town": "Oslo"}, {"area": null, "town": "Rome"}]}'
    assert site("score", "-d", rows).json() == [pytest.approx(30), pytest.approx(20)]
    refused = site("score", "-d", '{"data": [{"area": 3}]}', code=6)
    assert "missing: town" in refused.out
    assert "error: the service answered 400\n  correct the request as the answer says\n" in refused.err
    site.write("in.csv", "area,town\n3,Oslo\n,Rome\n")
    site("score", "-d", "@in.csv", "-o", "out.csv")
    answers = [line.split(",")[2] for line in (site.folder / "out.csv").read_text().splitlines()[1:]]
    assert list(map(float, answers)) == [pytest.approx(30), pytest.approx(20)]
    uri = site("uri").out.strip().replace("/score", "/swagger.json?version=3.1")
    with urlopen(uri, timeout=LIMIT) as answer:
        assert '"town"' in answer.read().decode()
    save(site, GOOD)
    assert "pandas" not in (Path(site("package").out.strip()) / "requirements.txt").read_text()


@pytest.mark.slow
def test_a_log_names_the_users_file_in_tracebacks_of_the_release_that_serves(site: Shell) -> None:
    site.fails = True
    save(site, GOOD)
    site.write("score.py", "def init(): pass\ndef run(raw_data): return 1 / 0\n")
    write(site, "scoring_script: score.py, environment: {pip: []}")
    site("deploy")
    site("score", "-d", "1", code=6)
    shown = f'File "{site.folder / "score.py"}", line 2, in run'
    assert shown in site("logs").out
    site.write("score.py", f"{ANSWERS}# changed\n")
    assert shown not in site("logs").out
    assert 'azureml-app/score.py", line 2, in run' in site("logs").out


@pytest.mark.slow
def test_the_copy_is_named_if_the_users_file_has_changed_since(site: Shell) -> None:
    site.fails = True
    save(site, GOOD)
    site.write("score.py", "def init(): raise ValueError('no luck')\ndef run(raw_data): pass\n")
    write(site, "scoring_script: score.py, environment: {pip: []}")
    site("package", "export", "svc.tar")
    site.write("score.py", ANSWERS)
    assert "azureml-app/score.py" in site("deploy", "--package", "svc.tar", code=8).err


@pytest.mark.slow
def test_a_class_of_the_saving_program_is_to_be_moved(site: Shell) -> None:
    (site.folder / "saved.pkl").write_bytes(b"\x80\x02c__main__\nMyModel\n)\x81.")
    assert (
        "move what was defined in the program itself into a module, save the model again" in site("check", code=3).err
    )
    trusting = MANIFEST.replace("saved.pkl}", "saved.pkl, trust: [__main__.MyModel]}").replace("PACKAGE", "")
    site.write("lading.yaml", trusting)
    told = site("deploy", code=8).err
    assert (
        "MyModel was defined in the program that saved the model: move it into a module, save the model again" in told
    )


@pytest.mark.slow
def test_a_script_without_samples_is_up_and_not_asked(site: Shell) -> None:
    save(site, GOOD)
    site.write("score.py", "def init(): pass\ndef run(raw_data): raise ValueError('never')\n")
    own = "scoring_script: score.py, environment: {pip: []}"
    write(site, own)
    done = site("deploy")
    assert "deploy to local: up, not asked · release 1\n" in done.err
    advice = "samples: [{request: {data: [[1, 2]]}, response: [3]}]"
    for again in (done, site("deploy")):
        assert "local: up, not asked: all that is known is that init() succeeded" in again.err
        assert f"add under package: `{advice}`\n" in again.err
    (row,) = site("deploy", "--json").json()["deployments"]
    assert (row["asked"], row["advice"]) == (False, advice)
    write(site, f"{own}, samples: [{{request: {{data: [[4]]}}, response: [40]}}]")
    site.fails = True
    assert "release 1 still serves" in site("deploy", "--force", code=8).err


@pytest.mark.slow
def test_edited_samples_are_asked_of_the_release_that_serves(site: Shell) -> None:
    save(site, GOOD)
    sample = "samples: [{request: {data: ROWS}, response: ANSWER}]"
    write(site, sample.replace("ROWS", "[[4]]").replace("ANSWER", "[40]"))
    assert site("deploy", "--json").json()["deployments"][0]["asked"] is True
    write(site, sample.replace("ROWS", "[[4]]").replace("ANSWER", "[41]"))
    (planned,) = (stage for stage in site("plan", "--json").json()["stages"] if stage["stage"] == "deploy")
    assert (planned["action"], planned["reason"]) == ("reuse", "unchanged; its samples changed: it is asked them")
    failed = site("deploy", code=8)
    assert "release 1 of svc on 'local' does not answer the changed samples: golden request 1" in failed.err
    assert "expected 41" in failed.err
    (release,) = site("history", "--json").json()
    assert (release["state"], release["golden_requests"][0]["response"]) == ("up", [40])
    write(site, sample.replace("ROWS", "[[4], [5]]").replace("ANSWER", "[40, 50]"))
    done = site("deploy")
    assert "deploy to local: golden requests · release 1, because they have changed\n" in done.err
    assert "deploy to local: unchanged · release 1\n" in done.err
    (release,) = site("history", "--json").json()
    assert release["golden_requests"][0]["request"] == {"data": [[4], [5]]}
    assert "because they have changed" not in site("deploy").err


TRAINED = """\
version: 1
name: svc
train: {data: d.csv, features: [x], label: y, estimator: sklearn.linear_model.LinearRegression}
"""
SCRIPT = """\
import os, numpy as np
from sklearn.linear_model import LinearRegression
class Own(LinearRegression):
    def predict(self, rows):
        if "AZUREML_MODEL_DIR" in os.environ:
            raise ERROR("not here")
        return super().predict(rows)
def train(data, log):
    table = np.loadtxt(data, delimiter=",", skiprows=1)
    return CLASS().fit(table[:, :1], table[:, 1])
"""


@pytest.mark.slow
def test_a_probe_shows_that_a_release_without_samples_answers(site: Shell) -> None:
    site.write("d.csv", "x,y\n" + "".join(f"{x},{3 * x}\n" for x in range(20)))
    site.write("lading.yaml", TRAINED)
    done = site("deploy")
    assert "deploy to local: probe · made from the schema, as there are no samples\n" in done.err
    assert "deploy to local: up · release 1\n" in done.err
    assert "not asked" not in done.err
    (row,) = site("deploy", "--json").json()["deployments"]
    assert (row["asked"], row["reused"]) == (True, True)


@pytest.mark.slow
def test_a_release_that_a_probe_refuses_never_replaces_one_that_answers(site: Shell) -> None:
    site.fails = True
    site.write("d.csv", "x,y\n" + "".join(f"{x},{3 * x}\n" for x in range(20)))
    site.write("lading.yaml", "version: 1\nname: svc\ntrain: {data: d.csv, script: train.py}\n")
    site.write("train.py", SCRIPT.replace("CLASS", "LinearRegression").replace("ERROR", "RuntimeError"))
    assert site("deploy", "--json").json()["deployments"][0]["asked"] is True
    site.write("train.py", SCRIPT.replace("CLASS", "Own").replace("ERROR", "RuntimeError"))
    failed = site("deploy", code=8)
    assert "did not come up: a probe made from the schema" in failed.err
    assert "release 1 still serves" in failed.err
    assert site("score", "-d", '{"data": [[4]]}').json() == [pytest.approx(12)]
    site.write("train.py", SCRIPT.replace("CLASS", "Own").replace("ERROR", "ValueError"))
    assert site("deploy", "--json").json()["deployments"][0]["asked"] is False  # zeros may be wrong values
