"""The list of harmless names: honest models are accepted, and two other scanners find no danger in the list."""

from __future__ import annotations

import io
import pickle
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pytest
from fickling.analysis import Severity, check_safety
from fickling.fickle import UNSAFE_IMPORTS, Pickled
from picklescan import scanner
from tests.plugins.sklearn import hostile_opcodes
from tests.plugins.sklearn.honest_models import COMPOSED, fitted
from tests.plugins.sklearn.hostile_families import _array_items, _described, _state
from tests.plugins.sklearn.hostile_models import corpus as hostile
from tests.plugins.sklearn.hostile_models import text

from lading import FileContents, InspectRequest
from lading_sklearn import lading_inspect
from lading_sklearn.known import _listed

RECORDED = sorted((Path(__file__).parent / "recorded").iterdir())


def contents(folder: Path, data: bytes) -> FileContents:
    file = folder / "model.joblib"
    file.write_bytes(data)
    found = lading_inspect(request=InspectRequest(file=file)).contents
    assert found is not None
    return found


def refused(found: FileContents) -> list[str]:
    """The reasons to refuse a model."""
    return [each.path for each in found.unknown] + ([] if found.complete else ["incomplete"])


def saved(model: object, protocol: int) -> bytes:
    stream = io.BytesIO()
    joblib.dump(model, stream, protocol=protocol)
    return stream.getvalue()


def calling(module: str, *names: str) -> bytes:
    """A pickle that imports names, and calls each without arguments."""
    calls = b"".join(text(module) + text(name) + b"\x93)R0" for name in names)
    return b"\x80\x04" + calls + b"N."


@pytest.mark.slow
def test_each_estimator_of_scikit_learn_is_accepted(tmp_path: Path) -> None:
    found = {name: refused(contents(tmp_path, saved(model, 4))) for name, model in fitted()}
    assert len(found) > 150
    assert {name: reasons for name, reasons in found.items() if reasons} == {}


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("name", COMPOSED)
def test_pipelines_and_searches_are_accepted(tmp_path: Path, name: str, protocol: int) -> None:
    assert refused(contents(tmp_path, saved(COMPOSED[name](), protocol))) == []


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_models_of_other_libraries_and_versions_are_accepted(tmp_path: Path, file: Path) -> None:
    assert refused(contents(tmp_path, file.read_bytes())) == []


def test_the_recorded_models_are_of_all_boosters_and_of_three_versions() -> None:
    versions = defaultdict(set)
    for file in RECORDED:
        name, _, version = file.stem.rpartition("-")
        versions[name].add(version)
    assert {name.partition("-")[0] for name in versions} >= {"xgboost", "lightgbm", "catboost", "imbalanced", "forest"}
    assert all(len(found) == 3 for name, found in versions.items() if not name.startswith("catboost"))


def _named_dangerous() -> Iterator[tuple[str, str]]:
    for module, names in scanner._unsafe_globals.items():
        yield from ((module, name) for name in (["anything"] if names == "*" else names))


def test_the_names_that_picklescan_calls_dangerous_are_refused(tmp_path: Path) -> None:
    named = list(_named_dangerous())
    assert len(named) > 100
    for module, name in named:
        if module.isascii() and len(module) < 200:
            assert refused(contents(tmp_path, calling(module, name))), (module, name)


FORMS = {
    "getattr of a module": b"\x80\x04cbuiltins\ngetattr\ncnumpy\nlog1p\nU\x08__call__\x86R.",
    "getattr of an array": b"\x80\x04cbuiltins\ngetattr\ncnumpy\nndarray\n)\x81U\x03sum\x86R.",
    "getattr of an object": b"\x80\x04cbuiltins\ngetattr\ncnumpy\nndarray\n)\x81U\x09__class__\x86R.",
    "getattr in a list": b"\x80\x04]cbuiltins\ngetattr\n\x94ah\x00cnumpy\nndarray\n)\x81U\x03sum\x86R.",
    "getattr with nothing": b"\x80\x04cbuiltins\ngetattr\n)R.",
    "partial of a text": b"\x80\x04cfunctools\npartial\nU\x01a\x85R.",
    "partial with arguments": b"\x80\x04cfunctools\npartial\ncnumpy\nlog1p\nK\x01\x86R.",
    "partial that is called": b"\x80\x04cfunctools\npartial\ncnumpy\nlog1p\n\x85R)R.",
    "a state for a class": b"\x80\x04cnumpy\nndarray\n}U\x01aK\x01sb.",
    "a base with a constructor": b"\x80\x02ccopy_reg\n_reconstructor\ncnumpy\npoly1d\ncnumpy\npoly1d\nN\x87R.",
    "a state for an object that has one": b"\x80\x04csklearn.svm._classes\nSVC\n)\x81}U\x01aK\x01sb}U\x01bK\x01sb.",
    "a dtype that is used before its state": b"\x80\x04cnumpy\ndtype\nU\x02f8\x85R\x940h\x00.",
    "a dtype of an object": b"\x80\x04cnumpy\ndtype\ncsklearn.svm._classes\nSVC\n)\x81\x85R.",
    "a constructor that is called": b"\x80\x04cnumpy.random._pickle\n__randomstate_ctor\nU\x01acnumpy\nlog1p\n\x86R.",
}


@pytest.mark.parametrize("name", FORMS)
def test_a_listed_name_is_refused_in_another_form(tmp_path: Path, name: str) -> None:
    assert refused(contents(tmp_path, FORMS[name]))


def record(field: np.dtype, offset: int, flags: int) -> bytes:
    """A pickle of a record dtype of 8 bytes with one field. NumPy believes its state."""
    kind = pickle.dumps(field, 4)[:-1].partition(b"numpy")[2]
    text_of_field = b"\x8c\x05numpy" + kind
    state = (
        b"(K\x03U\x01|N(U\x01at}U\x01a(" + text_of_field + b"K" + bytes([offset]) + b"tsK\x08K\x01K" + bytes([flags])
    )
    return b"\x80\x04cnumpy\ndtype\nU\x02V8\x89\x88\x87R" + state + b"tb."


@pytest.mark.parametrize(
    ("field", "offset", "flags", "is_refused"),
    [("f8", 0, 0, False), ("O", 0, 27, False), ("O", 0, 0, True), ("f8", 0, 1, True), ("f8", 4, 0, True)],
)
def test_a_record_that_hides_its_fields_is_refused(
    tmp_path: Path, field: str, offset: int, flags: int, *, is_refused: bool
) -> None:
    """NumPy would take any bytes for the addresses of objects."""
    data = record(np.dtype(field), offset, flags)
    assert pickle.loads(data).hasobject == bool(flags & 1), "NumPy believes it"
    assert bool(refused(contents(tmp_path, data))) == is_refused


def by_module() -> dict[str, list[str]]:
    found = defaultdict(list)
    for module, name in _listed():
        found[module].append(name)
    return found


def test_picklescan_finds_no_danger_in_the_list() -> None:
    for module, names in by_module().items():
        result = scanner.scan_pickle_bytes(io.BytesIO(calling(module, *names)), "known.pkl")
        assert {each.name for each in result.globals} == set(names)
        assert result.issues_count == 0, result.globals


HARMLESS_FORMS = [
    b"\x80\x04cbuiltins\ngetattr\ncscipy.stats._discrete_distns\nrandint_gen\n)\x81U\x08_entropy\x86R.",
    b"\x80\x04cfunctools\npartial\ncnumpy\nlog1p\n\x85R.",
]


@pytest.mark.parametrize("data", HARMLESS_FORMS, ids=["a bound method", "a partial function"])
def test_two_names_that_picklescan_calls_dangerous_are_harmless_in_one_form(tmp_path: Path, data: bytes) -> None:
    assert refused(contents(tmp_path, data)) == []


def test_fickling_finds_nothing_overtly_malicious_in_the_list() -> None:
    for module, names in by_module().items():
        assert check_safety(Pickled.load(calling(module, *names))).severity < Severity.OVERTLY_MALICIOUS, module


def test_files_that_fickling_calls_overtly_malicious_are_refused(tmp_path: Path) -> None:
    files = {module: calling(module, "open", "exec", "compile") for module in UNSAFE_IMPORTS}
    files |= {name: data for name, data in hostile(tmp_path / "mark").items() if data[:1] == b"\x80"}
    severe = 0
    for name, data in files.items():
        try:
            severity = check_safety(Pickled.load(data)).severity
        except Exception:  # it cannot read the arrays of joblib
            continue
        severe += severity >= Severity.OVERTLY_MALICIOUS
        assert severity < Severity.OVERTLY_MALICIOUS or refused(contents(tmp_path, data)), name
    assert severe > 20


REEXPORTS = [
    ("sklearn.utils.discovery", "import_module"),
    ("sklearn.feature_selection._base", "attrgetter"),
    ("scipy._lib._tmpdirs", "rmtree"),
    ("numpy.lib._npyio_impl", "load"),
    ("joblib._memmapping_reducer", "load"),
    ("numpy.lib._datasource", "_open"),
    ("numpy", "savetxt"),
    ("pandas", "read_csv"),
]


@pytest.mark.parametrize(("module", "name"), REEXPORTS)
def test_a_function_of_a_known_library_is_dangerous_unless_it_is_listed(tmp_path: Path, module: str, name: str) -> None:
    (found,) = contents(tmp_path, calling(module, name)).dangerous
    assert (found.module, found.name) == (module, name)


def test_a_listed_class_is_not_called_with_arguments(tmp_path: Path) -> None:
    """Its constructor could read a file."""
    new = b"\x80\x04" + text("lightgbm.basic") + text("Booster") + b"\x93)\x81."
    assert refused(contents(tmp_path, new)) == []
    assert refused(contents(tmp_path, calling("lightgbm.basic", "Booster"))) == ["lightgbm.basic.Booster"]
    old = b"(X\x03\0\0\0a/bilightgbm.basic\nBooster\n."
    assert refused(contents(tmp_path, old)) == ["lightgbm.basic.Booster"]


def test_a_call_counts_that_only_a_plain_unpickler_makes(tmp_path: Path) -> None:
    """For joblib, the opcodes of the call are the bytes of an array."""
    made = hostile_opcodes.name("lightgbm.basic", "Booster") + b")\x810"
    array = _described(_state(_array_items("u1")))
    hidden = (b"0" + hostile_opcodes.call("lightgbm.basic", "Booster")).ljust(40, b"N")
    assert refused(contents(tmp_path, b"\x80\x04" + made + array + b"N" * 40 + b".")) == []
    data = b"\x80\x04" + made + array + hidden + b"." * 400
    assert refused(contents(tmp_path, data)) == ["lightgbm.basic.Booster"]


def test_a_distribution_with_other_code_is_refused(tmp_path: Path) -> None:
    import scipy.stats

    honest = pickle.dumps(scipy.stats.uniform, 4)
    assert refused(contents(tmp_path, honest)) == []
    other = honest.replace(b"return (), loc, scale\n", b"return(), loc, scale\n ", 1)
    assert other != honest
    assert refused(contents(tmp_path, other)) == ["scipy.stats._continuous_distns.uniform_gen"]
