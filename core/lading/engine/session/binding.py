"""Bind the blocks of a manifest that a command needs: load their plugins and check their options."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from ...errors import BadInput, ManifestError
from ...manifest import Draft, Manifest, Path_, SectionRef
from ...manifest.bind import bind_draft
from ...manifest.blocks import BLOCKS, BY_ROLE
from ...manifest.references import names
from ...manifest.rules import members, twin_of, twins
from ...manifest.words import did_you_mean, dotted
from ...model import Capability, Options
from ...model.description import Role
from ...plugin.bound import BoundPlugin, bind, identity
from ...plugin.discovery import TARGETS, is_installed
from ...store.origin import distribution_of, last_live
from ...store.places import Places
from .order import Needs

if TYPE_CHECKING:
    from ...store import Store

Plugins = Mapping[Path_, BoundPlugin]

_STAGES = tuple(block.role for block in BLOCKS if block.stage)
_GUARDS = {Role.OBSERVER: Needs.OBSERVERS, Role.GATE: Needs.GATES}


def bind_manifest(
    draft: Draft,
    store: Store,
    *,
    targets: tuple[str, ...] | None,
    needs: Needs,
) -> tuple[Manifest, Plugins]:
    """Bind the core sections, the chosen targets with their connections, and the other parts that a command needs.

    Raises ManifestError with all problems, BadInput for an unknown target, and PluginError for a broken plugin.
    """
    whole, draft = draft, draft if Needs.MAKING in needs else draft.packed()
    draft = draft.without_unset((*needs.unused, *(() if targets == () else ("target",))))
    refs = draft.sections()
    chosen = [] if targets is None else _chosen(refs, targets) if targets else _defaults(draft)
    guards = (role for role, need in _GUARDS.items() if need in needs)
    roles = (*(_STAGES if Needs.MAKING in needs else ()), *guards)
    wanted = [*chosen, *(ref for ref in refs if ref.role in roles)]
    plugins, types = _load(wanted)
    types |= {ref.path: _gone(draft, store, ref, why) for ref in chosen if isinstance(why := types[ref.path], str)}
    wants_image = not chosen or any(_needs_image(draft, ref, plugins, types) for ref in chosen)
    imaged = [ref for ref in refs if ref.role == "image"] if wants_image and Needs.IMAGE in needs else []
    more_plugins, more_types = _load(imaged)
    plugins, types = plugins | more_plugins, types | more_types
    families = {ref.path: _family(ref, plugins, refs, types) for ref in (*chosen, *imaged)}
    types |= _twins(draft, plugins, types)
    named = {*filter(None, families.values()), *(draft.accounts() if Needs.ACCOUNTS in needs else ())}
    connections = [ref for ref in refs if ref.role == Role.CONNECTION]
    more_plugins, more_types = _load(ref for ref in connections if ref.name in named)
    earlier = {*_earlier(draft, store, chosen)} - named
    old_plugins, old_types = _load(ref for ref in connections if ref.name in earlier)
    plugins |= {**more_plugins, **old_plugins}
    more_types |= {path: kind for path, kind in old_types.items() if path in old_plugins}
    if Needs.SAMPLES in needs:
        types |= {(BY_ROLE[Role.PACKAGE].key,): Options}
    manifest, known = _checked(draft, store, plugins, types | more_types, deploys=needs.deploys)
    if needs.deploys:
        _refuse_rollouts(draft, manifest, plugins)
    bound = {t.name: replace(t, connection=families.get(t.path)) for t in manifest.targets.values()}
    if Needs.ACCOUNTS in needs and not known:
        _check_for_readers(whole, store, chosen)
    made = manifest.image and replace(manifest.image, connection=families[manifest.image.path])
    return replace(manifest, targets={ref.name: bound[ref.name] for ref in chosen}, image=made), plugins


def _needs_image(draft: Draft, ref: SectionRef, plugins: Plugins, types: Mapping[Path_, type[Options] | str]) -> bool:
    """Whether the block of a target needs an image of the package."""
    options = types[ref.path]
    if isinstance(options, str) or plugins[ref.path].description.image is None:
        return False
    return options.needs_image(draft.block(ref.path))


def _earlier(draft: Draft, store: Store, chosen: Iterable[SectionRef]) -> Iterator[str]:
    """The connections of the places where the services of the targets were before, if their variables are set."""
    for ref in chosen:
        for place in Places(store.reuse, store.root, draft.file, ref.name, draft.model_name).all:
            if place.connection and draft.is_set(draft.block((BY_ROLE[Role.CONNECTION].key, place.connection))):
                yield place.connection


def _check_for_readers(draft: Draft, store: Store, chosen: Iterable[SectionRef]) -> None:
    """Also check what a query of each target binds, because commands that only read cannot cache the result."""
    for targets in (None, *((ref.name,) for ref in chosen)):
        bind_manifest(draft, store, targets=targets, needs=Needs.QUESTION)


def bind_all(draft: Draft) -> tuple[Manifest, tuple[str, ...]]:
    """Check every block.

    A target, connection or image whose plugin is missing is left out, with a note. So is a target or a connection that
    the default targets do not use, if one of its variables is not set.
    """
    plugins, types = _load(ref for ref in draft.sections() if ref.role != "image" or "image" in draft.value)
    missing = [
        path for path, kind in types.items() if isinstance(kind, str) and path[0] in ("targets", "connections", "image")
    ]
    reasons = {path: types.pop(path) for path in missing}
    for path, name in _unset_elsewhere(draft, plugins):
        if types.pop(path, None):
            reasons[path] = f"the environment variable {name} is not set"
    notes = tuple(f"{dotted(path)} is not checked: {reason}" for path, reason in reasons.items())
    types |= {path: why for path, why in _twins(draft, plugins, types).items() if path in types}
    manifest = bind_draft(draft, types)
    _refuse_rollouts(draft, manifest, plugins)
    return manifest, (*notes, *retiring(plugins))


def _refuse_rollouts(draft: Draft, manifest: Manifest, plugins: Plugins) -> None:
    """Raise ManifestError for a rollout on a target that cannot serve two releases, or does not count requests."""
    problems = []
    for target in manifest.targets.values():
        plugin, path = plugins[target.path], (*target.path, "rollout")
        if target.rollout is not None and not plugin.can(Capability.TRAFFIC):
            problems.append(draft.document.problem(path, "the target cannot serve two releases at once: remove it"))
        elif target.rollout is not None and not plugin.can(Capability.METRICS):
            why = "the target does not count requests: remove it"
            problems += [draft.document.problem((*path, name), why) for name in target.rollout.limits]
    if problems:
        raise ManifestError(tuple(problems))


def _unset_elsewhere(draft: Draft, plugins: Plugins) -> Iterator[tuple[Path_, str]]:
    """The targets and connections that the default targets do not use, each with an unset variable of its block."""
    refs, defaults = draft.sections(), draft.default_targets()
    users = [ref for ref in refs if ref.role == Role.IMAGE or (ref.role == Role.TARGET and ref.name in defaults)]
    used = {*defaults, *draft.accounts(), *(_family(ref, plugins, refs, {}) for ref in users)}
    for ref in refs if defaults else ():
        if ref.role in (Role.TARGET, Role.CONNECTION) and ref.name not in used:
            unset = (name for name in names(draft.block(ref.path)) if name not in draft.environ)
            yield from ((ref.path, name) for name in islice(unset, 1))


def retiring(plugins: Plugins) -> tuple[str, ...]:
    """The deprecated features that these plugins use, without duplicates."""
    return tuple(dict.fromkeys(warning for plugin in plugins.values() for warning in plugin.retiring))


def _defaults(draft: Draft) -> list[SectionRef]:
    """The targets of a command that names none. A rule of the manifest reports a word that is not a target."""
    found = draft.default_targets()
    if not found:
        raise BadInput("the manifest has several targets and no default", hint="add `target: NAME`, or give --target")
    return [ref for ref in draft.sections() if ref.role == Role.TARGET and ref.name in found]


def _chosen(refs: Iterable[SectionRef], names: Iterable[str]) -> list[SectionRef]:
    targets = {ref.name: ref for ref in refs if ref.role == Role.TARGET}
    for name in names:
        if name not in targets:
            raise no_target(name, targets)
    return [targets[name] for name in names]


def no_target(name: str, known: Iterable[str]) -> BadInput:
    """The failure for a target that a manifest does not have."""
    names = tuple(known)
    message = f"the manifest has no target '{name}'{did_you_mean(name, names)}"
    more = f"; `{name}:` under targets adds it" if is_installed(TARGETS, name) else ""
    return BadInput(message, hint=f"its targets are: {', '.join(names)}{more}")


def _load(refs: Iterable[SectionRef]) -> tuple[dict[Path_, BoundPlugin], dict[Path_, type[Options] | str]]:
    plugins: dict[Path_, BoundPlugin] = {}
    types: dict[Path_, type[Options] | str] = {}
    for ref in refs:
        try:
            plugins[ref.path] = bind(ref.role, ref.plugin)
        except BadInput as error:
            types[ref.path] = error.message
        else:
            types[ref.path] = plugins[ref.path].description.options_of(ref.role)
    return plugins, types


def _gone(draft: Draft, store: Store, ref: SectionRef, why: str) -> str:
    """The reason why a target's plugin cannot be used, and the release that it left there."""
    release = last_live(store.releases, draft.service_name(draft.block(ref.path)), ref.name)
    if release is None:
        return why
    left = f"release {release.number} of {release.service} {'is up' if release.state == 'up' else 'was begun'} there"
    if is_installed(TARGETS, ref.plugin):
        return f"{why}; {left}"
    distribution = distribution_of(store.memory, release) or "the distribution that has it"
    return f"no target named '{ref.plugin}' is installed, and {left}: pip install {distribution}"


def _family(
    ref: SectionRef, plugins: Plugins, refs: Iterable[SectionRef], types: dict[Path_, type[Options] | str]
) -> str | None:
    """The connection of a target: the one that it names, otherwise the only one of its plugin's family."""
    family = plugins[ref.path].description.connection if ref.path in plugins else None
    if ref.connection or family is None:
        return ref.connection
    names = members(refs, _family_of(plugins[ref.path]), identity) or members(refs, family)
    if len(names) == 1:
        return names[0]
    why = f"has several of {family}; name one with `connection:`" if names else f"has none: add `{family}:` under it"
    types[ref.path] = f"'{ref.name}' needs a connection, and `connections:` {why}"
    return None


def _family_of(plugin: BoundPlugin) -> str | None:
    """The identity of the connection plugin that a plugin requires."""
    family = plugin.description.connection
    return family and identity(Role.CONNECTION, family, beside=plugin.installed.distribution)


def _twins(draft: Draft, plugins: Plugins, types: Mapping[Path_, type[Options] | str]) -> dict[Path_, str]:
    """Targets that are the same service as an earlier one, as far as their plugins are loaded."""
    loaded = [ref for ref in draft.sections() if ref.path in plugins]
    families = {ref.plugin: _family_of(plugins[ref.path]) for ref in loaded}
    places = {ref.plugin: kind.placed_by for ref in loaded if isinstance(kind := types.get(ref.path), type)}
    return {ref.path: twin_of(other) for ref, other in twins(draft, places, families, identity)}


def _checked(
    draft: Draft, store: Store, plugins: Plugins, types: Mapping[Path_, type[Options] | str], *, deploys: bool
) -> tuple[Manifest, bool]:
    """Bind the manifest, and return whether it was known to be valid.

    The check with pydantic is skipped if this manifest has passed with the same plugins and variables before.
    """
    owners = sorted(f"{plugin.installed.distribution} {plugin.installed.version}" for plugin in plugins.values())
    key = hashlib.sha256("\n".join([draft.fingerprint(types), *owners]).encode()).hexdigest()
    known = store.memory.get(key) is not None
    manifest = bind_draft(draft, types, known_valid=known, deploys=deploys)
    if not (known or any(target.is_partial for target in manifest.targets.values())):
        store.memory.put(key, "check", True)
    return manifest, known
