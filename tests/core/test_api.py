"""Lading from Python, as notebooks and programs use it. Nothing prints, and results can be shown and queried."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import ROOT

import lading


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("api")
    for name in ("manifests", "data"):
        shutil.copytree(ROOT / name, folder / name)
    file = folder / "manifests" / "salary.yaml"
    lading.deploy(file)
    yield file
    lading.deployment(file).delete()


@pytest.mark.slow
def test_deploy_returns_a_deployment_and_prints_nothing(manifest: Path, capfd: pytest.CaptureFixture[str]) -> None:
    events: list[lading.Event] = []
    deployment = lading.deploy(manifest, target="local", on_event=events.append)
    assert deployment.score({"data": [[21]]}) == [pytest.approx(141760.56910569107, rel=1e-9)]
    assert deployment.scoring_uri.startswith("http://127.0.0.1:")
    assert deployment.status().state is lading.State.RUNNING
    assert deployment.logs(tail=5).lines
    assert [event.kind for event in events] == ["stage.reused"] * 4
    assert capfd.readouterr() == ("", "")


def test_stages_runs_and_models_are_reachable(manifest: Path) -> None:
    run = lading.train(manifest)
    model = lading.register(manifest)
    package = lading.package(manifest)
    assert run is not None
    assert (model.run, model.sha256) == (run.id, run.model_sha256)
    assert (package.model.name, package.model.version) == ("sal_model", 1)
    assert (package.folder / "azureml-app" / package.scoring_script).is_file()
    assert lading.list_runs(manifest) == [run]
    assert lading.get_run(run.id[:-3], manifest) == run
    assert [found.version for found in lading.list_models(manifest, name="sal_model")] == [1]


def test_results_show_as_tables_without_long_values(manifest: Path) -> None:
    run, model = lading.train(manifest), lading.register(manifest)
    assert run is not None
    assert "<th>metrics</th>" in run._repr_html_()
    assert "distributions" not in model._repr_html_() + repr(model)
    assert "<th>release</th><td>1</td>" in lading.deployment(manifest)._repr_html_()


def test_failures_are_exceptions_with_a_next_step(manifest: Path) -> None:
    with pytest.raises(lading.BadInput, match="has no target 'nowhere'") as caught:
        lading.deploy(manifest, target="nowhere")
    assert caught.value.hint == "its targets are: local, container, aci, aks"
    with pytest.raises(lading.StageFailed, match="answered 400"):
        lading.deployment(manifest).score({"data": "no"})
    with pytest.raises(lading.BadInput, match="not JSON"):
        lading.deployment(manifest).score({"data": [[float("nan")]]})


@pytest.mark.slow
def test_an_interpolated_value_is_kept_as_its_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOW", "sklearn.linear_model.Ridge")
    for name in ("manifests", "data"):
        shutil.copytree(ROOT / name, tmp_path / name)
    file = tmp_path / "manifests" / "salary.yaml"
    file.write_text(file.read_text().replace("sklearn.linear_model.LinearRegression", "${HOW}"))
    run = lading.train(file)
    assert run is not None
    assert run.parameters["estimator"] == "${HOW}"
    monkeypatch.setenv("HOW", "sklearn.linear_model.Lasso")
    again = lading.train(file)
    assert again is not None
    assert again.id != run.id  # the value is part of the cache key
