"""Which blocks of a manifest a command needs, the plugins that they name, and the options checked by these."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import BadInput
from ...manifest import Draft, Manifest, Path_, SectionRef
from ...manifest.bind import bind_draft
from ...model import Options
from ...plugin.bound import BoundPlugin, bind

if TYPE_CHECKING:
    from ...store import Store

Plugins = Mapping[Path_, BoundPlugin]

_STAGES = ("train", "package")
_GUARDS = ("observer", "gate")


def bind_manifest(
    draft: Draft,
    store: Store,
    *,
    targets: tuple[str, ...] | None,
    stages: bool,
    guards: bool = False,
    packed: bool = False,
    image: bool = False,
) -> tuple[Manifest, Plugins]:
    """Bind the core sections, the chosen targets with their connections and, for the stages, what these name; the
    gates and observers for the stages, or where `guards` asks for them alone. With either, or where `image` asks for
    it, the image comes along where a chosen target needs one, or no target is chosen at all.

    With `packed`, and where no stage is run, there is a package already: the blocks that make one are left out, but for
    the golden requests.

    Raises ManifestError with every problem, BadInput for a target that the manifest does not have, and PluginError for
    a plugin that is broken.
    """
    whole, draft = draft, draft.packed() if packed or not stages else draft
    refs = draft.sections()
    names = () if targets is None else targets or _defaults(draft)
    chosen = [_target(refs, name) for name in names]
    roles = (*(_STAGES if stages and not packed else ()), *(_GUARDS if stages or guards else ()))
    wanted = [*chosen, *(ref for ref in refs if ref.role in roles)]
    plugins, types = _load(wanted)
    needed = any(plugins[ref.path].description.image for ref in chosen if ref.path in plugins) if chosen else image
    imaged = [ref for ref in refs if ref.role == "image"] if needed and (stages or guards or image) else []
    more_plugins, more_types = _load(imaged)
    plugins, types = plugins | more_plugins, types | more_types
    families = {ref.path: _family(ref, plugins, refs, types) for ref in (*chosen, *imaged)}
    types |= _twins(draft, plugins)
    named = {*filter(None, families.values()), *(draft.accounts() if stages else ())}
    more_plugins, more_types = _load(ref for ref in refs if ref.role == "connection" and ref.name in named)
    plugins |= more_plugins
    if packed:
        types |= {("package",): Options}
    manifest, known = _checked(draft, store, plugins, types | more_types)
    bound = {t.name: replace(t, connection=families.get(t.path)) for t in manifest.targets.values()}
    if stages and not known:
        _check_for_readers(whole, store, chosen)
    made = manifest.image and replace(manifest.image, connection=families[manifest.image.path])
    return replace(manifest, targets={ref.name: bound[ref.name] for ref in chosen}, image=made), plugins


def _check_for_readers(draft: Draft, store: Store, chosen: Iterable[SectionRef]) -> None:
    """Check what a question to each target binds, too: a command that only reads cannot remember that it is valid."""
    for targets in (None, *((ref.name,) for ref in chosen)):
        bind_manifest(draft, store, targets=targets, stages=False)


def bind_all(draft: Draft) -> tuple[Manifest, tuple[str, ...]]:
    """Check every block; a target, connection or image whose plugin is not installed is left out, and noted."""
    plugins, types = _load(ref for ref in draft.sections() if ref.role != "image" or "image" in draft.value)
    missing = [
        path for path, kind in types.items() if isinstance(kind, str) and path[0] in ("targets", "connections", "image")
    ]
    notes = tuple(f"{'.'.join(map(str, path))} is not checked: {types.pop(path)}" for path in missing)
    return bind_draft(draft, types | _twins(draft, plugins)), (*notes, *retiring(plugins))


def retiring(plugins: Plugins) -> tuple[str, ...]:
    """What these plugins ask for that will go, each told once."""
    return tuple(dict.fromkeys(told for plugin in plugins.values() for told in plugin.retiring))


def _defaults(draft: Draft) -> tuple[str, ...]:
    found = draft.default_targets()
    if not found:
        raise BadInput("the manifest has several targets and no default", hint="add `target: NAME`, or give --target")
    return found


def _target(refs: Iterable[SectionRef], name: str) -> SectionRef:
    targets = {ref.name: ref for ref in refs if ref.role == "target"}
    if name not in targets:
        known = ", ".join(targets)
        raise BadInput(f"the manifest has no target '{name}'", hint=f"its targets are: {known}")
    return targets[name]


def _load(refs: Iterable[SectionRef]) -> tuple[dict[Path_, BoundPlugin], dict[Path_, type[Options] | str]]:
    plugins: dict[Path_, BoundPlugin] = {}
    types: dict[Path_, type[Options] | str] = {}
    for ref in refs:
        try:
            plugins[ref.path] = bind(ref.role, ref.plugin)
        except BadInput as error:
            types[ref.path] = error.message
        else:
            types[ref.path] = plugins[ref.path].description.options
    return plugins, types


def _family(
    ref: SectionRef, plugins: Plugins, refs: Iterable[SectionRef], types: dict[Path_, type[Options] | str]
) -> str | None:
    """The connection of a target: the one it names, else the manifest's one of its plugin's family."""
    family = plugins[ref.path].description.connection if ref.path in plugins else None
    if ref.connection or family is None:
        return ref.connection
    names = [other.name for other in refs if other.role == "connection" and other.plugin == family]
    if len(names) == 1:
        return names[0]
    why = f"has several of {family}; name one with `connection:`" if names else f"has none: add `{family}:` under it"
    types[ref.path] = f"'{ref.name}' needs a connection, and `connections:` {why}"
    return None


def _twins(draft: Draft, plugins: Plugins) -> dict[Path_, str]:
    """Targets that are the same service as an earlier one, because one of the two leaves its connection to be found.

    Of those that both say it, or both do not, the manifest's own rule tells.
    """
    refs, first, found = draft.sections(), dict[tuple[str, str | None, str], SectionRef](), dict[Path_, str]()
    families = {ref.plugin: plugins[ref.path].description.connection for ref in refs if ref.path in plugins}
    for ref in refs:
        if ref.role == "target" and families.get(ref.plugin) is not None:
            names = [
                other.name for other in refs if other.role == "connection" and other.plugin == families[ref.plugin]
            ]
            connection = ref.connection or (names[0] if len(names) == 1 else None)
            service = draft.service_name(draft.block(ref.path))
            other = first.setdefault((ref.plugin, connection, service), ref)
            if other.connection != ref.connection:
                found[ref.path] = f"the same service as targets.{other.name}: give it a service_name of its own"
    return found


def _checked(
    draft: Draft, store: Store, plugins: Plugins, types: Mapping[Path_, type[Options] | str]
) -> tuple[Manifest, bool]:
    """Bind, without pydantic if this manifest has passed before with these plugins and variables; and say if it has."""
    owners = sorted(f"{plugin.installed.distribution} {plugin.installed.version}" for plugin in plugins.values())
    key = hashlib.sha256("\n".join([draft.fingerprint(types), *owners]).encode()).hexdigest()
    known = store.memory.get(key) is not None
    manifest = bind_draft(draft, types, known_valid=known)
    if not known:
        store.memory.put(key, "check", True)
    return manifest, known
