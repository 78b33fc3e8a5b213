"""`Model.get_model_path` of the server, without azureml-core."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lading_serving import aml_model
from lading_serving.aml_model import Model, ModelNotFoundException
from lading_serving.script import Script


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of several models that are deployed together."""
    for place in ("price/1/price.txt", "price/9/price.txt", "price/10/price.txt", "churn/4/forest/answer.txt"):
        file = tmp_path / "azureml-models" / place
        file.parent.mkdir(parents=True)
        file.write_text(place)
    monkeypatch.setenv("AML_APP_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "azureml-models"


def test_a_model_is_found_by_its_name_and_its_version(deployed: Path) -> None:
    assert Model.get_model_path("price") == str(deployed / "price" / "10" / "price.txt")
    assert Model.get_model_path("price", version=1) == str(deployed / "price" / "1" / "price.txt")
    assert Model.get_model_path("churn") == str(deployed / "churn" / "4" / "forest")
    (deployed.parent / "beside.txt").touch()
    assert Model.get_model_path("beside.txt") == "beside.txt"


@pytest.mark.parametrize(("name", "version"), [("rate", None), ("price", 2), ("beside.txt", 1), ("../", 1)])
def test_a_missing_model_is_reported_with_those_that_are_there(deployed: Path, name: str, version: int | None) -> None:
    with pytest.raises(ModelNotFoundException) as raised:
        Model.get_model_path(name, version)
    assert f"no model {name}" in str(raised.value)
    assert "churn version 4, price version 1, price version 9, price version 10" in str(raised.value)


def test_a_version_is_an_integer(deployed: Path) -> None:
    with pytest.raises(TypeError, match="version must be an integer, not '1'"):
        Model.get_model_path("price", "1")  # type: ignore[arg-type]


IMPORTS = {
    "from-model": "from azureml.core.model import Model",
    "from-core": "from azureml.core import Model",
    "core": "import azureml.core\nModel = azureml.core.Model",
    "model": "import azureml.core.model\nModel = azureml.core.model.Model",
}


@pytest.mark.parametrize("name", IMPORTS)
def test_a_script_imports_the_class_in_any_form(
    deployed: Path, name: str, without_azure: Callable[[str], Script]
) -> None:
    script = without_azure(f"{IMPORTS[name]}\ndef init(): pass\ndef run(data): return Model.get_model_path(data)\n")
    assert script.run("price").endswith("price/10/price.txt")
    for text in ("from azureml.core import Workspace\n", "import azureml.core.Workspace\n"):
        with pytest.raises(ModuleNotFoundError, match=r"azureml.core.Workspace needs azureml-core: add it"):
            without_azure(text)


def test_a_library_may_ask_all_modules_for_any_attribute(without_azure: Callable[[str], Script]) -> None:
    text = "import sys\nFOUND = [name for name in [*sys.modules] if hasattr(sys.modules[name], 'no_such_name')]\n"
    script = without_azure(f"{text}def init(): pass\ndef run(data): return FOUND\n")
    assert script.run("any") == []


@pytest.fixture
def without_azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Script]:
    """Loads a script as if no distribution of Azure were installed."""
    find = importlib.util.find_spec
    names = ("azureml", "azureml.core", "azureml.core.model")
    for module in {*names, *(module for module in sys.modules if module.partition(".")[0] == "azureml")}:
        monkeypatch.setitem(sys.modules, module, aml_model)  # so that it is restored after the test
        del sys.modules[module]
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name.partition(".")[0] == "azureml" else find(name)
    )

    def load(text: str) -> Script:
        file = tmp_path / "score.py"
        file.write_text(text)
        return Script(file, 60)

    return load
