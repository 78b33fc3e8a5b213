"""Tracebacks begin at the script's own frame, and say how to repair the package if that is known."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from lading_serving.tracebacks import remedy, shown

Load = Callable[[str], ModuleType]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    monkeypatch.setenv("AML_APP_ROOT", str(tmp_path))

    def run(source: str) -> ModuleType:
        (tmp_path / "score.py").write_text(source)
        spec = importlib.util.spec_from_file_location("entry_module", tmp_path / "score.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return run


def error_of(function: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as raised:  # noqa: PT011  # each kind of error
        function()
    return raised.value


def frames(text: str) -> list[str]:
    return [line.strip().rpartition("/")[2] for line in text.splitlines() if line.startswith('  File "')]


def test_a_function_is_the_first_frame(load: Load) -> None:
    found = shown(error_of(load("def run():\n    go()\ndef go():\n    raise ValueError('no luck')\n").run))
    assert frames(found) == ['score.py", line 2, in run', 'score.py", line 4, in go']
    assert found.endswith("\nValueError: no luck\n")


def test_an_import_begins_at_the_line_that_imports(load: Load) -> None:
    error = error_of(lambda: load("import os\nimport nowhere.inside\n"))
    assert frames(shown(error)) == ['score.py", line 2, in <module>']
    assert (
        remedy(error)
        == "add the distribution that has nowhere under package.environment, or nowhere.py under package.include"
    )


def test_an_error_of_a_library_keeps_the_frames_after_the_script(load: Load) -> None:
    error = error_of(load("import json\ndef run():\n    json.loads('{')\n").run)
    assert frames(shown(error))[0] == 'score.py", line 3, in run'
    assert len(frames(shown(error))) > 1
    assert remedy(error) == ""


def test_the_error_before_another_is_shown_from_its_own_frame_too(load: Load) -> None:
    source = (
        "def run():\n    try:\n        {}['x']\n    except KeyError as e:\n        raise ValueError('none') from e\n"
    )
    found = shown(error_of(load(source).run))
    assert frames(found) == ['score.py", line 3, in run', 'score.py", line 5, in run']
    assert "direct cause" in found


def test_each_error_of_a_group_is_shown_from_its_own_frame(load: Load) -> None:
    found = shown(error_of(load("def run():\n    raise ExceptionGroup('two', [ValueError('a'), KeyError('b')])\n").run))
    assert "test_serving_tracebacks" not in found
    assert "ValueError: a" in found


def test_a_script_that_cannot_be_parsed_has_its_line(load: Load) -> None:
    found = shown(error_of(lambda: load("def run(:\n")))
    assert frames(found) == ['score.py", line 1']
    assert "SyntaxError" in found


def test_a_hidden_script_has_no_frames(load: Load) -> None:
    found = shown(error_of(load("__tracebackhide__ = True\ndef run():\n    raise ValueError('no luck')\n").run))
    assert found == "ValueError: no luck\n"


@pytest.mark.parametrize("load_pickle", [pickle.loads, pickle._loads])  # type: ignore[attr-defined]
def test_a_class_of_the_saving_program_is_to_be_moved(load_pickle: Callable[[bytes], object]) -> None:
    error = error_of(lambda: load_pickle(b"c__main__\nMyModel\n."))
    assert remedy(error).startswith("MyModel was defined in the program that saved the model: move it into a module")
    assert remedy(AttributeError("'NoneType' object has no attribute 'x'")) == ""


def test_a_cause_that_leads_back_to_the_error_ends(load: Load) -> None:
    error, other = ValueError("one"), ValueError("two")
    error.__cause__, other.__cause__ = other, error
    assert "one" in shown(error)
    assert remedy(error) == ""
