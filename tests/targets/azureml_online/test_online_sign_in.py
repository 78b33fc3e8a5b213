"""A sign-in that a proxy answers, with the real library of Microsoft and the offline Azure."""

from __future__ import annotations

import pytest
from tests.targets.azureml_online.online_project import Project

PAGE = "<!doctype html><html><head><title>Blocked by policy</title></head><body>Ask IT.</body></html>"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (
            r"/\.well-known/openid-configuration",
            "login.microsoftonline.com answers 403 with a web page, 'Blocked by policy'",
        ),
        (r"/oauth2/v2\.0/token", "the answer is a web page, 'Blocked by policy', not Azure's"),
    ],
)
def test_a_web_page_in_place_of_the_sign_in_is_named(project: Project, path: str, words: str) -> None:
    project.azure.faults.answer(403, PAGE, {"Content-Type": "text/html"}, path=path, times=None)
    done = project("uri", code=5)
    assert words in done.err
    assert "<html" not in done.err
    assert "HTTPS_PROXY" in done.err
