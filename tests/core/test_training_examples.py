"""Typical projects: a second deploy trains nothing, and a deploy after any changed file trains again."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.conftest import ROOT, Shell

MANIFEST = """\
version: 1
name: trips
train: {data: trips.csv, script: train.py}
package: {environment: {conda: [scikit-learn]}}
"""
START = """\
from pathlib import Path
from sklearn.linear_model import LinearRegression
HERE = Path(__file__).parent
def read(file):
    return [list(map(float, line.split(","))) for line in file.read_text().splitlines()[1:]]
def fit(rows, factor=1.0):
    return LinearRegression().fit([[x * factor] for x, _ in rows], [y for _, y in rows])
"""
SCORE = """\
import os, pathlib, json, joblib, features
def init():
    global model
    model = joblib.load(next(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).iterdir()))
def run(data):
    return model.predict([[json.loads(data) * features.FACTOR]]).tolist()
"""


def table(slope: float) -> str:
    return "x,y\n" + "".join(f"{x},{slope * x}\n" for x in range(10))


@dataclass(frozen=True)
class Example:
    """A training script with the files beside it, and a change of one of them."""

    script: str
    files: dict[str, str] = field(default_factory=dict)
    changed: str = "trips.csv"
    text: str = table(3)
    manifest: str = MANIFEST


EXAMPLES = {
    "script": Example("def train(data, log):\n    return fit(read(data))"),
    "helper in a package, imported late": Example(
        "def train(data, log):\n    from tools.scale import FACTOR\n    return fit(read(data), FACTOR)",
        {"tools/scale.py": "from tools.deep.er import FACTOR\n", "tools/deep/er.py": "FACTOR = 1\n"},
        "tools/deep/er.py",
        "FACTOR = 10\n",
        MANIFEST.replace("package: {", "package: {include: [tools], "),
    ),
    "glob": Example(
        """
        def train(data, log):
            return fit([row for file in sorted(HERE.glob("parts/*.csv")) for row in read(file)])
        """,
        {"parts/1.csv": table(2)},
        "parts/2.csv",
    ),
    "cache that it writes": Example(
        """
        def train(data, log):
            cache = HERE / "cache.csv"
            if not cache.exists():
                cache.write_text(data.read_text())
            log("files", len(list(HERE.iterdir())))
            return fit(read(cache))
        """,
        {"notes.txt": "1"},
        "more.txt",
    ),
    "file that need not exist": Example(
        """
        def train(data, log):
            try:
                rows = read(HERE / "more.csv")
            except FileNotFoundError:
                rows = []
            return fit(rows + read(data))
        """,
        {},
        "more.csv",
    ),
    "joblib": Example(
        """
        from joblib import Parallel, delayed
        def train(data, log):
            import work
            rows = Parallel(n_jobs=2)(delayed(work.read)(HERE / name) for name in ("a.csv", "b.csv"))
            return fit(rows[0] + rows[1])
        """,
        {
            "a.csv": table(2),
            "b.csv": table(2),
            "work.py": "def read(file):\n    import train\n    return train.read(file)\n",
        },
        "b.csv",
        manifest=MANIFEST.replace("package: {", "package: {include: [work.py], "),
    ),
    "SQLite": Example(
        """
        import sqlite3
        def train(data, log):
            return fit(sqlite3.connect(HERE / "trips.db").execute("SELECT x, y FROM trips").fetchall())
        """,
        {"trips.db": ""},
        "trips.db",
        "",
    ),
    "named input": Example(
        """
        def train(data, log):
            import subprocess
            subprocess.run(["cat", HERE / "far.csv"])
            return fit(read(data))
        """,
        {"far.csv": table(2)},
        "far.csv",
        manifest=MANIFEST.replace("script: train.py", "script: train.py, inputs: [far.csv]"),
    ),
}


def trains(shell: Shell, *arguments: str) -> bool:
    """Whether a deploy trains. The deploy must succeed."""
    return "train: started" in shell("deploy", *arguments).err


@pytest.fixture
def project(shell: Shell) -> Callable[[Example], Shell]:
    def project(example: Example) -> Shell:
        shell.write("lading.yaml", example.manifest)
        shell.write("train.py", START + textwrap.dedent(example.script))
        for name, text in {"trips.csv": table(2), **example.files}.items():
            write(shell, name, text)
        return shell

    return project


def write(shell: Shell, name: str, text: str) -> None:
    if not name.endswith(".db"):
        shell.write(name, text)
        return
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(shell.folder / name)) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS trips (x, y)")
        database.executemany("INSERT INTO trips VALUES (?, ?)", [(1, 2), (2, 5)])


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_second_deploy_trains_nothing_and_a_changed_file_trains_again(
    project: Callable[[Example], Shell], name: str
) -> None:
    example = EXAMPLES[name]
    shell = project(example)
    assert trains(shell)
    assert not trains(shell)
    write(shell, example.changed, example.text)
    assert trains(shell)


@pytest.mark.slow
def test_an_edited_helper_gives_the_model_of_the_new_code(shell: Shell) -> None:
    manifest = MANIFEST.replace("package: {", "package: {include: [features.py], scoring_script: score.py, ")
    shell.write("lading.yaml", manifest)
    shell.write("trips.csv", table(2))
    shell.write(
        "train.py", START + "import features\ndef train(data, log):\n    return fit(read(data), features.FACTOR)\n"
    )
    shell.write("score.py", SCORE)
    for factor in (1, 10):
        shell.write("features.py", f"FACTOR = {factor}\n")
        assert trains(shell)
        assert shell("score", "-d", "7").json() == [pytest.approx(14)]


@pytest.mark.slow
def test_a_second_deploy_of_the_salary_manifest_trains_nothing(salary: Shell) -> None:
    assert trains(salary, "manifests/salary.yaml")
    assert not trains(salary, "manifests/salary.yaml")


@pytest.mark.slow
@pytest.mark.parametrize("manifest", sorted((ROOT / "manifests").glob("*.yaml")), ids=lambda file: file.name)
def test_a_second_training_of_each_manifest_is_the_first(shell: Shell, manifest: Path) -> None:
    for folder in ("manifests", "data"):
        shutil.copytree(ROOT / folder, shell.folder / folder)
    variables = {"EDGE_REPOSITORY": "registry.example/salary", "AZURE_SUBSCRIPTION_ID": "1"}
    first = shell("train", f"manifests/{manifest.name}", code=0, **variables)
    assert "train: started" in first.err
    second = shell("train", f"manifests/{manifest.name}", code=0, **variables)
    assert "train: started" not in second.err
    assert second.out == first.out


@pytest.mark.slow
def test_a_second_deploy_of_a_finished_model_trains_nothing(shell: Shell) -> None:
    import joblib
    from sklearn.linear_model import LinearRegression

    joblib.dump(LinearRegression().fit([[1], [2]], [2, 4]), shell.folder / "model.joblib")
    shell.write("lading.yaml", "version: 1\nname: trips\nregister: {file: model.joblib}\n")
    assert not trains(shell)
    assert not trains(shell)
    assert shell("plan", "--detailed-exitcode").code == 0


@pytest.mark.slow
def test_a_class_of_the_project_in_declared_steps_trains_again(shell: Shell) -> None:
    shell.write(
        "lib/ours.py", "from sklearn.linear_model import LinearRegression\nclass Ours(LinearRegression): pass\n"
    )
    shell.write("trips.csv", table(2))
    declared = "train: {data: trips.csv, features: [x], label: y, estimator: ours.Ours, env: [PYTHONPATH]}"
    shell.write("lading.yaml", MANIFEST.replace("train: {data: trips.csv, script: train.py}", declared))
    shell.env["PYTHONPATH"] = str(shell.folder / "lib")
    started = ["train: started" in shell("train").err for _ in range(2)]
    shell.write("lib/ours.py", "from sklearn.linear_model import Ridge\nclass Ours(Ridge): pass\n")
    assert [*started, "train: started" in shell("train").err] == [True, False, True]


def test_a_named_input_that_is_missing_is_a_problem_at_its_line(shell: Shell) -> None:
    shell.write("lading.yaml", MANIFEST.replace("train.py", "train.py, inputs: [trips.csv, far.csv]"))
    shell.write("trips.csv", table(2))
    shell.write("train.py", START)
    for command in ("check", "train"):
        err = shell(command, code=2).err
        assert "lading.yaml:3:64: train.inputs.1: no such file or directory: " in err


@pytest.mark.slow
def test_too_many_files_train_each_time_and_the_folder_can_be_named(project: Callable[[Example], Shell]) -> None:
    script = "def train(data, log):\n    return fit([row for file in HERE.glob('parts/*') for row in read(file)])"
    shell = project(Example(script, {f"parts/{number}.csv": table(2) for number in range(1001)}))
    done = shell("train")
    assert "warning" in done.err
    assert "name their folders under train: inputs" in done.err
    assert "train: started" in shell("train").err
    shell.write("lading.yaml", MANIFEST.replace("train.py", "train.py, inputs: [parts]"))
    assert "warning" not in shell("train").err
    assert "train: started" not in shell("train").err
    shell.write("parts/7.csv", table(3))
    assert "train: started" in shell("train").err
