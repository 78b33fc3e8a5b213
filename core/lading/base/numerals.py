"""Numbers as files of rows have them: with a decimal comma, or with groups of digits."""

from __future__ import annotations

_SAME_MARKS = {" ": "\u00a0\u2009\u202f", "'": "\u2019"}  # other signs for a thousands separator
_MOST_DIGITS = 20  # digits of an int64, including its sign


def plain_number(cell: str, decimal: str = ".", thousands: str | None = None) -> str | None:
    """A cell with a decimal point and without marks between groups. None if its marks do not stand in their places.

    A cell that is not a number is returned as it is, or as None.
    """
    if "_" in cell and thousands != "_":  # only Python reads 1_000 as a number
        return None
    plain = _without_groups(cell, decimal, thousands) if thousands else cell
    if plain is None or decimal == ".":
        return plain
    return None if "." in plain else plain.replace(decimal, ".")


def number_of(cell: str, decimal: str = ".", thousands: str | None = None) -> int | float | None:
    """The number that a cell shows; None if it does not show one."""
    plain = plain_number(cell, decimal, thousands)
    if plain is None:
        return None
    whole = len(plain) <= _MOST_DIGITS and plain.lstrip("+-").isdecimal()
    try:
        return int(plain) if whole else float(plain)
    except ValueError:
        return None


def _without_groups(cell: str, decimal: str, thousands: str) -> str | None:
    """A number without its thousands separators; None if they do not stand between groups of digits."""
    for sign in _SAME_MARKS.get(thousands, ""):
        cell = cell.replace(sign, thousands)
    if thousands not in cell:
        return cell
    whole, mark, rest = cell.partition(decimal)
    first, *groups = whole.lstrip("+-").split(thousands)
    # India writes 1,00,000: only the last group must have three digits.
    sizes = [len(group) for group in groups]
    if thousands in rest or not first.isdecimal() or len(first) > 3 or sizes[-1:] != [3] or not set(sizes) <= {2, 3}:
        return None
    return whole.replace(thousands, "") + mark + rest
