"""The words of an answer that is not JSON, in messages: never the markup of a page."""

from __future__ import annotations

import pytest

from lading import LadingError, StageFailed, Transient, plain_words
from lading.engine.release.golden import read
from lading.engine.release.scoring import Answer
from lading_kubernetes.failing import failure

PAGE = """
<!DOCTYPE html>
<html><head><title>502 Bad
 Gateway</title><style>p { color: red }</style></head>
<body><h1>502 Bad Gateway</h1><p>nginx</p></body></html>"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PAGE, "502 Bad Gateway"),
        ("<html><script>if (a < b) go()</script><h1>Sign&nbsp;in</h1> first. Then more.</html>", "Sign in first"),
        ("<Error><Code>Busy</Code><Message>Later</Message></Error>", "Busy Later"),
        ("<title></title>", "a web page without text"),
        ("<" * 100_000, "a web page without text"),
        ("<script>" * 1000, "a web page without text"),
        ("upstream <timeout>. Again.\n", "upstream <timeout>. Again.\n"),
        ('{"message": "no"}', '{"message": "no"}'),
        ("", ""),
    ],
)
def test_a_page_is_reduced_to_its_title_or_first_sentence(text: str, words: str) -> None:
    assert plain_words(text) == words


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (200, StageFailed, "the service did not answer with JSON: 502 Bad Gateway"),
        (500, StageFailed, "the service answered 500: 502 Bad Gateway"),
        (502, Transient, "the service answered 502: 502 Bad Gateway"),
    ],
)
def test_a_failed_answer_shows_no_markup(status: int, kind: type[LadingError], message: str) -> None:
    with pytest.raises(kind) as failed:
        read(Answer(status, PAGE.encode()))
    assert failed.value.message == message


def test_an_answer_that_is_not_a_page_is_shown_as_it_is() -> None:
    with pytest.raises(StageFailed, match="the service answered 400: a < b"):
        Answer(400, b"a < b").json()
    assert Answer(502, PAGE.encode()).text() == PAGE


def test_a_page_in_place_of_the_answer_of_an_api_server_shows_no_markup() -> None:
    found = failure(503, {}, PAGE, "reading the pods", "the cluster")
    assert found.message == "reading the pods: the cluster says: 502 Bad Gateway"
