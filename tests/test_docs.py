"""The documentation: generated pages match the code, examples run, and every name exists."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ROOT
from tests.missing import skip_without
from tests.waiting import LIMIT

import lading
from lading.plugin.spec import HOOKS

DOCS, EXAMPLES = ROOT / "docs", ROOT / "examples"


def test_the_reference_pages_match_the_code() -> None:
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    for name, text in reference.pages().items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, f"run `make docs`: {name} is not what the code says"


def test_the_readme_has_the_two_commands_and_every_link_works() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^make demo\b", readme, re.MULTILINE)
    assert re.search(r"^make test\b", readme, re.MULTILINE)
    for page in (*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *EXAMPLES.rglob("*.md"), ROOT / "changes" / "README.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_public_name_exists() -> None:
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
        skip_without("nbclient is missing")
    import nbclient
    import nbformat

    for folder in ("examples", "manifests", "data"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    os.environ.pop("LADING_STORE", None)
    salary = tmp_path / "examples" / "salary"
    notebook = nbformat.read(salary / "quickstart.ipynb", as_version=4)  # type: ignore[no-untyped-call]  # typed in part
    client = nbclient.NotebookClient(notebook, timeout=LIMIT, resources={"metadata": {"path": str(salary)}})
    client.execute()
    outputs = ["".join(output.get("data", {}).get("text/plain", "")) for output in _outputs(notebook)]
    assert "[141760.56910569107, 185924.79674796748]" in outputs
    assert not [output for output in _outputs(notebook) if output["output_type"] == "stream"]


def _outputs(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [output for cell in notebook["cells"] if cell["cell_type"] == "code" for output in cell["outputs"]]
