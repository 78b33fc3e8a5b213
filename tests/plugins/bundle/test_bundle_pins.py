"""The pins of a package, for a small and known set of installed distributions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from tests.hook_kit import a_version
from tests.plugins.bundle.conftest import SCRIPT, Packed

import lading
from lading import Distribution, ModelVersion
from lading_bundle.environment import Environment

Pack = Callable[..., Packed]

INSTALLED = {
    "scikit-learn": Distribution(
        version="1.9.1", requires=("numpy>=1.24", "joblib", "old; python_version < '3'", "matplotlib; extra == 'plots'")
    ),
    "numpy": Distribution(version="2.4.6"),
    "joblib": Distribution(version="1.6.0"),
    "matplotlib": Distribution(version="3.10.0", requires=("numpy",)),
    "torch": Distribution(version="2.5.0+cpu", requires=("Typing_Extensions[more]>=4",)),
    "typing-extensions": Distribution(version="4.16.0", requires=("scikit-learn", "joblib; extra == 'more'")),
    "msgpack": Distribution(version="1.1.0", requires=("not a requirement",)),
    "broken": Distribution(version="2004d"),
}


@pytest.fixture
def model(tmp_path: Path) -> ModelVersion:
    return a_version(tmp_path / "model.joblib", framework_version="1.9.1", distributions=INSTALLED)


@pytest.fixture
def pins(pack: Pack, model: ModelVersion, tmp_path: Path) -> Callable[..., str]:
    script = tmp_path / "score.py"
    script.write_text(SCRIPT)

    def run(
        *, pip: tuple[str, ...] = (), conda: tuple[str, ...] = (), model: ModelVersion = model, **options: Any
    ) -> str:
        packed = pack(model, scoring_script=script, environment=Environment(conda, pip), **options)
        return " ".join(packed.files.requirements)

    return run


SKLEARN = "joblib==1.6.0 numpy==2.4.6 scikit-learn==1.9.1"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ""),
        ({"conda": ("scikit-learn",)}, SKLEARN),
        ({"pip": ("Scikit_Learn >= 1.5",)}, SKLEARN),
        ({"conda": ("conda-forge::scikit-learn=1.9", "python=3.11", "pip"), "pip": ("numpy",)}, SKLEARN),
        ({"conda": ("python=3.11.4",)}, ""),
        ({"conda": ("python>=3.9,<3.13",)}, ""),
        ({"pip": ("scikit-learn[plots]",)}, f"joblib==1.6.0 matplotlib==3.10.0 {SKLEARN[14:]}"),
        ({"conda": ("msgpack-python",)}, "msgpack==1.1.0"),
        ({"conda": ("pytorch",)}, f"{SKLEARN} torch==2.5.0 typing-extensions==4.16.0"),
        ({"pip": ("numpy==1.26.4",)}, "numpy==1.26.4"),
        ({"pip": ("other==1.0", "numpy")}, "numpy==2.4.6 other==1.0"),
        ({"conda": ("other=1.0=build_0",)}, "other==1.0"),
        ({"pip": ("other==1.0; python_version < '3'",)}, ""),
    ],
)
def test_the_closure(pins: Callable[..., str], environment: Mapping[str, Any], expected: str) -> None:
    assert pins(**environment) == expected


@pytest.mark.parametrize(
    ("environment", "message", "hint"),
    [
        ({"pip": ("other",)}, "other was not installed when the model was registered", "other==VERSION"),
        ({"pip": ("other>=1",)}, "other>=1 was not installed", "other==VERSION"),
        ({"pip": ("numpy<2",)}, "numpy<2 excludes 2.4.6", "numpy==VERSION"),
        ({"pip": ("numpy==1.0", "numpy==2.0")}, "excludes 2.4.6", "numpy==VERSION"),
        ({"pip": ("broken",)}, "broken has the version '2004d'", "install a release"),
        ({"conda": ("numpy 1|2",)}, "'numpy 1|2' is not a requirement", "NAME==VERSION"),
        ({"pip": ("numpy @ https://example.org/numpy.whl",)}, "does not have the name of a wheel", None),
        ({"pip": ("https://example.org/numpy-1-py3-none-any.whl\n-r other.txt",)}, "is not a requirement", None),
        ({"pip": ("git+https://example.org/a@v1\n-r other.txt#egg=a",)}, "is not a requirement", None),
        ({"pip": ("-r other.txt",)}, "is not a requirement", None),
        ({"pip": ("--index-url=https://example.org",)}, "is not a requirement", None),
        ({"pip": ("numpy==2.4.6\n-r other.txt",)}, "is not a requirement", None),
        ({"conda": ("numpy\n- evil",)}, "is not a requirement", None),
        ({"conda": ("numpy=1.26\n",)}, "is not a requirement", None),
        ({"pip": ("./folder",)}, "is a path", "build a wheel"),
        ({"pip": ("",)}, "is not a requirement", None),
        ({"conda": ("python=3.12",)}, "python==3.12.* excludes Python 3.11", "python=3.11"),
    ],
)
def test_entries_that_cannot_be_pinned(
    pins: Callable[..., str], environment: Mapping[str, Any], message: str, hint: str | None
) -> None:
    with pytest.raises(lading.BadInput) as caught:
        pins(**environment)
    assert message in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


@pytest.mark.parametrize("environment", [{"pip": ("scikit-learn==1.5.0",)}, {"pip": ("scikit-learn<1.9",)}])
def test_another_scikit_learn_is_refused(pins: Callable[..., str], environment: Mapping[str, Any]) -> None:
    with pytest.raises(lading.Refused, match=r"1\.5\.0|1\.9\.1"):
        pins(**environment)


def test_skew_can_be_allowed(pins: Callable[..., str]) -> None:
    allowed = pins(pip=("scikit-learn==1.5.0",), allow_version_skew=True)
    assert "scikit-learn==1.5.0" in allowed.split()


def test_a_finished_model_of_another_scikit_learn(pins: Callable[..., str], model: ModelVersion) -> None:
    older = replace(model, framework_version="1.5.0")
    with pytest.raises(lading.Refused, match=r"made with scikit-learn 1\.5\.0.* pin 1\.9\.1") as caught:
        pins(conda=("scikit-learn",), model=older)
    assert "allow_version_skew: true" in (caught.value.hint or "")
    assert "scikit-learn==1.5.0" in pins(pip=("scikit-learn==1.5.0",), model=older).split()
    assert "scikit-learn==1.9.1" in pins(pip=("scikit-learn",), model=replace(model, framework_version="")).split()


PIECES = (
    "numpy",
    "scikit-learn",
    "==",
    "=",
    ">=",
    "1.0",
    " ",
    ";",
    "@",
    "[",
    "]",
    "::",
    "#",
    "*",
    "\\",
    "\n",
    "\r",
    "\x85",
)
OPTIONS = ("-r", "--hash", "file:///")
ENTRIES = st.text(max_size=30) | st.lists(st.sampled_from(PIECES + OPTIONS), max_size=7).map("".join)
PIN = re.compile(r"[a-z0-9][a-z0-9-]*==[0-9][A-Za-z0-9.!]*")


@given(entry=ENTRIES, place=st.sampled_from(["pip", "conda"]))
def test_any_entry_is_a_pin_or_refused(pack: Pack, model: ModelVersion, tmp_path: Path, entry: str, place: str) -> None:
    script = tmp_path / "score.py"
    script.write_text(SCRIPT)
    asked = Environment(pip=(entry,)) if place == "pip" else Environment(conda=(entry,))
    try:
        packed = pack(model, scoring_script=script, environment=asked)
    except (lading.BadInput, lading.Refused):
        return
    lines = packed.read("requirements.txt").split("\n")
    assert lines.pop() == ""
    for line in lines:
        assert PIN.fullmatch(line), line
        assert str(Requirement(line)) == line
