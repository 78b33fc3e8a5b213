"""The site of the documentation: links that lead out of `docs`, and the navigation. `make site` builds the whole."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from tests.conftest import ROOT
from tests.pages import Change, Command, Content, agree, steps


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "docs" / "site_hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("page", "link", "on_the_site"),
    [
        ("docs/index.md", "cli.md", "cli.md"),
        ("docs/index.md", "../SECURITY.md#threats-and-defences", "SECURITY.md#threats-and-defences"),
        ("docs/how-to/secrets.md", "../../SECURITY.md", "../SECURITY.md"),
        ("docs/how-to/index.md", "../../README.md", "../index.md"),
        ("SECURITY.md", "docs/serving.md", "serving.md"),
        ("docs/iot-edge.md", "../manifests/iot-edge.yaml", "source/manifests/iot-edge.yaml.md"),
        ("docs/reliability.md", "../tests/test_site.py#L3", "source/tests/test_site.py.md"),
        ("docs/index.md", "https://example.com/a.md", "https://example.com/a.md"),
        ("docs/index.md", "#the-flow", "#the-flow"),
        ("docs/index.md", "missing.md", "missing.md"),  # the build reports it
    ],
)
def test_a_link_leads_to_the_same_file_on_the_site(hooks: ModuleType, page: str, link: str, on_the_site: str) -> None:
    assert hooks.with_links(page, f"a [link]({link}).") == f"a [link]({on_the_site})."


def test_files_outside_the_docs_have_pages(hooks: ModuleType) -> None:
    pages = hooks.outside(["docs/iot-edge.md", "CONTRIBUTING.md"])
    assert "# manifests/iot-edge.yaml\n\n``````yaml\n" in pages["source/manifests/iot-edge.yaml.md"]
    assert "source/tests/emulators/README.md" in pages
    assert "](design.md)" in pages["CONTRIBUTING.md"]
    assert "](../../CONTRIBUTING.md" in hooks.with_links("changes/README.md", "[back](../CONTRIBUTING.md)")
    assert "- `test_site.py`\n" in hooks.page("tests")


def test_a_pattern_of_the_navigation_stands_for_its_pages(hooks: ModuleType, tmp_path: Path) -> None:
    nav = [{"First": "index.md"}, {"More": [{"Decisions": ["decisions/*.md"]}, "part*.md"]}]
    assert hooks.expanded(nav, tmp_path) == [{"First": "index.md"}]
    for name in ("decisions/0002-b.md", "decisions/0001-a.md", "decisions/README.md", "parts.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    decisions = ["decisions/README.md", "decisions/0001-a.md", "decisions/0002-b.md"]
    assert hooks.expanded(nav, tmp_path)[1] == {"More": [{"Decisions": decisions}, "parts.md"]}
    assert [*hooks.named(hooks.expanded(nav, tmp_path))] == ["index.md", *decisions, "parts.md"]


def test_a_file_of_another_host_is_found(hooks: ModuleType) -> None:
    page = (
        '<a href="https://a.example">a</a><script src="https://b.example/b.js"></script><img alt="" src=//c.example/c>'
    )
    assert hooks.LOADED.findall(page) == ["https://b.example/b.js", "//c.example/c"]


def test_the_steps_of_a_page_are_read() -> None:
    page = (
        'Text.\n\n```text title="a/b.txt"\none\n```\n\n```sh\nnot run\n```\n'
        '```diff title="a/b.txt"\n same\n-old\n+new\n```\n'
        "```console\n$ first \\\n  line\nout\n\nput\n$ second\n```\n"
    )
    assert [*steps(page)] == [
        Content("a/b.txt", "one\n"),
        Change("a/b.txt", "same\nold\n", "same\nnew\n"),
        Command(16, "first \\\n  line", "out\n\nput\n"),
        Command(21, "second", ""),
    ]


@pytest.mark.parametrize(
    ("shown", "real", "is_same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\nb\n", "a\nc\n", False),
        ("a\n", "a\nb\n", False),
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a …\n", "a b\n", True),
        ("a …\n", "b\n", False),
        ("http://127.0.0.1:1/score\n", "http://127.0.0.1:40001/score\n", True),
        ("[1.0000001]\n", "[1.0]\n", True),
        ("[1.001]\n", "[1.0]\n", False),
        ("[21]\n", "[22]\n", False),
        ("train: done · run 20261129-034113-72c6da\n", "train: done · run 20270101-000000-aaaaaa\n", True),
        ("deploy to local: starting · release 1\nx\n", "x\n", True),
        ("      run: known after train\n", "", False),
        ("deploy to local: up · release 1\n", "deploy to local: failed\n", False),
        ("error: it failed\n", "", False),
        ("exit code 3\n", "exit code 8\n", False),
    ],
)
def test_outputs_agree_but_for_what_changes_from_run_to_run(shown: str, real: str, is_same: bool) -> None:
    assert agree(shown, real) is is_same


def test_each_page_with_commands_is_followed_by_a_test() -> None:
    tests = (ROOT / "tests" / "test_pages.py").read_text(encoding="utf-8")
    followed = set(re.findall(r'"([\w-]+(?:/[\w-]+)?\.md)"', tests))
    assert followed == set(_with_commands())


def _with_commands() -> Iterator[str]:
    docs = ROOT / "docs"
    for page in docs.rglob("*.md"):
        if any(isinstance(step, Command) for step in steps(page.read_text(encoding="utf-8"))):
            yield page.relative_to(docs).as_posix()
