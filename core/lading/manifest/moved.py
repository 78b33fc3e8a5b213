"""A target's block as it was earlier: at another place, or with other options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from ..model import Json
from .build import BrokenRule, Builder, Mismatch
from .records import Path_, Section
from .references import expand_all
from .typed import convert
from .values import mapping


def moved(section: Section, folder: Path, service: str, connection: str | None, place: Mapping[str, Json]) -> Section:
    """The section of a target with another service name, connection and place. Its other options stay.

    `place` has the values of options that say where it is; one that is None is left out. So is an option of today that
    the options type does not take at that place. Raises ValueError if that does not help.
    """
    known = {name: value for name, value in place.items() if value is not None}
    others = {name: value for name, value in mapping(section.value).items() if name not in place}
    written = {name: value for name, value in mapping(section.record).items() if name in others}
    hint = type(section.options)
    try:
        options = Builder(folder).build(hint, {**convert(hint, others, written), **known})
    except BrokenRule as error:
        unfit = error.path[0] if error.path else None
        if unfit not in others:
            raise
        fitting = {name: value for name, value in others.items() if name != unfit}
        return moved(replace(section, value=fitting, record=written), folder, service, connection, place)
    except Mismatch as error:
        raise ValueError(str(error)) from error
    return replace(
        section,
        options=options,
        value={**others, **known},
        record={**written, **known},
        connection=connection,
        service_name=service,
    )


def restored(
    section: Section,
    folder: Path,
    written: Mapping[str, Json],
    environ: Mapping[str, str],
    report: Callable[[Path_, str], None],
) -> Section:
    """The section of a target with the options of an earlier release, at its present place.

    `written` has `${NAME}` for variables. One that cannot be replaced goes to `report`. Raises ValueError if the
    options type does not take the options any more.
    """
    hint, place = type(section.options), section.options.placed_by
    here = {name: value for name, value in mapping(section.record).items() if name in place}
    record = {**{name: value for name, value in written.items() if name not in place}, **here}
    value = expand_all(record, environ, report)
    try:
        options = Builder(folder).build(hint, convert(hint, value, record))
    except (BrokenRule, Mismatch) as error:
        raise ValueError(str(error)) from error
    return replace(section, options=options, value=value, record=record)
