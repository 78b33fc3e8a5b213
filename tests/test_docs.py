"""The documentation: what is generated is what the code says, what is shown runs, and every name in it exists."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from offline_azure.fixture import go_without
from tests.conftest import ROOT
from tests.waiting import LIMIT

import lading
from lading.plugin.spec import HOOKS

DOCS = ROOT / "docs"


def test_the_reference_pages_are_those_of_the_code() -> None:
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    for name, text in reference.pages().items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, f"run `make docs`: {name} is not what the code says"


def test_the_readme_has_the_two_commands_and_every_link_leads_somewhere() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^make demo\b", readme, re.MULTILINE)
    assert re.search(r"^make test\b", readme, re.MULTILINE)
    for page in (ROOT / "README.md", *DOCS.glob("*.md")):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_files_that_the_onboarding_page_names_exist() -> None:
    text = (DOCS / "onboarding.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:core|plugins|targets|tests)/[\w./]+)`", text)
    assert named
    for name in named:
        assert (ROOT / name).exists(), name


def test_every_public_name_is_there() -> None:
    for name in dir(lading):
        assert getattr(lading, name) is not None
    code = "from lading import *; import lading; print(sorted({*dir(lading)} - {*globals()}))"
    starred = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=LIMIT)
    assert starred.stdout == "[]\n"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = lading.nothing


def test_every_hook_has_a_purpose_an_example_and_its_result() -> None:
    assert len(HOOKS) > 10
    for hook in HOOKS.values():
        text = inspect.getdoc(hook) or ""
        assert "Example:" in text, hook.__name__
        assert "Returns:" in text, hook.__name__


@pytest.mark.slow  # it starts a kernel; test_api.py deploys from Python
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("nbclient") is None:
        go_without("nbclient is missing")
    import nbclient
    import nbformat

    for folder in ("docs", "manifests", "data"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    os.environ.pop("LADING_STORE", None)
    notebook = nbformat.read(tmp_path / "docs" / "quickstart.ipynb", as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=LIMIT, resources={"metadata": {"path": str(tmp_path / "docs")}})
    client.execute()
    outputs = ["".join(output.get("data", {}).get("text/plain", "")) for output in _outputs(notebook)]
    assert "[141760.56910569107, 185924.79674796748]" in outputs
    assert not [output for output in _outputs(notebook) if output["output_type"] == "stream"]


def _outputs(notebook: object) -> list[dict[str, object]]:
    return [output for cell in notebook["cells"] if cell["cell_type"] == "code" for output in cell["outputs"]]  # type: ignore[index]
