"""Models in the format of skops. The library itself lists the types that it does not trust; nothing is loaded."""

from __future__ import annotations

import json
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lading import BadInput, FileContents, Import, PluginError, Refused, TrainedModel

from .holding import held, schema_of
from .judging import judge
from .values import UNSEEN, Global, Items, Object

_SCHEMA = "schema.json"
_LARGEST = 256 << 20  # bytes of the description
_VERSION = "_sklearn_version"
_GENERATOR = "RandomGeneratorNode"
_BITS = frozenset({"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"})
_BOOSTERS, _ORDERED = ("lightgbm", "xgboost"), "collections.OrderedDict"
_MOST_NESTED = 20  # levels of pipelines, lists and attributes
# A damaged archive, one with a password, one of an unknown compression, and damaged content.
UNREADABLE = (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, lzma.LZMAError, EOFError, ValueError)


def is_skops(file: Path) -> bool:
    """Whether a file is a model of skops. A pickle never begins like one."""
    with file.open("rb") as stream:
        if stream.read(4) != b"PK\x03\x04" or not zipfile.is_zipfile(file):
            return False
    try:
        with zipfile.ZipFile(file) as archive:
            return _SCHEMA in archive.namelist()
    except UNREADABLE as error:
        raise BadInput(f"{file} is damaged: {error}", hint="save the model again") from error


def describe(file: Path) -> TrainedModel:
    """Describe a model by its types. Raises PluginError without skops, and Refused if it cannot be read."""
    try:
        schema = _schema(file)
        versions, value = list(_versions(schema)), _value(schema, _MOST_NESTED)
        holds, columns = held(value), schema_of(value)
    except (*UNREADABLE, RecursionError) as error:
        raise Refused(f"{file} is not a model of skops: {error}", hint="save the model again") from error
    called = (_import(path, is_known=False) for path in _called(schema))
    return TrainedModel(
        file=file,
        framework="scikit-learn" if versions else "",
        framework_version=versions[0] if versions else "",
        contents=FileContents(
            format="skops",
            protocol=None,
            size=file.stat().st_size,
            classes=(),
            imports=tuple(dict.fromkeys([*map(_import, untrusted(file)), *called])),
            complete=True,
            is_pickle=False,
            holds=holds,
        ),
        schema=columns,
    )


def untrusted(file: Path) -> list[str]:
    """The types of a model that skops does not trust."""
    io = module()
    try:
        found: list[str] = io.get_untrusted_types(file=file)
    except Exception as error:  # the file may be anything
        raise Refused(f"{file} cannot be read by skops: {error}", hint="save the model again") from error
    return found


def module() -> Any:
    """The module `skops.io`. Raises PluginError if it is not installed."""
    try:
        import skops.io
    except ImportError:
        raise PluginError("a model in the format of skops needs skops", hint="pip install 'lading[skops]'") from None
    return skops.io


def _import(path: str, *, is_known: bool = True) -> Import:
    """A type that skops does not trust, unless it is a known one of the boosters.

    Another known name may be harmless in a pickle alone: skops gives each class its state, and that of a distribution
    of scipy is run as code. The source of a random generator would be called.
    """
    module_name, _, name = path.rpartition(".")
    is_booster = path == _ORDERED or module_name.partition(".")[0] in _BOOSTERS
    is_known = is_known and is_booster and judge(Global(module_name, name)) == "known"
    return Import(module=module_name, name=name, kind="known" if is_known else "other")


def _schema(file: Path) -> Any:
    with zipfile.ZipFile(file) as archive:
        if archive.getinfo(_SCHEMA).file_size > _LARGEST:
            raise Refused(f"{file} has a description of more than {_LARGEST >> 20} MiB")
        return json.loads(archive.read(_SCHEMA))


def _value(node: Any, levels: int) -> Any:
    """A node of the description as the value that a pickle of the same object would have."""
    if not isinstance(node, dict) or levels == 0:
        return UNSEEN
    content, made_of = node.get("content"), Global(str(node.get("__module__")), str(node.get("__class__")))
    if made_of.module != "builtins" or not isinstance(content, dict | list | str):
        return Object(made_of, (), _value(content, levels - 1))
    if isinstance(content, dict):
        return {name: _value(item, levels - 1) for name, item in content.items()}
    if isinstance(content, list):
        values = [_value(item, levels - 1) for item in content]
        if made_of.name == "tuple":
            return tuple(values)
        items = Items(made_of.name)
        items.add(values)
        return items
    return json.loads(content)


def _versions(schema: Any) -> Iterator[str]:
    """The versions of scikit-learn in the states of the estimators."""
    for node in _nodes(schema):
        if isinstance(text := _at(node, _VERSION, "content"), str):
            yield text.strip('"')


def _called(schema: Any) -> Iterator[str]:
    """What a random generator would call as its source of bits, if that is none. Old versions of skops trust it."""
    for node in _nodes(schema):
        if node.get("__loader__") == _GENERATOR:
            name = str(_at(node, "content", "bit_generator", "content", "bit_generator", "content")).strip('"')
            if name not in _BITS:
                yield f"numpy.random.{name}"


def _at(node: Any, *keys: str) -> Any:
    """The value at nested keys; None if there is none."""
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += reversed(node)
        elif isinstance(node, dict):
            waiting += [value for key, value in node.items() if key != _VERSION and isinstance(value, dict | list)]
            yield node
