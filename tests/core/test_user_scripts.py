"""Scripts of the user that cannot work are reported by `check`, without running them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import Shell

from lading import parse_script, script_problem

SCORING = {"init": 0, "run": 1}
MANIFEST = """\
version: 1
name: svc
train: {script: train.py, data: d.csv}
package:
  scoring_script: score.py
"""
TRAIN = "def train(data, log):\n    raise SystemExit('the script was run')\n"
SCORE = "def init(): pass\n\ndef run(raw_data): return []\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "score.py has no init() and no run()"),
        ("def init(): pass\n", "score.py has no run()"),
        (
            "class Model:\n    def init(self): pass\n    def run(self, data): pass\n",
            "score.py has no init() and no run()",
        ),
        ("def init():\n    def run(data): pass\n", "score.py has no run()"),
        ("def init(): pass\nif __name__ == '__main__':\n    print('run')\n", "score.py has no run()"),
        ("import run.helper as helper\ndef init(): pass\n", "score.py has no run()"),
        ("def init(\n", "score.py:1 cannot be read as Python: '(' was never closed"),
        ("return 1\n", "score.py:1 cannot be read as Python: 'return' outside function"),
        ("def init(model): pass\ndef run(data): pass\n", "score.py:1 defines init() with a required argument"),
        ("def init(*, model): pass\ndef run(data): pass\n", "score.py:1 defines init() with a required argument"),
        ("def init(): pass\ndef run(): pass\n", "score.py:2 defines run() with 0 of 1 arguments"),
        (
            "def init(): pass\nasync def run(data): pass\n",
            "score.py:2 defines run() with async def, and nothing awaits it",
        ),
        (
            "async def init(): pass\ndef run(data): pass\n",
            "score.py:1 defines init() with async def, and nothing awaits it",
        ),
    ],
)
def test_a_script_that_cannot_provide_its_functions(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "score.py"
    file.write_text(text)
    assert script_problem(file, SCORING) == problem


@pytest.mark.parametrize(
    "text",
    [
        SCORE,
        "from helper import init, run\n",
        "from helper import *\n",
        "import helper as run\ninit = lambda: None\n",
        "init = run = print\n",
        "(init, run), rest = make(), 1\n",
        "try:\n    from fast import init, run\nexcept ImportError:\n    from slow import init, run\n",
        "if True:\n    def init(): pass\n    async def run(data): pass\n",
        "def setup():\n    global init, run\n    init = run = print\nsetup()\n",
        "globals()['init'] = globals()['run'] = print\n",
        "def __getattr__(name): return print\n",
        "import sys\nsetattr(sys.modules[__name__], 'run', print)\ndef init(): pass\n",
        "class init: pass\nrun: object = print\n",
        "for init in [print]: pass\nwith open('x') as run: pass\n",
        "def init(model=None): pass\ndef run(*data): pass\n",
        "@call\ndef init(model): pass\n@call\ndef run(): pass\n",
        "def run(): pass\ndef init(): pass\ndef run(data): pass\n",
        "def init(): pass\ndef run(*, raw_data): pass\n",
        "def init(path): pass\ndef run(): pass\ninit, run = wrap(init), wrap(run)\n",
        "def init(path): pass\nif True:\n    def init(): pass\ndef run(data): pass\n",
        "# coding: latin-1\nname = '\xe9'\ndef init(): pass\ndef run(data): pass\n",
        "pattern = '\\d'\n" + SCORE,
    ],
)
def test_a_script_that_may_provide_its_functions(tmp_path: Path, text: str) -> None:
    file = tmp_path / "score.py"
    file.write_bytes(text.encode("latin-1"))
    assert script_problem(file, SCORING) == ""


def test_a_script_that_no_parser_takes(tmp_path: Path) -> None:
    file = tmp_path / "deep.py"
    file.write_text("(" * 100_000)
    with pytest.raises(ValueError, match=r"deep\.py.* cannot be read as Python: "):
        parse_script(file)
    assert script_problem(tmp_path, SCORING) == f"{tmp_path.name} cannot be read: Is a directory"


@pytest.fixture
def site(shell: Shell) -> Shell:
    shell.write("d.csv", "x,y\n1,2\n")
    shell.write("lading.yaml", MANIFEST)
    shell.write("train.py", TRAIN)
    shell.write("score.py", SCORE)
    return shell


@pytest.mark.parametrize("command", ["check", "plan", "train"])
def test_both_scripts_are_judged_before_the_training(site: Shell, command: str) -> None:
    site.write("train.py", "def fit(data): pass\n")
    site.write("score.py", "def init(): pass\n")
    done = site(command, code=2)
    assert (
        "lading.yaml:3:17: train.script: train.py has no train(); write def train(data, log, **params): ..." in done.err
    )
    assert "lading.yaml:5:19: package.scoring_script: score.py has no run(); write def init(): ..." in done.err
    assert "train: started" not in done.err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def train(data): pass\n", "train.py:1 defines train() with 1 of 2 arguments"),
        ("def train(data, log:\n    pass\n", "train.py:1 cannot be read as Python: "),
    ],
)
def test_a_training_script_that_cannot_train(site: Shell, text: str, problem: str) -> None:
    site.write("train.py", text)
    assert f"lading.yaml:3:17: train.script: {problem}" in site("check", code=2).err


def test_scripts_that_can_work_are_not_run(site: Shell) -> None:
    assert "the script was run" not in site("check").err


def test_a_finished_model_with_a_script_without_run_is_not_registered(site: Shell) -> None:
    site.write("model.txt", "7")
    site.write("score.py", "def init(): pass\n")
    manifest = "version: 1\nname: svc\nregister: {file: model.txt}\npackage: {scoring_script: score.py}\n"
    site.write("lading.yaml", manifest)
    assert "lading.yaml:4:27: package.scoring_script: score.py has no run()" in site("register", code=2).err
    assert site("model", "list", "--json").json() == []
