"""The language of the project, as CONTRIBUTING.md asks for it: `python -m tests.language -v` shows each place."""

from __future__ import annotations

import pytest
from tests.language import Text, texts

ALLOWED = {"message": 0.0, "page": 0.0, "docstring": 0.02, "test name": 0.02}  # the share that may have such a turn


@pytest.fixture(scope="module")
def found() -> list[Text]:
    return list(texts())


@pytest.mark.parametrize("kind", ALLOWED)
def test_turns_that_are_hard_to_read_are_rare(kind: str, found: list[Text]) -> None:
    those = [text for text in found if text.kind == kind]
    odd = [f"{text.place}: {', '.join(text.turns)}: {text.words[:80]}" for text in those if text.turns]
    assert len(odd) <= ALLOWED[kind] * len(those), "\n".join(odd)
    assert len(those) > 1000


@pytest.mark.parametrize(
    ("words", "turns"),
    [
        ("Where nothing is named, the observer is told of it anew.", ["is told", "anew", "where for if"]),
        ("What is not up, `lading deploy` starts.", ["clause as subject"]),
        ("Whoever has a key of its own is no owner.", ["whoever", "is no NOUN", "of its own"]),
        ("as Azure has it; put it right", ["put right", "as X has it"]),
        ("What is it? There is no model. It is no longer where the file lies.", []),
    ],
)
def test_each_turn_is_found(words: str, turns: list[str]) -> None:
    assert sorted(Text("page", "", words).turns) == sorted(turns)


def test_a_long_sentence_is_found() -> None:
    assert Text("page", "", "word " * 31).long_sentences
    assert not Text("page", "", "word " * 29 + "end. " + "word " * 29).long_sentences
