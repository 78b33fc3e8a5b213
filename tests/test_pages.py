"""The tutorial and the how-to pages, followed as a reader would: each command ends as the page shows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from container_engine import ContainerEngine
from offline_azure.client import Azure
from offline_azure.fixture import require_sdk
from tests.conftest import LADING, ROOT, Shell
from tests.pages import Reader, agree

pytestmark = pytest.mark.slow  # a page deploys a few times

DOCS = ROOT / "docs"
IMAGE = "image: {{base: '{base}', wheels: {wheels}}}\n"


@pytest.fixture
def reader(shell: Shell) -> Iterator[Reader]:
    shell.env["PATH"] = f"{LADING.parent}:{shell.env['PATH']}"
    reader = Reader(shell.folder, shell.env)
    yield reader
    reader.close()


def follow(reader: Reader, page: str) -> None:
    found = 0
    for command, real in reader.follow((DOCS / page).read_text(encoding="utf-8")):
        found += 1
        place = f"{page}:{command.line}: $ {command.text}"
        assert agree(command.output, real), f"{place}\nthe page has:\n{command.output}\nreal:\n{real}"
    assert found, f"{page} has no command"


@pytest.mark.parametrize(
    "page",
    [
        "index.md",
        "how-to/ci.md",
        "how-to/finished-model.md",
        "how-to/roll-back.md",
        "how-to/score-files.md",
        "how-to/traffic.md",
        "how-to/scoring-script.md",
        "how-to/secrets.md",
        "how-to/tables.md",
    ],
)
def test_a_page_works_on_this_machine(page: str, reader: Reader) -> None:
    follow(reader, page)


@pytest.fixture
def begun(reader: Reader) -> Reader:
    """The folder of a reader who has finished the first part of the tutorial."""
    follow(reader, "tutorial/local.md")
    return reader


def test_the_tutorial_continues_with_wheels_in_a_container(
    begun: Reader, shell: Shell, container_engine: ContainerEngine
) -> None:
    follow(begun, "how-to/offline.md")
    project = shell.folder / "salary"
    wheels = container_engine.fetch(*(project / "requirements.txt").read_text().split())
    manifest = project / "lading.yaml"
    manifest.write_text(manifest.read_text() + IMAGE.format(base=container_engine.base, wheels=wheels))
    shell.env["DOCKER_HOST"] = container_engine.host
    begun.export(**shell.env)
    follow(begun, "tutorial/container.md")


def test_the_tutorial_continues_in_azure(begun: Reader, shell: Shell, azure: Azure) -> None:
    require_sdk()
    azure.settings(polls=1)
    place = azure.workspace
    shell.env |= azure.environ | {
        "AZURE_SUBSCRIPTION_ID": place.subscription_id,
        "AZURE_RESOURCE_GROUP": place.resource_group,
        "AZURE_WORKSPACE": place.workspace,
    }
    begun.export(**shell.env)
    follow(begun, "tutorial/cloud.md")
