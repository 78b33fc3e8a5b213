"""Imports under a condition: those that must succeed, and those that may fail without harm."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugins.bundle.test_bundle_judging import found

from lading_bundle.imports import imports_of

MUST = [
    "try: import absent\nexcept ImportError: raise",
    "try: import absent\nexcept ImportError as e: raise RuntimeError('x') from e",
    "import sys\ntry: import absent\nexcept ImportError:\n    print('x')\n    sys.exit(1)",
    "try: import json\nexcept ImportError: pass\nelse: import absent",
    "import sys\nif sys.version_info >= (3, 8): import absent",
    "import sys\nif sys.version_info[0] < 3: import lost\nelse: import absent",
    "import sys\nif sys.version_info.major == 3: import absent",
    "from typing import TYPE_CHECKING\nif not TYPE_CHECKING: import absent",
    "if True: import absent",
    "if __name__ != '__main__': import absent",
    "def run(data):\n  try:\n    import absent\n    return 1\n  except Exception as e:\n    return str(e)",
    "def init():\n  global model\n  try:\n    import absent\n  except:\n    print(1)",
    "import importlib\nimportlib.import_module('absent')",
    "from importlib import import_module\nx = import_module(name='absent')",
    "def run(data): return __import__('absent').run(data)",
    "import importlib\nif importlib.import_module('absent'): pass",
]


def modules(folder: Path, text: str) -> list[str]:
    (folder / "score.py").write_text(text)
    return [one.module for one in imports_of([folder / "score.py"], [])]


@pytest.mark.parametrize("text", MUST)
def test_an_import_that_must_succeed(tmp_path: Path, text: str) -> None:
    assert modules(tmp_path, text) == ["absent"]


MAY = [
    "try: import absent\nexcept ImportError: absent = None",
    "try: import absent\nexcept ImportError:\n    if strict: raise",
    "try: import json\nexcept ImportError: import absent",
    "try: import lost\nexcept ImportError:\n  try: import json\n  except ImportError: import absent",
    "try:\n  try: import json\n  except ImportError: import lost\nexcept ImportError: import absent",
    "if False: import absent",
    "if 0: import absent",
    "import typing\nif typing.TYPE_CHECKING: import absent",
    "def run(data):\n  try:\n    import absent\n  except ImportError:\n    absent = None\n  return 1",
    "def helper():\n  try:\n    import absent\n  except Exception:\n    pass",
    "import importlib\nname = 'x'\nimportlib.import_module(name)\nimportlib.import_module('.absent', 'x')",
    "try:\n  import importlib\n  importlib.import_module('absent')\nexcept ImportError: pass",
]


@pytest.mark.parametrize("text", MAY)
def test_an_import_that_may_fail(tmp_path: Path, text: str) -> None:
    assert modules(tmp_path, text) == []


def test_another_import_in_the_handler_counts_if_the_first_one_fails(tmp_path: Path) -> None:
    package = "scoring_script: score.py\n  environment: {pip: [numpy]}"
    text = "try: import {}\nexcept ImportError: import absent"
    (problem,) = found(tmp_path, package, score_py=text.format("lost"))
    assert "score.py:2 imports absent, which package.environment does not have" in problem
    assert found(tmp_path, package, score_py=text.format("numpy")) == []
    text = "try: import {}\nexcept ImportError: pass\nelse: import absent"
    assert found(tmp_path, package, score_py=text.format("lost")) == []
    assert "score.py:3 imports absent" in found(tmp_path, package, score_py=text.format("numpy"))[0]
