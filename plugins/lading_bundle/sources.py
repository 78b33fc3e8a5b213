"""The sources of an environment: the lists of the manifest, a conda file, a requirements file or a lock file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lading import PackageProblem

from . import conda
from .entries import Written
from .environment import Environment
from .locks import locked
from .named import nested_file, text_of
from .wrong import Wrong

_HASH = re.compile(r"\s--hash[= ](\S+)")
_CONDA_FILE = "environment.conda_file"
_CONDA_KEYS = ("name", "channels", "dependencies", "prefix", "platforms")


@dataclass
class Source:
    """The entries of an environment as written, its conda channels, and the problems of its files.

    `left_out` are packages in files of conda that are not Python distributions. `is_file` is whether conda's entries
    are from a file.
    """

    written: list[Written] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    problems: list[PackageProblem] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    is_file: bool = False


def read_source(environment: Environment, python: str) -> Source:
    """Read the lists and the files of an environment, for a Python such as `3.11`."""
    found = Source(is_file=environment.conda_file is not None)
    for key, texts in (("conda", environment.conda), ("pip", environment.pip)):
        options = (f"environment.{key}.{index}" for index in range(len(texts)))
        found.written += [
            Written(text, option, is_conda=key == "conda") for text, option in zip(texts, options, strict=True)
        ]
    try:
        if environment.conda_file:
            _read_conda_file(environment.conda_file, found)
        if environment.requirements:
            found.written += _requirements(environment.requirements, (), "environment.requirements")
        if environment.lock:
            found.written += locked(environment.lock, "environment.lock", python)
    except Wrong as error:
        found.problems.append(error.problem)
    return found


def _read_conda_file(file: Path, found: Source) -> None:
    names: set[str] = set()
    for key, value in _composed(file):
        name = key.value if isinstance(key.value, str) else ""  # the text of a list can be endless
        if name and name in names:
            place = f"{file.name}:{key.start_mark.line + 1}"
            raise Wrong(f"{place}: the key {name} is there twice", hint="merge the two", option=_CONDA_FILE)
        names.add(name)
        if key.value not in _CONDA_KEYS:
            found.problems.append(_misplaced(file, key).problem)
        elif key.value == "channels":
            found.channels += [item.value for item in _texts(file, key.value, value)]
        elif key.value == "dependencies":
            _read_dependencies(file, value, found)


def _composed(file: Path) -> list[tuple[Any, Any]]:
    """The keys and values of a conda file. Raises Wrong with the line for each fault of its YAML."""
    import yaml

    text = _text(file, _CONDA_FILE)
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"{file.name}:{line}: the character {chr(error.character)!a} cannot be in a conda file"
        raise Wrong(message, hint="remove the character", option=_CONDA_FILE) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Wrong(f"{file.name}:{line}: {error.problem}", option=_CONDA_FILE) from None
    except RecursionError:
        raise Wrong(f"{file.name} is nested too deeply", option=_CONDA_FILE) from None
    if not isinstance(root, yaml.MappingNode):
        raise Wrong(f"{file.name}:1: a conda file is a mapping with `dependencies`", option=_CONDA_FILE)
    keys: list[tuple[Any, Any]] = root.value
    return keys


def _read_dependencies(file: Path, value: Any, found: Source) -> None:
    items = _items(file, "dependencies", value)
    plain = [node for node in items if not isinstance(node.value, list)]
    is_export = conda.is_export(conda.parts(node.value)[1] for node in plain)
    for node in items:
        if not isinstance(node.value, list):
            _read_dependency(file, node, found, is_export=is_export)
            continue
        for pair in node.value:
            key, value = pair if isinstance(pair, tuple) else (node, pair)
            if key.value == "pip":
                found.written += [one for item in _texts(file, "pip", value) for one in _of_pip(file, item)]
            else:
                found.problems.append(_misplaced(file, key).problem)


def _of_pip(file: Path, item: Any) -> Iterator[Written]:
    """An item under `pip:`, or the lines of the requirements file that it names."""
    written = _written_at(file, item, is_conda=False)
    nested = nested_file(written.text)
    return _nested(written, file, nested, ()) if nested else iter([written])


def _read_dependency(file: Path, node: Any, found: Source, *, is_export: bool) -> None:
    name = conda.parts(node.value)[1]
    is_listed = conda.is_foreign(name) and (is_export or conda.is_exported(node.value, name))
    if is_listed or conda.is_built_without_python(node.value, name):
        found.left_out.append(name)
    else:
        found.written.append(_written_at(file, node, is_conda=True))


def _items(file: Path, key: str, node: Any) -> list[Any]:
    if node.value == "" and not node.style:  # the key has no value
        return []
    if isinstance(node.value, list) and not any(isinstance(item, tuple) for item in node.value):
        return node.value
    place = f"{file.name}:{node.start_mark.line + 1}"
    raise Wrong(f"{place}: {key} must be a list", option=_CONDA_FILE)


def _texts(file: Path, key: str, node: Any) -> list[Any]:
    items = _items(file, key, node)
    for item in items:
        if not isinstance(item.value, str):
            raise _misplaced(file, item)
    return items


def _misplaced(file: Path, node: Any) -> Wrong:
    """The fault of a key that conda files do not have, or of a list or a mapping at the place of a text."""
    place, option = f"{file.name}:{node.start_mark.line + 1}", _CONDA_FILE
    if not isinstance(node.value, str):
        return Wrong(f"{place}: an item must be text, or `pip:` with a list", option=option)
    hint = "write them under the target: `env`" if node.value == "variables" else "remove the key"
    return Wrong(f"{place}: the key {node.value} of a conda file is not used", hint=hint, option=option)


def _written_at(file: Path, node: Any, *, is_conda: bool) -> Written:
    place = f"{file.name}:{node.start_mark.line + 1}: "
    return Written(str(node.value), _CONDA_FILE, place, is_conda, file.parent)


def _requirements(file: Path, outer: tuple[Path, ...], option: str) -> Iterator[Written]:
    """The lines of a requirements file and of the files that it names."""
    for number, line in _lines(_text(file, option)):
        written = Written(_with_hash(line), option, f"{file.name}:{number}: ", folder=file.parent)
        if nested := nested_file(line):
            yield from _nested(written, file, nested, outer)
        else:
            yield written


def _nested(written: Written, file: Path, name: str, outer: tuple[Path, ...]) -> Iterator[Written]:
    """The lines of the file that a line `-r NAME` of `file` names."""
    if "://" in name:
        raise written.wrong("-r has an address, which is not read", "copy the file to this project, and name the copy")
    inner = file.parent / name
    if inner in (*outer, file) or not inner.is_file():
        raise written.wrong(
            f"{inner.name} {'names itself' if inner.is_file() else 'does not exist'}", "correct the line"
        )
    yield from _requirements(inner, (*outer, file), written.option)


def _with_hash(line: str) -> str:
    """A line without its hashes. The hash of an address becomes a part of it."""
    hashes, entry = _HASH.findall(line), _HASH.sub("", line).strip()
    is_alone = len(hashes) == 1 and "://" in entry and not re.search(r"#|\s;|;\s", entry)
    return f"{entry}#{hashes[0].replace(':', '=')}" if is_alone else entry


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a requirements file with their numbers. A backslash at its end joins a line with the next one."""
    joined, first = "", 0
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        first = first if joined else number
        joined += re.sub(r"(^|\s)#.*", "", line)
        if joined.endswith("\\"):
            joined = joined[:-1] + " "
        else:
            if joined.strip():
                yield first, joined.strip()
            joined = ""


def _text(file: Path, option: str) -> str:
    try:
        return text_of(file)
    except (OSError, UnicodeDecodeError) as error:
        hint = "save it as UTF-8" if isinstance(error, UnicodeDecodeError) else ""
        raise Wrong(f"{file.name} cannot be read: {error}", hint=hint, option=option) from None
