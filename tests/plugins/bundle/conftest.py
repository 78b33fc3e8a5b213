"""Models that were really trained and registered, a way to package them, and a way to load the packages."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.hook_kit import MemoryContext

import lading
from lading import Distribution, ModelVersion, PackageRequest, PackedFiles, RegisterRequest, TrainRequest
from lading.engine.stages import distributions
from lading.engine.stages.expected import imports_of
from lading.store import Store
from lading_bundle import lading_package
from lading_bundle.options import BundleOptions
from lading_sklearn import lading_train
from lading_sklearn.options import SklearnOptions

SALARY = Path(__file__).parents[3] / "data" / "sal.csv"


@dataclass(frozen=True)
class Packed:
    folder: Path
    files: PackedFiles
    model: ModelVersion
    warnings: list[str]

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def lay_out(self, folder: Path) -> Path:
        """Write `azureml-app/` and the model in their deployed layout. Returns the model's folder."""
        package = lading.Package(
            digest="0" * 64,
            folder=self.folder,
            scoring_script=self.files.scoring_script,
            model=self.model,
            python=self.files.python,
            requirements=(),
        )
        return lading.lay_out(package, folder)


@pytest.fixture(scope="session")
def installed() -> Mapping[str, Distribution]:
    return distributions.installed()


@pytest.fixture(scope="session")
def train(
    tmp_path_factory: pytest.TempPathFactory, installed: Mapping[str, Distribution]
) -> Callable[..., ModelVersion]:
    """Train with the given options, and register the model in a store."""
    store = Store.open(tmp_path_factory.mktemp("store") / ".lading")

    def run(name: str, **options: Any) -> ModelVersion:
        folder = tmp_path_factory.mktemp("train")
        request = TrainRequest(name=name, options=SklearnOptions(**options), folder=folder)
        model = lading_train(request=request, context=MemoryContext(folder))
        return store.models.register(
            RegisterRequest(
                name=name,
                sha256=hashlib.sha256(model.file.read_bytes()).hexdigest(),
                file=model.file,
                file_name=model.file.name,
                framework=model.framework,
                framework_version=model.framework_version,
                python=f"{sys.version_info.major}.{sys.version_info.minor}",
                columns=model.columns,
                label=model.label,
                distributions=installed,
                modules=model.modules,
            )
        )

    return run


@pytest.fixture(scope="session")
def salary(train: Callable[..., ModelVersion]) -> ModelVersion:
    estimator = "sklearn.linear_model.LinearRegression"
    return train(
        "sal_model", data=SALARY, features=("x",), label="y", estimator=estimator, test_size=0.25, random_state=10
    )


SCRIPT = "def init(): ...\ndef run(raw_data): ...\n"
"""A scoring script that is only read."""


@pytest.fixture
def pack(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Packed]:
    def run(model: ModelVersion, **options: Any) -> Packed:
        folder = tmp_path_factory.mktemp("package")
        context = MemoryContext(folder)
        imports = imports_of(model.file).imports if model.file.exists() else ()
        request = PackageRequest(model=model, options=BundleOptions(**options), folder=folder, imports=imports)
        return Packed(folder, lading_package(request=request, context=context), model, context.warnings)

    return run


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Packed], ModuleType]:
    """Load the scoring script of a package like Azure ML's server, and call its `init()`."""
    from azureml_inference_server_http.api import aml_response

    monkeypatch.setitem(sys.modules, "azureml.contrib.services.aml_response", aml_response)

    def run(packed: Packed) -> ModuleType:
        folder = tmp_path_factory.mktemp("laid-out") / "release"
        monkeypatch.setenv("AZUREML_MODEL_DIR", str(packed.lay_out(folder)))
        script = folder / "azureml-app" / packed.files.scoring_script
        monkeypatch.syspath_prepend(script.parent)
        spec = importlib.util.spec_from_file_location("entry_module", script)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.init()
        return module

    return run
