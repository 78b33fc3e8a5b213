"""Imports from namespace packages, which several distributions share."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugins.bundle.test_bundle_judging import found

from lading import Distribution, ExpectedModel
from lading_bundle.imports import Imported
from lading_bundle.origin import Origin

LACKING = [
    ("from azure.storage.blob import BlobServiceClient", "azure-identity", "azure.storage.blob", "azure-storage-blob"),
    ("import azure.storage.blob.aio", "azure-identity", "azure.storage.blob.aio", "azure-storage-blob"),
    ("from azure.storage import blob", "azure-identity", "azure.storage.blob", "azure-storage-blob"),
    ("from azure import identity", "azure-core", "azure.identity", "azure-identity"),
    ("from azure.keyvault.secrets import SecretClient", "azure-identity", "azure.keyvault.secrets",
     "azure-keyvault-secrets"),
    ("from google.cloud import storage", "protobuf", "google.cloud.storage", "google-cloud-storage"),
    ("from google.cloud import bigquery", "numpy", "google.cloud.bigquery", "google-cloud-bigquery"),
    ("import google.auth", "protobuf", "google.auth", "google-auth"),
    ("from google.protobuf import message", "numpy", "google.protobuf", "protobuf"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "pinned", "module", "add"), LACKING)
def test_a_distribution_of_the_same_namespace_is_not_enough(
    tmp_path: Path, line: str, pinned: str, module: str, add: str
) -> None:
    package = f"scoring_script: score.py\n  environment: {{pip: [numpy, {pinned}]}}"
    (problem,) = found(tmp_path, package, score_py=line)
    assert problem == (
        f"6:3: package.environment: score.py:1 imports {module}, which package.environment does not have; add `{add}`"
    )


THERE = [
    ("from azure.storage.blob import BlobServiceClient", "azure-storage-blob"),
    ("from azure import identity, core", "azure-identity"),  # it needs azure-core
    ("import azure", "azure-core"),
    ("from google.protobuf import message", "protobuf"),
    ("from google.protobuf.message import Message", "protobuf"),
    ("from google.cloud import storage", "google-cloud-storage==2.0.0"),
    ("import mlflow.sklearn\nfrom mlflow import log_metric", "mlflow"),
    ("from opentelemetry import trace", "opentelemetry-api"),
    ("import sklearn.linear_model\nfrom sklearn import nothing", "scikit-learn"),
]


@pytest.mark.parametrize(("line", "pinned"), THERE)
def test_the_distribution_of_the_module_is_enough(tmp_path: Path, line: str, pinned: str) -> None:
    package = f"scoring_script: score.py\n  environment: {{pip: [numpy, {pinned}]}}"
    assert found(tmp_path, package, score_py=line) == []


RECORDED = {
    name: Distribution(version="0.0.1", modules=("azure" if name.startswith("azure") else "google",))
    for name in ("azure-core", "azure-storage-blob", "google-auth", "protobuf", "googly", "google-cloud-build")
}


def test_the_name_counts_for_a_version_that_is_not_installed_here(tmp_path: Path) -> None:
    origin = Origin(ExpectedModel(name="svc", python="3.11", find_distributions=lambda: RECORDED))
    assert origin.providers("azure.storage.blob") == ["azure-storage-blob"]
    assert origin.providers("azure.identity") == []
    assert origin.providers("google.auth.transport") == ["google-auth", "googly", "google-cloud-build"]
    (part,) = origin.parts(Imported("google.cloud", tmp_path / "score.py", 1, ("storage",)))
    assert (part.module, origin.providers(part.module)) == ("google.cloud.storage", ["googly", "google-cloud-build"])
