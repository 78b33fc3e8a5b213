"""The wheel, installed into empty environments and run there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from tests.conftest import ROOT, Shell
from tests.waiting import LIMIT

from lading.cli.scaffold import KINDS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignored = shutil.ignore_patterns(".git", ".venv*", ".lading", "build", "*.egg-info", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, source, ignore=ignored)
    pip(Path(sys.executable), "wheel", "--no-deps", "--wheel-dir", folder, source)
    (built,) = folder.glob("lading-*.whl")
    return built


def pip(python: Path, *argv: str | Path) -> str:
    command: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", *argv]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=1500).stdout


def environment(folder: Path, *requirements: str) -> Path:
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip(python, "install", *requirements)
    return python


def test_the_core_is_small_and_names_a_missing_extra(wheel: Path, tmp_path: Path) -> None:
    python = environment(tmp_path / "venv", str(wheel))
    installed = {item["name"] for item in json.loads(pip(python, "list", "--format", "json"))} - {"pip", "setuptools"}
    assert len(installed) <= 14, installed
    shutil.copytree(ROOT / "manifests", tmp_path / "manifests")
    shutil.copytree(ROOT / "data", tmp_path / "data")
    command: list[str | Path] = [python.with_name("lading"), "deploy", tmp_path / "manifests" / "salary.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 2
    assert "salary.yaml:21:" in done.stderr  # the environment is judged before any training
    assert "scikit-learn is not installed here" in done.stderr


@pytest.mark.timeout(900)  # it downloads much, and the tests of the scaffold start many processes
def test_the_wheel_does_the_main_job_with_the_newest_of_everything(wheel: Path, tmp_path: Path, shell: Shell) -> None:
    """It uses the versions that a plain `pip install` takes today. Libraries may warn."""
    python = environment(tmp_path / "venv", f"{wheel}[sklearn,pandas,local,mlflow,docker,iotedge,testing]")
    shell.lading = python.with_name("lading")
    assert shell("schema").json()["title"] == "Lading manifest"
    shell("init", ".")
    assert shell("deploy").out.startswith("http://127.0.0.1:")
    assert shell("score", "-d", '{"data": [[21]]}').json() == [pytest.approx(73)]
    shell("delete")
    shell("plugin", "new", "acme")
    pip(python, "install", "--no-deps", "--editable", shell.folder / "lading-acme")
    tests: list[str | Path] = [python, "-m", "pytest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        tests,
        cwd=shell.folder / "lading-acme",
        env=shell.env,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stdout


STRANGERS = """\
version: 1
name: price
train: {plugin: average, data: cost.txt}
package: {plugin: average, samples: [{request: 1, response: [7]}]}
connections: {hosting: {region: north}}
targets: {roll: {}, unlinked: {}}
"""


def test_third_party_packages_are_used_only_through_the_command_line(wheel: Path, tmp_path: Path, shell: Shell) -> None:
    """A target, a stage and a broken plugin, each from a separate wheel."""
    for name in ("thirdparty", "average", "broken"):
        source = tmp_path / "sources" / name
        shutil.copytree(ROOT / "tests" / "distributions" / name, source)
        pip(Path(sys.executable), "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, source)
    wheels = [str(file) for file in tmp_path.glob("*.whl")]
    assert len(wheels) == 3
    shell.lading = environment(tmp_path / "venv", str(wheel), *wheels).with_name("lading")
    shell.env["HOSTING_PASSWORD"] = "c4n4ry"
    listed = {(row["name"], row["distribution"], row["version"]) for row in shell("plugin", "list", "--json").json()}
    assert {("roll", "lading-thirdparty", "2.1"), ("average", "lading-average", "3.0")} <= listed
    assert ("unlinked", "lading-broken", "0.1") in listed
    probed = {row["name"]: row for row in shell("plugin", "list", "--probe", "--json").json()}
    assert (probed["average"]["status"], probed["average"]["roles"]) == ("working", ["train", "package"])
    assert (probed["roll"]["status"], probed["roll"]["roles"]) == ("working", ["target"])
    assert probed["unlinked"]["status"] == "broken"
    shell.write("lading.yaml", STRANGERS)
    shell.write("cost.txt", "6\n8\n")
    assert shell("deploy", "--target", "roll").out.startswith("http://127.0.0.1:")
    assert shell("score", "--target", "roll", "-d", "1").json() == [7.0]
    broken = shell("deploy", "--target", "unlinked", code=6)
    assert "target 'unlinked' (lading-broken 0.1) cannot be imported: ImportError: libplugin.so.3" in broken.err
    assert "repair or uninstall lading-broken" in broken.err
    shell("delete", "--target", "roll")
    (standing,) = shell("status", "--target", "roll", "--json").json()["deployments"]
    assert standing["state"] == "absent"


TUTORIAL = """\
import json
import re
import numpy as np
import joblib
from azureml.core.model import Model


def init():
    global model
    model_path = Model.get_model_path('sal_model')
    model = joblib.load(model_path)


def run(raw_data):
    data = np.array(json.loads(raw_data)['data'])
    y_hat = model.predict(data)
    return json.dumps(y_hat.tolist())
"""


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="azureml-core has no release for this Python")
def test_the_script_of_azure_mls_tutorial_scores_unchanged(wheel: Path, tmp_path: Path, shell: Shell) -> None:
    """With the real azureml-core. Its Model.get_model_path searches the layout of the release."""
    python = environment(tmp_path / "venv", f"{wheel}[sklearn,local,azureml]")
    shell.lading = python.with_name("lading")
    shutil.copytree(ROOT / "data", shell.folder / "data")
    manifest = (ROOT / "manifests" / "salary.yaml").read_text()
    wanted = "environment: {conda: [scikit-learn], pip: [azureml-core]}\n  scoring_script: score.py"
    shell.write("manifests/salary.yaml", manifest.replace("environment: {conda: [scikit-learn]}", wanted))
    shell.write("manifests/score.py", TUTORIAL)
    shell("deploy", "manifests/salary.yaml")
    answer = shell("score", "manifests/salary.yaml", "-d", '{"data": [[21]]}').json()
    assert json.loads(answer) == [pytest.approx(141760.56910569107, rel=1e-9)]
    shell("delete", "manifests/salary.yaml")


def test_the_source_distribution_has_the_needs_of_the_tests(tmp_path: Path) -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    source = tmp_path / "source"
    for name in tracked:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    code = "import sys; from setuptools import build_meta; print(build_meta.build_sdist(sys.argv[1]))"
    subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        cwd=source,
        check=True,
        capture_output=True,
        timeout=LIMIT,
    )
    (archive,) = tmp_path.glob("lading-*.tar.gz")
    subprocess.run(["tar", "-xzf", archive, "-C", tmp_path], check=True)
    (unpacked,) = (path for path in tmp_path.glob("lading-*") if path.is_dir())
    for name in ("data/sal.csv", "manifests/salary.yaml", "tests/conftest.py", "docs/reference.py"):
        assert (unpacked / name).is_file(), name


@pytest.mark.timeout(1800)  # it runs the conformance kit twice
def test_the_page_on_plugins_leads_to_a_target_that_passes(wheel: Path, tmp_path: Path, shell: Shell) -> None:
    """Every command of the page in its order, in an environment that has only the wheel."""
    python = environment(tmp_path / "venv", f"{wheel}[sklearn,local,testing]")
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    commands = "\n".join(re.findall(r"^```console\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    assert "lading plugin check" in commands
    env = {**shell.env, "PATH": f"{python.parent}:{shell.env['PATH']}"}
    done = subprocess.run(
        ["bash", "-euxc", commands],
        cwd=shell.folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "[73.0]" in done.stdout
    assert "failed" not in done.stdout
    for check in ("ruff", "mypy"):
        subprocess.run(
            [python.with_name(check), *(["check", "."] * (check == "ruff"))],
            cwd=shell.folder / "lading-acme",
            check=True,
        )


@pytest.mark.timeout(1800)  # it installs nine projects, and runs two kits
def test_new_plugins_pass_their_own_tests(wheel: Path, tmp_path: Path, shell: Shell) -> None:
    """Each kind except the target, which has the page on plugins, in an environment that has only the wheel."""
    python = environment(tmp_path / "venv", str(wheel))
    shell.lading = python.with_name("lading")
    kinds = [kind for kind in KINDS if kind != "target"]
    for kind in kinds:
        shell("plugin", "new", f"my-{kind}", "--kind", kind)
        project = shell.folder / f"lading-my-{kind}"
        pip(python, "install", "--editable", f"{project}[test]")
        for command in (["pytest", "-q"], ["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]):
            done = subprocess.run(
                [python.with_name(command[0]), *command[1:]],
                cwd=project,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, f"{kind}: {done.stdout}{done.stderr}"
    probed = {row["name"]: row for row in shell("plugin", "list", "--probe", "--json").json()}
    assert {kind: probed[f"my-{kind}"]["problem"] for kind in kinds} == dict.fromkeys(kinds)
    assert all(KINDS[kind].role in probed[f"my-{kind}"]["roles"] for kind in kinds)
