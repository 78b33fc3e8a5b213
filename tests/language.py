"""Count turns of phrase that are hard to read: `python -m tests.language` prints the shares, `-v` also each place.

The rules are in CONTRIBUTING.md. A script cannot know whether a sentence is clear; it finds common habits.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LONGEST = 30  # words of a sentence

TURNS = {
    "is told": r"\b(?:is|are|was|were|be|been|being) told\b",
    "anew": r"\b[Aa]new\b",
    "whoever": r"\b[Ww]ho(?:so)?ever\b",
    "clause as subject": r"(?:^|[.;:] )(?:What|Who) (?!is new)[a-z][^?]*(?:[.;]|$)",
    "is no NOUN": r"(?<![Tt]here )\b(?:is|are|was|were) (?:no (?!longer\b|more\b)|none of )[a-z]",
    "where for if": r"(?:^|[.,;:] )[Ww]here (?:that|there|nothing|no|none|it|they|an?|one|the)\b"
    r"|\bwhere (?:that|there is|there are|nothing|none)\b",
    "of its own": r"\bof (?:its|their|his) own\b",
    "put right": r"\bputs? (?:\w+ )?right\b",
    "as X has it": r"\bas (?:the )?\w+ ha(?:s|ve) it\b",
}


@dataclass(frozen=True)
class Text:
    """A piece of English: `kind` is docstring, message, page or test name."""

    kind: str
    place: str
    words: str

    @property
    def turns(self) -> list[str]:
        return [name for name, pattern in TURNS.items() if re.search(pattern, self.words, re.MULTILINE)]

    @property
    def long_sentences(self) -> list[str]:
        sentences = re.split(r"(?<=[.!?:;])\s|\n\s*\n", self.words)
        return [each for each in sentences if len(each.split()) > LONGEST]


def texts() -> Iterator[Text]:
    yield from _pages()
    for folder in ("core", "plugins", "targets", "docs", "examples", "tests"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            if "templates" not in file.parts:
                yield from _code(file, messages=folder not in {"docs", "examples", "tests"})


def _pages() -> Iterator[Text]:
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]):
        if page.name != "CHANGELOG.md":
            prose = re.sub(
                r"```.*?```|`[^`\n]*`", lambda code: "\n" * code[0].count("\n"), page.read_text("utf-8"), flags=re.S
            )
            for number, part in enumerate(re.split(r"\n\s*\n|\n(?=[|#-])", prose), 1):
                yield Text("page", f"{page.relative_to(ROOT)} part {number}", " ".join(part.split()))


def _code(file: Path, *, messages: bool) -> Iterator[Text]:
    name, docstrings = file.relative_to(ROOT), set()
    tree = ast.parse(file.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield Text("test name", f"{name}:{node.lineno}", node.name[5:].replace("_", " "))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docstrings.add(id(node.value))  # those of fields, too
            yield Text("docstring", f"{name}:{node.lineno}", inspect.cleandoc(node.value.value))
    if messages:
        yield from (
            Text("message", f"{name}:{line}", words) for line, words in _strings(tree, docstrings) if " " in words
        )


def _strings(tree: ast.AST, seen: set[int]) -> Iterator[tuple[int, str]]:
    """The texts in code, an f-string as one with X for its values."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            seen |= {id(part) for part in node.values}
            yield (
                node.lineno,
                "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in seen:
            yield node.lineno, node.value


def report(*, verbose: bool) -> Iterator[str]:
    found = list(texts())
    for kind in sorted({text.kind for text in found}):
        those = [text for text in found if text.kind == kind]
        odd, long = [text for text in those if text.turns], [text for text in those if text.long_sentences]
        share = f"{len(odd)} with such a turn ({len(odd) / len(those):.1%})"
        yield f"{kind}: {len(those)} texts, {share}, {len(long)} with a sentence over {LONGEST} words"
        if verbose:
            yield from (f"  {text.place}: {', '.join(text.turns)}: {text.words[:120]!r}" for text in odd)
            yield from (f"  {text.place}: long: {text.long_sentences[0][:120]!r}" for text in long)


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in report(verbose="-v" in sys.argv))
