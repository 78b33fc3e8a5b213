"""Environments in files: conda files, requirements files and lock files, as people have them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sklearn
import yaml
from tests.plugins.bundle.conftest import SCRIPT, Packed
from tests.plugins.bundle.test_bundle_judging import found

import lading
from lading import ModelVersion
from lading_bundle.environment import Environment
from lading_bundle.named import named_files
from lading_bundle.sources import read_source

Pack = Callable[..., Packed]
UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"

CONDA = """\
name: model-env
channels:
  - anaconda
  - conda-forge
dependencies:
  - python=3.11
  - numpy=2.*  # arrays
  - libgcc-ng=11.2.0=h1234567_1
  - _openmp_mutex=5.1=1_gnu
  - ca-certificates
  - pip
  - pip:
      - azureml-defaults>=1.0.45
      - scikit-learn
"""


@pytest.fixture
def packed(pack: Pack, salary: ModelVersion, tmp_path: Path) -> Callable[..., Packed]:
    """Package a model with a script of its own and an environment in a file, given as its text."""

    def run(key: str, name: str, text: str, script: str = "") -> Packed:
        (tmp_path / "score.py").write_text(script + SCRIPT)
        (tmp_path / name).write_text(text)
        files: dict[str, Any] = {key: tmp_path / name}
        environment = Environment(**files)
        return pack(salary, scoring_script=tmp_path / "score.py", environment=environment)

    return run


def names(packed: Packed) -> set[str]:
    return {line.partition("==")[0] for line in packed.files.requirements}


def test_a_conda_file_keeps_its_channels_and_its_pip_part(packed: Callable[..., Packed]) -> None:
    done = packed("conda_file", "conda.yml", CONDA, "import numpy, sklearn, joblib\n")
    assert {"numpy", "scikit-learn"} <= names(done)
    assert "azureml-defaults" not in names(done)
    written = yaml.safe_load(done.read("conda.yml"))
    assert written["channels"] == ["anaconda", "conda-forge"]
    assert written["dependencies"][-1]["pip"] == list(done.files.requirements)
    assert done.warnings == [
        "pip installs numpy, and not conda from anaconda: the channel is only in conda.yml",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (CONDA, "dependencies:\n - openmpi\n", "conda.yml:2: openmpi is not a Python distribution"),
        (
            CONDA,
            "dependencies:\n - numpy\x01\n",
            "conda.yml:2: the character '\\x01' cannot be in a conda file; remove",
        ),
        (CONDA, f"dependencies: {'[' * 3000}{']' * 3000}", "conda.yml is nested too deeply"),
        (CONDA, "dependencies: [numpy]\ndependencies: []\n", "conda.yml:2: the key dependencies is there twice; merge"),
        (CONDA, "dependencies: [pip: [-r no.txt]]\n", "conda.yml:1: no.txt does not exist; correct the line"),
        ("python=3.11", "python=3.8", "conda.yml:6: python==3.8.* excludes Python"),
        ("      - scikit-learn", "      - sklearn", "conda.yml:14: sklearn cannot be installed under this name"),
        (
            "      - scikit-learn",
            "      - git+https://git.example/a",
            "conda.yml:14: 'git+https://git.example/a' has no name",
        ),
        ("  - pip:", "  - npm:", "conda.yml:12: the key npm of a conda file is not used; remove the key"),
        ("name: model-env", "variables: {A: b}", "conda.yml:1: the key variables of a conda file is not used; write"),
        ("channels:", "channels: [", "conda.yml:3: expected the node"),
        (CONDA, "- numpy\n", "conda.yml:1: a conda file is a mapping with `dependencies`"),
        (CONDA, "dependencies: numpy\n", "conda.yml:1: dependencies must be a list"),
        (CONDA, "dependencies: [[numpy]]\n", "conda.yml:1: an item must be text, or `pip:` with a list"),
        (CONDA, "channels: {a: b}\n", "conda.yml:1: channels must be a list"),
    ],
)
def test_an_error_in_a_conda_file_names_the_file_and_the_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "conda.yml").write_text(CONDA.replace(old, new))
    (problem,) = found(tmp_path, "environment: {conda_file: conda.yml}")
    assert problem.startswith(f"5:29: package.environment.conda_file: {message}")


EXPORT = """\
channels:
dependencies:
  - _libgcc_mutex=0.1
  - libgomp=9.3.0
  - blas=1.0
  - jpeg=9e
  - numpy=2.4.6
  - pip:
      - -r "my base.txt"
"""


def test_an_export_without_builds_and_a_requirements_file_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "conda.yml"
    file.write_text(EXPORT)
    (tmp_path / "my base.txt").write_text("pandas\n")
    source = read_source(Environment(conda_file=file), "3.11")
    assert source.problems == []
    assert source.left_out == ["_libgcc_mutex", "libgomp", "blas", "jpeg"]
    assert [written.text for written in source.written] == ["numpy=2.4.6", "pandas"]
    assert list(named_files(file)) == [tmp_path / "my base.txt"]


REQUIREMENTS = """\
# what scoring needs
numpy  # arrays
scikit-learn \\
    >=1.0 \\
    --hash=sha256:0123456789abcdef
-r more.txt

pandas; python_version < "3"
"""


def test_a_requirements_file_with_another_one(packed: Callable[..., Packed], tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("pyyaml\n")
    done = packed("requirements", "requirements.txt", REQUIREMENTS, "import yaml, sklearn\n")
    assert {"numpy", "scikit-learn", "pyyaml"} <= names(done)
    assert "pandas" not in names(done)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("\n./tool\n", "more.txt:2: './tool' is a path"),
        ("--extra-index-url https://i.example\n", "more.txt:1: '--extra-index-url https://i.example' is not a requi"),
        ("pyyaml<1\n", "more.txt:1: pyyaml<1 excludes "),
        ("-r requirements.txt\n", "more.txt:1: requirements.txt names itself"),
        ("-r https://a.example/b.txt\n", "more.txt:1: -r has an address, which is not read; copy the file"),
        ("-r none.txt\n", "more.txt:1: none.txt does not exist"),
    ],
)
def test_an_error_in_a_requirements_file_names_the_file_and_the_line(tmp_path: Path, more: str, message: str) -> None:
    (tmp_path / "requirements.txt").write_text(REQUIREMENTS)
    (tmp_path / "more.txt").write_text(more)
    (problem,) = found(tmp_path, "environment: {requirements: requirements.txt}")
    assert problem.startswith(f"5:31: package.environment.requirements: {message}")


UV_LOCK = """\
version = 1
requires-python = ">=3.11"

[[package]]
name = "service"
version = "0.1.0"
source = {{ virtual = "." }}
dependencies = [
    {{ name = "scikit-learn" }},
    {{ name = "colorama", marker = "sys_platform == 'win32'" }},
]

[package.dev-dependencies]
dev = [{{ name = "pytest" }}]

[[package]]
name = "scikit-learn"
version = "{sklearn}"
source = {{ registry = "https://pypi.org/simple" }}
dependencies = [{{ name = "numpy" }}, {{ name = "joblib" }}]

[[package]]
name = "joblib"
version = "1.4.2"
source = {{ registry = "https://pypi.org/simple" }}

[[package]]
name = "numpy"
version = "1.26.4"
source = {{ {numpy} }}

[[package]]
name = "colorama"
version = "0.4.6"
source = {{ registry = "https://pypi.org/simple" }}

[[package]]
name = "pytest"
version = "8.0.0"
source = {{ registry = "https://pypi.org/simple" }}
"""
PYPI = 'registry = "https://pypi.org/simple"'


def test_a_lock_of_uv_gives_exactly_its_versions(packed: Callable[..., Packed], salary: ModelVersion) -> None:
    version = salary.framework_version
    done = packed("lock", "uv.lock", UV_LOCK.format(sklearn=version, numpy=PYPI), "import numpy, sklearn\n")
    assert done.files.requirements == ("joblib==1.4.2", "numpy==1.26.4", f"scikit-learn=={version}")


def test_a_lock_with_another_scikit_learn_is_refused(packed: Callable[..., Packed]) -> None:
    with pytest.raises(lading.Refused, match=r"would pin 1\.5\.0"):
        packed("lock", "uv.lock", UV_LOCK.format(sklearn="1.5.0", numpy=PYPI))


def test_a_lock_that_uv_itself_writes(packed: Callable[..., Packed], tmp_path: Path) -> None:
    folder = tmp_path / "uv"
    for name in (folder, folder / "tool"):
        name.mkdir()
        text = f'[project]\nname = "{name.name}"\nversion = "1.0"\nrequires-python = ">=3.11"\n'
        (name / "pyproject.toml").write_text(text)
    subprocess.run([UV, "lock", "--offline", "--quiet"], cwd=folder, check=True)
    with pytest.raises(lading.BadInput, match="the lock has no joblib, numpy, scikit-learn, which the model needs"):
        packed("lock", "uv.lock", (folder / "uv.lock").read_text())


PYLOCK = """\
lock-version = "1.0"
created-by = "pip"

[[packages]]
name = "numpy"
version = "2.0.0"

[[packages]]
name = "tomli"
version = "2.0.1"
marker = "python_version < '3.11'"
"""


def test_a_pylock_gives_exactly_its_versions(packed: Callable[..., Packed]) -> None:
    version = sklearn.__version__
    more = "".join(f'[[packages]]\nname = "{name}"\nversion = "{version}"\n' for name in ("scikit-learn", "joblib"))
    done = packed("lock", "pylock.toml", f"{PYLOCK}\n{more}", "import numpy\n")
    assert done.files.requirements == (f"joblib=={version}", "numpy==2.0.0", f"scikit-learn=={version}")


def test_a_lock_without_a_library_of_the_model_is_reported(packed: Callable[..., Packed]) -> None:
    with pytest.raises(lading.BadInput, match=r"the lock has no joblib, scikit-learn, which the model needs"):
        packed("lock", "pylock.toml", PYLOCK)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "uv.lock",
            UV_LOCK.format(sklearn="1.9.1", numpy='directory = "../numpy"'),
            "uv.lock:28: numpy comes from a folder, and a package can only have a wheel of it; build a wheel",
        ),
        (
            "uv.lock",
            UV_LOCK.format(sklearn="1.9.1", numpy='path = "numpy-1.26.4-py3-none-any.whl"'),
            "uv.lock:28: 'numpy @ numpy-1.26.4-py3-none-any.whl' does not exist; correct the path",
        ),
        (
            "uv.lock",
            UV_LOCK.format(sklearn="1.9.1", numpy='git = "https://git.example/numpy"'),
            "uv.lock is not a lock",
        ),
        (
            "pylock.toml",
            PYLOCK.replace('version = "2.0.0"', 'directory = { path = "a" }'),
            "pylock.toml:5: numpy comes",
        ),
        ("pylock.toml", PYLOCK.replace('version = "2.0.0"', ""), "pylock.toml:5: numpy comes from a folder"),
        ("pylock.toml", PYLOCK.replace('version = "2.0.0"', 'vcs = { type = "git" }'), "pylock.toml is not a lock"),
        (
            "pylock.toml",
            PYLOCK.replace('version = "2.0.0"', 'vcs = { type = "hg", url = "https://a.example/t", commit-id = "1" }'),
            "pylock.toml:5: 'numpy @ hg+https://a.example/t@1' is an address with hg+https, which",
        ),
        ("pylock.toml", PYLOCK.replace("<", "?"), "pylock.toml:9: tomli has the marker"),
        (
            "uv.lock",
            UV_LOCK.format(sklearn="1.9.1", numpy=PYPI).replace(">=3.11", ">=4.0"),
            "uv.lock:2: the lock requires Python >=4.0, and the model is made with",
        ),
        (
            "pylock.toml",
            PYLOCK.replace('lock-version = "1.0"', 'lock-version = "1.0"\nrequires-python = "<3.5"'),
            "pylock.toml:2: the lock requires Python <3.5, and the model is made with",
        ),
        (
            "pylock.toml",
            PYLOCK.replace('version = "2.0.0"', 'version = "2.0.0"\nrequires-python = ">=4.0"'),
            "pylock.toml:5: numpy requires Python >=4.0, and the model is made with",
        ),
        ("uv.lock", "version = [", "uv.lock cannot be read: "),
        ("poetry.lock", "a = 1", "poetry.lock is neither a uv.lock with packages nor a pylock.toml; `uv lock` writes"),
        ("uv.lock", "package = 1", "uv.lock is not a lock file of uv"),
        ("pylock.toml", PYLOCK.replace('name = "numpy"', ""), "pylock.toml is not a lock file of pip"),
    ],
)
def test_an_error_in_a_lock_names_the_file_and_the_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    (problem,) = found(tmp_path, f"environment: {{lock: {name}}}")
    assert problem.startswith(f"5:23: package.environment.lock: {message}")
