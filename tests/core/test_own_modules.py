"""An estimator of the project itself: its module travels with the model, or `check` says what to include."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import Shell

import lading
from lading_sklearn.own import own_modules

MANIFEST = """\
version: 1
name: rank
train: {{data: d.csv, features: [x], label: y, estimator: {estimator}}}
{more}
"""
RANKER = """\
from sklearn.linear_model import LinearRegression
{imports}

class Ranker(LinearRegression):
    def predict(self, X):
        return super().predict(X) * 10
"""


@pytest.fixture
def site(shell: Shell) -> Shell:
    shell.write("d.csv", "x,y\n1,2\n2,4\n3,6\n")
    write(shell)
    return shell


def write(site: Shell, *, estimator: str = "ranking.Ranker", more: str = "", **files: str) -> None:
    """Write the manifest, the module `ranking.py`, and modules given as `scale` or `tools__scale`."""
    site.write("lading.yaml", MANIFEST.format(estimator=estimator, more=more))
    site.write("ranking.py", RANKER.format(imports=""))
    for name, text in files.items():
        site.write(f"{name.replace('__', '/')}.py", text)


@pytest.mark.slow
def test_the_module_of_an_estimator_travels_with_the_model(site: Shell) -> None:
    site("check")
    site("deploy")
    assert site("score", "-d", '{"data": [[4]]}').json() == [pytest.approx(80)]
    package = Path(site("package").out.strip())
    assert (package / "azureml-app" / "ranking.py").is_file()
    assert "unchanged" in site("deploy").err
    site.write("ranking.py", RANKER.format(imports="").replace("10", "100"))
    site("deploy")
    assert site("score", "-d", '{"data": [[4]]}').json() == [pytest.approx(800)]


@pytest.mark.slow
def test_a_model_of_such_a_module_is_evaluated_and_nested(site: Shell) -> None:
    nested = "sklearn.ensemble.BaggingRegressor, params: {estimator: {estimator: ranking.Ranker}, random_state: 0}"
    write(site, estimator=nested, more="evaluate: {data: d.csv, require: {mae: '>= 0'}}")
    site("package")
    site.write("d2.csv", "x,y\n1,2\n2,4\n")
    write(site, estimator=nested, more="evaluate: {data: d2.csv, require: {mae: '>= 0'}}")
    assert "mae" in site("evaluate").out


def test_the_libraries_of_such_a_module_are_pinned(site: Shell) -> None:
    site.write("ranking.py", RANKER.format(imports="import sortedcontainers"))
    assert "sortedcontainers" in str(site("package", "--json").json()["requirements"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "include", "problem"),
    [
        (
            {"ranking": RANKER.format(imports="from scale import FACTOR"), "scale": "FACTOR = 1"},
            "scale.py",
            "ranking.py:2 imports scale, which is not in the package; add `scale.py` to include",
        ),
        (
            {"ranking": RANKER.format(imports="from tools.scale import FACTOR"), "tools__scale": "FACTOR = 1"},
            "tools",
            "ranking.py:2 imports tools.scale, which is not in the package; add `tools` to include",
        ),
        (
            {"ranking": RANKER.format(imports="import nowhere")},
            "",
            "ranking.py:2 imports nowhere, which package.environment does not have; add the distribution that has it",
        ),
        ({"ranking": "class Ranker(:"}, "", "ranking.py:1 cannot be read as Python: invalid syntax"),
    ],
)
def test_a_module_that_the_package_lacks_is_reported_before_the_training(
    site: Shell, files: dict[str, str], include: str, problem: str
) -> None:
    write(site, **files)
    for command in ("check", "plan", "deploy"):
        done = site(command, code=2)
        assert "lading.yaml:1:1: package." in done.err
        assert problem in done.err
        assert "train: done" not in done.err
    if include:
        write(site, more=f"package: {{include: [{include}]}}", **files)
        site("check")
        site("package")


@pytest.mark.slow
def test_a_class_in_a_folder_needs_the_folder(site: Shell) -> None:
    folder = {"tools__ranking": RANKER.format(imports=""), "tools__unused": "import nowhere"}
    write(site, estimator="tools.ranking.Ranker", **folder)
    problem = "the model imports tools, a folder of the project that is not in the package; add `tools` to include"
    assert problem in site("check", code=2).err
    write(site, estimator="tools.ranking.Ranker", more="package: {include: [tools]}", **folder)
    site("check")
    site("deploy")
    assert site("score", "-d", '{"data": [[4]]}').json() == [pytest.approx(80)]


@pytest.mark.parametrize(
    ("estimator", "place"),
    [
        ("ranking.Rankr", "3:58: train.estimator: no estimator ranking.Rankr"),
        (
            "sklearn.linear_model.Ridge, params: {alfa: 1}",
            "3:101: train.params.alfa: sklearn.linear_model.Ridge has no",
        ),
        ("rankin.Ranker", "3:58: train.estimator: no estimator rankin.Ranker: no module rankin"),
    ],
)
def test_a_wrong_estimator_is_reported_at_its_line(site: Shell, estimator: str, place: str) -> None:
    write(site, estimator=estimator)
    assert f"lading.yaml:{place}" in site("train", code=2).err


def test_an_installed_module_of_the_same_name_comes_first(tmp_path: Path) -> None:
    for name in ("sklearn.py", "random.py", "__main__.py", "own.py", "data/x.csv", "data.py", "both/a.py", "both.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = own_modules({"sklearn", "random", "__main__", "own", "data", "both", "absent"}, tmp_path)
    assert [path.name for path in found] == ["both.py", "data.py", "own.py"]
    (tmp_path / "both" / "__init__.py").touch()
    assert own_modules({"both"}, tmp_path) == (tmp_path / "both",)


def test_the_api_reports_the_same_problems(site: Shell) -> None:
    site.write("ranking.py", RANKER.format(imports="import nowhere"))
    with pytest.raises(lading.ManifestError, match="imports nowhere"):
        lading.check(site.folder / "lading.yaml")
