"""The command line for a user: results, streams, exit codes, and the imports of each command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.conftest import LADING, ROOT, Shell
from tests.waiting import LIMIT

from lading.cli import output
from lading.cli.commands import COMMANDS, lading

SALARY = "manifests/salary.yaml"
ANSWER = 141760.56910569107


def commands() -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []

    def walk(path: str, command: click.Command) -> None:
        found.append((path, command))
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                walk(f"{path} {name}", inner)

    walk("lading", lading)
    return found


@pytest.mark.parametrize(("path", "command"), commands())
def test_every_help_has_an_example(path: str, command: click.Command) -> None:
    text = command.get_help(click.Context(command, info_name=path))
    assert re.search(r"Examples?:\n +\S", text), text


def test_the_summaries_match_the_commands() -> None:
    for name, (_module, purpose) in COMMANDS.items():
        command = lading.get_command(click.Context(lading), name)
        assert command is not None
        assert (command.help or "").splitlines()[0] == purpose


def test_every_listing_has_json() -> None:
    for path, command in commands():
        if path.endswith((" list", " show", " compare", " status", " uri")):
            assert any("--json" in param.opts for param in command.params), path


def test_the_main_job(salary: Shell) -> None:
    done = salary("deploy", SALARY)
    (uri,) = done.out.splitlines()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/score", uri)
    curl = next(line for line in done.err.splitlines() if "curl" in line).removeprefix("try it: ")
    pasted = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, timeout=LIMIT, check=True)
    assert json.loads(pasted.stdout) == [pytest.approx(ANSWER, rel=1e-9)]
    scored = salary("score", SALARY, "-d", '{"data": [[21], [45]]}').json()
    assert scored == pytest.approx([ANSWER, 185924.79674796748], rel=1e-9)
    assert salary("uri", SALARY).out.strip() == uri
    (run,) = salary("run", "list", SALARY, "--json").json()
    assert run["metrics"]["intercept"] == pytest.approx(103116.86991869919, rel=1e-9)
    assert run["metrics"]["coef_x"] == pytest.approx(1840.176151761518, rel=1e-9)
    rows = {row["target"]: row for row in salary("status", SALARY, "--json").json()["deployments"]}
    assert (rows["local"]["state"], rows["local"]["release"]) == ("running", 1)
    assert {rows["aci"]["state"], rows["aks"]["state"]} == {"unknown"}  # no account is named here


@pytest.mark.slow  # test_engine.py tests it on a target without processes
def test_a_second_deploy_changes_nothing(salary: Shell) -> None:
    first = salary("deploy", SALARY)
    second = salary("deploy", SALARY)
    assert second.out == first.out
    stages = [line.split(" ·")[0] for line in second.err.splitlines()]
    assert stages[:4] == ["train: unchanged", "register: unchanged", "package: unchanged", "deploy to local: unchanged"]


@pytest.mark.slow
def test_score_reads_a_file_and_stdin(salary: Shell) -> None:
    salary("deploy", SALARY)
    salary.write("request.json", '{"data": [[21]]}')
    assert salary("score", SALARY, "-d", "@request.json").json() == [pytest.approx(ANSWER)]
    assert salary("score", SALARY, "-d", "-", stdin='{"data": [[21]]}').json() == [pytest.approx(ANSWER)]
    assert "is not JSON" in salary("score", SALARY, "-d", "{", code=2).err
    assert "cannot be read" in salary("score", SALARY, "-d", "@nothing.json", code=2).err
    bad = salary("score", SALARY, "-d", '{"data": [["a"]]}', code=6)
    assert "answered 400" in bad.err


def test_output_of_a_script_cannot_control_a_terminal(salary: Shell) -> None:
    fails = 'raise ValueError("\\x1b]0;taken\\x07 over \\x9b2J")'
    salary.write("manifests/train.py", f"def train(data, log):\n    {fails}\n")
    salary.write(SALARY, "version: 1\nname: salary-svc\ntrain: {data: ../data/sal.csv, script: train.py}\n")
    salary.fails = True
    done = salary("train", SALARY, code=6)
    assert "taken" in done.err
    assert not {"\x1b", "\x07", "\x9b"} & set(done.err)
    (run,) = json.loads(salary("run", "list", SALARY, "--json").out)
    assert "taken" in run["error"]
    assert "\x1b" not in salary("run", "show", run["id"], SALARY).out


@pytest.mark.slow
def test_logs_follow_ends_with_an_interrupt(salary: Shell) -> None:
    salary("deploy", SALARY)
    assert salary("logs", SALARY).out
    following = salary.start("logs", SALARY, "-f")
    assert following.stdout is not None
    assert following.stdout.readline()
    following.send_signal(2)
    following.communicate(timeout=LIMIT)
    assert following.returncode == 130


def test_an_uninstalled_target_is_named_and_stops_nothing_else(salary: Shell) -> None:
    manifest = salary.folder / SALARY
    manifest.write_text(manifest.read_text(encoding="utf-8") + "  moon: {plugin: lunar}\n", encoding="utf-8")
    assert "no target named 'lunar' is installed" in salary("deploy", SALARY, "--target", "moon", code=2).err
    done = salary("check", SALARY, AZURE_SUBSCRIPTION_ID="0-0-0")
    assert "targets.moon is not checked" in done.err
    assert done.out == f"{SALARY} is valid\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["deploy"], "lading init"),
        (["deploy", SALARY, "--target", "lokal"], "the manifest has no target 'lokal'"),
        (["deploy", SALARY, "--model", "sal_model:9"], "the store has no model sal_model:9"),
        (["deploy", SALARY, "--model", "sal_model"], "is not NAME:VERSION"),
        (["run", "show", "1999", SALARY], "run '1999' does not exist"),
        (["model", "show", "nobody", SALARY], "model 'nobody' does not exist"),
        (["target", "show", "locl"], "did you mean local?"),
        (["plugin", "show", "locl"], "no plugin named 'locl' is installed (did you mean local?)"),
        (["plugin", "show", "sklern"], "no plugin named 'sklern' is installed (did you mean sklearn?)"),
        (["deplo"], "Did you mean 'deploy'?"),
        (["init", "--model", "nowhere.joblib"], "does not exist"),
        (["init", "--model", SALARY], "is not a pickle (format: other), so it needs a scoring script"),
    ],
)
def test_bad_input_names_the_thing_and_the_next_step(salary: Shell, argv: list[str], message: str) -> None:
    done = salary(*argv, code=2)
    assert message in done.err
    assert done.out == ""


def test_a_failure_as_json(salary: Shell) -> None:
    done = salary("deploy", SALARY, "--target", "nowhere", "--json", code=2)
    failure = json.loads(done.err.splitlines()[-1])
    assert failure["exit_code"] == 2
    assert failure["message"] == "the manifest has no target 'nowhere'"


def test_a_wrong_manifest_reports_every_problem_at_its_line(salary: Shell) -> None:
    text = (ROOT / SALARY).read_text().replace("port: 0", "prot: 0").replace("test_size: 0.25", "test_size: 25.5")
    salary.write(SALARY, text)
    done = salary("deploy", SALARY, code=2)
    assert re.search(r"salary\.yaml:\d+:\d+: train\.test_size: ", done.err)
    assert re.search(r"salary\.yaml:\d+:\d+: targets\.local\.prot: .*did you mean port", done.err)


def test_the_starter_project_deploys(shell: Shell) -> None:
    shell("init", "shop")
    assert shell("deploy", "shop/lading.yaml").out.startswith("http://127.0.0.1:")
    assert "exists already" in shell("init", "shop", code=2).err


def test_check_notes_an_unset_variable_that_the_default_target_does_not_use(salary: Shell) -> None:
    done = salary("check", SALARY)
    assert done.out == f"{SALARY} is valid\n"
    unset = "the environment variable AZURE_SUBSCRIPTION_ID is not set"
    assert done.err == f"note: connections.azureml is not checked: {unset}\n"
    text = (salary.folder / SALARY).read_text()
    salary.write(SALARY, text.replace("target: local", "target: aci"))
    assert f"connections.azureml.subscription_id: {unset}" in salary("check", SALARY, code=2).err
    salary.write(SALARY, f"{text}track: [azureml]\n")
    assert f"connections.azureml.subscription_id: {unset}" in salary("check", SALARY, code=2).err


@pytest.mark.slow
def test_a_folder_means_its_manifest(shell: Shell) -> None:
    shell("init", "shop")
    assert shell("check", "shop").out == "shop is valid\n"
    assert "no such manifest: lading.yaml" in shell("check", ".", code=2).err
    shell("train", "shop")
    assert (shell.folder / "shop" / ".lading").is_dir()
    for argv in (["run", "list"], ["gc", "--yes"], ["repair"], ["store", "trust"], ["plan"]):
        assert "no store" not in shell(*argv, "shop").err


@pytest.mark.parametrize("command", ["deploy", "status", "history"])
def test_a_default_target_that_does_not_exist_is_reported_at_its_place(shell: Shell, command: str) -> None:
    for word, advice in (("locl", " (did you mean local?)"), ("elsewhere", ": its targets are local")):
        shell.write("lading.yaml", f"version: 1\nname: salary-svc\nregister: {{file: lading.yaml}}\ntarget: {word}\n")
        failed = shell(command, code=2)
        assert f'lading.yaml:4:9: target: no target "{word}" in this manifest{advice}\n' in failed.err


@pytest.mark.slow
def test_the_starter_manifest_names_its_schema(shell: Shell) -> None:
    shell("init", "shop")
    first, *_ = (shell.folder / "shop" / "lading.yaml").read_text().splitlines()
    name = first.removeprefix("# yaml-language-server: $schema=")
    assert json.loads((shell.folder / "shop" / name).read_text()) == shell("schema").json()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "estimator"),
    [("sklearn.linear_model", "LinearRegression()"), ("xgboost", "XGBRegressor(booster='gblinear', eta=1.0)")],
)
def test_a_starter_for_a_finished_model_deploys(shell: Shell, module: str, estimator: str) -> None:
    pytest.importorskip(module, reason=f"{module} is not installed")
    code = f"import joblib, {module} as m; joblib.dump(m.{estimator}.fit([[0], [1]], [1, 3]), 'two.joblib')"
    subprocess.run([sys.executable, "-c", code], cwd=shell.folder, check=True, timeout=LIMIT)
    done = shell("init", "--model", "two.joblib")
    assert ("two.joblib does not say its scikit-learn: it gets" in done.err) is (module == "xgboost")
    shell("deploy")
    assert shell("score", "-d", '{"data": [[2]]}').json() == [pytest.approx(5, abs=0.5)]
    (model,) = shell("model", "list", "--json").json()
    assert model["framework"] == "scikit-learn"
    assert model["run"] is None


@pytest.mark.slow
def test_the_schema_accepts_the_salary_manifest_and_refuses_a_wrong_one(shell: Shell) -> None:
    import jsonschema
    import yaml

    schema = shell("schema").json()
    manifest = yaml.safe_load((ROOT / SALARY).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(manifest, schema)
    manifest["targets"]["local"]["prot"] = 0
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(manifest, schema)


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_completion(shell: Shell, shell_name: str) -> None:
    assert "_LADING_COMPLETE" in shell("completion", shell_name).out


@pytest.mark.slow
def test_a_live_line_per_stage_on_a_terminal(salary: Shell) -> None:
    done = salary.on_a_terminal("deploy", SALARY)
    assert done.out.startswith("http://127.0.0.1:")
    for stage in ("train: done", "register: done", "package: done", "deploy to local: up"):
        assert f"✓ {stage}" in done.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "closed"),
    [(f"status {SALARY}", ">&-"), ("target list", ">&-"), (f"train {SALARY}", ">&- 2>&-")],
)
def test_a_closed_stream_gets_no_messages(salary: Shell, command: str, closed: str) -> None:
    argv: list[str | Path] = ["sh", "-c", f'"$0" {command} {closed}', LADING]
    done = subprocess.run(argv, cwd=salary.folder, env=salary.env, capture_output=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr


# The allowed imports of a command, in addition to light modules of the standard library.
HEAVY = {"sklearn", "numpy", "pandas", "scipy", "joblib", "pydantic", "rich", "azureml", "httptools", "asyncio"}
HTTP = {"http.client", "email", "tempfile"}
LIGHT = {*HTTP, "importlib.metadata", "logging", "yaml", "subprocess"}
LIGHT |= {"lading.model.stages", "lading.model.questions"}  # records of hooks that are not called: 7 ms to create
LIGHT |= {"lading.manifest.fields", "lading.store.plots"}
# The modules that a deploy loads only if there is something to do.
_RELEASE = ["addresses", "answers", "beside", "bring_up", "endpoint", "foresight", "golden", "log_text", "observing"]
_RELEASE += ["rollout_state", "scoring", "shifting", "traffic"]
_RECORDS = ["deploying", "environments", "figures", "imaging", "packaging", "traffic"]
WORK = {
    *(f"lading.engine.release.{name}" for name in _RELEASE),
    *(f"lading.engine.stages.{name}" for name in ("distributions", "evaluation", "recorded", "reported")),
    *(f"lading.manifest.{name}" for name in ("json_schema", "moved", "rollout", "scalars", "unions")),
    *(f"lading.model.{name}" for name in _RECORDS),
    *("lading.base.reading", "lading.cli.traffic", "lading_bundle.patterns"),
}
PLAN = {"lading.engine.release.foreseen_moves", "lading.model.planning"}
MOST_DATACLASSES = 50  # each takes half a millisecond to create


@pytest.mark.slow
@pytest.mark.parametrize(
    ("argv", "allowed"),
    [
        (["--version"], set()),
        (["--help"], set()),
        (["deploy", "--help"], set()),
        (["target", "list"], set()),
        (["plugin", "list"], set()),
        (["run", "list", SALARY], set()),
        (["model", "list", SALARY], set()),
        (["status", SALARY, "--target", "local"], {*HTTP, *WORK, "lading.model.questions"}),
        (["uri", SALARY], set()),
        (["deploy", SALARY], set()),
        (["plan", SALARY], PLAN),
        (["score", SALARY, "-d", '{"data": [[1]]}'], {*HTTP, *WORK, "lading.model.questions"}),
        (["check", SALARY], {"pydantic", *LIGHT, *WORK}),
        (["schema"], {"pydantic", *LIGHT, *WORK, *PLAN}),
    ],
)
def test_a_command_imports_only_what_it_needs(deployed_salary: Shell, argv: list[str], allowed: set[str]) -> None:
    loaded = after(deployed_salary, argv, "print(*sorted(sys.modules), file=file)")
    assert set(loaded.split()) & (HEAVY | LIGHT | WORK | PLAN) - allowed == set()


def test_a_deploy_with_nothing_to_do_creates_few_dataclasses(deployed_salary: Shell) -> None:
    count = (
        "found = {kind for name, module in sys.modules.items() if name.startswith('lading') "
        "for kind in vars(module).values() if '__dataclass_fields__' in getattr(kind, '__dict__', {})}; "
        "print(len(found), file=file)"
    )
    assert 0 < int(after(deployed_salary, ["deploy", SALARY], count)) <= MOST_DATACLASSES


def test_a_command_ends_with_the_exit_functions_and_frees_no_objects() -> None:
    script = (
        "import atexit, sys; from lading.cli import main; atexit.register(print, 'an exit function'); "
        "kept = type('Kept', (), {'__del__': lambda self: print('freed')})(); sys.argv[1:] = ['--version']; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=LIMIT, check=True)
    version, *rest = done.stdout.splitlines()
    assert version.startswith("lading, version")
    assert rest == ["an exit function"]


def after(salary: Shell, argv: list[str], look: str) -> str:
    """The text that the statement `look` writes to `file` after a command of the same process."""
    script = (
        f"import sys; from lading.cli.run import run; code = run(sys.argv[1:]); file = open('found.txt', 'w'); {look}; "
    )
    subprocess.run(
        [sys.executable, "-c", f"{script}file.close(); sys.exit(code)", *argv],
        cwd=salary.folder,
        env={**salary.env, "AZURE_SUBSCRIPTION_ID": "0-0-0"},
        check=True,
        capture_output=True,
        timeout=LIMIT,
    )
    return (salary.folder / "found.txt").read_text()


@pytest.mark.parametrize("argv", [["--version"], ["--help"]])
def test_the_version_and_the_help_load_no_command(argv: list[str]) -> None:
    """The options of the commands import pathlib: 5 ms, a tenth of these commands' time."""
    code = f"import sys; from lading.cli.run import run; run({argv}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=LIMIT)
    assert {name for name in done.stdout.split() if name.startswith("lading.cli.")} == {
        f"lading.cli.{name}" for name in ("commands", "env_file", "failure", "plain", "run")
    }


@pytest.fixture(scope="module")
def deployed_salary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    import shutil

    folder = tmp_path_factory.mktemp("salary")
    for name in (SALARY, "data/sal.csv"):
        (folder / name).parent.mkdir()
        shutil.copy(ROOT / name, folder / name)
    shell = Shell(folder, {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]})
    shell("deploy", SALARY)
    shell("uri", SALARY)
    shell("status", SALARY)
    yield shell
    shell("delete", SALARY)


def test_a_model_of_another_scikit_learn_is_refused_with_both_versions(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file declares version 0.1.0, and is never loaded."""
    import pickle

    from sklearn.linear_model import LinearRegression

    monkeypatch.setattr("sklearn.base.__version__", "1.5.0")  # an estimator writes it into its state
    shell.write("lading.yaml", "version: 1\nname: old-model\nregister: {file: old.pkl}\n")
    (shell.folder / "old.pkl").write_bytes(pickle.dumps(LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])))
    done = shell("deploy", code=3)
    assert "1.5.0" in done.err
    assert re.search(r"scikit-learn==1\.5\.0|allow_version_skew", done.err)
    pinned = "package: {environment: {pip: [scikit-learn==1.5.0]}}\n"
    shell.write("lading.yaml", f"version: 1\nname: old-model\nregister: {{file: old.pkl}}\n{pinned}")
    done = shell("deploy", code=3)
    assert "pinned to scikit-learn 1.5.0, and this Python has" in done.err
    assert "python: isolated" in done.err


def test_text_that_no_terminal_can_print_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("a\ud800b", "a\udcffb"):
        output.table([{"framework": text}], empty="")
        output.facts({"framework": text, "tags": {text: 1}})
        assert capsys.readouterr().out.count("a\N{REPLACEMENT CHARACTER}b") == 3
