"""Follow a page of the documentation as a reader would: write its files, run its commands, compare the output.

A code block is one of these:

- With `title="FILE"`, it is the content of that file. If its language is `diff`, it is a change of the file.
- A block `console` has commands after `$`, each with its output. A command must end with 0. `…` stands for any text,
  and on a line without other text for any lines. The folder of the reader is `/home/me`. Ports, times, digests, lines
  of progress and the last digits of numbers may differ.
- Any other block is not run.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r'^```(\w+)(?: title="([^"\n]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_END = "end-of-the-command"
# A target reports the steps that it sees, so a fast machine may show fewer.
_PROGRESS = (
    r"(?m)^(?!error|warning)\w[\w -]*: (?!started|done|unchanged|up|failed|rolled back|deleted)[a-z ]+(?: · .*)?\n"
)
_VARIABLE = (  # from run to run
    (_PROGRESS, ""),
    (r"\b\d{8}-\d{6}-[0-9a-f]{6}\b", "RUN"),
    (r"\b[0-9a-f]{12,64}\b", "DIGEST"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+\S*)?", "TIME"),
    (r"(?<=Z )\[\d+\]", "[PROCESS]"),
    (r"(?<=127\.0\.0\.1:)\d+", "PORT"),
    (r"\b\d[\d.]*(?:/min|/s| us| ms| s| [KMG]?B)(?![\w/])", "FIGURE"),
    (r"[ \t]+", " "),
)


@dataclass(frozen=True)
class Command:
    line: int
    text: str
    output: str


@dataclass(frozen=True)
class Content:
    file: str
    text: str


@dataclass(frozen=True)
class Change:
    file: str
    old: str
    new: str


def steps(page: str) -> Iterator[Command | Content | Change]:
    """What the page asks its reader to do, in its order."""
    for block in _BLOCK.finditer(page):
        language, file, text = block.groups()
        if file and language == "diff":
            old, new = (_side(text, sign) for sign in "-+")
            yield Change(file, old, new)
        elif file:
            yield Content(file, text)
        elif language == "console":
            yield from _commands(text, page[: block.start()].count("\n") + 2)


def _side(diff: str, sign: str) -> str:
    """The lines before a change (`-`) or after it (`+`)."""
    return "".join(line[1:] for line in diff.splitlines(keepends=True) if line[0] in (" ", sign))


def _commands(text: str, line: int) -> Iterator[Command]:
    for found in re.finditer(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
        yield Command(line + text[: found.start()].count("\n"), found[1], found[2])


class Reader:
    """One shell in one folder. Variables and the current folder stay from command to command."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def export(self, **variables: str) -> None:
        """Set variables for the next commands."""
        for name, value in variables.items():
            self.run(Command(0, f"export {name}={shlex.quote(value)}", ""))

    def follow(self, page: str) -> Iterator[tuple[Command, str]]:
        """Do each step. Return each command with its real output."""
        for step in steps(page):
            if isinstance(step, Command):
                yield step, self.run(step).replace(str(self.folder), "/home/me")
            else:
                _write(Path(self.run(Command(0, "pwd", "")).strip(), step.file), step)

    def run(self, command: Command) -> str:
        """The output of a command, and its messages."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{{ {command.text}\n}} </dev/null; printf '\\n%s %s\\n' {_END} $?\n")
        self._shell.stdin.flush()
        lines: list[str] = []
        for line in self._shell.stdout:
            if line.startswith(_END):
                assert line.split()[1] == "0", f"line {command.line}: `{command.text}` ended with {line.split()[1]}"
                break
            lines.append(line)
        else:
            raise AssertionError(f"line {command.line}: `{command.text}` ended the shell:\n{''.join(lines)}")
        return "".join(lines).removesuffix("\n")

    def close(self) -> None:
        self._shell.communicate(timeout=60)


def _write(file: Path, step: Content | Change) -> None:
    if isinstance(step, Content):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(step.text, encoding="utf-8")
        return
    text = file.read_text(encoding="utf-8")
    assert text.count(step.old) == 1, f"{step.file} does not have once:\n{step.old}"
    file.write_text(text.replace(step.old, step.new), encoding="utf-8")


def agree(shown: str, real: str) -> bool:
    """Whether the real output is the one that the page shows."""
    lines = (re.escape(line).replace("…", ".*") + "\n" for line in _steady(shown).splitlines())
    pattern = "".join(r"(?:.*\n)*?" if line == ".*\n" else line for line in lines)
    return re.fullmatch(pattern, _steady(real)) is not None


def _steady(text: str) -> str:
    for pattern, word in _VARIABLE:
        text = re.sub(pattern, word, text)
    number = r"(?<![\w.])\d+\.\d+(?:e[+-]?\d+)?(?![\w.]|\.\d)"
    return re.sub(
        number, lambda found: f"{float(found[0]):.5g}", "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    )
