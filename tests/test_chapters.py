"""The chapters about hooks: all names in them exist in the code, and their examples work as one project."""

from __future__ import annotations

import dataclasses
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.conftest import ROOT, Shell

import lading
import lading.testing
from lading import Json, errors
from lading.engine.release import attempt, image, service
from lading.engine.session import session, worker
from lading.manifest.blocks import BLOCKS
from lading.manifest.build import hints
from lading.model.description import Role
from lading.plugin.bound import BoundPlugin
from lading.plugin.discovery import TARGETS, installed
from lading.python.listing import Belongs
from lading.testing import KeptVersion, RegistryConformance

DOCS = ROOT / "docs"
CHAPTERS = {file.stem.partition("-")[2]: file.read_text(encoding="utf-8") for file in DOCS.glob("hooks-*.md")}
EXAMPLES = {
    "lading.targets": ("host_target", "cluster"),
    "lading.plugins": ("mean", "crate", "shelf", "workdays", "account"),
}
MANIFEST = """\
version: 1
name: salary
train: {plugin: mean, data: sal.csv, column: salary}
package:
  plugin: crate
  scoring_script: score.py
  samples: {record: 2}
connections:
  shelf: {folder: shelf}
register: {to: [shelf]}
gates:
  - {plugin: workdays, closed: []}
targets:
  cluster: {folder: cluster, gateway: "${GATEWAY}"}
"""
HOST = """\
from host import HostOptions
from lading import Description, hookimpl
from cluster import lading_deploy, lading_scoring_uri


@hookimpl
def lading_describe():
    return Description(summary="the options of the chapter", api=1, options=HostOptions)
"""
TAGS = {
    "lading.service",
    "lading.target",
    "lading.package",
    "lading.model",
    "lading.release",
    "lading.release-id",
}


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples as an installed distribution: a folder for PYTHONPATH."""
    folder = tmp_path_factory.mktemp("installed")
    for file in (DOCS / "examples").glob("*.py"):
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "host_target.py").write_text(HOST)
    about = folder / "lading_examples-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lading-examples\nVersion: 1.0\n")
    groups = [
        f"[{group}]\n" + "".join(f"{name.removesuffix('_target')} = {name}\n" for name in names)
        for group, names in EXAMPLES.items()
    ]
    (about / "entry_points.txt").write_text("\n".join(groups))
    return folder


@pytest.fixture
def author(shell: Shell, examples: Path) -> Shell:
    """A project of a user who has the examples installed."""
    shell.env["PYTHONPATH"] = str(examples)
    return shell


class Gateway(ThreadingHTTPServer):
    """The gateway of the cluster. Every server gives the same correct answer unless `answer` is changed."""

    answer: tuple[float, ...] = (2.0,)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Gateway)
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(self.server.answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, *_: object) -> None:
        pass


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def project(author: Shell, gateway: Gateway) -> Shell:
    """A project with the trainer, packager, registry, gate and target of the chapters."""
    author.env["GATEWAY"] = f"http://127.0.0.1:{gateway.server_port}"
    author.write("lading.yaml", MANIFEST)
    author.write("sal.csv", "salary\n1\n3\n")
    author.write("score.py", "def init(): pass\ndef run(raw_data): return [2.0]\n")
    return author


def servers(project: Shell) -> dict[str, dict[str, str]]:
    return {file.stem: json.loads(file.read_text()) for file in project.folder.glob("cluster/*.server")}


def test_the_examples_deploy_and_report_what_runs(project: Shell) -> None:
    project("deploy")
    ((name, tags),) = servers(project).items()
    assert tags.keys() == TAGS
    assert name == f"salary-{tags['lading.package'][:12]}-{tags['lading.release-id']}"
    assert "unchanged" in project("deploy").err
    (row,) = project("status", "--json").json()["deployments"]
    assert (row["state"], row["package"]) == ("running", tags["lading.package"][:12])
    (listed,) = project("list", "--json").json()["objects"]
    assert (listed["name"], listed["belongs"]) == (name, "this manifest")
    about = json.loads((project.folder / "shelf" / "salary" / "1" / "about.json").read_text())
    assert about["sha256"] == tags["lading.model"]
    project("delete")
    assert servers(project) == {}


def test_the_example_of_a_target_updates_a_service_of_another_store(project: Shell) -> None:
    project("deploy")
    (first,) = servers(project)
    project.write("score.py", "def init(): pass\ndef run(raw_data): return [2.0, ][:]\n")
    project("deploy", LADING_STORE=str(project.folder / "fresh"))
    (second,) = servers(project)
    assert first != second
    assert servers(project)[second]["lading.release"] == "1"
    project("deploy", "--force")
    assert second not in servers(project)


def test_the_example_of_a_target_abandons_a_refused_release(project: Shell, gateway: Gateway) -> None:
    project("deploy")
    before = servers(project)
    gateway.answer = (3.0,)
    project.write("score.py", "def init(): pass\ndef run(raw_data): return [3.0]\n")
    assert "golden request 1" in project("deploy", code=8).err
    assert servers(project) == before
    states = [release["state"] for release in project("history", "--json").json()]
    assert states == ["failed", "up"]


def test_the_example_of_a_target_does_not_change_a_foreign_address(project: Shell) -> None:
    project("deploy")
    project.write("cluster/salary.address", "a-server-of-somebody-else")
    assert "leads to a-server-of-somebody-else" in project("deploy", "--force", code=3).err
    assert (project.folder / "cluster" / "salary.address").read_text() == "a-server-of-somebody-else"
    project.write("cluster/salary.address", next(iter(servers(project))))


def test_the_example_of_a_packager_is_reported_at_the_line_of_its_option(project: Shell) -> None:
    project.write("lading.yaml", MANIFEST.replace("score.py\n", "score.py\n  needs: [pip-that-is-absent]\n"))
    failed = project("package", code=2).err
    assert "package.needs" in failed
    assert "pip-that-is-absent was not installed" in failed
    project.write("lading.yaml", MANIFEST.replace("score.py\n", "score.py\n  needs: [click]\n"))
    packed = project("package", "--json").json()
    assert re.fullmatch(r"click==[0-9.]+", packed["requirements"][0])


def test_the_example_of_a_gate_refuses_a_closed_day_and_the_one_with_two_roles_observes_it(project: Shell) -> None:
    manifest = MANIFEST.replace("closed: []", "closed: [Mon, Tue, Wed, Thu, Fri, Sat, Sun]")
    manifest = manifest.replace("connections:\n", "connections:\n  account: {address: north}\n")
    project.write("lading.yaml", f"{manifest}observers:\n  - {{plugin: account, file: alarms.txt}}\n")
    assert "no deploy to 'cluster' on a" in project("deploy", code=3).err
    assert servers(project) == {}
    assert (project.folder / "alarms.txt").read_text().startswith("deploy: no deploy to 'cluster' on a")
    project.write("lading.yaml", f"{manifest}observers:\n  - {{plugin: account, address: north}}\n")
    assert "observers.0.address: unknown key" in project("check", code=2).err


class TestTheExampleOfARegistry(RegistryConformance):
    plugin = "shelf"

    @pytest.fixture(scope="class")
    @classmethod
    def account_connection(cls, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Json]:
        return {"folder": str(tmp_path_factory.mktemp("shelf"))}

    @pytest.fixture(scope="class")
    @classmethod
    def account_environ(cls, examples: Path) -> Mapping[str, str]:
        return {"PYTHONPATH": str(examples)}

    @pytest.fixture(scope="class")
    @classmethod
    def versions_of(cls, account_connection: Mapping[str, Json]) -> Callable[[str], list[KeptVersion]]:
        def versions(model: str) -> list[KeptVersion]:
            kept = Path(account_connection["folder"], model).glob("[0-9]*")
            return [_kept(folder) for folder in sorted(kept, key=lambda folder: int(folder.name))]

        return versions


def _kept(folder: Path) -> KeptVersion:
    about = json.loads((folder / "about.json").read_text())
    return KeptVersion(folder.name, about["description"], about["tags"], about["run"])


def test_the_problems_of_the_chapter_match_the_check(author: Shell) -> None:
    author.write("model.txt", "1")
    author.write("score.py", "def init(): pass\ndef run(raw_data): return 1\n")
    found = re.findall(r"```yaml\n(.*?)```\n.*?```text\n(.*?)```", CHAPTERS["options"], re.DOTALL)
    assert len(found) == 2
    for manifest, problems in found:
        author.write("lading.yaml", manifest)
        assert author("check", code=2).err == problems


def test_the_chapter_of_errors_has_each_class_with_its_place_and_exit_code() -> None:
    chapter = CHAPTERS["errors"]
    tree = re.search(r"```text\nException\n(.*?)```", chapter, re.DOTALL)
    assert tree is not None
    public = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and name in dir(lading)}
    failures = {name: kind for name, kind in public.items() if issubclass(kind, errors.LadingError)}
    assert len(failures) > 8
    rows = dict(re.findall(r"^\| `(\w+)` \|.*?(?<=\|) (\d)[^|]*\|", chapter, re.MULTILINE)) | dict(
        re.findall(r"^\| `(\w+)` \|.*\| (\d) \|$", chapter, re.MULTILINE)
    )
    for name, kind in failures.items():
        line = next(line for line in tree[1].splitlines() if re.search(rf"\b{name}\b", line))
        depth = len(kind.__mro__) - len(errors.LadingError.__mro__)
        assert line.index(name) == 4 + 4 * depth, name
        if name != "LadingError":  # a plugin that raises the base class itself has failed
            assert line.split()[-1] == str(kind.exit_code), name
            assert rows[name] == str(kind.exit_code), name
    assert rows["LadingError"] == str(errors.PluginError.exit_code)
    assert re.search(r"Interrupted +130 or 143\n", tree[1])
    assert [errors.Interrupted("", signal_number=number).exit_code for number in (2, 15)] == [130, 143]
    assert public.keys() - failures.keys() == {"Interrupted", "Problem"}


def test_the_limits_of_the_chapter_match_the_engine() -> None:
    chapter = CHAPTERS["errors"]
    limits = {
        "| `lading_deploy` | 30 minutes": attempt.DEPLOY_LIMIT,
        "| `lading_delete` | 15 minutes": service.DELETE_LIMIT,
        "| `lading_image` | 60 minutes": image.IMAGE_LIMIT,
        "`lading_track` | 15 minutes": session.ACCOUNT_LIMIT,
        "and the like | 2 minutes": service.READ_LIMIT,
    }
    for words, seconds in limits.items():
        assert words in chapter
        assert int(words.split()[-2]) * 60 == seconds
    assert "at most five times" in chapter
    assert session._TRIES == 5
    assert "ten seconds later" in chapter
    assert worker._GRACE_PERIOD == 10


def test_the_chapter_of_tags_has_the_tags_of_a_release() -> None:
    chapter = CHAPTERS["identity"]
    assert set(re.findall(r"^\| `(lading\.[\w-]+)` \|", chapter, re.MULTILINE)) == TAGS
    assert {*Belongs} == set(re.findall(r"`(this manifest|this store|orphan|another store)`", chapter))
    assert [*Belongs] == ["this manifest", "this store", "orphan", "another store"]


def test_the_chapters_name_each_role_kit_key_and_shared_word() -> None:
    options, roles = CHAPTERS["options"], CHAPTERS["roles"]
    (sentence,) = re.findall(r"^The roles are ([^.]*)\.$", options, re.MULTILINE)
    assert re.findall(r"`(\w+)`", sentence) == [*Role]
    for kit in (name for name in dir(lading.testing) if name.endswith("Conformance")):
        assert f"`{kit}`" in roles
    (taken,) = re.findall(r"^(`plugin` is a key of every block.*?)\n\n", options, re.MULTILINE | re.DOTALL)
    assert {key for block in BLOCKS for key in block.keys} == set(re.findall(r"`(\w+)`", taken))
    shared = set(
        re.findall(r"^\| `([a-z ]+)` \| .*", options.partition("| shared words")[2].partition("\n\n")[0], re.MULTILINE)
    )
    known = {
        mark.what
        for plugin in installed(TARGETS)
        for hint in hints(BoundPlugin(plugin).description.options).values()
        for mark in getattr(hint, "__metadata__", ())
        if isinstance(mark, lading.Means)
    }
    assert shared == known


def test_every_class_and_field_that_a_chapter_names_exists() -> None:
    known = {**vars(lading.testing), **{name: getattr(lading, name) for name in dir(lading)}}
    builtin = {"BaseException", "SystemExit", "ValueError", "Enum", "Annotated", "Literal", "Mapping", "None", "False"}
    examples = {name for file in DOCS.glob("examples/*.py") for name in re.findall(r"class (\w+)", file.read_text())}
    named: set[str] = set()
    for chapter, text in CHAPTERS.items():
        for name, field in re.findall(r"`(?:lading\.)?([A-Z][a-z]\w+)(?:\.(\w+))?", text):
            named.add(name)
            if name not in builtin | examples | {"Authorization", "Exception"}:
                kind = known.get(name) or getattr(lading.testing, name, None)
                assert kind is not None, f"{chapter}: {name}"
                fields = {one.name for one in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
                assert not field or field in fields or hasattr(kind, field), f"{chapter}: {name}.{field}"
    assert len(named) > 40


def test_every_example_is_in_a_chapter_and_every_anchor_leads_to_a_heading() -> None:
    used = [name for text in CHAPTERS.values() for name in re.findall(r"<!-- (examples/\w+\.py) -->", text)]
    assert sorted(used) == sorted(file.relative_to(DOCS).as_posix() for file in DOCS.glob("examples/*.py"))
    pages = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
    headings = {page: _anchors(page.read_text(encoding="utf-8")) for page in pages}
    for page in pages:
        if not page.name.startswith("hooks-"):  # these are parts of hooks.md
            for name, anchor in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", page.read_text(encoding="utf-8")):
                linked = (page.parent / name).resolve() if name else page
                assert anchor in headings[linked], f"{page.relative_to(ROOT)}: {name}#{anchor}"
    hooks = headings[DOCS / "hooks.md"]
    assert len(hooks) == len(set(hooks))


def _anchors(page: str) -> list[str]:
    """The anchors of the headings of a page, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
