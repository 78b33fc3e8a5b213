"""Ask uv."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

from .child import addresses, options, run, workplace
from .question import ABSENT, EXCLUDED, Answer, Conflict, NoNetwork, NoWheel, Question, Resolution, name_of

UV = "uv"

_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INSECURE_HOST")
# glibc 2.35 is Ubuntu 22.04. A wheel that needs a newer one is rare, and counts as no wheel.
_PLATFORMS = {"linux/amd64": "x86_64-manylinux_2_35", "linux/arm64": "aarch64-manylinux_2_35"}
_FAILED = "No solution found"
_DISABLED = "network was disabled"
_ABSENT = ("was not found", "there is no version of")
_NAME = re.compile(r"(?<![\w.=<>!~-])[A-Za-z][\w.-]*")
_NO_WHEEL = re.compile(r"([A-Za-z][\w.-]*)(?:>=?[^\s,]+,)?(?:==|<=)(\S+) has no (?:usable )?wheels")
_MARKER = re.compile(r"\{[^}]*\}")
_REQUIRED = re.compile(r"you require (.+?),? we can conclude")
_DEPENDS = re.compile(
    r"(?P<who>[\w.\[\]-]+[^\s,]*(?:,[<>=!~][^\s,]+)*) depends? on (?:one of: )?(?P<what>[^ ].*?)"
    r"(?=,? we can|,? and (?:you|because|(?:all versions of )?[\w.\[\]-]+\S* depends?)|\.? And because| \(\d+\)|$)",
    re.IGNORECASE,
)


def ask(question: Question, *, caches: bool) -> Answer | None:
    """The answer of uv. None if uv is missing, does not know the platform, or reaches no index.

    Raises NoNetwork if the user's configuration of uv forbids the network.
    """
    program, platform = _program(), _PLATFORMS.get(question.platform)
    if program is None or platform is None:
        return None
    argv = [program, "pip", "compile", "requirements.txt", "--python", sys.executable, "--no-python-downloads"]
    argv += ["--python-version", question.python, "--python-platform", platform, "--no-build", "--no-header"]
    argv += ["--no-annotate", "--quiet", "--color", "never", "--index-strategy", "unsafe-best-match"]
    argv += [] if caches else ["--no-cache"]
    with workplace(question) as folder:
        argv += options(question, folder)
        done = run(argv, folder, question, **addresses(question.sources, *_VARIABLES))
    said = "\n".join(done.tail)
    if done.code == 0:
        return Resolution(dict(_versions(done.tail)), UV)
    if _DISABLED in said:
        raise NoNetwork
    if done.code != 1 or _FAILED not in said:
        return None
    text = _plain(said)
    unbuilt = _NO_WHEEL.search(text)
    if unbuilt and (canonicalize_name(unbuilt[1]), unbuilt[2]) not in question.unbuilt:
        return NoWheel(canonicalize_name(unbuilt[1]), unbuilt[2])
    return _conflict(question, text)


def _program() -> str | None:
    beside = Path(sys.executable).with_name(UV)
    return str(beside) if beside.is_file() else shutil.which(UV)


def _plain(text: str) -> str:
    """The message in one line, without the frame that older versions draw."""
    return " ".join(re.sub(r"[│╰─▶├]", " ", text).partition("\nhint:")[0].split())


def _versions(lines: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, equals, version = line.partition("==")
        if equals:
            yield canonicalize_name(name), version.partition(" ")[0]


def _conflict(question: Question, text: str) -> Conflict:
    """The conflict in uv's message: the requirements of the question that it names, and the reason."""
    required = " ".join(_REQUIRED.findall(text))
    if any(words in text for words in _ABSENT):
        return Conflict(question.named(_names(required)) or question.requirements, ABSENT, absent=True)
    named = question.named(_names(required or text))
    who, what = _reason(set(map(name_of, named)), text)
    requirements = question.named([*map(name_of, named), *_names(who)]) or question.requirements
    exact = next(iter(question.named(_names(who))), who)
    return Conflict(requirements, f"{exact} requires {what}" if who else EXCLUDED)


def _reason(names: set[str], text: str) -> tuple[str, str]:
    """The last reason in the message about one of these distributions: the dependent, and its requirement."""
    reason = ("", "")
    for found in _DEPENDS.finditer(_MARKER.sub("", text)):
        name = next((each for each in _names(found["what"]) if canonicalize_name(each) in names), None)
        if name is not None:
            reason = (found["who"], re.sub(rf" (?={re.escape(name)}\b)", " or ", found["what"]))
    return reason


def _names(text: str) -> list[str]:
    return _NAME.findall(text)
