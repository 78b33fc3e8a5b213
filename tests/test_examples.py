"""The examples: the commands of each page run as printed, in its folder, and so do the commands of the pipelines."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import ROOT, Shell
from tests.waiting import LIMIT

from lading.testing import TargetConformance

EXAMPLES = ROOT / "examples"
PRINTED = {
    "salary": ["[141760.569", "deploy release.up"],
    "training_script": ["[38]", "mae="],
    "finished_model": ["sklearn.neighbors._classification.KNeighborsClassifier", '["setosa"]'],
    "table": ["[753.7", "[812.3"],
    "text_classifier": ['["delivery", "bill"]'],
    "probabilities": ['"rice": ', '["rice"]'],
    "lightgbm": ['["late", "early"]', "[true, false]"],
    "several_models": ['"customer": "leaves"', "price/1/price.joblib, churn/1/churn"],
    "third_party_target": [
        "distribution  lading-share",
        "share   salary-share  running  1",
        "local   salary-share  running  1",
    ],
    "pipelines": ["lading.yaml is valid", "| deploy local | create | for the first time |"],
}
"""Parts of the output of each page's commands."""


@pytest.fixture
def examples(shell: Shell) -> Shell:
    """A copy of the folders that the examples need."""
    ignored = shutil.ignore_patterns(".lading", "__pycache__", "build", "*.egg-info", "published", "*.joblib")
    for name in ("examples", "manifests", "data"):
        shutil.copytree(ROOT / name, shell.folder / name, ignore=ignored)
    shell.env["PATH"] = f"{shell.lading.parent}:{shell.env['PATH']}"
    return shell


def bash(shell: Shell, commands: str, folder: Path, *, code: int = 0) -> str:
    """Run commands in a folder, and return their output."""
    done = subprocess.run(
        ["bash", "-euc", commands],
        cwd=folder,
        env=shell.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert "Traceback" not in done.stdout, done.stdout
    assert done.returncode == code, f"{commands}\n{done.stdout}"
    return done.stdout


def test_each_example_has_a_page_in_the_list() -> None:
    listed = re.findall(r"\[\w+\]\((\w+)/README\.md\)", (EXAMPLES / "README.md").read_text())
    assert sorted(listed) == sorted(file.parent.name for file in EXAMPLES.glob("*/README.md")) == sorted(PRINTED)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRINTED)
def test_the_commands_of_each_page_run_as_printed(name: str, examples: Shell, tmp_path: Path) -> None:
    folder = examples.folder / "examples" / name
    examples.env |= {  # pip installs beside the environment of the tests, and downloads nothing
        "PIP_TARGET": str(tmp_path / "installed"),
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONPATH": str(tmp_path / "installed"),
    }
    blocks = re.findall(r"^```sh\n(.*?)^```", (folder / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    output = bash(examples, "\n".join(blocks), folder)
    assert [text for text in PRINTED[name] if text not in output] == [], output
    for manifest in (*folder.glob("lading.yaml"), examples.folder / "manifests" / "salary.yaml"):
        (standing,) = examples("status", manifest, "--target", "local", "--json").json()["deployments"]
        assert standing["state"] == "absent"


@dataclass(frozen=True)
class Job:
    """A job of a pipeline: its environment and its commands."""

    env: dict[str, str]
    commands: list[str]


@dataclass
class Runner:
    """Runs the jobs of a pipeline like a service: each on another machine, with the same cache."""

    shell: Shell
    folder: Path
    machine: Path
    env: dict[str, str] = field(default_factory=dict)

    def begin(self, job: Job) -> None:
        """Start a machine that knows no store."""
        self.machine = self.machine.with_name(f"{self.machine.name}-next")
        self.env = {**job.env, "TARGET": "local", "XDG_STATE_HOME": str(self.machine)}

    def run(self, command: str, *, code: int = 0) -> None:
        settings = self.folder / "settings"
        own = Shell(self.folder, {**self.shell.env, **self.env, "GITHUB_ENV": str(settings)})
        bash(own, command, self.folder, code=code)
        if settings.exists():
            self.env |= dict(line.split("=", 1) for line in settings.read_text().splitlines())


def github(file: Path, home: Path) -> list[Job]:
    read = yaml.safe_load(file.read_text())
    env = {"HOME": str(home), **_known(read["env"])}
    return [Job(env, [step["run"] for step in job["steps"] if "run" in step]) for job in read["jobs"].values()]


def azure(file: Path, home: Path) -> list[Job]:
    read = yaml.safe_load(file.read_text().replace("$(Pipeline.Workspace)", str(home)))
    jobs = [job for stage in read["stages"] for job in stage["jobs"]]
    return [
        Job(_known(read["variables"]), [step["script"] for step in _steps(job) if "script" in step]) for job in jobs
    ]


def _known(env: dict[str, str]) -> dict[str, str]:
    """The variables with a value in the file."""
    return {name: value for name, value in env.items() if "${{" not in value}


def _steps(job: dict[str, Any]) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = job.get("steps") or job["strategy"]["runOnce"]["deploy"]["steps"]
    return steps


def _here(commands: list[str]) -> Iterator[str]:
    """The commands that need neither the service nor an index of packages."""
    yield from (command for command in commands if shlex.split(command)[0] not in {"pip", "gh", "curl"})


@pytest.mark.slow
@pytest.mark.parametrize(("file", "read"), [("github-actions.yml", github), ("azure-pipelines.yml", azure)])
def test_a_pipeline_deploys_the_plan_that_it_showed(
    file: str, read: Callable[[Path, Path], list[Job]], examples: Shell, tmp_path: Path
) -> None:
    folder = examples.folder / "examples" / "pipelines"
    planning, deploying = read(folder / file, tmp_path / "home")
    runner = Runner(examples, folder, tmp_path / "machine")
    words = [command.split()[:2] for command in (*planning.commands, *deploying.commands)]
    assert [name for tool, name in words if tool == "lading"] == ["check", "evaluate", "plan", "deploy"]
    runner.begin(planning)
    for command in _here(planning.commands):
        runner.run(command)
    assert "| deploy local | create | for the first time |" in (folder / "comment.md").read_text()
    runner.begin(deploying)
    *before, deploy = _here(deploying.commands)
    for command in before:
        runner.run(command)
    manifest = (folder / "lading.yaml").read_text()
    (folder / "lading.yaml").write_text(manifest.replace("test_size: 0.25", "test_size: 0.5"))
    runner.run(deploy, code=3)
    (folder / "lading.yaml").write_text(manifest)
    runner.run(deploy)
    runner.run("lading score --target local -d '{\"data\": [[21]]}' && lading delete --target local")


@pytest.mark.slow
class TestShare(TargetConformance):
    """The third-party target keeps each promise of a target but one: it copies a script, and does not run it."""

    target = "share"
    test_a_failing_init_keeps_the_old_release = None  # type: ignore[assignment]

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("share")

    @pytest.fixture(scope="class")
    @classmethod
    def target_environ(cls, install: Callable[[str], Path]) -> Mapping[str, str]:
        return {"PYTHONPATH": str(install("third_party_target"))}

    @pytest.fixture(scope="class")
    @classmethod
    def target_options(cls, folder: Path) -> dict[str, Any]:
        return {"folder": str(folder)}

    @pytest.fixture(scope="class")
    @classmethod
    def things_of(cls, folder: Path) -> Callable[[str], list[str]]:
        """The releases in the folder, and the unfinished ones."""
        return lambda service: [file.name for file in folder.glob(f"{service}/*") if file.is_dir()]
