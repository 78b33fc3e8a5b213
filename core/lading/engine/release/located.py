"""The present place of a service, and the values that name a stored place.

The store keeps no value of a variable. So a stored place has `${NAME}` as written, and a salted digest of the value.
The value is known if the manifest or the environment still has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ...base.digests import slow_digest
from ...manifest.references import BadReference, expand, names
from ...store.codec import to_json
from ...store.places import Place, in_account
from ...store.salt import ensure_salt, salt

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import Json
    from .service import Service


class Located(NamedTuple):
    """A place with the values of its options. `unknown` are those whose value is not known any more.

    An option has the digest of its value in place of an unknown one.
    """

    place: Place
    options: Mapping[str, Json]
    account: Mapping[str, Json]
    unknown: tuple[str, ...] = ()


def account_of(service: Service, connection: str | None) -> Section | None:
    """The block of a connection; None if the manifest does not have it, or if its variables are not set."""
    return service.session.manifest.connections.get(connection) if connection else None


def present(service: Service) -> Located:
    """The place in the manifest, to be stored with digests of the values of variables."""
    target, account = service.target, account_of(service, service.target.connection)
    options, values = _values(target), _values(account) if account else {}
    written, kept = _written(target), _written(account) if account else {}
    sealed = {**options, **in_account(values)}
    seals = {name: _seal(service, name, sealed[name]) for name in (*written, *in_account(kept))}
    place = Place(
        target.service_name, target.connection, {**options, **written}, {**values, **kept}, seals, target.plugin
    )
    return Located(place, options, values)


def located(service: Service, place: Place) -> Located:
    """A stored place with its values. An option that it does not have, as an older plugin had no such option, is that
    of the manifest.
    """
    target, account = service.target, account_of(service, place.connection)
    options, unknown = _known(service, place, target, place.options, "")
    values, more = _known(service, place, account, place.account, "connection.") if account else (place.account, ())
    return Located(place, options, values, (*unknown, *more))


def _known(
    service: Service, place: Place, section: Section, stored: Mapping[str, Json], prefix: str
) -> tuple[Mapping[str, Json], tuple[str, ...]]:
    """The values of the stored options of a block, and the names of those whose value is unknown."""
    found, unknown = _values(section), []
    for name, now in found.items():
        value, seal = stored.get(name, now), place.seals.get(prefix + name)
        if seal is None:
            found[name] = value
            continue
        candidates = (now, *_expanded(service, section, name, value))
        fitting = [each for each in candidates if _seal(service, prefix + name, each) == seal]
        found[name] = fitting[0] if fitting else f"{value} {seal}"
        if not fitting:
            unknown.append(name)
    return found, tuple(unknown)


def _expanded(service: Service, section: Section, name: str, written: Json) -> Iterator[Json]:
    """The value of a written text with the variables of today, as text and as the option takes it."""
    if isinstance(written, str):
        from ...manifest.typed import convert  # few places have a variable

        with suppress(BadReference):
            text = expand(written, service.session.order.environ)
            yield text
            yield convert(type(section.options), text, written, (name,))


def _values(section: Section) -> dict[str, Json]:
    """The values of the options that say where something is, as the store returns them."""
    found: dict[str, Json] = json.loads(to_json(dict(section.options.placed_at)))
    return found


def _written(section: Section) -> dict[str, Json]:
    """Those of the options that have a variable, as written."""
    written = {name: section.record.get(name) for name in section.options.placed_by}
    return {name: value for name, value in written.items() if any(names(value))}


def _seal(service: Service, name: str, value: Json) -> str:
    """The digest of the value of an option. A command that only reads makes no salt: nothing was sealed with it."""
    reuse, reads = service.session.store.reuse, service.session.order.reads
    salted = (salt(reuse) if reads else ensure_salt(reuse)) or ""
    return _digest(salted, name, json.dumps(value, sort_keys=True))


@lru_cache(maxsize=64)
def _digest(salted: str, name: str, value: str) -> str:
    return slow_digest(value, salt=f"{salted} place {name}")
