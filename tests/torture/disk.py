"""The possible contents of a disk after a power loss: all synced data, and any part of the rest."""

from __future__ import annotations

import ast
import itertools
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)")
_ON_FILES = ("write", "pwrite64", "ftruncate", "fsync", "fdatasync")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ALL = 6  # up to this number of pending effects, every subset is tried; of more, those that differ most


@dataclass(eq=False, frozen=True)
class Node:
    """A file or folder, independent of its names."""

    is_folder: bool = False


@dataclass(frozen=True)
class Change:
    """A change of a file: bytes written at an offset, or a truncation there."""

    node: Node
    at: int
    data: bytes | None


@dataclass(frozen=True)
class Renaming:
    """Names that are removed and added in one step, each in a folder. Syncing the last folder makes it durable."""

    gone: tuple[tuple[Node, str], ...]
    come: tuple[tuple[Node, str, Node], ...]

    @property
    def home(self) -> Node:
        return self.come[-1][0] if self.come else self.gone[-1][0]


Effect = Change | Renaming
State = tuple[tuple[int, Effect], ...]  # its effects, numbered in the order in which they happened
Image = tuple[tuple[str, bytes | None], ...]  # paths below the folder, parents first; a folder has no bytes


@dataclass
class Disk:
    """Follows the calls of a process in a folder. `volatile` is the content as the process sees it."""

    root: Path
    top: Node = field(default_factory=lambda: Node(is_folder=True))
    durable: list[tuple[int, Effect]] = field(default_factory=list)
    pending: list[tuple[int, Effect]] = field(default_factory=list)
    _names: dict[Node, dict[str, Node]] = field(default_factory=dict)
    _places: dict[Node, int] = field(default_factory=dict)
    _sizes: dict[Node, int] = field(default_factory=dict)
    _clock: Iterator[int] = field(default_factory=itertools.count)

    def follow(self, line: str) -> bool:
        """Process one call from strace. Returns True if it made something durable."""
        parsed = _CALL.match(line)
        if parsed is None or int(parsed[3]) < 0 or str(self.root) not in line:
            return False
        call, arguments = parsed[1], re.sub("AT_FDCWD<[^>]*>", "AT_FDCWD", parsed[2])
        texts = [ast.literal_eval(f'b"{text}"') for text in _TEXT.findall(arguments)]
        opened = re.match(r"\d+<([^>]*)>", arguments)
        if opened and call in _ON_FILES:
            return self._on_open_file(call, opened[1], arguments, texts)
        within = f"{opened[1]}/" if opened else ""
        self._on_names(call, [self._relative(within + text.decode()) for text in texts], arguments)
        return False

    def everything(self) -> State:
        """The state with all effects of the process on the disk."""
        return tuple(sorted([*self.durable, *self.pending], key=lambda each: each[0]))

    def states(self) -> Iterator[State]:
        """The possible states of the disk if the power fails now."""
        for chosen in _subsets(self.pending):
            yield tuple(sorted([*self.durable, *chosen], key=lambda each: each[0]))

    def _on_open_file(self, call: str, path: str, arguments: str, texts: list[bytes]) -> bool:
        node = self._find(self._relative(path))
        if node is None:  # deleted, or outside the folder
            return False
        if call in {"fsync", "fdatasync"}:
            return self._sync(node)
        if call == "pwrite64":
            self._write(node, int(arguments.rsplit(", ", 1)[1]), texts[0])
        elif call == "write":
            self._write(node, self._places.get(node, 0), texts[0])
            self._places[node] = self._places.get(node, 0) + len(texts[0])
        elif call == "ftruncate":
            self._note(Change(node, int(arguments.rsplit(", ", 1)[1]), None))
        return False

    def _on_names(self, call: str, paths: list[str], arguments: str) -> None:
        if call in {"mkdir", "mkdirat"}:
            self._come(paths[0], is_folder=True)
        elif call == "openat":
            self._open(paths[0], arguments)
        elif call.startswith("rename"):
            self._rename(paths[0], paths[1])
        elif call.startswith("link"):
            folder, name = self._home(paths[1])
            self._apply(Renaming((), ((folder, name, self._known(paths[0])),)))
        elif call.startswith(("unlink", "rmdir")):
            self._apply(Renaming((self._home(paths[0]),), ()))

    def _open(self, path: str, arguments: str) -> None:
        node = self._find(path)
        if node is None and "O_CREAT" in arguments:
            node = self._come(path)
        elif node is not None and "O_TRUNC" in arguments:
            self._note(Change(node, 0, None))
        if node is not None:
            self._places[node] = self._sizes.get(node, 0) if "O_APPEND" in arguments else 0

    def _rename(self, source: str, destination: str) -> None:
        node, (folder, name) = self._known(source), self._home(destination)
        self._apply(Renaming((self._home(source),), ((folder, name, node),)))

    def _come(self, path: str, *, is_folder: bool = False) -> Node:
        node, (folder, name) = Node(is_folder), self._home(path)
        self._apply(Renaming((), ((folder, name, node),)))
        return node

    def _write(self, node: Node, at: int, data: bytes) -> None:
        self._note(Change(node, at, data))

    def _apply(self, renaming: Renaming) -> None:
        _rename_in(self._names, renaming)
        self._note(renaming)

    def _note(self, effect: Effect) -> None:
        if isinstance(effect, Change):
            size = self._sizes.get(effect.node, 0)
            self._sizes[effect.node] = effect.at if effect.data is None else max(size, effect.at + len(effect.data))
        self.pending.append((next(self._clock), effect))

    def _sync(self, node: Node) -> bool:
        synced = [each for each in self.pending if _belongs(each[1], node)]
        self.durable += synced
        self.pending = [each for each in self.pending if each not in synced]
        return bool(synced)

    def _relative(self, path: str) -> str:
        return path.removeprefix(str(self.root)).strip("/")

    def _home(self, path: str) -> tuple[Node, str]:
        folder, _, name = path.rpartition("/")
        return self._known(folder), name

    def _known(self, path: str) -> Node:
        node = self._find(path)
        if node is None:
            raise ValueError(f"the calls name {path}, which was never made")
        return node

    def _find(self, path: str) -> Node | None:
        node: Node | None = self.top
        for name in filter(None, path.split("/")):
            node = self._names.get(node, {}).get(name) if node is not None else None
        return node


def image(state: State, top: Node) -> Image:
    """The files and folders of a state of the disk. Several states may give the same image."""
    names: dict[Node, dict[str, Node]] = {}
    contents: dict[Node, bytearray] = {}
    for _, effect in state:
        if isinstance(effect, Renaming):
            _rename_in(names, effect)
        else:
            _change(contents.setdefault(effect.node, bytearray()), effect)
    return tuple(_found_in(top, "", names, contents))


def _found_in(
    node: Node, path: str, names: dict[Node, dict[str, Node]], contents: dict[Node, bytearray]
) -> Iterator[tuple[str, bytes | None]]:
    for name, child in sorted(names.get(node, {}).items(), key=lambda each: each[0]):
        yield path + name, None if child.is_folder else bytes(contents.get(child, b""))
        yield from _found_in(child, f"{path}{name}/", names, contents)


def lay_down(image: Image, folder: Path) -> None:
    """Write an image into an empty folder."""
    for path, content in image:
        place = folder / path
        if content is None:
            place.mkdir(0o700)
        else:
            place.write_bytes(content)
            place.chmod(0o600)


def _rename_in(names: dict[Node, dict[str, Node]], renaming: Renaming) -> None:
    for folder, name in renaming.gone:
        names.get(folder, {}).pop(name, None)
    for folder, name, node in renaming.come:
        names.setdefault(folder, {})[name] = node


def _change(content: bytearray, change: Change) -> None:
    if len(content) < change.at:
        content.extend(bytes(change.at - len(content)))
    if change.data is None:
        del content[change.at :]
    else:
        content[change.at : change.at + len(change.data)] = change.data


def _belongs(effect: Effect, node: Node) -> bool:
    return effect.node is node if isinstance(effect, Change) else effect.home is node


def _subsets(pending: list[tuple[int, Effect]]) -> Iterator[list[tuple[int, Effect]]]:
    size = len(pending)
    if size <= _ALL:
        for count in range(size + 1):
            yield from map(list, itertools.combinations(pending, count))
        return
    for index in range(size + 1):
        yield pending[:index]
    for index in range(size):
        yield pending[:index] + pending[index + 1 :]
        yield [pending[index]]
    dice = random.Random(size)
    for _ in range(2 * size):
        yield [each for each in pending if dice.random() < 0.5]
