"""A target learns the options of the release that is up, so that it can go back to it."""

from __future__ import annotations

import pytest
from tests.conftest import Shell

TARGET = """\
from dataclasses import dataclass

from lading import Description, NoScoringUri, Options, Ready, State, Status, Capability, hookimpl

@dataclass(frozen=True, kw_only=True)
class Size(Options):
    size: str = "small"
    '''How large it is.'''

@hookimpl
def lading_describe():
    return Description(summary="shows", api=1, options=Size, capabilities=frozenset({Capability.STATUS}))

@hookimpl
def lading_deploy(request, context):
    stable = request.stable and (request.stable.release, request.stable.options.size)
    context.warn(f"after {stable} comes {request.deployment.options.size}")
    context.record("package", request.package.digest)
    return Ready()

@hookimpl
def lading_status(deployment, context):
    return Status(state=State.RUNNING, package_digest=context.recorded("package"))

@hookimpl
def lading_scoring_uri():
    return NoScoringUri(reason="it only shows")
"""


@pytest.fixture
def project(shell: Shell) -> Shell:
    shell.write("shows.py", TARGET)
    info = shell.folder / "lading_shows-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[lading.targets]\nshows = shows\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lading-shows\nVersion: 1.0\n")
    shell.env["PYTHONPATH"] = str(shell.folder)
    shell.write("model.txt", "7")
    shell.write("score.py", "def init():\n    pass\n\n\ndef run(raw_data):\n    return 7\n")
    return shell


def deployed(project: Shell, size: str) -> str:
    """The warning of a deploy with a size."""
    project.write(
        "lading.yaml",
        "version: 1\nname: svc\nregister: {file: model.txt}\n"
        f"package: {{scoring_script: score.py}}\ntargets: {{shows: {{size: '{size}'}}}}\n",
    )
    return str(project("deploy").err)


def test_a_deploy_knows_the_options_of_the_release_that_is_up(project: Shell) -> None:
    project.env["SIZE"] = "huge"
    assert "after None comes huge" in deployed(project, "${SIZE}")
    assert "after (1, 'huge') comes large" in deployed(project, "large")
    assert "after (2, 'large') comes small" in deployed(project, "small")


def test_a_variable_that_only_the_earlier_options_name_is_redacted(project: Shell) -> None:
    project.env["SIZE"] = "as large as the sea"
    deployed(project, "${SIZE}")
    said = deployed(project, "large")
    assert "after (1, '${SIZE}') comes large" in said


def test_options_that_cannot_be_restored_are_not_known(project: Shell) -> None:
    project.env["SIZE"] = "huge"
    deployed(project, "${SIZE}")
    del project.env["SIZE"]
    said = deployed(project, "large")
    assert "after None comes large" in said
    assert "count" not in said
