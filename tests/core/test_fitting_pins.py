"""The pins that `init --model` writes for a model of another version of its framework."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import pytest
from tests.conftest import Shell

WHEELS = {
    ("scikit_learn", "1.2.2"): ("numpy>=1.17.3", "joblib"),
    ("numpy", "1.26.4"): (),
    ("numpy", "2.4.6"): (),
    ("joblib", "1.3.0"): (),
}


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A folder of wheels that have only metadata."""
    folder = tmp_path / "index"
    folder.mkdir()
    for (name, version), needs in WHEELS.items():
        head = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        requires = "".join(f"Requires-Dist: {line}\n" for line in needs)
        files = {"METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}", "WHEEL": head}
        with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
            for file, text in {**files, "RECORD": ""}.items():
                wheel.writestr(f"{name}-{version}.dist-info/{file}", text)
    return folder


@pytest.fixture
def old(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    from sklearn.linear_model import LinearRegression

    monkeypatch.setattr("sklearn.base.__version__", "1.2.2")  # an estimator writes it into its state
    (shell.folder / "old.pkl").write_bytes(pickle.dumps(LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])))
    return shell


def offline(shell: Shell) -> dict[str, str]:
    return {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(shell.folder.parent / "cache")}


def test_init_pins_versions_that_fit_the_model(old: Shell, index: Path) -> None:
    """The metadata of scikit-learn 1.2.2 allows NumPy 2, for which it was not built."""
    old.env |= {**offline(old), "UV_FIND_LINKS": str(index)}
    done = old("init", "--model", "old.pkl")
    assert "warning" not in done.err
    text = (old.folder / "lading.yaml").read_text()
    pins = "joblib==1.3.0", "numpy==1.26.4", "scikit-learn==1.2.2"
    assert "  environment:\n    pip:\n" + "".join(f"      - {pin}\n" for pin in pins) in text
    assert "python: isolated" in text
    old("check")


@pytest.mark.slow
def test_init_warns_if_the_versions_are_not_known(old: Shell) -> None:
    old.env |= offline(old)
    message = "no package index answered, so the versions that fit scikit-learn==1.2.2 are not known"
    assert f"warning: {message}" in old("init", "--model", "old.pkl").err
    assert "      - scikit-learn==1.2.2\n  #" in (old.folder / "lading.yaml").read_text()
    checked = old("check", code=2).err
    assert "package.environment: old was made with scikit-learn 1.2.2, which needs numpy<2" in checked
    assert "`lading init --model FILE` in an empty folder writes them" in checked
