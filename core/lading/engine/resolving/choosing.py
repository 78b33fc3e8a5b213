"""Ask the resolvers in order, and choose a requirement to add."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from ...model.environments import Sources
from . import offline, pip, uv
from .question import OFFLINE, Answer, Conflict, NoNetwork, NoWheel, Question, Resolution, name_of


class Way(Protocol):
    """Asks a resolver. Returns None if it cannot answer here. Without `caches`, it leaves no file behind."""

    def __call__(self, question: Question, *, caches: bool) -> Answer | None: ...


_MOST_UNBUILT = 10  # limit of distributions per environment that must be built from source

_WAYS: tuple[Way, ...] = (uv.ask, pip.ask)


@dataclass(frozen=True)
class Choice:
    """Requirements that can be installed together. `added` is the added requirement with its version, or empty.

    `rejected` are the requirements that were tried before, each with its conflict.
    """

    added: str
    resolution: Resolution
    rejected: tuple[tuple[str, Conflict], ...] = ()


class Resolver:
    """Answers questions for one command. Without `caches`, no file remains after an answer."""

    def __init__(self, *, caches: bool = True) -> None:
        self._caches = caches
        self._silent = set[Sources]()  # whose indexes did not answer

    def choose(self, question: Question, adds: Sequence[str] = ()) -> Choice | Conflict:
        """Resolve the requirements with the first of `adds` that fits.

        If none fits, returns the conflict of the last one. If a candidate is unknown offline, its own requirements are
        unknown too. The next candidate is then tried.
        """
        rejected: list[tuple[str, Conflict]] = []
        for last, add in enumerate(adds or ("",), start=1):
            asked = replace(question, requirements=(*question.requirements, *([add] if add else [])))
            answer = self.resolve(asked)
            if isinstance(answer, Conflict):
                rejected.append((add, answer))
            elif last >= len(adds) or not _unknown(asked, answer, add):
                return Choice(_with_version(add, answer), answer, tuple(rejected))
        return rejected[-1][1]

    def resolve(self, question: Question) -> Resolution | Conflict:
        """Ask each resolver in turn. If none answers, compare the metadata of the installed distributions."""
        if question.sources not in self._silent:
            with suppress(NoNetwork):
                answer = self._ask_each(question)
                if answer is not None:
                    return answer
            self._silent.add(question.sources)
        return offline.check(question)

    def _ask_each(self, question: Question) -> Resolution | Conflict | None:
        """The first answer. If a resolver only misses a version, the next one may know another index."""
        doubtful = None
        for way in _WAYS:
            answer = self._ask(way, question)
            if isinstance(answer, Conflict) and answer.absent:
                doubtful = answer
            elif answer is not None:
                return answer
        return doubtful

    def _ask(self, way: Way, question: Question) -> Resolution | Conflict | None:
        """The answer of one resolver. A distribution without a wheel is compared with the installed one instead."""
        while isinstance(answer := way(question, caches=self._caches), NoWheel):
            if len(question.unbuilt) >= _MOST_UNBUILT:
                return None
            question = replace(question, unbuilt=(*question.unbuilt, (answer.name, answer.version)))
        if not question.unbuilt or not isinstance(answer, Resolution):
            return answer
        known = offline.check(question)
        unbuilt = [f"{name}=={version}" for name, version in question.unbuilt if answer.versions.get(name) == version]
        return known if isinstance(known, Conflict) else replace(answer, unchecked=tuple(unbuilt))


def _unknown(question: Question, answer: Resolution, add: str) -> bool:
    """Whether the added requirement is unknown offline."""
    return bool(add) and answer.way == OFFLINE and question.requirements[-1] in answer.unchecked


def _with_version(add: str, answer: Resolution) -> str:
    version = answer.versions.get(name_of(add)) if add else None
    return f"{name_of(add)}=={version}" if version else add
