"""Ask pip, through a dry run with a report."""

from __future__ import annotations

import json
import platform
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .child import addresses, options, run, workplace
from .question import ABSENT, EXCLUDED, MACHINES, Answer, Conflict, NoWheel, Question, Resolution, exact_of, name_of

PIP = "pip"

_VARIABLES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST")
_GLIBC = range(35, 4, -1)  # manylinux_2_35 is Ubuntu 22.04; newest first, because pip prefers the first match
_OLDER = ("manylinux2014", "manylinux2010", "manylinux1", "linux")
_UNREACHABLE = ("Retrying (Retry(", "Could not fetch URL")
_CAUSE = "The conflict is caused by:"
_ASKED = re.compile(r"The user requested (?P<what>.+)")
_DEPENDS = re.compile(r"(?P<who>\S+) (?P<version>\S+) depends on (?P<what>.+)")
_ABSENT = re.compile(r"No matching distribution found for (?P<what>.+)")
_LISTED = "Available versions:"
_COLLECTED = re.compile(
    r"\s*(?:Collecting (?P<what>\S+)|Processing \S*/(?P<wheel>[^/\s-]+)-\S+\.whl)(?: .*)? \(from (?P<chain>.*)\)"
)
_LINE = re.compile(r"requirements\.txt \(line (\d+)\)")


def ask(question: Question, *, caches: bool) -> Answer | None:
    """The answer of pip. None if pip is missing or too old, cannot answer for the platform, or reaches no index."""
    machine = MACHINES.get(question.platform)
    if machine is None or not _is_here(question, machine):
        return None
    with workplace(question) as folder:
        argv = _pip("install", "--dry-run", "--ignore-installed", "--report=report.json", "--only-binary=:all:")
        argv += [
            "--requirement=requirements.txt",
            f"--target={folder / 'target'}",
            f"--python-version={question.python}",
        ]
        argv += [f"--platform={tag}_{machine}" for tag in _tags()]
        argv += [*([] if caches else ["--no-cache-dir"]), *options(question, folder)]
        # pip runs rustc to find its version, and rustup's rustc creates a folder in the home folder
        done = run(
            argv,
            folder,
            question,
            RUSTUP_HOME=str(folder),
            **addresses(question.sources, *_VARIABLES),
        )
        if done.code == 0:
            return Resolution(dict(_versions(folder / "report.json")), PIP)
        if done.code != 1 or any(words in line for line in done.tail for words in _UNREACHABLE):
            return None
        return _conflict(question, done.tail) or _absent(question, done.tail, folder)


def _is_here(question: Question, machine: str) -> bool:
    """Whether the question is about this machine's Python and platform. Pip evaluates markers only for these."""
    here = (sys.platform, platform.machine(), f"{sys.version_info[0]}.{sys.version_info[1]}")
    return here == ("linux", machine, question.python)


def _pip(*arguments: str) -> list[str]:
    quiet = ("--no-input", "--disable-pip-version-check", "--no-color", "--retries=1")
    return [sys.executable, "-m", "pip", *arguments, *quiet]


def _tags() -> Iterator[str]:
    yield from (f"manylinux_2_{minor}" for minor in _GLIBC)
    yield from _OLDER


def _versions(report: Path) -> Iterator[tuple[str, str]]:
    for item in json.loads(report.read_text("utf-8"))["install"]:
        yield canonicalize_name(item["metadata"]["name"]), item["metadata"]["version"]


def _conflict(question: Question, lines: Sequence[str]) -> Conflict | None:
    """The conflict in pip's message. None if the message has none."""
    if _CAUSE not in lines:
        return None
    block = [line.strip() for line in lines[lines.index(_CAUSE) + 1 :]]
    block = block[: block.index("")] if "" in block else block
    asked = [found["what"] for line in block if (found := _ASKED.fullmatch(line))]
    needed = [found for line in block if (found := _DEPENDS.fullmatch(line))]
    roots = [root for found in needed for root in _roots(question, found["who"], lines)]
    named = question.named([*map(_name, asked), *roots]) or question.requirements
    return Conflict(named, "; ".join(_reasons(named, needed)) or EXCLUDED)


def _reasons(named: Sequence[str], needed: Sequence[re.Match[str]]) -> Iterator[str]:
    """The requirements that exclude the requested version, with the distributions that have them."""
    for found in needed:
        what = Requirement(found["what"].partition(";")[0].replace(" and ", ","))
        exact = next((exact for line in named if name_of(line) == _name(what.name) and (exact := exact_of(line))), None)
        if exact is None or not what.specifier.contains(exact, prereleases=True):
            yield f"{found['who']}=={found['version']} requires {what}"


def _roots(question: Question, who: str, lines: Sequence[str]) -> Iterator[str]:
    """The distributions of the question that made pip collect the distribution `who`."""
    if question.named([_name(who)]):
        yield _name(who)
        return
    for line in reversed(lines):
        found = _COLLECTED.fullmatch(line)
        if found and _name(found["what"] or found["wheel"]) == _name(who) and (number := _LINE.search(found["chain"])):
            yield name_of(question.requirements[int(number[1]) - 1])
            return


def _absent(question: Question, lines: Sequence[str], folder: Path) -> Answer | None:
    """The answer for a requirement that no wheel meets: there is only a source distribution, or no such version."""
    found = next((found for line in lines if (found := _ABSENT.search(line))), None)
    if found is None:
        return None
    requirement = Requirement(found["what"].partition(" (")[0])
    name = canonicalize_name(requirement.name)
    argv = _pip("index", "versions", name, *options(question, folder))
    listed = run(
        argv,
        folder,
        question,
        **addresses(question.sources, *_VARIABLES),
    )
    known = next((line for line in listed.tail if line.startswith(_LISTED)), None)
    if known is None:
        return None
    versions = re.findall(r"[^\s,]+", known.removeprefix(_LISTED))
    version = next((each for each in versions if requirement.specifier.contains(each, prereleases=True)), None)
    if version is not None and (name, version) not in question.unbuilt:
        return NoWheel(name, version)
    return Conflict(question.named([name]) or question.requirements, ABSENT, absent=True)


def _name(text: str) -> str:
    return canonicalize_name(re.split(r"[<>=!~;\[ ]", text, maxsplit=1)[0])
