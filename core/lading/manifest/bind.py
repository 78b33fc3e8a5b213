"""A draft and the options types of its plugins to a manifest, or to all that is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ManifestError, PluginError, Problem
from ..model import GoldenRequest, Json, Options
from . import references
from .build import BrokenRule, Builder, Mismatch
from .records import Manifest, Path_, Register, Section, SectionRef
from .rules import broken_rules
from .values import listing, mapping
from .words import MAX_PROBLEMS, dotted

if TYPE_CHECKING:
    from .draft import Draft

Types = Mapping[Path_, type[Options] | str]

# The keys of a block that the core reads, by its role; its plugin never sees them.
_RESERVED = {
    "train": ("plugin",),
    "package": ("plugin", "samples"),
    "image": ("plugin", "connection"),
    "connection": ("plugin",),
    "target": ("plugin", "connection", "service_name"),
    "observer": ("plugin",),
    "gate": ("plugin",),
}
# The keys of a manifest that hold blocks, and the role of these.
_BLOCKS = {"train": "train", "package": "package", "image": "image"}
_GROUPS = {"connections": "connection", "targets": "target", "observers": "observer", "gates": "gate"}


def bind_draft(draft: Draft, types: Types, *, known_valid: bool = False) -> Manifest:
    """Check the core sections and the blocks in `types`, and build their options.

    `types` gives the options type of each section that is wanted, or the reason why its plugin cannot be used;
    other sections are neither checked nor in the result. `known_valid` skips the check by type: the caller has seen
    this fingerprint, with the same versions of the plugins, bound before. Raises ManifestError with every problem.
    """
    try:
        return _Binding(draft, types, known_valid).manifest()
    except Mismatch:
        # A plugin has changed its options type and kept its version.
        return _Binding(draft, types, known_valid=False).manifest()


class _Binding:
    def __init__(self, draft: Draft, types: Types, known_valid: bool) -> None:
        self._draft = draft
        self._types = types
        self._known_valid = known_valid
        self._folder = draft.file.absolute().parent
        self._problems: dict[tuple[int, int, str], Problem] = {}

    def manifest(self) -> Manifest:
        self._report(self._draft.problems)
        core = self._core()
        register, _ = self._build(Register, core.get("register", {}), ("register",))
        samples, _ = self._build(tuple[GoldenRequest, ...], _written(core), ("package", "samples"))
        wanted = (ref for ref in self._draft.sections() if ref.path in self._types)
        sections = [self._section(ref) for ref in wanted if not self._is_full]
        if register and register.file and self._is_clean(("register", "file")) and register.file.is_dir():
            self._add(("register", "file"), "a folder: name the model file in it")
        self._check_recording(sections)
        if self._problems:
            raise ManifestError(self._shown())
        return self._assembled(register, samples, sections)

    def _check_recording(self, sections: list[Section | None]) -> None:
        """Golden requests are recorded only where the trainer's options allow it."""
        if not self._recorded:
            return
        for section in filter(None, sections):
            if section.role == "train" and section.options is not None and section.options.cannot_record:
                reason = f"{section.options.cannot_record}: write a list of samples"
                self._add(("package", "samples", "record"), reason)

    @property
    def _recorded(self) -> int:
        """How many golden requests the training is to record."""
        recorded: int = self._draft.block(("package", "samples")).get("record", 0)
        return recorded

    def _core(self) -> Mapping[str, Json]:
        """The keys that the core reads, expanded and checked."""
        core = {key: self._without_options(key, value) for key, value in self._draft.value.items()}
        expanded: Mapping[str, Json] = self._expanded(core, ())
        if not self._known_valid:
            from .core import Core

            self._check(Core, expanded, ())
        for path, message in islice(broken_rules(self._draft, self._types), MAX_PROBLEMS + 1):
            self._add(path, message)
        return expanded

    def _without_options(self, key: str, value: Json) -> Json:
        if key in _BLOCKS:
            return self._reserved((key,), _BLOCKS[key], value)
        if key in _GROUPS and isinstance(value, list):
            return [self._reserved((key, index), _GROUPS[key], block) for index, block in enumerate(value)]
        if key in _GROUPS and isinstance(value, dict):
            return {name: self._reserved((key, name), _GROUPS[key], block) for name, block in value.items()}
        return value

    def _reserved(self, path: Path_, role: str, block: Json) -> Json:
        """Of a block that is not bound the plugin's name alone, or its variables would have to be set."""
        if block is None:
            return {}
        keys = _RESERVED[role] if path in self._types else ("plugin",)
        return {key: block[key] for key in keys if key in block} if isinstance(block, dict) else block

    def _section(self, ref: SectionRef) -> Section | None:
        hint, block = self._types[ref.path], self._draft.block(ref.path)
        if isinstance(hint, str):
            self._add((*ref.path, "plugin") if "plugin" in block else ref.path, hint)
            return None
        record = {key: value for key, value in block.items() if key not in _RESERVED[ref.role]}
        value = self._expanded(record, ref.path)
        if not self._known_valid:
            self._check(hint, value, ref.path, _RESERVED[ref.role])
        options, inputs = self._build(hint, value, ref.path)
        service = self._draft.service_name(block) if ref.role == "target" else ""
        return Section(
            path=ref.path,
            role=ref.role,
            plugin=ref.plugin,
            name=ref.name,
            options=options,
            value=value,
            record=record,
            inputs=inputs,
            connection=ref.connection,
            service_name=service,
        )

    def _check(self, hint: type[Options], value: Json, path: Path_, reserved: tuple[str, ...] = ()) -> None:
        from .check import check

        self._report(check(hint, value, self._draft.document, path, reserved=reserved))

    def _build(self, hint: Any, value: Json, path: Path_) -> tuple[Any, Mapping[str, Path]]:
        """The value built, None where it has problems, and its input paths, which must exist."""
        builder, built = Builder(self._folder), None
        try:
            if self._is_clean(path):
                built = builder.build(hint, value)
            elif is_dataclass(hint):
                builder.survey(hint, mapping(value))
        except BrokenRule as error:
            self._add((*path, *error.path), str(error))
        except Mismatch as error:
            if self._known_valid:
                raise
            raise PluginError(f"options type {hint.__qualname__} refuses values that passed its check") from error
        for place, file in builder.inputs.items():
            try:
                file.stat()
            except OSError as error:
                self._add((*path, *place), f"{os.strerror(error.errno or 0).lower()}: {file}")
        return built, {dotted(place): file for place, file in builder.inputs.items()}

    def _expanded(self, value: Json, path: Path_) -> Json:
        def report(place: Path_, message: str) -> None:
            self._add((*path, *place), message)

        return references.expand_all(value, self._draft.environ, report)

    def _is_clean(self, path: Path_) -> bool:
        block = dotted(path)
        return not self._is_full and not any(
            problem.path == block or problem.path.startswith(f"{block}.") for problem in self._problems.values()
        )

    @property
    def _is_full(self) -> bool:
        """Whether there are more problems than are shown, so that none is looked for any more."""
        return len(self._problems) > MAX_PROBLEMS

    def _add(self, path: Path_, message: str) -> None:
        self._report([self._draft.document.problem(path, message)])

    def _report(self, problems: Iterable[Problem]) -> None:
        """The first problem of a value stands: the next ones follow from it."""
        for problem in () if self._is_full else problems:
            self._problems.setdefault((problem.line, problem.column, problem.path), problem)

    def _shown(self) -> tuple[Problem, ...]:
        problems = [problem for _, problem in sorted(self._problems.items())]
        if len(problems) > MAX_PROBLEMS:
            problems[MAX_PROBLEMS:] = [Problem(str(self._draft.file), 0, 0, "", "and more problems")]
        return tuple(problems)

    def _assembled(self, register: Register, samples: Any, sections: Iterable[Section | None]) -> Manifest:
        bound = [section for section in sections if section]
        by_path = {section.path: section for section in bound}
        name = self._draft.name
        written = _written(self._draft.value) if samples else []  # without the package's block nothing checked them
        return Manifest(
            file=self._draft.file,
            name=name,
            train=by_path.get(("train",)),
            register=replace(register, model=register.model or name),
            register_record=self._draft.block(("register",)),
            package=by_path.get(("package",)),
            image=by_path.get(("image",)),
            samples=samples,
            samples_record=tuple(GoldenRequest(**sample) for sample in written),
            recorded=self._recorded,
            connections={section.name: section for section in bound if section.role == "connection"},
            track=tuple(self._draft.expanded(self._draft.value.get("track", []))),
            observers=tuple(section for section in bound if section.role == "observer"),
            gates=tuple(section for section in bound if section.role == "gate"),
            default_targets=self._draft.default_targets(),
            targets={section.name: section for section in bound if section.role == "target"},
        )


def _written(core: Mapping[str, Json]) -> list[Json]:
    """The golden requests that are written down; none where they are to be recorded."""
    return listing(mapping(core.get("package")).get("samples"))
