"""The options of the plugins in a manifest: each problem at its line and column, with its own message."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import get_args

import pytest

from lading import EventKind, ManifestError, Options
from lading.manifest import Manifest, read
from lading.manifest.bind import bind_draft
from lading_approval.options import ApprovalOptions
from lading_bundle.environment import Environment
from lading_bundle.options import BundleOptions
from lading_eventlog import EventlogOptions
from lading_sklearn.options import SklearnOptions, Step
from lading_webhook.options import WebhookOptions

TRAINED = """\
version: 1
name: salary
train: {train}
package: {package}
observers: [{observer}]
gates: [{gate}]
targets: {{local: {{}}}}
"""
RIGHT = {
    "train": "{data: a.csv, features: [x], label: y, estimator: a.B}",
    "package": "{}",
    "observer": "{plugin: eventlog, file: log}",
    "gate": "{plugin: approval, variable: V}",
}


@cache
def options_of(plugin: str) -> type[Options]:
    """The options that an installed plugin describes, found with the product's own code."""
    groups = ("lading.plugins", "lading.targets")
    (found,) = (each for group in groups for each in entry_points(group=group, name=plugin))
    options: type[Options] = found.load().lading_describe().options
    return options


def bound(folder: Path, **blocks: str) -> Manifest:
    for name in ("a.csv", "train.py", "score.py"):
        (folder / name).touch()
    (folder / "extra").mkdir(exist_ok=True)
    file = folder / "lading.yaml"
    file.write_text(TRAINED.format(**{**RIGHT, **blocks}))
    draft = read(file, {})
    return bind_draft(draft, {each.path: options_of(each.plugin) for each in draft.sections()})


def problems(folder: Path, **blocks: str) -> list[str]:
    """The problems, each as `line:column: path: message`."""
    with pytest.raises(ManifestError) as caught:
        bound(folder, **blocks)
    prefix = f"{folder / 'lading.yaml'}:"
    return [str(problem).removeprefix(prefix) for problem in caught.value.problems]


DATA = "data: a.csv"
COLUMNS = f"{DATA}, features: [x], label: y"
STEPS = "[{name: scale, estimator: a.Scale}, {name: fit, estimator: b.Fit, params: {k: [1]}}]"


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (
            f"{{{COLUMNS}, estimator: a.B}}",
            {"features": ("x",), "label": "y", "estimator": "a.B", "steps": (), "params": {}, "test_size": None},
        ),
        (
            f"{{{COLUMNS}, estimator: a.B, test_size: 0.25, random_state: 0, time_limit: 1, params: {{k: null}}}}",
            {"test_size": 0.25, "random_state": 0, "time_limit": 1.0, "params": {"k": None}},
        ),
        (
            f"{{{COLUMNS}, steps: {STEPS}}}",
            {
                "estimator": None,
                "steps": (
                    Step(name="scale", estimator="a.Scale"),
                    Step(name="fit", estimator="b.Fit", params={"k": [1]}),
                ),
            },
        ),
        ("{data: {a: a.csv, b: extra}, script: train.py, env: [A_1, _b]}", {"env": ("A_1", "_b"), "features": ()}),
        ("{data: extra, script: train.py, inputs: [a.csv, extra]}", {"label": None, "random_state": None}),
    ],
)
def test_valid_options_of_a_training(tmp_path: Path, block: str, expected: dict[str, object]) -> None:
    options = bound(tmp_path, train=block).train
    assert options is not None
    assert isinstance(options.options, SklearnOptions)
    assert {name: getattr(options.options, name) for name in expected} == expected
    assert options.options.cannot_record == ("a training script chooses its own rows" if "script" in block else "")


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("{}", ["3:1: train.data: missing key"]),
        (f"{{{DATA}}}", ["3:1: train: name an estimator, steps or a script"]),
        (
            f"{{{COLUMNS}, estimator: a.B, script: train.py}}",
            ["3:71: train.script: estimator and script exclude each other; keep one"],
        ),
        (
            f"{{{COLUMNS}, estimator: a.B, steps: {STEPS}}}",
            ["3:63: train.steps: estimator and steps exclude each other; keep one"],
        ),
        (
            f"{{{COLUMNS}, estimator: LinearRegression}}",
            [
                "3:58: train.estimator: LinearRegression has no module: write MODULE.LinearRegression, as in "
                "sklearn.linear_model.Ridge"
            ],
        ),
        (f"{{{DATA}, features: [x, x], label: y, estimator: a.B}}", ["3:22: train.features: a column is named twice"]),
        (f"{{{DATA}, features: [x], label: x, estimator: a.B}}", ["3:44: train.label: the column is also a feature"]),
        (
            f"{{{DATA}, label: y, estimator: a.B}}",
            ["3:1: train.features: name the columns that the model predicts from"],
        ),
        (f"{{{DATA}, features: [x], estimator: a.B}}", ["3:1: train.label: name the column that the model predicts"]),
        (
            "{data: {a: a.csv}, features: [x], label: y, estimator: a.B}",
            [
                "3:9: train.data: an estimator is trained on a file, on {train: FILE, test: FILE} or on {sql: QUERY, "
                "url: ADDRESS}"
            ],
        ),
        (
            f"{{{COLUMNS}, script: train.py}}",
            ["3:22: train.features: a script chooses its own columns; pass them under params"],
        ),
        (
            f"{{{DATA}, label: y, script: train.py}}",
            ["3:29: train.label: a script chooses its own columns; pass it under params"],
        ),
        (
            f"{{{DATA}, test_size: 0.5, script: train.py}}",
            ["3:33: train.test_size: a script splits its own data; pass it under params"],
        ),
        (
            f"{{{DATA}, random_state: 0, script: train.py}}",
            ["3:36: train.random_state: a script has its own; pass it under params"],
        ),
        (f"{{{COLUMNS}, estimator: a.B, test_size: 1}}", ["3:74: train.test_size: must be less than 1"]),
        (f"{{{COLUMNS}, estimator: a.B, test_size: 0}}", ["3:74: train.test_size: must be more than 0"]),
        (
            f"{{{COLUMNS}, estimator: a.B, random_state: 4294967296, test_size: 0.5}}",
            ["3:77: train.random_state: must be at most 4294967295"],
        ),
        (
            f"{{{COLUMNS}, estimator: a.B, random_state: 1}}",
            [
                "3:77: train.random_state: it seeds the split, so it needs test_size; "
                "an estimator takes its own under params"
            ],
        ),
        (f"{{{COLUMNS}, steps: {STEPS}, params: {{k: 1}}}}", ["3:140: train.params: each step has its own"]),
        (
            f"{{{COLUMNS}, steps: [{{name: a__b, estimator: a.B}}]}}",
            ["3:47: train.steps: a name holds two underscores in a row"],
        ),
        (
            f"{{{COLUMNS}, steps: [{{name: 1b, estimator: a.B}}]}}",
            ["3:62: train.steps.0.name: must be text that matches ^[A-Za-z]\\w*$"],
        ),
        (f"{{{COLUMNS}, steps: [{{estimator: a.B}}]}}", ["3:55: train.steps.0.name: missing key"]),
        (
            f"{{{COLUMNS}, estimator: a.B, env: [A-B]}}",
            ["3:69: train.env.0: must be text that matches ^[A-Za-z_][A-Za-z0-9_]*$"],
        ),
        (f"{{{COLUMNS}, estimater: a.B}}", ["3:47: train.estimater: unknown key (did you mean estimator?)"]),
        (f"{{{COLUMNS}, estimator: a.B, time_limit: 0}}", ["3:75: train.time_limit: must be more than 0"]),
    ],
)
def test_invalid_options_of_a_training(tmp_path: Path, block: str, expected: list[str]) -> None:
    assert problems(tmp_path, train=block) == expected


def test_valid_options_of_a_package(tmp_path: Path) -> None:
    block = (
        "{scoring_script: score.py, include: [extra], environment: {conda: [a=1], pip: [b]}, allow_version_skew: true}"
    )
    section = bound(tmp_path, package=block).package
    assert section is not None
    assert isinstance(section.options, BundleOptions)
    assert section.options.environment == Environment(conda=("a=1",), pip=("b",))
    assert section.options.allow_version_skew
    assert section.inputs == {"scoring_script": tmp_path / "score.py", "include.0": tmp_path / "extra"}


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ('{environment: {conda: [""]}}', ["4:33: package.environment.conda.0: must have at least 1 characters"]),
        (
            "{environment: {lock: score.py, pip: [a]}}",
            ["4:31: package.environment.lock: it has every version already; remove the other keys of environment"],
        ),
        ("{environment: {apt: [a]}}", ["4:25: package.environment.apt: unknown key"]),
        ("{environment: {pip: a}}", ['4:30: package.environment.pip: expected a list, found "a"']),
        (
            f"{{environment: {{pip: [{'a' * 401}]}}}}",
            ["4:31: package.environment.pip.0: must have at most 400 characters"],
        ),
        ("{include: [nowhere]}", ["4:21: package.include.0: no such file or directory: {folder}/nowhere"]),
        ("{scoring_script: 1}", ['4:27: package.scoring_script: expected text, found 1: quote it, "1"']),
        (
            "{allow_version_skew: yes}",
            ['4:31: package.allow_version_skew: yes is read as a boolean by YAML 1.1: write true, or "yes" for text'],
        ),
    ],
)
def test_invalid_options_of_a_package(tmp_path: Path, block: str, expected: list[str]) -> None:
    assert problems(tmp_path, package=block) == [line.format(folder=tmp_path) for line in expected]


def test_valid_options_of_observers(tmp_path: Path) -> None:
    webhook = (
        "{plugin: webhook, url_from: URL, format: event, events: [progress], headers_from: {X-A: A}, deadline: 60}"
    )
    log = "{plugin: eventlog, file: logs/events, events: []}"
    first, second = bound(tmp_path, observer=f"{webhook}, {log}").observers
    assert first.options == WebhookOptions(
        url_from="URL", format="event", events=("progress",), headers_from={"X-A": "A"}, deadline=60.0
    )
    assert second.options == EventlogOptions(file=tmp_path / "logs/events", events=())


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("{plugin: webhook}", ["5:13: observers.0.url_from: missing key"]),
        ("{plugin: webhook, url_from: ''}", ["5:41: observers.0.url_from: must have at least 1 characters"]),
        ("{plugin: webhook, url_from: U, deadline: 60.5}", ["5:54: observers.0.deadline: must be at most 60"]),
        ("{plugin: webhook, url_from: U, format: teams}", ["5:52: observers.0.format: must be 'slack' or 'event'"]),
        (
            "{plugin: webhook, url_from: U, headers_from: {'A:b': C}}",
            ["5:44: observers.0.headers_from: 'A:b' cannot be the name of a header"],
        ),
        (
            "{plugin: webhook, url_from: U, headers_from: {'': C}}",
            ["5:44: observers.0.headers_from: '' cannot be the name of a header"],
        ),
        ("{plugin: eventlog}", ["5:13: observers.0.file: missing key"]),
    ],
)
def test_invalid_options_of_observers(tmp_path: Path, block: str, expected: list[str]) -> None:
    assert problems(tmp_path, observer=block) == expected


@pytest.mark.parametrize("plugin", ["{plugin: webhook, url_from: U, ", "{plugin: eventlog, file: a, "])
def test_an_unknown_event_is_named_with_the_known_ones(tmp_path: Path, plugin: str) -> None:
    (problem,) = problems(tmp_path, observer=f"{plugin}events: [stage.finished, release.upp]}}")
    assert "observers.0.events.1: must be " in problem
    assert problem.endswith("(did you mean release.up?)")
    for kind in get_args(EventKind):
        assert f"'{kind}'" in problem


def test_valid_options_of_a_gate(tmp_path: Path) -> None:
    file = "{plugin: approval, file: a/b, targets: [t]}"
    command = "{plugin: approval, command: [./ask, now], environment: [A], timeout: 3600}"
    first, second = bound(tmp_path, gate=f"{file}, {command}").gates
    assert first.options == ApprovalOptions(file=tmp_path / "a/b", targets=("t",))
    assert second.options == ApprovalOptions(command=("./ask", "now"), environment=("A",), timeout=3600.0)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", "6:9: gates.0: set file, variable, command or require: none of them is set"),
        (", file: a, command: [b]", "6:9: gates.0: set only one of file, variable and command, not file and command"),
        (", file: a, environment: [B]", "6:37: gates.0.environment: it needs a command"),
        (", command: ['']", "6:28: gates.0.command: name a program"),
        (", command: ask", '6:37: gates.0.command: expected a list, found "ask"'),
        (", variable: V, timeout: 3601", "6:50: gates.0.timeout: must be at most 3600"),
        (", variable: V, targets: roll", '6:50: gates.0.targets: expected a list, found "roll"'),
        (", variables: V", "6:28: gates.0.variables: unknown key (did you mean variable?)"),
    ],
)
def test_invalid_options_of_a_gate(tmp_path: Path, options: str, expected: str) -> None:
    assert problems(tmp_path, gate=f"{{plugin: approval{options}}}") == [expected]
