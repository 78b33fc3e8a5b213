"""Redaction: a secret is hidden whole and line by line, in plain text, in a repr and in JSON. A short text stays."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lading.base.redaction import Hidden, redacted
from lading.cli.printed import captured_output
from lading_serving.process import Log

PEM = """\
-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj
MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu
-----END PRIVATE KEY-----
"""
LINES = PEM.splitlines()
Redact = Callable[[dict[str, str], str], str]


def of_the_session(values: dict[str, str], text: str) -> str:
    with closing(Hidden()) as hidden:
        hidden.hide_variables(values)
        return hidden.redacted(text)


def of_a_revealed_secret(values: dict[str, str], text: str) -> str:
    with closing(Hidden()) as hidden:
        for value in values.values():
            hidden.hide(value)
        return hidden.redacted(text).replace("***", "${KEY}")


@pytest.fixture(params=["session", "revealed", "worker"])
def redact(request: pytest.FixtureRequest, tmp_path: Path) -> Redact:
    """Each place with redaction: the session's variables, the secrets of a plugin, and the log of a scoring worker."""

    def of_a_worker(values: dict[str, str], text: str) -> str:
        file = tmp_path / "worker.log"
        file.unlink(missing_ok=True)
        log = Log(file, values)
        for start in range(0, len(text), 7):  # in pieces, like a pipe
            log.write(text[start : start + 7].encode("utf-8", "surrogatepass"))
        log.close()
        return file.read_bytes().decode("utf-8", "surrogatepass")

    places = {"session": of_the_session, "revealed": of_a_revealed_secret, "worker": of_a_worker}
    return places[request.param]


@pytest.mark.parametrize(
    "told",
    [
        PEM,
        PEM.replace("\n", "\r\n"),
        LINES[1],
        f"  {LINES[2]}  # the second line",
        repr(PEM),
        repr({"KEY": PEM}),
        json.dumps({"env": {"KEY": PEM}}),
        json.dumps({"error": repr(PEM)}),
        " ".join(LINES),
    ],
)
def test_a_key_of_several_lines_is_redacted(redact: Redact, told: str) -> None:
    shown = redact({"KEY": PEM}, f"before\n{told}\nafter\n")
    assert not [line for line in LINES if line in shown]
    assert "${KEY}" in shown
    assert shown.startswith("before\n")
    assert shown.endswith("\nafter\n")


@pytest.mark.parametrize("secret", ['it\'s "quoted"', "back\\slash\\", "naïve pass", "tab\tand more"])
@pytest.mark.parametrize("form", [str, repr, json.dumps, lambda text: json.dumps(text, ensure_ascii=False)])
def test_a_secret_with_special_characters_is_redacted(redact: Redact, secret: str, form: Callable[[str], str]) -> None:
    assert redact({"KEY": secret}, f"<{form(secret)}>").strip("<>'\"") == "${KEY}"


@pytest.mark.parametrize("write", [yaml.safe_dump, lambda text: f"'{text.replace(chr(39), chr(39) * 2)}'"])
def test_a_secret_between_single_quotes_is_redacted(redact: Redact, write: Callable[[str], str]) -> None:
    assert redact({"KEY": "@d'Artagnan99"}, write("@d'Artagnan99")).strip() == "'${KEY}'"


@pytest.mark.parametrize("short", ["n", "in", "true", "12345", "ab\ncd\n", "  on   "])
def test_a_short_value_changes_no_word(redact: Redact, short: str) -> None:
    text = "the service is running on port 12345: true\nab\ncd\n"
    assert redact({"KEY": short}, text) == text


def test_no_part_of_a_secret_that_contains_a_shorter_one_is_shown() -> None:
    values = {"SHORT": "project", "LONG": "the project of Oslo"}
    assert of_the_session(values, "the project of Oslo, a project") == "${LONG}, a ${SHORT}"


@given(secret=st.text(min_size=6), around=st.text(alphabet="<>-", max_size=4))
def test_any_secret_of_six_characters_is_redacted(secret: str, around: str) -> None:
    parts = [part.strip() for part in (secret, *secret.splitlines()) if len(part.strip()) >= 6]
    for text in (secret, repr(secret), json.dumps(secret)):
        shown = of_the_session({"KEY": secret}, f"{around}{text}{around}").replace("${KEY}", "")
        assert not [part for part in parts if part in shown]


@pytest.fixture
def hidden() -> Iterator[Hidden]:
    with closing(Hidden()) as found:
        yield found


def test_a_printed_key_is_redacted_line_by_line(hidden: Hidden) -> None:
    hidden.hide(PEM)
    told: list[str] = []
    with captured_output(told.append):
        sys.stdout.write(PEM + "\n")
    assert [line.removeprefix("a plugin printed: ") for line in told] == ["***"] * 4 + [""]
    assert redacted(f"the key {PEM!r} is wrong") == "the key '***\\n' is wrong"
