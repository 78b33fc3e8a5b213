"""`lading why`: from a scoring URI or a release to its package, model, run, data and commit."""

from __future__ import annotations

import hashlib
import subprocess

import pytest
from tests.conftest import Shell, elsewhere

import lading

from .conftest import MANIFEST


def changed(shell: Shell, number: int) -> None:
    """Change the data, and the answer that the golden request expects."""
    shell.write("cost.txt", str(number))
    shell.write("lading.yaml", MANIFEST.replace("[7]", f"[{number}]"))


def test_a_release_leads_to_its_package_model_run_and_data(project: Shell) -> None:
    git = ("git", "-c", "user.name=me", "-c", "user.email=me@example.org")
    for argv in (["init"], ["add", "cost.txt"], ["commit", "--message", "first"]):
        subprocess.run([*git, *argv], cwd=project.folder, check=True, capture_output=True, timeout=60)
    project("deploy")
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=project.folder, text=True).strip()
    run = project("run", "list", "--json").json()[0]
    release = project("history", "--json").json()[0]
    shown = project("why", "1").out
    data = hashlib.sha256(b"7").hexdigest()
    for text in (
        "1 of price on 'roll', up since ",
        release["package_digest"],
        "rate:1, constant 2.1",
        f"sha256 {release['model_sha256']}",
        f"{run['id']}, started ",
        f"{commit} with changes in the working tree",
        f"{data}  cost.txt",
        "cost=7",
    ):
        assert text in shown
    found = project("why", "1", "--json").json()
    assert found["run"] == run
    assert found["package"]["digest"] == found["release"]["package_digest"] == release["package_digest"]
    assert found["model"]["sha256"] == release["model_sha256"]
    assert (found["metrics"], found["missing"]) == ({"cost": 7.0}, {})


@pytest.mark.slow
def test_a_scoring_uri_leads_to_the_release_that_is_up(project: Shell) -> None:
    project("deploy")
    changed(project, 8)
    uri = project("deploy").out.strip()
    assert uri.endswith("/score")
    for written in (
        uri,
        f"{uri}/",
        f"{uri}?key=1",
        uri.removesuffix("/score"),
        uri.removesuffix("score"),
        uri.replace("127.0.0.1", "localhost"),
        uri.removeprefix("http://"),
    ):
        assert project("why", written).out.startswith("release  2 of price on 'roll', up since "), written
    project("delete")
    assert project("why", uri).out.startswith("release  2 of price on 'roll', deleted ")


def test_a_uri_leads_to_a_service_of_another_manifest_with_the_same_store(project: Shell) -> None:
    uri = project("deploy").out.strip()
    other = MANIFEST.replace("name: price", "name: other")
    project.write("other.yaml", other)
    assert "1 of price on 'roll'" in project("why", uri, "other.yaml").out
    assert "no release in this store was at" in project("why", uri, "--target", "stop", code=2).err


def test_a_uri_that_is_not_recorded_is_asked_of_the_targets(project: Shell) -> None:
    uri = project("deploy").out.strip()
    (served,) = project.folder.glob(".lading/work/**/served.json")
    moved = uri.replace("127.0.0.1", "192.0.2.1")
    served.write_text(served.read_text().replace("127.0.0.1", "192.0.2.1"))
    assert "1 of price on 'roll'" in project("why", moved).out
    served.write_text(served.read_text().replace("192.0.2.1", "127.0.0.1"))


@pytest.mark.parametrize(
    ("of", "message"),
    [
        ("9", "price on 'roll' has no release 9"),
        ("http://127.0.0.1:1/score", "no release in this store was at http://127.0.0.1:1/score"),
        ("cost.txt", "'cost.txt' is neither the number of a release nor a scoring URI"),
        ("http://[", "'http://[' is neither the number of a release nor a scoring URI"),
        ("http://host:99999/", "is neither the number of a release nor a scoring URI"),
    ],
)
def test_an_unknown_release_or_uri_is_refused(project: Shell, of: str, message: str) -> None:
    project("deploy")
    done = project("why", of, code=2)
    assert message in done.err
    if of == "9":
        assert "its releases are 1 (rate:1, up)" in done.err


@pytest.mark.slow
def test_a_restored_and_a_removed_release_are_explained_in_words(project: Shell) -> None:
    project("deploy")
    changed(project, 8)
    project("deploy")
    project("rollback", "1")
    assert "up since" in project("why", "3").out
    assert "release 1 again" in project("why", "3").out
    project("gc", "--keep", "0", "--yes")
    shown = project("why", "2").out
    assert "superseded; it came up" in shown
    assert "its package is gone from this store (`lading gc` removes old ones)" in shown
    assert "cost=8" in shown
    assert project("why", "2", "--json").json()["package"] is None


@pytest.mark.slow
def test_an_imported_package_has_no_run(project: Shell) -> None:
    project("deploy")
    project("package", "export", "price.tar")
    other = elsewhere(project)
    other("deploy", "--package", project.folder / "price.tar")
    shown = other("why", "1").out
    assert "none: rate:1 was not trained in this store (a finished model, or an imported package)" in shown
    other("delete")


def test_a_release_that_failed_shows_its_reason(project: Shell) -> None:
    project.write("lading.yaml", MANIFEST.replace("[7]", "[9]"))
    project("deploy", code=8)
    assert "1 of price on 'roll', " in project("why", "1").out.splitlines()[0]
    assert "golden request 1" in project("why", "1").out


def test_python_traces_the_same_release(project: Shell) -> None:
    uri = project("deploy").out.strip()
    found = lading.why(uri, project.folder)
    assert found == lading.why(1, project.folder)
    assert found.run is not None
    assert found.run.inputs.keys() == {"cost.txt"}
