"""The README: its picture shows a real run, its commands run as printed, and so do those that `make demo` prints."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path
from types import ModuleType

import pytest
from tests.conftest import ROOT, Shell
from tests.waiting import LIMIT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def project(shell: Shell) -> Shell:
    """A copy of the folders that the commands need, with `lading` on the path."""
    for name in ("manifests", "data"):
        shutil.copytree(ROOT / name, shell.folder / name)
    shell.env["PATH"] = f"{shell.lading.parent}:{shell.env['PATH']}"
    return shell


def run(shell: Shell, *command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=shell.folder, env=shell.env, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def picture() -> ModuleType:
    spec = importlib.util.spec_from_file_location("picture", ROOT / "docs" / "picture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawn(file: Path) -> list[list[str]]:
    """The words of each line of a picture. A line is several elements, one for each style."""
    lines: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for element in ET.parse(file).iter(f"{SVG}text"):
        if "y" in element.attrib and "clip-path" in element.attrib:  # the title has no line
            lines[element.attrib["y"]].append((float(element.attrib["x"]), element.text or ""))
    parts = [sorted(lines[y]) for y in sorted(lines, key=float)]
    return [words for line in parts if (words := _rounded("".join(text for _, text in line)).split())]


def _rounded(line: str) -> str:
    """Leave out the last digits of an answer, which depend on the processor and the libraries."""
    return re.sub(r"(\d+\.\d{6})\d+", r"\1", line)


def test_the_picture_shows_a_run_of_today() -> None:
    module = picture()
    shown = re.sub(r"\x1b\[[0-9;]*m", "", module.transcript())
    now = [words for line in shown.splitlines() if (words := _rounded(line).split())]
    assert drawn(module.PICTURE) == now, "run `make docs`, and look at the picture"
    assert f"]({module.PICTURE.relative_to(ROOT)})" in README


def test_the_picture_loads_nothing_and_fits_its_frame() -> None:
    module = picture()
    text = module.PICTURE.read_text(encoding="utf-8")
    assert re.findall(r"https?://(?!www\.w3\.org/|127\.0\.0\.1)|url\((?!#)|href", text) == []
    widths = [
        float(each.attrib["textLength"]) for each in ET.parse(module.PICTURE).iter() if "textLength" in each.attrib
    ]
    assert 0 < max(widths) <= float(text.partition('viewBox="0 0 ')[2].split()[0])


def test_the_commands_that_make_demo_prints_work(project: Shell) -> None:
    """With an environment that exists, because the demo installs from an index of packages."""
    for name in ("Makefile", "setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, project.folder / name)
    (project.folder / ".venv").mkdir()
    (project.folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (project.folder / ".venv" / ".demo").touch()
    done = run(project, "make", "demo")
    printed = dict(re.findall(r"^([a-z ]+): +(\.venv/bin/lading .*)$", done.stdout, re.MULTILINE))
    assert list(printed) == ["send a request", "stop the service", "list the commands"]
    assert re.findall("curl .*", done.stdout + done.stderr) == re.findall("(?<=try it: )curl .*", done.stderr)
    assert run(project, "bash", "-c", printed["send a request"]).stdout.startswith("[141760.569")
    run(project, "bash", "-c", printed["stop the service"])
    state = "status", "manifests/salary.yaml", "--target", "local", "--json"
    assert project(*state).json()["deployments"][0]["state"] == "absent"
    assert "Commands:" in run(project, "bash", "-c", printed["list the commands"]).stdout


@pytest.mark.slow
def test_the_commands_of_the_readme_run_as_printed(project: Shell) -> None:
    """In their order, except for those that install something."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).splitlines()
    left_out = [line for line in lines if line.startswith(("make ", "pip "))]
    assert [line.split("  ")[0] for line in left_out] == ["make demo", "make test", "pip install '.[sklearn,local]'"]
    done = run(project, "bash", "-euc", "\n".join(line for line in lines if line not in left_out))
    assert "[141760.569" in done.stdout
    (code,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    run(project, sys.executable, "-c", code)
    assert project("score", "manifests/salary.yaml", "-d", '{"data": [[21]]}').json() == [pytest.approx(141760.569)]


@pytest.mark.slow
def test_the_manifest_of_the_readme_deploys(project: Shell) -> None:
    (manifest,) = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    project.write("manifests/salary.yaml", manifest)
    assert "evaluate: done" in project("deploy", "manifests/salary.yaml").err
