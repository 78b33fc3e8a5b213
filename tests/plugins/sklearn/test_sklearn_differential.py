"""The names that the unpicklers of Python and joblib ask for are among those that the inspection lists."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import joblib
import pytest
from tests.plugins.sklearn.honest_models import COMPOSED
from tests.plugins.sklearn.hostile_families import FAMILIES
from tests.plugins.sklearn.hostile_models import corpus
from tests.waiting import LIMIT

from lading import InspectRequest
from lading_sklearn import lading_inspect

ASK = """
import json, pickle, sys, warnings
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from pathlib import Path
from joblib import numpy_pickle, numpy_pickle_compat

warnings.simplefilter("ignore")
loads, folder, asked = sys.argv[1] == "load", Path(sys.argv[2]), {}
WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")
wanted = []

class Nothing:
    def __new__(cls, *arguments, **keywords): return object.__new__(cls)
    def __init__(self, *arguments, **keywords): pass
    def __setstate__(self, state): pass
    def append(self, item): pass
    extend = add = append
    def __setitem__(self, key, value): pass

def asking(base):
    class Asking(base):
        def find_class(self, module, name):
            old = self.proto < 3
            new = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
            renamed = new if old else (module, name)
            wanted.append(renamed)
            return super().find_class(module, name) if loads or renamed == WRAPPER else Nothing
        def get_extension(self, code):
            wanted.append(("?", "?"))
            self.append(Nothing)
    return Asking

class Plain(pickle._Unpickler):
    proto = 0

class Joblib(numpy_pickle.NumpyUnpickler):
    proto = 0

class Old(numpy_pickle_compat.ZipNumpyUnpickler):
    proto = 0

numpy_pickle.NumpyUnpickler = asking(Joblib)
numpy_pickle_compat.ZipNumpyUnpickler = asking(Old)
for file in sorted(folder.iterdir()):
    wanted.clear()
    try:
        if "plain" not in file.name:
            numpy_pickle.load(file)
            continue
        with file.open("rb") as stream:
            asking(Plain)(stream).load()
    except Exception:
        pass
    finally:
        asked[file.name] = list(wanted)
print(json.dumps(asked))
"""


def compare(folder: Path, mode: str) -> None:
    """Each name that an unpickler asks for is listed. In the mode `refuse`, it gets a class that does nothing.

    Two names are left out of the list if they are used only in a harmless form.
    """
    command = [sys.executable, "-W", "ignore", "-c", ASK, mode, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True)
    asked = json.loads(done.stdout)
    assert sum(map(len, asked.values())) >= len(asked), done.stderr
    for name, wanted in asked.items():
        found = lading_inspect(request=InspectRequest(file=folder / name)).contents
        assert found is not None
        listed = {(each.module, each.name) for each in found.imports}
        missing = set(map(tuple, wanted)) - listed - {("builtins", "getattr"), ("functools", "partial")}
        assert not missing or ("?", "?") in listed or not found.complete, (name, missing)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_name_of_a_hostile_file_is_listed(tmp_path: Path, family: str) -> None:
    folder, mark = tmp_path / "files", tmp_path / "it ran"
    folder.mkdir()
    for name, data in FAMILIES[family](mark, "http://127.0.0.1:9/x.csv").items():
        (folder / f"{family}-{name}").write_bytes(data)
    compare(folder, "refuse")
    assert not mark.exists()


def test_each_name_of_a_dangerous_file_is_listed(tmp_path: Path) -> None:
    folder, mark = tmp_path / "files", tmp_path / "it ran"
    folder.mkdir()
    for name, data in corpus(mark).items():
        (folder / name).write_bytes(data)
    compare(folder, "refuse")
    assert not mark.exists()


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_each_name_of_an_honest_model_is_listed(tmp_path: Path, protocol: int) -> None:
    for name, make in COMPOSED.items():
        joblib.dump(make(), tmp_path / name.replace(" ", "-"), protocol=protocol)
    compare(tmp_path, "load")
