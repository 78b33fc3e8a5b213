"""Bind a draft and options types to a manifest: its content, and every problem at its line and column."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from tests.core.manifest.manifest_kit import HEAD, TYPES, Local, Size, Workspace, bound, draft, problems, types_of

from lading import GoldenRequest, InputPath, ManifestError, Options, PluginError, Range, Text
from lading.manifest import DEFAULT_TARGET, Path_, SectionRef, read
from lading.manifest.bind import bind_draft
from lading.manifest.rules import twins

SALARY = Path(__file__).parents[3] / "manifests" / "salary.yaml"

WRONG = """\
version: "1"
name: Salary_SVC
train:
  plugin: sklearn
  data: absent.csv
  featurs: [x]
  features: [x, 1.10, true]
  label: 3
  test_size: 1
  params: {alpha: no}
registr: {}
register:
  model: ../up
  file: model.joblib
  tags: {key: 1}
  to: [azurml]
package:
  samples: [{request: 1}]
  environment: [a]
  include: [model.joblib, absent.py]
connections:
  azureml: {subscription_id: "${AZURE_SUBSCRIPTION_ID}"}
  empty:
track: azureml
target: locl
targets:
  local: {prot: 1, port: 70000, python: curent, size: tiny, token: ABC, open: "no"}
  second: {plugin: local, connection: azurml, limits: [1]}
  third: {plugin: local, connection: azureml, workers: 13}
  3x: {plugin: local, service_name: UP}
  scalar: 3
  fourth: {plugin: local, service_name: fourth, open: true}
observers: [{}, {plugin: ding, subscription_id: a, workspace: 1.5}]
gates: {}
"""

MESSAGES = """\
1:10: version: must be 1
2:7: name: must be {service_name}
5:9: train.data: no such file or directory: {folder}/absent.csv
6:3: train.featurs: unknown key (did you mean features?)
7:17: train.features.1: expected text, found 1.10: quote it, "1.10"
7:23: train.features.2: expected text, found true: quote it, "true"
8:10: train.label: expected text, found 3: quote it, "3"
9:14: train.test_size: must be less than 1
10:19: train.params.alpha: no is read as a boolean by YAML 1.1: write false, or "no" for text
11:1: registr: unknown key (did you mean register?)
13:10: register.model: must be 1 to 255 letters, digits, '_', '.' and '-', starting with a letter or digit
14:9: register.file: a manifest with train has no finished model: remove one of the two
15:15: register.tags.key: expected text, found 1: quote it, "1"
16:8: register.to.0: no connection "azurml" in this manifest (did you mean azureml?)
18:13: package.samples.0.response: missing key
19:3: package.environment: expected a mapping, found a list
20:27: package.include.1: no such file or directory: {folder}/absent.py
22:30: connections.azureml.subscription_id: the environment variable AZURE_SUBSCRIPTION_ID is not set
23:3: connections.empty.subscription_id: missing key
24:8: track: expected a list, found "azureml"
25:9: target: no target "locl" in this manifest (did you mean local?)
27:11: targets.local.prot: unknown key (did you mean port?)
27:26: targets.local.port: must be at most 65535
27:41: targets.local.python: must be 'current' or 'isolated' (did you mean current?)
27:55: targets.local.size: must be 'small' or 'large'
27:68: targets.local.token: must be text that matches ^[a-z]*$
27:79: targets.local.open: expected true or false, found "no"
28:39: targets.second.connection: no connection "azurml" in this manifest (did you mean azureml?)
28:47: targets.second.limits.1: missing key
29:56: targets.third.workers: thirteen is unlucky
30:3: targets.3x: must be 1 to 64 letters, digits, '_' and '-', starting with a letter
30:37: targets.3x.service_name: must be {service_name}
31:11: targets.scalar: expected a mapping, found 3
32:3: targets.fourth: an open server needs a port
33:13: observers.0.plugin: missing key
33:63: observers.1.workspace: expected text, found 1.5: quote it, "1.5"
34:1: gates: expected a list, found a mapping
"""
SERVICE_NAME = "3 to 32 lower-case letters, digits and dashes, from a letter to a letter or digit, as in Azure ML"


def test_all_problems_are_reported_at_once_at_their_places(tmp_path: Path) -> None:
    assert problems(tmp_path, WRONG) == MESSAGES.format(folder=tmp_path, service_name=SERVICE_NAME).splitlines()


def test_problems_name_the_file_as_the_user_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.yaml").write_text("a: 1\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ManifestError) as caught:
        bind_draft(read(Path("m.yaml"), {}), {})
    assert str(caught.value).splitlines() == [
        "m.yaml:1:1: a: unknown key",
        "m.yaml:1:1: name: missing key",
        "m.yaml:1:1: train: no model: give train, or register.file for a finished one",
        "m.yaml:1:1: version: missing key",
    ]


def test_the_salary_manifest_is_read_for_the_local_target() -> None:
    found = read(SALARY, {})
    manifest = bind_draft(
        found, types_of(found, without=(("train",), ("connections", "azureml"), ("targets", "aci"), ("targets", "aks")))
    )
    assert (manifest.name, manifest.register.model) == ("salary-svc", "sal_model")
    assert manifest.register.tags == {"key": "1"}
    assert manifest.samples == (GoldenRequest(request={"data": [[21]]}, response=[141760.56910569107]),)
    assert manifest.default_targets == ("local",)
    assert manifest.connections == {}
    assert manifest.targets["local"].options == Local(port=0)
    assert manifest.targets["local"].service_name == "salary-svc"


def test_sections_name_the_plugins_of_a_manifest() -> None:
    assert read(SALARY, {}).sections() == (
        SectionRef(("train",), "train", "sklearn", "sklearn"),
        SectionRef(("package",), "package", "bundle", "bundle"),
        SectionRef(("image",), "image", "docker", "docker"),
        SectionRef(("connections", "azureml"), "connection", "azureml", "azureml"),
        SectionRef(("targets", "local"), "target", "local", "local"),
        SectionRef(("targets", "container"), "target", "container", "container"),
        SectionRef(("targets", "aci"), "target", "aci", "aci"),
        SectionRef(("targets", "aks"), "target", "aks", "aks"),
    )


FULL = """\
version: 1
name: ${SERVICE}
train: {plugin: other, data: {a: data/a.csv, b: b.csv}, steps: [scale, {pca: {n: 2}}], test_size: 0.5}
register: {to: [main]}
package: {include: [data], environment: {pip: [a]}, samples: [{request: "$${x}", response: "${SERVICE}"}]}
connections: {main: {plugin: azureml, subscription_id: "id-${ID}"}, spare: {plugin: azureml, subscription_id: x}}
track: [main]
target: staging
targets:
  staging: {plugin: local, connection: main, service_name: "${SERVICE}-staging", limits: [2, 3], size: large}
  local:
observers: [{plugin: bell, subscription_id: x}]
gates: [{plugin: friday, subscription_id: y}]
"""


@pytest.fixture
def full(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").touch()
    (tmp_path / "b.csv").touch()
    return tmp_path


def test_a_manifest_has_the_content_of_the_file(full: Path) -> None:
    manifest = bound(full, FULL, {"SERVICE": "pay", "ID": "7"})
    assert (manifest.name, manifest.register.model, manifest.register.to) == ("pay", "pay", ("main",))
    assert (manifest.track, manifest.default_targets) == (("main",), ("staging",))
    assert manifest.samples == (GoldenRequest(request="${x}", response="pay"),)
    assert [section.plugin for section in (*manifest.observers, *manifest.gates)] == ["bell", "friday"]
    assert list(manifest.connections) == ["main", "spare"]
    staging, local = manifest.targets["staging"], manifest.targets["local"]
    assert (staging.plugin, staging.connection, staging.service_name) == ("local", "main", "pay-staging")
    assert staging.options == Local(limits=(2, 3.0), size=Size.LARGE)
    assert (local.options, local.connection, local.service_name) == (Local(), None, "pay")


def test_inputs_are_absolute_and_named_by_their_path_in_the_options(full: Path) -> None:
    manifest = bound(full, FULL, {"SERVICE": "pay", "ID": "7"})
    assert manifest.train is not None
    assert manifest.package is not None
    assert manifest.train.inputs == {"data.a": full / "data" / "a.csv", "data.b": full / "b.csv"}
    assert manifest.package.inputs == {"include.0": full / "data"}
    options: Any = manifest.train.options
    assert options.data == {"a": full / "data" / "a.csv", "b": full / "b.csv"}


def test_values_are_expanded_and_records_keep_the_reference(full: Path) -> None:
    section = bound(full, FULL, {"SERVICE": "pay", "ID": "7"}).connections["main"]
    assert section.options == Workspace("id-7")
    assert section.value == {"subscription_id": "id-7"}
    assert section.record == {"subscription_id": "id-${ID}"}


def test_links_are_followed_to_the_folder_and_the_file_keeps_its_name(tmp_path: Path) -> None:
    inner = tmp_path / "real" / "manifests"
    inner.mkdir(parents=True)
    (tmp_path / "real" / "digest").touch()
    (tmp_path / "real" / "train.csv").symlink_to("digest")
    (tmp_path / "linked").symlink_to(inner)
    found = draft(tmp_path / "linked", "version: 1\nname: abc\ntrain: {data: ../train.csv}\n")
    manifest = bind_draft(found, types_of(found))
    assert manifest.train is not None
    assert manifest.train.inputs == {"data": tmp_path.resolve() / "real" / "train.csv"}


def test_only_what_is_bound_needs_its_variables_and_its_options(full: Path) -> None:
    found = draft(full, FULL.replace("x}, spare", "x}, spare"), {"SERVICE": "pay"})
    spared: Any = (("connections", "main"), ("train",), ("package",))
    manifest = bind_draft(found, types_of(found, without=spared))
    assert list(manifest.connections) == ["spare"]
    assert (manifest.train, manifest.package) == (None, None)
    with pytest.raises(ManifestError, match="variable ID is not set"):
        bind_draft(found, types_of(found))


REFERENCES = [
    ("${UNSET}", {}, "the environment variable UNSET is not set"),
    ("a ${", {}, "malformed reference: write ${NAME}, or $${ for the characters ${ themselves"),
    ("${1A}", {}, "malformed reference: write ${NAME}, or $${ for the characters ${ themselves"),
    ("${A}${B}", {"A": "a"}, "the environment variable B is not set"),
    (
        "${A}",
        {"A": "\x1b"},
        "the environment variable A has a value that cannot be used: the character U+001B is not allowed: remove it",
    ),
]


@pytest.mark.parametrize(("text", "environ", "message"), REFERENCES)
def test_a_reference_without_a_value_is_a_problem(
    text: str, environ: Mapping[str, str], message: str, tmp_path: Path
) -> None:
    document = HEAD + f"connections: {{a: {{subscription_id: '{text}'}}}}\n"
    assert problems(tmp_path, document, environ) == [f"4:36: connections.a.subscription_id: {message}"]


def test_a_variable_gives_a_number_or_a_boolean_if_its_option_takes_one(tmp_path: Path) -> None:
    document = HEAD.replace("version: 1", "version: ${ONE}") + (
        "package: {samples: [{request: '${ONE}', response: '${ONE}', tolerance: '${HALF}'}]}\n"
        "targets: {local: {port: '1${ONE}', open: '${TRUE}', workers: '${ONE}', limits: ['${ONE}', '${HALF}'],\n"
        "  token: '${TRUE}', size: '${SIZE}'}}\n"
    )
    environ = {"ONE": "1", "HALF": "5", "TRUE": "true", "SIZE": "large"}
    manifest = bound(tmp_path, document, environ)
    target = manifest.targets["local"]
    assert target.options == Local(port=11, open=True, workers=1, limits=(1, 5.0), token="true", size=Size.LARGE)
    assert target.record["port"] == "1${ONE}"
    assert manifest.samples == (GoldenRequest(request="1", response="1", tolerance=5.0),)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1.5", 'expected a whole number, found another value in "${PORT}"'),
        ("", 'expected a whole number, found another value in "${PORT}"'),
        ("yes", 'expected a whole number, found another value in "${PORT}"'),
        ("true", 'expected a whole number, found another value in "${PORT}"'),
        ("70000", "must be at most 65535"),
    ],
)
def test_a_variable_with_another_value_is_a_problem_at_its_place(tmp_path: Path, text: str, problem: str) -> None:
    document = HEAD + "targets: {local: {port: '${PORT}'}}\n"
    assert problems(tmp_path, document, {"PORT": text}) == [f"4:25: targets.local.port: {problem}"]


def test_a_number_of_golden_requests_can_come_from_a_variable(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    document = "version: 1\nname: salary-svc\ntrain: {data: a.csv}\npackage: {samples: {record: '${ROWS}'}}\n"
    assert bound(tmp_path, document, {"ROWS": "7"}).recorded == 7


def test_the_value_of_a_variable_is_text_and_is_never_shown(tmp_path: Path) -> None:
    document = HEAD + "targets: {local: {port: '${PORT}', python: '${PORT}', token: '${PORT}'}}\n"
    found = problems(tmp_path, document, {"PORT": "SECRET80"})
    assert found == [
        '4:25: targets.local.port: expected a whole number, found another value in "${PORT}"',
        "4:44: targets.local.python: must be 'current' or 'isolated'",
        "4:62: targets.local.token: must be text that matches ^[a-z]*$",
    ]


UNIONS = [
    ("3", ['train.data: expected text or a mapping, found 3: quote it, "3"']),
    ("{a: 3}", ['train.data.a: expected text, found 3: quote it, "3"']),
    ("''", ["train.data: must have at least 1 characters"]),
    ("[x]", ["train.data: expected text or a mapping, found a list"]),
    ("", ["train.data: expected text or a mapping, found nothing"]),
]


@pytest.mark.parametrize(("text", "messages"), UNIONS)
def test_errors_of_a_union_come_from_its_nearest_member(text: str, messages: list[str], tmp_path: Path) -> None:
    found = problems(tmp_path, f"version: 1\nname: abc\ntrain:\n  data: {text}\n")
    assert [problem.split(": ", 1)[1] for problem in found] == messages


def test_a_model_is_trained_or_finished_and_is_a_file_or_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert problems(tmp_path, "version: 1\nname: abc\nregister: {file: folder}\n") == []
    assert problems(tmp_path, "version: 1\nname: abc\n") == [
        "1:1: train: no model: give train, or register.file for a finished one"
    ]


DEFAULTS = [
    ("", (DEFAULT_TARGET,), (DEFAULT_TARGET,)),
    ("target: local\n", ("local",), ("local",)),
    ("targets: {aci: }\n", ("aci",), ("aci",)),
    ("targets: {aci: , local: }\n", ("local",), ("aci", "local")),
    ("targets: {aci: , aks: }\n", (), ("aci", "aks")),
    ("target: aks\ntargets: {aci: , aks: }\n", ("aks",), ("aci", "aks")),
    ("target: local\ntargets: {aci: }\n", ("local",), ("aci", "local")),
    ("target:\ntargets:\n", (DEFAULT_TARGET,), (DEFAULT_TARGET,)),
]


@pytest.mark.parametrize(("text", "default", "names"), DEFAULTS)
def test_the_default_target(text: str, default: tuple[str, ...], names: tuple[str, ...], tmp_path: Path) -> None:
    manifest = bound(tmp_path, HEAD + text)
    assert (manifest.default_targets, tuple(manifest.targets)) == (default, names)


def test_two_blocks_are_one_service_if_their_name_and_their_place_are_the_same(tmp_path: Path) -> None:
    text = (
        "targets:\n  a: {plugin: edge, device: one}\n  b: {plugin: edge, device: two}\n"
        "  c: {plugin: edge, device: one, service_name: other}\n  d: {plugin: edge, device: one, size: 3}\n"
        "  e: {plugin: unknown}\n  f: {plugin: unknown}\n"
    )
    found = draft(tmp_path, HEAD + text)
    assert [(ref.name, other.name) for ref, other in twins(found, {"edge": ("device",)}, {})] == [("d", "a")]


def test_a_service_has_one_block_for_every_form_of_its_connection(tmp_path: Path) -> None:
    text = (
        "connections: {ours: {plugin: cloud}}\n"
        "targets:\n  a: {plugin: aci}\n  b: {plugin: aci, connection: ours}\n"
        "  c: {plugin: aks}\n  d: {plugin: aci, service_name: other}\n  e: {plugin: aci}\n"
    )
    found = draft(tmp_path, HEAD + text)

    def pairs(families: Mapping[str, str | None]) -> list[tuple[str, str]]:
        return [(ref.name, other.name) for ref, other in twins(found, {"aci": (), "aks": ()}, families)]

    assert pairs({}) == [("e", "a")]
    assert pairs({"aci": "cloud", "aks": "cloud"}) == [("b", "a"), ("e", "a")]
    assert pairs({"aci": "elsewhere"}) == [("e", "a")]


def test_an_unusable_plugin_is_reported_at_its_name(tmp_path: Path) -> None:
    found = draft(tmp_path, HEAD + "targets:\n  aci: {cpu: 1}\n  b: {plugin: aks}\n")
    reasons: dict[Path_, type[Options] | str] = {("targets", "aci"): "no plugin aci", ("targets", "b"): "no plugin aks"}
    with pytest.raises(ManifestError) as caught:
        bind_draft(found, {**types_of(found), **reasons})
    assert [(p.line, p.column, p.message) for p in caught.value.problems] == [
        (5, 3, "no plugin aci"),
        (6, 15, "no plugin aks"),
    ]


def test_a_draft_of_a_wrong_manifest_has_its_valid_parts(tmp_path: Path) -> None:
    found = draft(tmp_path, WRONG)
    assert found.name == ""
    roles = [(ref.role, ref.plugin) for ref in found.sections()]
    assert roles == [
        ("train", "sklearn"),
        ("package", "bundle"),
        ("image", "docker"),
        ("connection", "azureml"),
        ("connection", "empty"),
        *[("target", "local")] * 4,
        ("target", "scalar"),
        ("target", "local"),
        ("observer", "ding"),
    ]


def test_accounts_are_the_connections_that_are_always_used(full: Path) -> None:
    assert draft(full, FULL).accounts() == ("main", "main")


@dataclass(frozen=True)
class Foreign(Options):
    day: datetime.date


@dataclass(frozen=True)
class Nothing(Options):
    day: tuple[()]


@dataclass(frozen=True)
class HalfMapping(Options):
    day: dict[str]  # type: ignore[type-arg]  # the fault


@dataclass(frozen=True)
class DoubleList(Options):
    day: list[int, str]  # type: ignore[type-arg]  # the fault


@dataclass(frozen=True)
class Raises(Options):
    def __post_init__(self) -> None:
        raise TypeError("bug")


@dataclass(frozen=True)
class Unresolved(Options):
    field: Missing  # type: ignore[name-defined]  # noqa: F821 - on purpose


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Foreign, "options cannot have a field of type <class 'datetime.date'>"),
        (Nothing, r"options cannot have a field of type tuple\[\(\)\]"),
        (HalfMapping, "HalfMapping is unusable: Expected two type arguments"),
        (DoubleList, r"options cannot have a field of type list\[int, str\]"),
        (Raises, "options type Raises raised TypeError: bug"),
        (Unresolved, "Unresolved.*Missing"),
    ],
)
def test_an_unusable_options_type_is_reported_as_the_plugins_fault(
    options: type[Options], message: str, tmp_path: Path
) -> None:
    value = {Nothing: "[]", HalfMapping: "{a: 1}", DoubleList: "[1]"}.get(options, "'2024-01-01'")
    block = "{}" if options is Raises else f"{{day: {value}}}"
    found = draft(tmp_path, HEAD + f"targets: {{local: {block}}}\n")
    with pytest.raises(PluginError, match=message):
        bind_draft(found, {**types_of(found), ("targets", "local"): options})


def test_a_manifest_known_to_be_valid_is_the_same_manifest(full: Path) -> None:
    found = draft(full, FULL, {"SERVICE": "pay", "ID": "7"})
    assert bind_draft(found, types_of(found), known_valid=True) == bind_draft(found, types_of(found))


def test_a_manifest_known_to_be_valid_still_needs_its_files(full: Path) -> None:
    found = draft(full, FULL, {"SERVICE": "pay", "ID": "7"})
    (full / "b.csv").unlink()
    with pytest.raises(ManifestError, match=r"train\.data\.b: no such file"):
        bind_draft(found, types_of(found), known_valid=True)


def test_a_plugin_that_changed_its_options_is_checked_again(tmp_path: Path) -> None:
    found = draft(tmp_path, HEAD + "targets: {local: {port: 80}}\n")
    with pytest.raises(ManifestError, match=r"targets\.local\.port: unknown key"):
        bind_draft(found, {**types_of(found), ("targets", "local"): TYPES["gate"]}, known_valid=True)


def test_a_fingerprint_covers_the_text_the_sections_and_their_variables(full: Path) -> None:
    environ = {"SERVICE": "pay", "ID": "7", "OTHER": "x"}
    found = draft(full, FULL, environ)
    local, main = ("targets", "local"), ("connections", "main")
    prints = [found.fingerprint(paths) for paths in ([local], [local, main], [main, local])]
    assert prints[1] == prints[2] != prints[0]
    assert draft(full, FULL, {**environ, "OTHER": "y", "ID": "8"}).fingerprint([local]) == prints[0]
    assert draft(full, FULL, {**environ, "ID": "8"}).fingerprint([local, main]) != prints[1]
    assert draft(full, FULL, {"SERVICE": "pay"}).fingerprint([local, main]) != prints[1]
    assert draft(full, FULL, {**environ, "SERVICE": "p2"}).fingerprint([local]) != prints[0]
    assert draft(full, FULL + "\n", environ).fingerprint([local]) != prints[0]


def test_the_address_of_the_schema_is_text_that_nothing_else_reads(tmp_path: Path) -> None:
    assert problems(tmp_path, f"$schema: ${{UNSET}}\n{HEAD}") == []
    assert problems(tmp_path, f"$schema: 5\n{HEAD}") == [
        "1:10: $schema: expected text: the path or the address of a JSON Schema"
    ]
    assert problems(tmp_path, f"$shema: x\n{HEAD}") == ["1:1: $shema: unknown key (did you mean $schema?)"]


def test_a_manifest_is_frozen(full: Path) -> None:
    manifest = bound(full, FULL, dict(os.environ, SERVICE="pay", ID="7"))
    with pytest.raises(AttributeError):
        manifest.name = "other"  # type: ignore[misc]  # on purpose
    assert replace(manifest, name="other") != manifest


def test_a_file_name_that_cannot_be_looked_up_is_a_problem_too(tmp_path: Path) -> None:
    name = "x" * 300
    assert problems(tmp_path, f"version: 1\nname: abc\nregister: {{file: {name}}}\n") == [
        f"3:18: register.file: file name too long: {tmp_path}/{name}"
    ]


def test_a_file_name_with_an_escaped_null_is_a_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, 'version: 1\nname: abc\ntrain: {data: "a\\0b"}\n') == [
        "3:15: train.data: the character U+0000 is not allowed: remove it"
    ]


@dataclass(frozen=True)
class Lamp(Options):
    height: int
    name: str | None = None


@dataclass(frozen=True)
class Anything(Options):
    lists: list[int] = field(default_factory=list)
    mapping: dict[str, float] = field(default_factory=dict)
    path: Path = Path("default")
    lamp: Lamp | Literal["none", 0] = "none"
    lamps: tuple[Lamp, ...] | Mapping[str, Lamp] = ()
    size: Size | int = 1
    pair: tuple[str, bool] = ("", False)
    files: Mapping[str, tuple[InputPath, ...]] | InputPath | None = None


OPTIONS = [
    ("lists: [1, 2]", Anything(lists=[1, 2])),
    ("mapping: {a: 1, b: 2.5}", Anything(mapping={"a": 1.0, "b": 2.5})),
    ("path: a/b", Anything(path=Path("a/b"))),
    ("lamp: {height: 3, name: }", Anything(lamp=Lamp(3))),
    ("lamp: 0", Anything(lamp=0)),
    ("lamps: [{height: 1}]", Anything(lamps=(Lamp(1),))),
    ("lamps: {a: {height: 1}}", Anything(lamps={"a": Lamp(1)})),
    ("size: large", Anything(size=Size.LARGE)),
    ("size: 3", Anything(size=3)),
    ("pair: [a, true]", Anything(pair=("a", True))),
    ("files: ~", Anything(files=None)),
]


@pytest.mark.parametrize(("text", "expected"), OPTIONS)
@pytest.mark.parametrize("known_valid", [False, True])
def test_options_of_every_type_are_built(text: str, expected: Anything, known_valid: bool, tmp_path: Path) -> None:
    found = draft(tmp_path, f"{HEAD}targets: {{local: {{{text}}}}}\n")
    types = {**types_of(found), ("targets", "local"): Anything}
    options = bind_draft(found, types, known_valid=known_valid).targets["local"].options
    assert repr(options) == repr(expected)


def test_inputs_come_from_the_matching_member_of_a_union(tmp_path: Path) -> None:
    found = draft(tmp_path, HEAD + "targets: {local: {files: {a: [model.joblib], b: []}}}\n")
    section = bind_draft(found, {**types_of(found), ("targets", "local"): Anything}).targets["local"]
    assert section.inputs == {"files.a.0": tmp_path / "model.joblib"}


@pytest.mark.parametrize("sample", ["{request: 1}", "{response: 1}", "{request: 1, response: 1, foo: 1}", "5"])
def test_a_wrong_sample_stops_only_commands_that_use_the_package(tmp_path: Path, sample: str) -> None:
    found = draft(tmp_path, HEAD + f"package: {{samples: [{sample}]}}\n")
    assert bind_draft(found, types_of(found, without=(("package",),))).samples_record == ()
    with pytest.raises(ManifestError, match=r"package\.samples\.0"):
        bind_draft(found, types_of(found))


@dataclass(frozen=True)
class Hoist(Options):
    lamps: tuple[Lamp, ...] = ()
    spare: Mapping[str, Lamp] = field(default_factory=dict)
    limit: int = 10

    def __post_init__(self) -> None:
        for index, lamp in enumerate(self.lamps):
            if lamp.height > self.limit:
                raise ValueError(f"lamps.{index}.height: too high")
            if lamp.name == "void":
                raise ValueError("spare. lamps: not an option")
        for name, lamp in self.spare.items():
            if lamp.name is None:
                raise ValueError(f"spare.{name}.name: missing")


HOISTS = [
    ("lamps: [{height: 1}, {height: 11}]", "4:49: targets.local.lamps.1.height: too high"),
    ("lamps: [{height: 6}], limit: 5", "4:36: targets.local.lamps.0.height: too high"),
    ("lamps: [{height: 1, name: void}]", "4:11: targets.local: spare. lamps: not an option"),
    ("spare: {a.b: {height: 1}}", "4:27: targets.local.spare.a.b.name: missing"),
]


@pytest.mark.parametrize(("text", "message"), HOISTS)
def test_a_rule_of_the_options_is_broken_at_the_nested_option_that_it_names(
    text: str, message: str, tmp_path: Path
) -> None:
    found = draft(tmp_path, f"{HEAD}targets: {{local: {{{text}}}}}\n")
    with pytest.raises(ManifestError) as caught:
        bind_draft(found, {**types_of(found), ("targets", "local"): Hoist})
    assert str(caught.value) == f"{tmp_path / 'lading.yaml'}:{message}"


@dataclass(frozen=True)
class Certified(Options):
    """A target with an option that only a deploy needs."""

    deploy_only = ("certificate",)

    certificate: Annotated[str, Text(pattern="^/")] = "/default"
    port: Annotated[int, Range(ge=0)] = 0


@pytest.mark.parametrize("written", ["'${UNSET}'", "relative", "5", "[a, {b: c}]"])
def test_a_broken_option_that_only_a_deploy_needs_is_left_out_by_other_commands(written: str, tmp_path: Path) -> None:
    block = f"targets: {{t: {{certificate: {written}, port: PORT}}}}\n"
    found = draft(tmp_path, HEAD + block.replace("PORT", "3"))
    types: Any = {("targets", "t"): Certified}
    assert bind_draft(found, types, deploys=False).targets["t"].options == Certified(port=3)
    with pytest.raises(ManifestError, match=r"targets\.t\.certificate"):
        bind_draft(found, types)
    found = draft(tmp_path, HEAD + block.replace("PORT", "-3"))
    with pytest.raises(ManifestError) as raised:
        bind_draft(found, types, deploys=False)
    assert [problem.path for problem in raised.value.problems] == ["targets.t.port"]
