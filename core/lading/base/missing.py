"""The words in a file of rows that mean a missing value: those of pandas, and those that a manifest names."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Number

from .numerals import number_of

MISSING_WORDS = frozenset(
    (
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
        *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    )
)


class NamedWords:
    """The words for a missing value that a manifest names. A training and a scoring ask here, so that they agree.

    A word that shows a number means that number in each notation: `-999` is also `-999.0`, in text and as a value.
    Spaces around a word do not count. `decimal` and `thousands` are the marks of numbers in a file of text.
    """

    def __init__(self, words: Iterable[str], decimal: str = ".", thousands: str | None = None) -> None:
        self._marks = decimal, thousands
        self.words = tuple(dict.fromkeys(word.strip() for word in words))
        shown = (self._number(word) for word in self.words)
        self.numbers = tuple(number for number in shown if number is not None)
        self._words = frozenset(self.words)
        self._numbers: frozenset[object] = frozenset(self.numbers)

    def __contains__(self, value: object) -> bool:
        """Whether a cell of text or a value with a type is one of the words."""
        if not self._words:
            return False
        if isinstance(value, Number) and not isinstance(value, bool):
            return value in self._numbers
        text = str(value).strip()
        return text in self._words or (
            bool(self._numbers) and isinstance(value, str) and self._number(text) in self._numbers
        )

    def _number(self, text: str) -> int | float | None:
        """The number that a text shows with the marks of the file, or with the usual ones."""
        found = number_of(text, *self._marks)
        return number_of(text) if found is None else found
