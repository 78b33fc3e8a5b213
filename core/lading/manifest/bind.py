"""Bind a draft to the options types of its plugins. The result is a manifest, or all of its problems."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping
from dataclasses import is_dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ManifestError, PluginError, Problem
from ..model import GoldenRequest, Json, Options
from ..model.description import Role
from . import references
from .blocks import BY_KEY, BY_ROLE, BlockKind, Shape
from .build import BrokenRule, Builder, Mismatch
from .records import EvaluateKeys, Manifest, Path_, Register, Section, SectionRef
from .rules import broken_rules
from .typed import convert
from .values import listing, mapping
from .words import MAX_PROBLEMS, SCHEMA_KEY, dotted

if TYPE_CHECKING:
    from .draft import Draft

Types = Mapping[Path_, type[Options] | str]


def bind_draft(draft: Draft, types: Types, *, known_valid: bool = False, deploys: bool = True) -> Manifest:
    """Check the core sections and the blocks in `types`, and build their options.

    `types` maps each wanted section to its options type, or to the reason why its plugin cannot be used. Other sections
    are not checked and not returned. `known_valid` skips the check by type, because this fingerprint was bound before
    with the same versions of the plugins. Without `deploys`, options that only a deploy needs may refer to unset
    variables. Raises ManifestError with all problems.
    """
    try:
        return _Binding(draft, types, known_valid, deploys).manifest()
    except Mismatch:  # a plugin changed its options type but kept its version
        return _Binding(draft, types, False, deploys).manifest()


class _Binding:
    def __init__(self, draft: Draft, types: Types, known_valid: bool, deploys: bool) -> None:
        self._draft = draft
        self._types = types
        self._known_valid = known_valid
        self._deploys = deploys
        self._folder = draft.file.absolute().parent
        self._problems: dict[tuple[int, int, str], Problem] = {}

    def manifest(self) -> Manifest:
        self._report(self._draft.problems)
        core, converted = self._core()
        register, _ = self._build(Register, converted.get("register", {}), ("register",))
        samples, _ = self._build(tuple[GoldenRequest, ...], _written(converted), ("package", "samples"))
        wanted = (ref for ref in self._draft.sections() if ref.path in self._types)
        sections = [self._section(ref) for ref in wanted if not self._is_full]
        keys, built = self._build(EvaluateKeys, _evaluate_keys(converted), ("evaluate",))
        sections = [self._with_keys(self._with_rollout(each, converted), core, built.files) for each in sections]
        recorded = mapping(mapping(converted.get("package")).get("samples")).get("record", 0)
        if recorded:
            self._check_recording(sections)
        if not self._known_valid:
            from .together import broken_together

            for path, reason in broken_together(self._draft, _with_options(sections)):
                self._add(path, reason)
        if self._problems:
            raise ManifestError(self._shown())
        return self._assembled(register, keys, samples, recorded, sections)

    def _check_recording(self, sections: list[Section | None]) -> None:
        """Report a problem if the trainer's options do not allow to record golden requests."""
        for section in filter(None, sections):
            if section.role == Role.TRAIN and section.options is not None and section.options.cannot_record:
                reason = f"{section.options.cannot_record}: write a list of samples"
                self._add(("package", "samples", "record"), reason)

    def _with_keys(
        self, section: Section | None, core: Mapping[str, Json], inputs: Mapping[str, Path]
    ) -> Section | None:
        """Add the keys that the core reads to a section of `evaluate`, because its output depends on them."""
        if section is None or section.role != Role.EVALUATE:
            return section
        value, record = _evaluate_keys(core), _evaluate_keys(self._draft.value)
        written = {key: record[key] for key in value}
        return replace(
            section,
            value={**value, **section.value},
            record={**written, **section.record},
            inputs={**inputs, **section.inputs},
        )

    def _with_rollout(self, section: Section | None, core: Mapping[str, Json]) -> Section | None:
        """Add the rollout of a target, which the core reads."""
        block = mapping(mapping(core.get("targets")).get(section.name)).get("rollout") if section else None
        if section is None or section.role != Role.TARGET or block is None:
            return section
        from .rollout import Rollout  # few targets have one

        return replace(section, rollout=self._build(Rollout, block, (*section.path, "rollout"))[0])

    def _core(self) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
        """Expand and check the keys that the core reads. Returns them with the text of variables, and converted."""
        value = self._draft.value
        core = {key: self._without_options(key, value[key]) for key in value if key != SCHEMA_KEY}
        expanded = converted = self._expanded(core, ())
        if not self._known_valid or any(references.names(core)):
            from .core import Core  # takes long to load

            converted = convert(Core, expanded, core)
            if not self._known_valid:
                self._checked(Core, converted, (), (SCHEMA_KEY,))
        for path, message in islice(broken_rules(self._draft, self._types), MAX_PROBLEMS + 1):
            self._add(path, message)
        return expanded, converted

    def _without_options(self, key: str, value: Json) -> Json:
        kind = BY_KEY.get(key)
        if kind is None:
            return value
        if kind.shape is Shape.ONE:
            return self._reserved((key,), kind, value)
        if isinstance(value, list):
            return [self._reserved((key, index), kind, block) for index, block in enumerate(value)]
        if isinstance(value, dict):
            return {name: self._reserved((key, name), kind, block) for name, block in value.items()}
        return value

    def _reserved(self, path: Path_, kind: BlockKind, block: Json) -> Json:
        """The keys of a block that the core reads.

        If the block is not bound, only the plugin's name is kept, because the variables of the other keys may be unset.
        """
        if not isinstance(block, dict):
            return {} if block is None else block
        bound = path in self._types
        found = {key: block[key] for key in (kind.keys if bound else ("plugin",)) if key in block}
        return found if bound or self._draft.is_set(found) else {}

    def _section(self, ref: SectionRef) -> Section | None:
        hint, block, reserved = self._types[ref.path], self._draft.block(ref.path), BY_ROLE[ref.role].keys
        if isinstance(hint, str):
            self._add((*ref.path, "plugin") if "plugin" in block else ref.path, hint)
            return None
        record = {key: value for key, value in block.items() if key not in reserved}
        optional = () if self._deploys or ref.role != Role.TARGET else hint.deploy_only
        value = self._expanded(record, ref.path, optional)
        checked = converted = convert(hint, value, record)
        if not self._known_valid:
            checked = self._checked(hint, converted, ref.path, reserved, optional)
        options, built = self._build(hint, checked, ref.path, optional)
        service = self._draft.service_name(block) if ref.role == Role.TARGET else ""
        return Section(
            path=ref.path,
            role=ref.role,
            plugin=ref.plugin,
            name=ref.name,
            options=options,
            value=built.plain(value, record),
            record=built.plain(record, record),
            inputs=built.files,
            connection=ref.connection,
            service_name=service,
            is_partial=checked is not converted,
            keep_old_place=self._draft.expanded(block.get("keep_old_place")) in (True, "true"),
        )

    def _checked(
        self, hint: Any, value: Json, path: Path_, reserved: Iterable[str], optional: Iterable[str] = ()
    ) -> Json:
        """Check a value and report its problems. Returns it without the `optional` parts that have one."""
        from .check import check

        problems = check(hint, value, self._draft.document, path, reserved=reserved)
        broken = {key for key in optional if any(_is_below(each, (*path, key)) for each in problems)}
        self._report(each for each in problems if not any(_is_below(each, (*path, key)) for key in broken))
        return {key: part for key, part in value.items() if key not in broken} if broken else value

    def _build(self, hint: Any, value: Json, path: Path_, optional: Container[str | int] = ()) -> tuple[Any, Builder]:
        """Build a value and find its input paths, which must exist. The value is None if it has problems.

        If the part below an `optional` key breaks a rule of its type, the value is built without it.
        """
        builder, built = Builder(self._folder), None
        try:
            if self._is_clean(path):
                built = builder.build(hint, value)
            elif is_dataclass(hint):
                builder.survey(hint, mapping(value))
        except BrokenRule as error:
            if error.path and error.path[0] in optional:
                return self._build(hint, {key: part for key, part in value.items() if key != error.path[0]}, path)
            self._add((*path, *error.path), str(error))
        except Mismatch as error:
            if self._known_valid:
                raise
            raise PluginError(f"options type {hint.__qualname__} refuses values that pydantic accepts") from error
        self._require_files(builder.inputs, path)
        return built, builder

    def _require_files(self, inputs: Mapping[Path_, Path], path: Path_) -> None:
        for place, file in inputs.items():
            try:
                file.stat()
            except OSError as error:
                self._add((*path, *place), f"{os.strerror(error.errno or 0).lower()}: {file}")

    def _expanded(self, value: Json, path: Path_, optional: Container[str | int] = ()) -> Json:
        """Replace the variables in a value. An unset variable stays as written if it is below an `optional` key."""

        def report(place: Path_, message: str) -> None:
            if not place or place[0] not in optional:
                self._add((*path, *place), message)

        return references.expand_all(value, self._draft.environ, report)

    def _is_clean(self, path: Path_) -> bool:
        return not self._is_full and not any(_is_below(problem, path) for problem in self._problems.values())

    @property
    def _is_full(self) -> bool:
        """Whether there are already more problems than are shown. The checks then stop."""
        return len(self._problems) > MAX_PROBLEMS

    def _add(self, path: Path_, message: str) -> None:
        self._report([self._draft.document.problem(path, message)])

    def _report(self, problems: Iterable[Problem]) -> None:
        """Record problems. Only the first problem of a value is kept, because the next ones may follow from it."""
        for problem in () if self._is_full else problems:
            self._problems.setdefault((problem.line, problem.column, problem.path), problem)

    def _shown(self) -> tuple[Problem, ...]:
        problems = [problem for _, problem in sorted(self._problems.items())]
        if len(problems) > MAX_PROBLEMS:
            problems[MAX_PROBLEMS:] = [Problem(str(self._draft.file), 0, 0, "", "and more problems")]
        return tuple(problems)

    def _assembled(
        self, register: Register, keys: EvaluateKeys, samples: Any, recorded: int, sections: Iterable[Section | None]
    ) -> Manifest:
        bound = [section for section in sections if section]
        by_path = {section.path: section for section in bound}
        name = self._draft.name
        written = _written(self._draft.value) if samples else []  # unchecked if there is no package block
        return Manifest(
            file=self._draft.file,
            name=name,
            train=by_path.get(("train",)),
            evaluate=by_path.get(("evaluate",)),
            evaluate_keys=keys,
            register=replace(register, model=register.model or name),
            register_record=self._draft.block(("register",)),
            package=by_path.get(("package",)),
            image=by_path.get(("image",)),
            samples=samples,
            samples_record=tuple(GoldenRequest(**sample) for sample in written),
            recorded=recorded,
            connections={section.name: section for section in bound if section.role == Role.CONNECTION},
            track=tuple(self._draft.expanded(self._draft.value.get("track", []))),
            observers=tuple(section for section in bound if section.role == Role.OBSERVER),
            gates=tuple(section for section in bound if section.role == Role.GATE),
            default_targets=self._draft.default_targets(),
            targets={section.name: section for section in bound if section.role == Role.TARGET},
            services=self._draft.services(),
        )


def _is_below(problem: Problem, path: Path_) -> bool:
    """Whether a problem is that of a value or of a part of it."""
    block = dotted(path)
    return problem.path == block or problem.path.startswith(f"{block}.")


def _with_options(sections: Iterable[Section | None]) -> dict[str, Section]:
    """The blocks whose options could be built, by their roles."""
    return {section.role: section for section in sections if section and section.options is not None}


def _evaluate_keys(core: Mapping[str, Json]) -> Mapping[str, Json]:
    """The keys of the block `evaluate`, without the plugin."""
    return {key: value for key, value in mapping(core.get("evaluate")).items() if key != "plugin"}


def _written(core: Mapping[str, Json]) -> list[Json]:
    """The golden requests in the manifest. Empty if they are recorded in the training."""
    return listing(mapping(core.get("package")).get("samples"))
