"""The hooks as a public contract: the effect of each, their order, and the duties between older and newer sides."""

from __future__ import annotations

import doctest
import inspect
import json
import pickle
import re
import shutil
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pluggy
import pytest
from tests.conftest import ROOT, Shell
from tests.core.conftest import MANIFEST as BASE_MANIFEST
from tests.waiting import LIMIT

import lading
from lading import Candidate, Keys, ScoringUri, Secret
from lading.plugin.faults import unusable, unusable_key
from lading.plugin.spec import HOOKS, PARTS

MANIFEST = BASE_MANIFEST.replace("stop: {}", "capable: {}\n  router: {}")


def make_project(folder: Path, distribution: Path) -> Shell:
    project = Shell(folder, {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(distribution), "HOSTING_PASSWORD": "c4n4ry"})
    project.env["HOOK_LOG"] = str(folder / "calls.jsonl")
    project.write("lading.yaml", MANIFEST)
    project.write("cost.txt", "7")
    return project


def calls(project: Shell) -> list[str]:
    """The calls since the last read, as `hook fact=value …`. A step that was requested again is listed once."""
    log = Path(project.env["HOOK_LOG"])
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    log.unlink()
    shown = [" ".join([hook, *(f"{k}={v}" for k, v in facts.items() if v not in ("", None))]) for hook, facts in lines]
    steps = [line for line in shown if not line.startswith("lading_observe")]
    heard = [line for line in shown if line.startswith("lading_observe")]
    return [*(line for i, line in enumerate(steps) if i == 0 or line != steps[i - 1]), "", *heard]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, install: Callable[[str], Path]) -> Iterator[Shell]:
    """A project that is deployed to `roll`. `calls.txt` has the calls in order."""
    project = make_project(tmp_path_factory.mktemp("project"), install("thirdparty"))
    project("deploy")
    project.write("calls.txt", "\n".join(calls(project)))
    yield project
    project("delete")


@pytest.fixture(scope="module")
def capable(project: Shell) -> Iterator[Shell]:
    project("deploy", "--target", "capable")
    yield project
    project("delete", "--target", "capable")


@pytest.fixture(scope="module")
def routed(project: Shell) -> Iterator[Shell]:
    project("deploy", "--target", "router")
    yield project
    project("delete", "--target", "router")


def test_every_hook_has_a_test() -> None:
    assert {name.replace("lading_", "test_hook_") for name in HOOKS} <= set(globals())


@pytest.mark.slow
def test_the_order_of_hook_calls_matches_the_page(project: Shell) -> None:
    page = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    transcript = re.search(r"## The order of a whole deploy\n.*?```text\n(.*?)\n```", page, re.DOTALL)
    assert transcript is not None
    assert (project.folder / "calls.txt").read_text() == transcript[1]


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


def test_hook_describe(project: Shell) -> None:
    shown = project("target", "show", "roll", "--json").json()
    assert shown["summary"] == "a server process"
    assert set(shown["blocks"][0]["options"]["properties"]) >= {"depth", "cpus", "flag"}
    assert shown["capabilities"] == ["delete", "keeps_old_release", "scoring_uri", "status"]


def test_hook_connect(project: Shell) -> None:
    assert (
        "lading_track state=running region=north" in (project.folder / "calls.txt").read_text()
    )  # from the connection


def test_hook_train(project: Shell) -> None:
    (run,) = project("run", "list", "--json").json()
    assert run["metrics"] == {"cost": 7.0}


def test_hook_inspect(project: Shell) -> None:
    (project.folder / "old.pkl").write_bytes(pickle.dumps({"_sklearn_version": "0.1.0"}))
    shown = project("model", "inspect", "old.pkl", "--json").json()
    assert (shown["framework"], shown["framework_version"]) == ("scikit-learn", "0.1.0")


def test_hook_evaluate(project: Shell) -> None:
    project.write("assay.yaml", MANIFEST.replace("register:", "evaluate: {plugin: assay, unit: 2.0}\nregister:"))
    (first, second) = project("evaluate", "assay.yaml", "--json").json()["metrics"]
    assert (first["metric"], first["new"], second["metric"]) == ("weight", 14.0, "error")


def test_hook_register(project: Shell) -> None:
    (version,) = project("model", "list", "--json").json()
    assert (version["name"], version["version"]) == ("rate", 1)  # by the store's registry
    assert [(r["registry"], r["version"]) for r in version["references"]] == [("hosting", "A7")]


def test_hook_package(project: Shell) -> None:
    assert project("score", "-d", "1").json() == [7.0]  # by the script that the packager wrote


def test_hook_image(project: Shell) -> None:
    project.write("images.yaml", MANIFEST.replace("connections:", "image: {plugin: builder}\nconnections:"))
    assert project("image", "build", "images.yaml").out == "oak/price\n"


def test_hook_deploy(project: Shell) -> None:
    (release,) = project("history", "--json").json()
    assert (release["number"], release["state"]) == (1, "up")


def test_hook_scoring_uri(project: Shell) -> None:
    uri = project("uri").out.strip()
    with urllib.request.urlopen(urllib.request.Request(uri, b"1"), timeout=LIMIT) as answer:
        assert json.load(answer) == [7.0]


def test_hook_status(project: Shell) -> None:
    (standing,) = project("status", "--target", "roll", "--json").json()["deployments"]
    assert standing["state"] == "running"
    assert standing["package"] == project("package", "--json").json()["digest"][:12]  # from the target's own tags


def test_hook_logs(capable: Shell) -> None:
    capable("score", "--target", "capable", "-d", "1")
    assert set(capable("logs", "--target", "capable", "-n", "5").out.split()) == {"answered"}


def test_status_shows_the_figures_of_a_target(capable: Shell) -> None:
    (before,) = capable("status", "--target", "capable", "--json").json()["deployments"][0]["releases"]
    capable("score", "--target", "capable", "-d", "1")
    (row,) = capable("status", "--target", "capable", "--json").json()["deployments"]
    assert row["releases"][0]["requests"] == before["requests"] + 1
    assert row["releases"][0]["release"] == row["release"]
    fault = "lading_metrics@capable:gives-up"
    (silent,) = capable("status", "--target", "capable", "--json", HOOK_FAULT=fault).json()["deployments"]
    assert (silent["state"], silent["releases"]) == ("running", [])
    assert silent["no_figures"].endswith("failed in lading_metrics: the platform is out of order")


def test_hook_keys(capable: Shell) -> None:
    assert capable("score", "--target", "capable", "-d", "1").json() == [7.0]
    uri = capable("uri", "--target", "capable").out.strip()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(urllib.request.Request(uri, b"1"), timeout=LIMIT)


@pytest.mark.slow
def test_hook_invoke(shell: Shell, install: Callable[[str], Path]) -> None:
    shell.env["PYTHONPATH"] = str(install("minicloud"))
    shell.write("cost.txt", "7")
    manifest = "version: 1\nname: price\nregister: {file: cost.txt}\npackage: {scoring_script: score.py}\n"
    shell.write("lading.yaml", manifest + f"targets: {{private: {{folder: {shell.folder / 'cloud'}}}}}\n")
    shell.write("score.py", "def init():\n    pass\n\ndef run(raw_data):\n    return [7.0]\n")
    shell("deploy")
    assert shell("score", "-d", "1").json() == [7.0]


FIGURES = """
from lading.engine.release.observing import read_metrics
from lading.engine.release.service import Service
from lading.engine.session.order import Needs, Order
from lading.engine.session.session import open_session
order = Order.of("status", ".", Needs.QUESTION, targets=("router",))
with open_session(order, lambda _event: None) as session:
    print([each.total.requests for each in read_metrics(Service(session, session.targets[0])).releases])
"""


def test_hook_metrics(routed: Shell) -> None:
    argv = [sys.executable, "-c", FIGURES]
    done = subprocess.run(argv, cwd=routed.folder, env=routed.env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[0]\n", "")


def test_hook_shift(routed: Shell) -> None:
    routed("deploy", "--target", "router", "--force", "--canary", "25")
    assert routed("traffic", "--target", "router", "--json").json()["canary"]["weight"] == 25
    assert routed("status", "--target", "router").out.count("running") == 2
    routed("abort", "--target", "router")
    assert routed("traffic", "--target", "router", "--json").json()["canary"] is None


def test_hook_list(capable: Shell) -> None:
    (found,) = capable("list", "--target", "capable", "--json").json()["objects"]
    assert (found["service"], found["target"], found["belongs"]) == ("price", "capable", "this manifest")
    assert found["uri"] == capable("uri", "--target", "capable").out.strip()


def test_hook_preflight(capable: Shell) -> None:
    capable.write("grey.yaml", MANIFEST.replace("capable: {}", "capable: {flag: grey}"))
    (found,) = capable("preflight", "grey.yaml", "--target", "capable", "--json").json()["findings"]
    assert (found["severity"], found["option"]) == ("warning", "flag")
    assert found["message"] == "grey.yaml:14:19: targets.capable.flag: a grey flag is hard to see"


def test_hook_plan(capable: Shell) -> None:
    capable.write("cpus.yaml", MANIFEST.replace("capable: {}", "capable: {cpus: 2}"))
    assert "gap: the 0 CPUs are released first" in capable("plan", "cpus.yaml", "--target", "capable").out


def test_hook_eject(capable: Shell) -> None:
    capable("eject", "ejected", "--target", "capable")
    text = (capable.folder / "ejected" / "server" / "server.json.example").read_text()
    assert json.loads(text)["tags"]["lading.package"] == capable("package", "--json").json()["digest"]


def test_hook_track(project: Shell) -> None:
    (run,) = project("run", "list", "--json").json()
    assert run["tracked"] == [
        {"tracker": "hosting", "id": f"h-{run['id']}", "url": f"https://north.example/{run['id']}"}
    ]


def test_hook_observe(project: Shell) -> None:
    assert "lading_observe kind=release.up stage=deploy target=roll" in (project.folder / "calls.txt").read_text()


def test_hook_gate(project: Shell) -> None:
    assert "forbidden is closed" in project("deploy", "--target", "forbidden", code=3).err


def test_hook_delete(project: Shell) -> None:
    project.write("other.yaml", MANIFEST.replace("price", "second"))
    project("deploy", "other.yaml")
    project("delete", "other.yaml")
    (standing,) = project("status", "other.yaml", "--target", "roll", "--json").json()["deployments"]
    assert standing["state"] == "absent"


@pytest.fixture
def tomorrow(shell: Shell, install: Callable[[str], Path]) -> Callable[..., Shell]:
    """Creates a host with a changed contract from this host's sources, beside a distribution for today's contract."""

    def make(changes: dict[str, tuple[str, str]]) -> Shell:
        host = shell.folder.parent / "tomorrow"
        shutil.copytree(ROOT / "core", host, ignore=shutil.ignore_patterns("__pycache__"))
        for name, (old, new) in changes.items():
            file = host / "lading" / name
            text = file.read_text(encoding="utf-8")
            assert old in text, f"{name} has changed: {old}"
            file.write_text(text.replace(old, new), encoding="utf-8")
        project = make_project(shell.folder, install("thirdparty"))
        project.env["PYTHONPATH"] = f"{host}:{project.env['PYTHONPATH']}"
        shell.env = project.env
        return project

    return make


@pytest.mark.slow
def test_a_new_argument_and_a_new_field_do_not_affect_older_plugins(tomorrow: Callable[..., Shell]) -> None:
    project = tomorrow(
        {
            "plugin/spec/asking.py": (
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
    done = project("deploy")
    assert "warning" not in done.err
    assert project("score", "-d", "1").json() == [7.0]
    described = {row["name"]: row for row in project("plugin", "list", "--probe", "--json").json()}
    assert described["roll"]["status"] == "working"
    project.write("weather.py", PROPHET)  # tomorrow's host passes the new argument, and today's host refuses the plugin
    info = project.folder / "lading_prophet-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[lading.targets]\nprophet = weather\n")
    project.env["PYTHONPATH"] += f":{project.folder}"
    project.write("prophet.yaml", "version: 1\nname: other\nregister: {file: cost.txt}\ntargets: {prophet: {}}\n")
    assert "has no scoring URI: it is calm" in project("uri", "prophet.yaml", code=6).err
    project.env["PYTHONPATH"] = project.env["PYTHONPATH"].partition(":")[2]
    refused = project("uri", "prophet.yaml", code=6).err
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
    return NoScoringUri(reason=f"it is {weather}")
"""


@pytest.mark.slow
def test_a_deprecation_is_first_reported_to_the_user(tomorrow: Callable[..., Shell]) -> None:
    warning = "lading_status: `context` goes with api 3, as `deployment` has all of it"
    project = tomorrow(
        {
            "plugin/spec/asking.py": (
                "@hookspec(firstresult=True)\ndef lading_status(",
                "from .marks import Retiring\n@hookspec(firstresult=True, warn_on_impl_args={'context': Retiring("
                f"'{warning}')}})\ndef lading_status(",
            )
        }
    )
    told = f"target 'roll' (lading-thirdparty 2.1) must be changed: {warning}"
    done = project("deploy")
    assert done.err.splitlines().count(f"warning: {told}") == 1
    assert "Retiring" not in done.err
    assert done.out.startswith("http://")
    assert f"note: {told}" in project("check").err
    described = {row["name"]: row for row in project("plugin", "list", "--probe", "--json").json()}
    assert described["roll"]["retiring"] == [told]
    assert described["guard"]["retiring"] == []


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "nonsense",
        "file:///etc/passwd",
        "data:text/plain,[7]",
        "ftp://127.0.0.1/x",
        "http:///x",
        "http://[::1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1/é",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\n",
        f"http://{'a' * 300}",
        "http://a..b/",
    ],
)
def test_an_address_that_no_client_can_ask_is_unusable(uri: str) -> None:
    expected = f"uri is {uri!r}, which is not an http address with a host"
    assert unusable(Candidate(uri=uri)) == f"Candidate.{expected}"
    assert unusable(ScoringUri(uri=uri)) == f"ScoringUri.{expected}"
    assert unusable(ScoringUri(uri="http://localhost", devices={"d": uri})) is not None


@pytest.mark.parametrize(
    "uri", ["http://localhost", "HTTPS://host.example:443/a?b#c", "http://[::1]:80/", "http://a./"]
)
def test_an_address_that_a_client_can_ask_is_usable(uri: str) -> None:
    assert unusable(Candidate(uri=uri)) is None


@pytest.mark.parametrize("key", ["a\nb", "a\r", "schlüssel", "\u20ac"])
def test_a_key_that_no_header_can_hold_is_unusable_and_not_shown(key: str) -> None:
    assert unusable_key(Keys(primary=Secret("k"), secondary=None)) is None
    assert unusable_key(Keys(primary=Secret(key))) == "Keys.primary is not a value of an HTTP header"
    assert unusable_key(Keys(primary=None, secondary=Secret(key))) == "Keys.secondary is not a value of an HTTP header"
