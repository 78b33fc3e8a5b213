"""Models of several files in the workspace: uploaded whole, registered once, and laid out under the folder's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from azure_sdk import Sdk
from tests.targets.azureml.azureml_kit import Cloud

pytestmark = pytest.mark.slow

SCORE = """\
import os
from pathlib import Path


def init():
    global answer
    answer = Path(os.path.join(os.environ["AZUREML_MODEL_DIR"], "forest", "parts", "answer.bin")).read_text()


def run(raw_data):
    return [float(answer)]
"""
GROW = """\
from pathlib import Path


def train(data, log):
    (Path("forest") / "parts").mkdir(parents=True)
    (Path("forest") / "parts" / "answer.bin").write_text("141760.56910569107")
    (Path("forest") / "config.json").write_text("{}")
    return Path("forest")
"""


def with_a_script(cloud: Cloud) -> None:
    """Let a script train, and save a folder."""
    text = cloud.manifest.read_text(encoding="utf-8")
    start, end = text.index("train:\n"), text.index("register:\n")
    cloud.manifest.write_text(
        f"{text[:start]}train: {{script: grow.py, data: sal.csv}}\n\n{text[end:]}", encoding="utf-8"
    )
    cloud.shell.write("grow.py", GROW)


def with_a_finished_folder(cloud: Cloud) -> None:
    text = cloud.manifest.read_text(encoding="utf-8")
    start, end = text.index("train:\n"), text.index("register:\n")
    cloud.manifest.write_text(f"{text[:start]}{text[end:]}", encoding="utf-8")
    cloud.edit("register:\n", "register:\n  file: forest\n")
    cloud.shell.write("forest/parts/answer.bin", "141760.56910569107")
    cloud.shell.write("forest/config.json", "{}")


@pytest.mark.parametrize("prepare", [with_a_script, with_a_finished_folder])
def test_a_folder_is_registered_once_and_scored(cloud: Cloud, tmp_path: Path, prepare: Callable[[Cloud], None]) -> None:
    prepare(cloud)
    cloud.script(SCORE)
    cloud("deploy")
    assert cloud.scores() == "[141760.56910569107]\n"
    (model,) = cloud.azure.state["models"].values()
    shown = cloud.shell("model", "show", "sal_model", "salary.yaml", "--json").json()
    assert model["properties"]["lading.sha256"] == shown["sha256"]
    downloaded = Sdk(cloud.azure, tmp_path)(
        'say(file=Model(workspace, "sal_model", version=1).download(target_dir="there"))'
    )
    there = tmp_path / downloaded["file"]
    assert {file.relative_to(there).as_posix(): file.read_bytes() for file in there.rglob("*") if file.is_file()} == {
        "config.json": b"{}",
        "parts/answer.bin": b"141760.56910569107",
    }
    assert there.name == "forest"
    cloud.forget()
    cloud("deploy")
    assert len(cloud.azure.state["models"]) == 1


SEVERAL = """\
from pathlib import Path

from azureml.core.model import Model


def init():
    global answer
    whole = Path(Model.get_model_path("whole")).read_text()
    answer = float(whole + (Path(Model.get_model_path("rest")) / "parts" / "answer.bin").read_text())


def run(raw_data):
    return [answer]
"""


def test_several_models_are_registered_one_by_one_and_scored_together(cloud: Cloud) -> None:
    with_a_finished_folder(cloud)
    cloud.edit("  file: forest\n", "  models: {whole: {file: whole.txt}, rest: {file: forest}}\n")
    cloud.shell.write("whole.txt", "141760.")
    cloud.shell.write("forest/parts/answer.bin", "56910569107")
    cloud.script(SEVERAL)
    cloud("deploy")
    assert cloud.scores() == "[141760.56910569107]\n"
    assert sorted(cloud.azure.state["models"]) == ["rest:1", "whole:1"]
    shown = cloud.shell("model", "show", "sal_model", "salary.yaml", "--json").json()
    (reference,) = shown["references"]
    assert reference["version"] == "whole:1, rest:1"
    cloud.shell.write("whole.txt", "141760.5")
    cloud.shell.write("forest/parts/answer.bin", "6910569107")
    cloud("deploy")
    assert sorted(cloud.azure.state["models"]) == ["rest:1", "rest:2", "whole:1", "whole:2"]
