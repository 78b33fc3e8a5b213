"""Environments and the imports of scoring scripts, judged by `check`, `plan` and `deploy` before any training."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import Shell

import lading
from lading import Distribution, ExpectedModel
from lading_bundle.environment import Environment
from lading_bundle.imports import imports_of
from lading_bundle.options import BundleOptions
from lading_sklearn.options import SklearnOptions, Step

MANIFEST = """\
version: 1
name: svc
train: {{data: d.csv, features: [x], label: y, estimator: {estimator}}}
package:
  {package}
"""
LINEAR = "sklearn.linear_model.LinearRegression"
FUNCTIONS = "\ndef init(): pass\n\ndef run(raw_data): return []\n"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def found(folder: Path, package: str, *, estimator: str = LINEAR, **files: str) -> list[str]:
    """The problems of a manifest, each as `line:column: path: message`. `score_py` is the text of `score.py`."""
    (folder / "d.csv").write_text("x,y\n1,2\n2,4\n3,6\n")
    for name, text in files.items():
        functions = FUNCTIONS if name == "score_py" and "def init" not in text else ""
        (folder / name.replace("_", ".")).write_text(text + functions)
    file = folder / "lading.yaml"
    file.write_text(MANIFEST.format(estimator=estimator, package=package))
    try:
        lading.check(file)
    except lading.ManifestError as error:
        return [str(problem).removeprefix(f"{file}:") for problem in error.problems]
    return []


BUILD = "build a wheel with `pip wheel --no-deps --wheel-dir wheels PATH`, and name that file"
SECRET = (
    "has a user, a password or a query, which everybody who has the package could read; "
    "remove it, and configure git or .netrc where the package is installed"
)
NOT_PYTHON = (
    "is not a Python distribution, so pip cannot install it; remove the entry; "
    "if scoring needs it, use a base image that has it"
)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("git+https://git.example/tool.git@v1", "'git+https://git.example/tool.git@v1' has no name of a distribution; "
         "write NAME @ ADDRESS"),
        ("git+https://git.example/tool@-x#egg=tool", "'git+https://git.example/tool@-x#egg=tool' has a revision that "
         "is not the name of a branch, a tag or a commit; correct the revision"),
        ("hg+https://hg.example/tool#egg=tool", "'hg+https://hg.example/tool#egg=tool' is an address with hg+https, "
         "which a package cannot have; use https, git+https or a wheel"),
        ("git+https://me:s3cret@git.example/a", f"'git+https://git.example/a' {SECRET}"),
        ("git+https://s3cret@git.example/a#egg=a", f"'git+https://git.example/a#egg=a' {SECRET}"),
        ("git+ssh://git:s3cret@git.example/a#egg=a", f"'git+ssh://git.example/a#egg=a' {SECRET}"),
        ("tool @ https://example.org/tool-1-py3-none-any.whl?t=s3cret", f"'tool @ https://example.org/tool-1-py3-"
         f"none-any.whl' {SECRET}"),
        ("https://example.org/main.zip", "'https://example.org/main.zip' has no name of a distribution; "
         "write NAME @ ADDRESS"),
        ("https://example.org/tool-1-py3-none-any.whl#sha256=12", "'https://example.org/tool-1-py3-none-any.whl#sha256"
         "=12' has a sha256 that does not have 64 hexadecimal digits; correct the hash"),
        ("tool @ https://example.org/other-1-py3-none-any.whl", "'tool @ https://example.org/other-1-py3-none-any.whl' "
         "is an address of other, and not of tool; correct the name"),
        ("https://example.org/tool.whl", "'https://example.org/tool.whl' does not have the name of a wheel; "
         "name it as its builder did: NAME-VERSION-…whl"),
        ("file://host/srv/tool", "'file://host/srv/tool' is a file of the host host; copy it to this machine"),
        ("./tool-1.tar.gz", f"'./tool-1.tar.gz' is a path, and a package can only have a wheel; {BUILD}"),
        (".", f"'.' is a folder, and a package can only have a wheel of it; {BUILD}"),
        ("-e ./tool", f"'-e ./tool' is not a requirement, but an option of pip; {BUILD}"),
        ("-r more.txt", "'-r more.txt' is not a requirement, but an option of pip; name the file: "
         "`environment: {requirements: FILE}`"),
        ("--index-url https://u:p@i.example", "'--index-url https://i.example' is not a requirement, but an option of "
         "pip; name package indexes under the image or the target, and here only distributions"),
        ("numpy=1.26", "'numpy=1.26' is not a requirement; write numpy==1.26"),
        ("numpy=1.26.4", "'numpy=1.26.4' is not a requirement; write numpy==1.26.4"),
        ("sklearn=1.4", "sklearn cannot be installed under this name; did you mean scikit-learn?"),
        ("python=3.8", "python is part of every package; remove the entry"),
        ("libgomp==1.0", f"libgomp {NOT_PYTHON}"),
        ("openmpi-bin", f"openmpi-bin {NOT_PYTHON}"),
        ("libgl1-mesa-glx", f"libgl1-mesa-glx {NOT_PYTHON}"),
        ("pkg_resources", "pkg-resources cannot be installed under this name; did you mean setuptools?"),
        ("-e git+https://git.example/b#egg=b", "'-e git+https://git.example/b#egg=b' is not a requirement, "
         "but an option of pip; write `b @ git+https://git.example/b`"),
        ("numpy==2.4.6 --global-option=x", "'numpy==2.4.6 --global-option=x' has the option "
         "--global-option, which an entry cannot have; remove the option"),
        ("numpy=new", "'numpy=new' is not a requirement; write NAME or NAME==VERSION"),
        ("numpy 1.26", "'numpy 1.26' is not a requirement; write numpy==1.26"),
        ("numpy; python_versoin > '3'", "\"numpy; python_versoin > '3'\" is not a requirement; "
         "write NAME or NAME==VERSION"),
        ("# numpy", "'# numpy' is not a requirement; remove the entry"),
        ("sklearn", "sklearn cannot be installed under this name; did you mean scikit-learn?"),
        ("sklearn==0.0", "sklearn cannot be installed under this name; did you mean scikit-learn?"),
        ("PIL", "pil cannot be installed under this name; did you mean pillow?"),
        ("pytorch", "pytorch cannot be installed under this name; did you mean torch?"),
        ("python==3.8", "python is part of every package; remove the entry"),
        ("json", "json is part of Python; remove the entry"),
        ("no-such-thing", "no-such-thing is not installed here, so its version is not known; `pip install "
         "no-such-thing`, or pin it: no-such-thing==VERSION"),
        ("google_auth_nowhere>=2", "google-auth-nowhere>=2 is not installed here, so its version is not known; "
         "`pip install google-auth-nowhere`, or pin it: google-auth-nowhere==VERSION"),
    ],
)  # fmt: skip
def test_an_entry_of_pip_is_judged_at_its_place(tmp_path: Path, entry: str, message: str) -> None:
    package = "environment: {pip: [numpy, " + json.dumps(entry) + "]}"
    assert found(tmp_path, package) == [f"5:30: package.environment.pip.1: {message}"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("python=3.8", f"python==3.8.* excludes Python {PYTHON}, which the model is trained with; write "
         f"python={PYTHON}, or train with the other one"),
        ("libgomp", f"libgomp {NOT_PYTHON}"),
        ("openmpi=4.1", f"openmpi {NOT_PYTHON}"),
        ("conda-forge::cudatoolkit", f"cudatoolkit {NOT_PYTHON}"),
        ("boost", f"boost {NOT_PYTHON}"),
        ("gettext", f"gettext {NOT_PYTHON}"),
        ("no-such-thing", "no-such-thing is not installed here, so its version is not known; Lading does not know "
         "whether no-such-thing is a Python distribution: pin no-such-thing==VERSION, or remove it"),
        ("_openmp_mutex", f"_openmp_mutex {NOT_PYTHON}"),
        ("sklearn", "sklearn cannot be installed under this name; did you mean scikit-learn?"),
        ("numpy[version='>=1.2']", "\"numpy[version='>=1.2']\" is not a requirement; write NAME or NAME==VERSION"),
        ("numpy 1|2", "'numpy 1|2' is not a requirement; write NAME or NAME==VERSION"),
        ("https://conda.example/linux-64/numpy-1.conda", "'https://conda.example/linux-64/numpy-1.conda' is an "
         "address, which an entry of conda cannot be; write NAME or NAME==VERSION, or the address of a wheel under "
         "`pip`"),
    ],
)  # fmt: skip
def test_an_entry_of_conda_is_judged_at_its_place(tmp_path: Path, entry: str, message: str) -> None:
    package = "environment: {conda: [" + json.dumps(entry) + "]}"
    assert found(tmp_path, package) == [f"5:25: package.environment.conda.0: {message}"]


def test_all_entries_are_judged_at_once(tmp_path: Path) -> None:
    package = "environment: {conda: [libgomp, python=2], pip: [sklearn, ./a, numpy<1]}"
    places = [line.split(": ")[1] for line in found(tmp_path, package)]
    assert places == [
        "package.environment.conda.0",
        "package.environment.pip.0",
        "package.environment.pip.1",
        "package.environment.conda.1",
        "package.environment.pip.2",
    ]


@pytest.mark.parametrize(
    "environment",
    [
        "{pip: [numpy]}",
        "{pip: ['numpy  # for arrays', 'scikit-learn']}",
        "{pip: ['tomli==2.0.1; python_version < \"3.11\"']}",
        "{pip: [azureml-defaults, 'azureml-defaults>=1.0.45', numpy]}",
        "{conda: ['numpy  # arrays', pip, 'conda-forge/linux-64::scikit-learn']}",
        "{pip: [other==1.0]}",
        "{pip: [pip, mkl==2024.0, cmake==3.30, librosa==0.10, azureml-sdk]}",
        "{conda: [pip, wheel, setuptools]}",
    ],
)
def test_an_environment_that_can_be_packaged(tmp_path: Path, environment: str) -> None:
    assert found(tmp_path, f"environment: {environment}") == []


def test_another_scikit_learn_is_refused_before_the_training(tmp_path: Path) -> None:
    with pytest.raises(lading.Refused, match=r"lading\.yaml:5:23: package\.environment\.pip\.0: scikit-learn<1 excl"):
        found(tmp_path, "environment: {pip: [scikit-learn<1]}")
    with pytest.raises(lading.Refused, match=r"5:23: package\.environment\.pip\.0: svc will be made with scikit"):
        found(tmp_path, "environment: {pip: [scikit-learn==1.4.1]}")
    assert found(tmp_path, "allow_version_skew: true\n  environment: {pip: [scikit-learn==1.4.1]}") == []


SVC = "sklearn.svm.SVC"


@pytest.mark.parametrize(
    ("estimator", "package", "known"),
    [
        (LINEAR, "method: predict_proba", "predict"),
        (LINEAR, "method: decision_function", "predict"),
        (SVC, "method: predict_proba", "predict and decision_function"),
        (f"{SVC}, params: {{probability: true}}", "method: predict_proba", ""),
        (
            "sklearn.model_selection.GridSearchCV, params: {estimator: {estimator: sklearn.svm.SVC}, "
            "param_grid: {probability: [true]}}",
            "method: predict_proba",
            "",
        ),
        (LINEAR, "method: predict", ""),
        ("sklearn.linear_model.NoSuch", "method: predict_proba", ""),
        ("own.Model", "method: predict_proba", ""),
    ],
)
def test_a_method_that_the_model_does_not_have(tmp_path: Path, estimator: str, package: str, known: str) -> None:
    method = package.removeprefix("method: ")
    message = f"package.method: the model of this training has {known}, not {method}; choose another method or another"
    problems = found(tmp_path, package, estimator=estimator, own_py="raise RuntimeError('code of the user')")
    assert [message in problem for problem in problems] == ([True] if known else [])


def test_the_last_step_shows_the_methods_of_a_pipeline() -> None:
    scale = Step(name="scale", estimator="sklearn.preprocessing.StandardScaler")
    table = {"data": Path("d.csv"), "features": ("x",), "label": "y"}
    for estimator, known in ((LINEAR, ("predict",)), (SVC, ("predict", "decision_function"))):
        steps = (scale, Step(name="model", estimator=estimator))
        assert SklearnOptions(**table, steps=steps).model_methods() == known  # type: ignore[arg-type]


def test_a_requirements_file_of_powershell_is_read(tmp_path: Path) -> None:
    (tmp_path / "req.txt").write_bytes("numpy\r\npandas 2.0\r\n".encode("utf-16"))
    (problem,) = found(tmp_path, "environment: {requirements: req.txt}")
    assert problem.endswith("req.txt:2: 'pandas 2.0' is not a requirement; write pandas==2.0")


SCORE = "import json\nimport joblib, numpy as np\n{line}\n\ndef init(): pass\ndef run(raw_data): return []\n"


@pytest.mark.parametrize(
    ("line", "imported", "add"),
    [
        ("import requests", "requests", "add `requests`"),
        ("import requests.adapters as a", "requests.adapters", "add `requests`"),
        ("from yaml import safe_load", "yaml", "add `pyyaml`"),
        ("import cv2", "cv2", "add `opencv-python`"),
        ("def helper(): import requests", "requests", "add `requests`"),
        ("try: import requests\nexcept KeyError: pass", "requests", "add `requests`"),
        ("import helper", "helper", "add `helper.py` to include"),
    ],
)
def test_an_import_that_the_environment_lacks(tmp_path: Path, line: str, imported: str, add: str) -> None:
    script = SCORE.format(line=line)
    package = "scoring_script: score.py\n  environment: {pip: [scikit-learn]}"
    place = "5:19: package.scoring_script" if imported == "helper" else "6:3: package.environment"
    lacks = "is not in the package" if imported == "helper" else "package.environment does not have"
    assert found(tmp_path, package, score_py=script, helper_py="") == [
        f"{place}: score.py:3 imports {imported}, which {lacks}; {add}"
    ]


@pytest.mark.parametrize(
    "line",
    [
        "try: import requests\nexcept ImportError: requests = None",
        "try: import requests\nexcept (ValueError, ModuleNotFoundError): import json",
        "try: import requests\nexcept: pass",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING: import requests",
        "import typing\nif typing.TYPE_CHECKING:\n    from requests import Session",
        "import contextlib\nwith contextlib.suppress(ImportError): import requests",
        "import sys\nif sys.version_info < (3, 8): import importlib_metadata",
        "if __name__ == '__main__': import requests",
        "from importlib.util import find_spec\nif find_spec('requests'): import requests",
        "from azureml.contrib.services.aml_request import rawhttp",
        "import scipy, threadpoolctl, xml.etree",
        "import score",
    ],
)
def test_an_import_that_is_guarded_or_there(tmp_path: Path, line: str) -> None:
    script = SCORE.format(line=line)
    assert found(tmp_path, "scoring_script: score.py\n  environment: {pip: [scikit-learn]}", score_py=script) == []


def test_the_imports_of_included_modules_are_compared_too(tmp_path: Path) -> None:
    package = "scoring_script: score.py\n  include: [helper.py]\n  environment: {pip: [scikit-learn]}"
    problems = found(tmp_path, package, score_py="import helper\n", helper_py="import os\nimport requests\n")
    assert problems == [
        "7:3: package.environment: helper.py:2 imports requests, which package.environment does not have; "
        "add `requests`"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "import absent\n",
            "ranking.py:1 imports absent, which package.environment does not have; add the "
            "distribution that has it, often `absent`",
        ),
        (
            "from .scale import FACTOR\n",
            "scale.py:2 imports lost, which package.environment does not have; add the "
            "distribution that has it, often `lost`",
        ),
        ("def rank(:\n", "ranking.py:1 cannot be read as Python: invalid syntax"),
        ("import numpy\n", ""),
    ],
)
def test_the_imports_inside_a_folder_of_the_model_are_compared(tmp_path: Path, text: str, problem: str) -> None:
    steps = tmp_path / "steps"
    steps.mkdir()
    for name, content in (("ranking", text), ("scale", "FACTOR = 1\nimport lost\n"), ("training", "import absent\n")):
        (steps / f"{name}.py").write_text(content)  # the model does not import steps.training
    problems = found(tmp_path, "include: [steps]", estimator="steps.ranking.Ranker")
    assert problems == ([f"5:3: package.include: {problem}"] if problem else [])


RANKER = "import {}\nfrom sklearn.linear_model import Ridge\n\n\nclass Ranker(Ridge): pass\n"
SAVE = "import joblib, steps.ranking; joblib.dump(steps.ranking.Ranker().fit([[1], [2]], [2, 4]), 'm.joblib')"


@pytest.mark.slow
def test_the_imports_inside_a_folder_of_a_finished_model_are_compared(site: Shell) -> None:
    site.write("steps/__init__.py", "")
    site.write("steps/ranking.py", RANKER.format("sortedcontainers"))
    subprocess.run([sys.executable, "-c", SAVE], cwd=site.folder, check=True)
    site.write("lading.yaml", "version: 1\nname: svc\nregister: {file: m.joblib}\npackage: {include: [steps]}\n")
    assert "sortedcontainers" in str(site("package", "--json").json()["requirements"])
    site.write("steps/ranking.py", RANKER.format("absent"))
    assert "4:11: package.include: ranking.py:1 imports absent, which package.environment" in site("check", code=2).err


def test_without_an_environment_the_libraries_of_the_estimator_are_there(tmp_path: Path) -> None:
    package = "scoring_script: score.py"
    assert found(tmp_path, package, score_py="import sklearn, numpy, yaml\n", estimator="yaml.Loader") == []
    assert found(tmp_path, package, score_py="import numpy\nimport yaml\n") == [
        "5:19: package.scoring_script: score.py:2 imports yaml, which package.environment does not have; add `pyyaml`"
    ]


@pytest.mark.parametrize("imported", ["tinyboost", "tiny_boost", "numpy.linalg", "cv2"])
def test_the_modules_of_an_editable_install_are_not_known(library: Shell, imported: str) -> None:
    (library.folder / "lib" / "tiny_boost-1.2.dist-info" / "RECORD").write_text("__editable__.tiny_boost-1.2.pth,,\n")
    library.write("score.py", f"import {imported}\n{FUNCTIONS}")
    package = "scoring_script: score.py\n  environment: {pip: [tiny-boost]}"
    library.write("lading.yaml", MANIFEST.format(estimator=LINEAR, package=package))
    library("check")
    library.write("lading.yaml", MANIFEST.format(estimator=LINEAR, package=package.replace("tiny-boost", "numpy")))
    library("check", code=0 if imported == "numpy.linalg" else 2)


def test_a_script_that_is_not_python(tmp_path: Path) -> None:
    assert found(tmp_path, "scoring_script: score.py", score_py="import json\ndef init(:\n") == [
        "5:19: package.scoring_script: score.py:2 cannot be read as Python: invalid syntax; "
        "write def init(): ... and def run(raw_data): ..."
    ]


def test_modules_that_import_each_other_are_read_once(tmp_path: Path) -> None:
    script, helper = tmp_path / "score.py", tmp_path / "helper.py"
    script.write_text("import helper\nfrom . import sibling\n")
    helper.write_text("import score\nimport attrs\n")
    assert [str(found) for found in imports_of([script], [helper])] == ["helper.py:2 imports attrs"]


@pytest.fixture
def site(shell: Shell) -> Shell:
    shell.write("d.csv", "x,y\n1,2\n2,4\n3,6\n")
    shell.write("lading.yaml", MANIFEST.format(estimator=LINEAR, package="environment: {pip: [numpy, sklearn]}"))
    return shell


@pytest.mark.parametrize("command", ["check", "plan", "train", "deploy"])
def test_every_command_reports_an_entry_before_it_trains(site: Shell, command: str) -> None:
    done = site(command, code=2)
    assert "lading.yaml:5:30: package.environment.pip.1: sklearn cannot be installed under this name" in done.err
    assert "train: started" not in done.err


ESTIMATOR = "from sklearn.linear_model import LinearRegression\n\n\nclass Tiny(LinearRegression): pass\n"
TRAIN = """\
import tinyboost
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def train(data, log):
    return make_pipeline(StandardScaler(), tinyboost.Tiny()).fit([[1], [2], [3]], [2, 4, 6])
"""


@pytest.fixture
def library(site: Shell) -> Shell:
    """A project in which the distribution `tiny-boost` provides the module `tinyboost`."""
    info = site.folder / "lib" / "tiny_boost-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-boost\nVersion: 1.2\nRequires-Dist: numpy\n")
    (info / "RECORD").write_text("tinyboost.py,,\ntiny_boost-1.2.dist-info/METADATA,,\n")
    site.write("lib/tinyboost.py", ESTIMATOR)
    site.env["PYTHONPATH"] = str(site.folder / "lib")
    return site


@pytest.mark.slow
@pytest.mark.parametrize(
    ("train", "package"),
    [
        ("{data: d.csv, features: [x], label: y, estimator: tinyboost.Tiny, env: [PYTHONPATH]}", "{}"),
        ("{data: d.csv, script: train.py, env: [PYTHONPATH]}", "{}"),
        (
            "{data: d.csv, script: train.py, env: [PYTHONPATH]}",
            "{scoring_script: score.py, environment: {pip: [pyyaml]}}",
        ),
    ],
)
def test_the_libraries_of_a_trained_model_are_pinned(library: Shell, train: str, package: str) -> None:
    library.write("train.py", TRAIN)
    library.write("score.py", "import yaml\n\n\ndef init(): pass\n\n\ndef run(raw_data): return [6]\n")
    library.write("lading.yaml", f"version: 1\nname: svc\ntrain: {train}\npackage: {package}\n")
    lines = Path(library("package").out.strip(), "requirements.txt").read_text().splitlines()
    assert "tiny-boost==1.2" in lines
    assert {"numpy", "scikit-learn"} <= {line.partition("==")[0] for line in lines}


@pytest.mark.slow
def test_the_libraries_of_a_finished_model_are_pinned(library: Shell) -> None:
    code = "import joblib, tinyboost; joblib.dump(tinyboost.Tiny().fit([[1], [2]], [2, 4]), 'line.pkl')"
    subprocess.run([sys.executable, "-c", code], cwd=library.folder, env=library.env, check=True)
    register = "register: {file: line.pkl, trust: [tinyboost.Tiny]}"
    library.write("score.py", "import tinyboost, numpy\n\n\ndef init(): pass\n\n\ndef run(raw_data): return [6]\n")
    library.write("lading.yaml", f"version: 1\nname: svc\n{register}\npackage: {{scoring_script: score.py}}\n")
    library("check")
    library("plan")
    lines = Path(library("package").out.strip(), "requirements.txt").read_text().splitlines()
    assert "tiny-boost==1.2" in lines


@pytest.mark.slow
def test_a_plan_judges_a_package_of_a_registered_model(site: Shell) -> None:
    site.write("lading.yaml", MANIFEST.format(estimator=LINEAR, package="environment: {pip: [numpy]}"))
    site("register")
    site.write("lading.yaml", MANIFEST.format(estimator=LINEAR, package="environment: {pip: [numpy, ./a]}"))
    assert "lading.yaml:5:30: package.environment.pip.1: './a' is a path" in site("plan", code=2).err
    assert "lading.yaml:5:30: package.environment.pip.1: './a' is a path" in site("package", code=2).err


def test_pins_that_do_not_fit_the_model_are_reported_before_it_is_registered(tmp_path: Path) -> None:
    """The metadata of scikit-learn 1.2 allows NumPy 2, for which it was not built."""
    installed = {
        "scikit-learn": Distribution(version="1.9.1", requires=("numpy",)),
        "numpy": Distribution(version="2.4"),
    }
    made = ExpectedModel(
        name="old",
        python=PYTHON,
        find_distributions=lambda: installed,
        framework="scikit-learn",
        framework_version="1.2.2",
        requires=("numpy<2", "pandas"),
    )

    def judged(*pip: str, allow_version_skew: bool = False) -> list[str]:
        options = BundleOptions(environment=Environment(pip=pip), allow_version_skew=allow_version_skew)
        return [problem.message for problem in options.package_problems(made)]

    message = "old was made with scikit-learn 1.2.2, which needs numpy<2, and its package would pin numpy 2.4"
    assert judged("scikit-learn==1.2.2") == [message]
    assert judged("scikit-learn==1.2.2", "numpy==1.26.4") == []
    assert judged("scikit-learn==1.9.1", allow_version_skew=True) == []
