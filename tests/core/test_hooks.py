"""The hooks as a public contract: each with its effect, all in their order, and what older and newer sides owe it."""

from __future__ import annotations

import doctest
import inspect
import json
import pickle
import re
import shutil
import textwrap
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pluggy
import pytest
from tests.conftest import ROOT, Shell
from tests.core.conftest import MANIFEST as FERRY
from tests.waiting import LIMIT

import lading
from lading.plugin.spec import HOOKS, PARTS

MANIFEST = FERRY.replace("raft: {}", "beacon: {}")


def make_port(folder: Path, distribution: Path) -> Shell:
    port = Shell(folder, {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(distribution), "HARBOUR_PASSWORD": "c4n4ry"})
    port.env["HARBOUR_LOG"] = str(folder / "calls.jsonl")
    port.write("lading.yaml", MANIFEST)
    port.write("tons.txt", "7")
    return port


def calls(port: Shell) -> list[str]:
    """The calls since the last look, as `hook fact=value …`, a step that was asked for again once."""
    log = Path(port.env["HARBOUR_LOG"])
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    log.unlink()
    shown = [" ".join([hook, *(f"{k}={v}" for k, v in facts.items() if v not in ("", None))]) for hook, facts in lines]
    steps = [line for line in shown if not line.startswith("lading_observe")]
    heard = [line for line in shown if line.startswith("lading_observe")]
    return [*(line for i, line in enumerate(steps) if i == 0 or line != steps[i - 1]), "", *heard]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, install: Callable[[str], Path]) -> Iterator[Shell]:
    """A project that is deployed to `quay`; `calls.txt` holds the order of the calls."""
    port = make_port(tmp_path_factory.mktemp("port"), install("harbour"))
    port("deploy")
    port.write("calls.txt", "\n".join(calls(port)))
    yield port
    port("delete")


@pytest.fixture(scope="module")
def beacon(port: Shell) -> Iterator[Shell]:
    port("deploy", "--target", "beacon")
    yield port
    port("delete", "--target", "beacon")


def test_every_hook_has_a_test() -> None:
    assert {name.replace("lading_", "test_hook_") for name in HOOKS} <= set(globals())


def test_the_order_of_hook_calls_is_that_of_the_page(port: Shell) -> None:
    page = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    transcript = re.search(r"## The order of a whole deploy\n.*?```text\n(.*?)\n```", page, re.DOTALL)
    assert transcript is not None
    assert (port.folder / "calls.txt").read_text() == transcript[1]


def test_every_section_of_the_page_has_the_signature_of_its_hook() -> None:
    page = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    found = dict(re.findall(r"^## `(lading_\w+)\((.*)\) -> .*`$", page, re.MULTILINE))
    assert list(found) == list(HOOKS)
    for name, hook in HOOKS.items():
        assert [part.partition(":")[0] for part in found[name].split(", ") if part] == list(
            inspect.signature(hook).parameters
        )
    sections = re.split(r"^## `", page, flags=re.MULTILINE)[1:]
    assert all("\nHistory: since api " in section for section in sections)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_of_a_hook_fits_the_contract(hook: str) -> None:
    (text,) = re.findall(r"Example:\n(.*?)\n\nReturns:", inspect.getdoc(HOOKS[hook]) or "", re.DOTALL)
    names = {name: getattr(lading, name) for name in dir(lading)}
    for example in doctest.DocTestParser().get_examples(textwrap.dedent(text)):
        exec(example.source, names)
    manager = pluggy.PluginManager("lading")
    for part in PARTS:
        manager.add_hookspecs(part)
    plugin = type("Example", (), {hook: staticmethod(names[hook])})
    manager.register(plugin)
    manager.check_pending()
    assert [caller.name for caller in manager.get_hookcallers(plugin) or ()] == [hook]


def test_hook_describe(port: Shell) -> None:
    shown = port("target", "show", "quay", "--json").json()
    assert shown["summary"] == "a place for a ship"
    assert set(shown["options"]["properties"]) >= {"depth", "crew", "flag"}
    assert shown["capabilities"] == ["delete", "keeps_old_release", "scoring_uri", "status"]


def test_hook_connect(port: Shell) -> None:
    assert "lading_track state=running berth=north" in (port.folder / "calls.txt").read_text()  # from the connection


def test_hook_train(port: Shell) -> None:
    (run,) = port("run", "list", "--json").json()
    assert run["metrics"] == {"tons": 7.0}


def test_hook_inspect(port: Shell) -> None:
    (port.folder / "old.pkl").write_bytes(pickle.dumps({"_sklearn_version": "0.1.0"}))
    shown = port("model", "inspect", "old.pkl", "--json").json()
    assert (shown["framework"], shown["framework_version"]) == ("scikit-learn", "0.1.0")


def test_hook_register(port: Shell) -> None:
    (version,) = port("model", "list", "--json").json()
    assert (version["name"], version["version"]) == ("hull", 1)  # by the store's registry
    assert [(r["registry"], r["version"]) for r in version["references"]] == [("harbour", "A7")]


def test_hook_package(port: Shell) -> None:
    assert port("score", "-d", "1").json() == [7.0]  # by the script that the packager wrote


def test_hook_image(port: Shell) -> None:
    port.write("barrels.yaml", MANIFEST.replace("connections:", "image: {plugin: cooper}\nconnections:"))
    assert port("image", "build", "barrels.yaml").out == "oak/ferry\n"


def test_hook_deploy(port: Shell) -> None:
    (release,) = port("history", "--json").json()
    assert (release["number"], release["state"]) == (1, "up")


def test_hook_scoring_uri(port: Shell) -> None:
    uri = port("uri").out.strip()
    with urllib.request.urlopen(urllib.request.Request(uri, b"1"), timeout=LIMIT) as answer:
        assert json.load(answer) == [7.0]


def test_hook_status(port: Shell) -> None:
    (standing,) = port("status", "--target", "quay", "--json").json()["deployments"]
    assert standing["state"] == "running"
    assert standing["package"] == port("package", "--json").json()["digest"][:12]  # from the target's own tags


def test_hook_logs(beacon: Shell) -> None:
    beacon("score", "--target", "beacon", "-d", "1")
    assert set(beacon("logs", "--target", "beacon", "-n", "5").out.split()) == {"answered"}


def test_hook_keys(beacon: Shell) -> None:
    assert beacon("score", "--target", "beacon", "-d", "1").json() == [7.0]
    uri = beacon("uri", "--target", "beacon").out.strip()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(urllib.request.Request(uri, b"1"), timeout=LIMIT)


def test_hook_track(port: Shell) -> None:
    (run,) = port("run", "list", "--json").json()
    assert run["tracked"] == [
        {"tracker": "harbour", "id": f"h-{run['id']}", "url": f"https://north.example/{run['id']}"}
    ]


def test_hook_observe(port: Shell) -> None:
    assert "lading_observe kind=release.up stage=deploy target=quay" in (port.folder / "calls.txt").read_text()


def test_hook_gate(port: Shell) -> None:
    assert "forbidden is closed" in port("deploy", "--target", "forbidden", code=3).err


def test_hook_delete(port: Shell) -> None:
    port.write("other.yaml", MANIFEST.replace("ferry", "lugger"))
    port("deploy", "other.yaml")
    port("delete", "other.yaml")
    (standing,) = port("status", "other.yaml", "--target", "quay", "--json").json()["deployments"]
    assert standing["state"] == "absent"


@pytest.fixture
def tomorrow(shell: Shell, install: Callable[[str], Path]) -> Callable[..., Shell]:
    """Makes a host whose contract has changed from this one's sources, beside a distribution written for today's."""

    def make(changes: dict[str, tuple[str, str]]) -> Shell:
        host = shell.folder.parent / "tomorrow"
        shutil.copytree(ROOT / "core", host, ignore=shutil.ignore_patterns("__pycache__"))
        for name, (old, new) in changes.items():
            file = host / "lading" / name
            text = file.read_text(encoding="utf-8")
            assert old in text, f"{name} has changed: {old}"
            file.write_text(text.replace(old, new), encoding="utf-8")
        port = make_port(shell.folder, install("harbour"))
        port.env["PYTHONPATH"] = f"{host}:{port.env['PYTHONPATH']}"
        shell.env = port.env
        return port

    return make


@pytest.mark.slow
def test_a_new_argument_and_a_new_field_leave_older_plugins_alone(tomorrow: Callable[..., Shell]) -> None:
    port = tomorrow(
        {
            "plugin/spec/serving.py": (
                "def lading_scoring_uri(deployment: Deployment, context: Context)",
                "def lading_scoring_uri(deployment: Deployment, context: Context, weather: str)",
            ),
            "plugin/bound.py": (
                '"lading_scoring_uri", *answers, deployment=deployment, context=context',
                '"lading_scoring_uri", *answers, deployment=deployment, context=context, weather="calm"',
            ),
            "model/deploying.py": (
                "    verdict: Verdict | None = None\n",
                '    verdict: Verdict | None = None\n    weather: str = "calm"\n',
            ),
            "model/description.py": ("API_VERSION = 1", "API_VERSION = 2"),
        }
    )
    done = port("deploy")
    assert "warning" not in done.err
    assert port("score", "-d", "1").json() == [7.0]
    described = {row["name"]: row for row in port("plugin", "list", "--probe", "--json").json()}
    assert described["quay"]["status"] == "working"
    port.write("weather.py", PROPHET)  # a plugin of tomorrow is given what it asks for, and today's host refuses it
    info = port.folder / "lading_prophet-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[lading.targets]\nprophet = weather\n")
    port.env["PYTHONPATH"] += f":{port.folder}"
    port.write("prophet.yaml", "version: 1\nname: ark\nregister: {file: tons.txt}\ntargets: {prophet: {}}\n")
    assert "has no scoring URI: it is calm" in port("uri", "prophet.yaml", code=6).err
    port.env["PYTHONPATH"] = port.env["PYTHONPATH"].partition(":")[2]
    refused = port("uri", "prophet.yaml", code=6).err
    assert "target 'prophet' (lading-prophet 1.0) needs version 2 of the plugin contract; this is 1" in refused
    assert "pip install --upgrade lading" in refused


PROPHET = """\
from lading import Description, NoScoringUri, Ready, hookimpl

@hookimpl
def lading_describe():
    return Description(summary="knows the weather", api=2)

@hookimpl
def lading_deploy(request):
    return Ready()

@hookimpl
def lading_scoring_uri(weather):
    return NoScoringUri(f"it is {weather}")
"""


@pytest.mark.slow
def test_what_will_be_retired_is_told_to_the_user_first(tomorrow: Callable[..., Shell]) -> None:
    warning = "lading_status: `context` goes with api 3, as `deployment` has all of it"
    port = tomorrow(
        {
            "plugin/spec/serving.py": (
                "@hookspec(firstresult=True)\ndef lading_status(",
                "from .marks import Retiring\n@hookspec(firstresult=True, warn_on_impl_args={'context': Retiring("
                f"'{warning}')}})\ndef lading_status(",
            )
        }
    )
    told = f"target 'quay' (lading-harbour 2.1) must be changed: {warning}"
    done = port("deploy")
    assert done.err.splitlines().count(f"warning: {told}") == 1
    assert "Retiring" not in done.err
    assert done.out.startswith("http://")
    assert f"note: {told}" in port("check").err
    described = {row["name"]: row for row in port("plugin", "list", "--probe", "--json").json()}
    assert described["quay"]["retiring"] == [told]
    assert described["pilot"]["retiring"] == []
