"""The words in a file of rows that mean a missing value: those of pandas, and those that a manifest names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from numbers import Number

from .numerals import number_of

MISSING_WORDS = frozenset(
    (
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
        *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    )
)
_CODE = re.compile(r"[-+]?0\d")  # 007 is a code, and not the number 7


class NamedWords:
    """The words for a missing value that a manifest names. A training and a scoring ask here, so that they agree.

    A word that shows a number means that number in each notation: `-999` is also `-999.0`, in text and as a value.
    Spaces around a word do not count. `decimal` and `thousands` are the marks of numbers in a file of text.
    """

    def __init__(self, words: Iterable[str], decimal: str = ".", thousands: str | None = None) -> None:
        self._marks = decimal, thousands
        self.words = tuple(dict.fromkeys(word.strip() for word in words))
        shown = (None if _CODE.match(word) else self._number(word) for word in self.words)
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
        if text in self._words or not self._numbers or not isinstance(value, str):
            return text in self._words
        return not _CODE.match(text) and self._number(text) in self._numbers

    def _number(self, text: str) -> int | float | None:
        """The number that a text shows with the marks of the file, or with the usual ones."""
        found = number_of(text, *self._marks)
        return number_of(text) if found is None else found
