"""Runs of a workspace of Azure ML v2: what is sent to run history, metrics and artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.hook_kit import MemoryContext
from tests.plugins.azureml_v2.runs_kit import API, BLOBS, EXPERIMENT, FILES, METRICS, PLACE, RUN, a_run
from tests.plugins.wire import Wire

from lading import StageFailed, TrackedRun
from lading_azureml_v2 import blobs, lading_track

Opened = tuple[MemoryContext, Wire]
MISSING = {"error": {"code": "UserError", "message": "Run r1 was not found"}}


def track(opened: Opened, *files: Path, **fields: Any) -> TrackedRun:
    return lading_track(request=a_run(**fields), context=opened[0], artifacts=files)


def a_new_run(wire: Wire) -> None:
    """Answer for a run that does not exist yet."""
    wire.answer("GET", RUN, MISSING, 404)
    wire.answer("POST", EXPERIMENT, {"experimentId": "e-1"})
    wire.answer("PATCH", f"{EXPERIMENT}/runs/r1", {"runId": "r1", "status": "NotStarted"})
    wire.answer("POST", f"{EXPERIMENT}/runs/r1/events")
    wire.answer("POST", f"{METRICS}/list", {"value": []})
    wire.answer("POST", f"{METRICS}/batch", {"errors": []})


def a_run_with(wire: Wire, *names: str, status: str = "Running") -> None:
    """Answer for a run that has these metrics."""
    wire.answer("GET", RUN, {"runId": "r1", "status": status, "dataContainerId": "dcid.r1"})
    wire.answer("POST", f"{METRICS}/list", {"value": [{"metricKey": {"name": name}} for name in names]})
    wire.answer("POST", f"{METRICS}/batch", {"errors": []})
    wire.answer("POST", f"{EXPERIMENT}/runs/r1/events")


def rows(wire: Wire) -> dict[str, list[Any]]:
    """The logged rows: a value, or a step with a value, by the name of the metric."""
    found: dict[str, list[Any]] = {}
    for sent in wire.like("POST", "/batch"):
        for metric in sent.json["values"]:
            name = metric["name"]
            values = [(row.get("step"), row["data"][name]) for row in metric["value"]]
            found.setdefault(name, []).extend(value if step is None else (step, value) for step, value in values)
    return found


def events(wire: Wire) -> list[str]:
    return [sent.json["name"].rpartition(".")[2] for sent in wire.like("POST", "/events")]


def test_a_run_is_created_with_our_id_and_logged_completely(opened: Opened) -> None:
    _, wire = opened
    a_new_run(wire)
    found = track(
        opened,
        parameters={"alpha": 0.5, "grid": {"c": [1, 2]}, "name": "lasso"},
        metrics={"r2": 0.75},
        inputs={"sal.csv": "aa"},
        git_commit="c0ffee",
    )
    url = f"https://ml.azure.com/runs/r1?wsid={EXPERIMENT.removeprefix('/history/v1.0').removesuffix('/experiments/salexp')}"
    assert found == TrackedRun(tracker="azureml-v2", id="r1", url=url)
    (created,) = wire.like("PATCH", "/runs/r1")
    tags = {"lading.run": "r1", "input sal.csv": "aa", "git commit": "c0ffee"}
    assert created.json == {"runId": "r1", "displayName": "price", "target": "local", "tags": tags}
    logged = rows(wire)
    assert logged.pop("start") == logged.pop("end") == ["2026-01-02T03:04:05+00:00"]
    assert logged == {"alpha": [0.5], "grid.c": [1, 2], "name": ["lasso"], "r2": [0.75]}
    assert events(wire) == ["Start", "Completed"]
    assert {sent.host for sent in wire.sent if "/history/" in sent.path} == {API.removeprefix("https://")}


def test_every_step_of_a_metric_is_logged_and_a_request_has_no_more_rows_than_azure_takes(opened: Opened) -> None:
    _, wire = opened
    a_new_run(wire)
    history = [[step, step / 2] for step in range(600)]
    track(opened, metrics={"loss": 299.5, "loss.steps": history, "rate.steps": [[1, 0.1], [2, None]]})
    assert rows(wire)["loss"] == [tuple(pair) for pair in history]
    assert rows(wire)["rate"] == [(1, 0.1)]
    sizes = [sum(len(each["value"]) for each in sent.json["values"]) for sent in wire.like("POST", "/batch")]
    assert sizes == [250, 250, 103]


def test_steps_that_are_there_already_are_left_out(opened: Opened) -> None:
    _, wire = opened
    a_run_with(wire, "loss", "start", "end")
    page = {"value": [{"step": 1, "data": {"loss": 9}}], "continuationToken": "next"}
    wire.answer("POST", f"{METRICS}/full", page)
    wire.answer("POST", f"{METRICS}/full", {"value": [{"step": 2, "data": {"loss": 8}}], "continuationToken": None})
    track(opened, metrics={"loss.steps": [[1, 9], [2, 8], [3, 7]]})
    assert rows(wire) == {"loss": [(3, 7)]}


def test_a_row_keeps_its_id_when_it_is_sent_again(opened: Opened) -> None:
    _, wire = opened
    a_new_run(wire)
    track(opened, metrics={"r2": 0.75})
    track(opened, metrics={"r2": 0.75})
    first, second = wire.like("POST", "/batch")
    assert [row["metricId"] for metric in first.json["values"] for row in metric["value"]] == [
        row["metricId"] for metric in second.json["values"] for row in metric["value"]
    ]


@pytest.mark.parametrize(
    "error",
    [
        {"metric": "r2", "error": {"code": "UserError", "message": "the value is not a number"}},
        {"code": "UserError", "message": "the value is not a number"},
        "the value is not a number",
    ],
)
def test_a_metric_that_azure_does_not_keep_is_reported(opened: Opened, error: object) -> None:
    _, wire = opened
    a_new_run(wire)
    wire.answers["POST", f"{METRICS}/batch"].clear()
    wire.answer("POST", f"{METRICS}/batch", {"errors": [error]})
    with pytest.raises(StageFailed, match="metrics of run r1 are not all logged: the value is not a number"):
        track(opened, metrics={"r2": 0.75})
    assert events(wire) == ["Start"]


def test_a_list_that_was_logged_in_part_is_completed(opened: Opened) -> None:
    _, wire = opened
    a_run_with(wire, "errors", "r2", "start", "end")
    track(opened, metrics={"errors": list(range(300)), "r2": 0.75})
    assert rows(wire) == {"errors": list(range(300))}


def test_a_failed_run_has_its_error(opened: Opened) -> None:
    _, wire = opened
    a_run_with(wire)
    track(opened, state="failed", error="the script \x1b[1mended")
    assert events(wire) == ["Error", "Failed"]
    error = wire.like("POST", "/events")[0].json["data"]["ErrorResponse"]["error"]
    assert error == {"message": "the script ended"}


def test_a_run_that_has_ended_gets_only_its_evaluation(opened: Opened) -> None:
    _, wire = opened
    a_run_with(wire, status="Completed")
    track(opened, metrics={"r2": 0.75, "loss.steps": [[1, 9]], "evaluation.r2": 0.7})
    assert rows(wire) == {"evaluation.r2": [0.7]}
    assert events(wire) == []


def plots(folder: Path, *names: str) -> list[Path]:
    files = [folder / f"{name}.svg" for name in names]
    for file in files:
        file.write_bytes(file.stem.encode())
    return files


def test_files_are_uploaded_once_and_an_interrupted_one_is_completed(opened: Opened, tmp_path: Path) -> None:
    context, wire = opened
    a_run_with(wire, "start", "end", status="Completed")
    listed = [{"path": f"plots/{name}.svg"} for name in ("same", "other", "cut")]
    wire.answer("GET", f"{FILES}/{PLACE}", {"value": listed})
    for name, content in {"same": b"same", "other": b"another"}.items():
        wire.answer("GET", f"{FILES}/contentinfo/{PLACE}/plots/{name}.svg", {"contentUri": f"{BLOBS}/{name}?sig=s"})
        wire.answer("GET", f"/c/{name}", content)
    wire.answer("GET", f"{FILES}/contentinfo/{PLACE}/plots/cut.svg", {"contentUri": f"{BLOBS}/cut?sig=r"})
    wire.answer("GET", "/c/cut", b"<Error/>", 404)
    wire.answer("GET", f"{FILES}/write/{PLACE}/plots/cut.svg", {"contentUri": f"{BLOBS}/cut?sig=w"})
    new = {"plots/new.svg": {"contentUri": f"{BLOBS}/new?sig=w"}}
    wire.answer("POST", f"{FILES}/batch/metadata/{PLACE}", {"artifactContentInformation": new, "errors": {}})
    for name in ("cut", "new"):
        wire.answer("PUT", f"/c/{name}", status=201)
    files = plots(tmp_path, "same", "other", "cut", "new")
    track(opened, *files)
    uploaded = {sent.path: sent for sent in wire.like("PUT", "")}
    assert {path: sent.body for path, sent in uploaded.items()} == {"/c/cut": b"cut", "/c/new": b"new"}
    assert all("authorization" not in sent.headers for sent in wire.sent if sent.path.startswith("/c/"))
    assert context.warnings == [f"Azure keeps the first plots/other.svg of run r1; the new one is {files[1]}"]


def test_files_that_azure_refuses_are_a_warning(opened: Opened, tmp_path: Path) -> None:
    context, wire = opened
    a_run_with(wire, "start", "end", status="Completed")
    wire.answer("GET", f"{FILES}/{PLACE}", {"value": []})
    refused = {"plots/new.svg": {"error": {"code": "UserError", "message": "Resource Conflict"}}}
    wire.answer("POST", f"{FILES}/batch/metadata/{PLACE}", {"artifactContentInformation": {}, "errors": refused})
    track(opened, *plots(tmp_path, "new"))
    said = "creating the file plots/new.svg failed: UserError: Resource Conflict"
    assert context.warnings == [f"the plots of the run are not logged: {said}"]


def test_a_large_file_is_uploaded_in_blocks(opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, wire = opened
    monkeypatch.setattr(blobs, "_BLOCK", 4)
    wire.answer("PUT", "/c/model", status=201)
    (tmp_path / "model").write_bytes(b"0123456789")
    blobs.upload(context.connection.workspace.services.arm, "uploading", f"{BLOBS}/model?sig=w", tmp_path / "model")
    *pieces, listed = wire.sent
    assert [(sent.query["comp"], sent.body) for sent in pieces] == [
        ("block", b"0123"),
        ("block", b"4567"),
        ("block", b"89"),
    ]
    assert listed.query["comp"] == "blocklist"
    named = "".join(f"<Latest>{sent.query['blockid']}</Latest>" for sent in pieces)
    assert listed.body.decode() == f"<BlockList>{named}</BlockList>"


def test_an_address_without_encryption_gets_no_token(opened: Opened) -> None:
    _, wire = opened
    wire.answers.pop(("GET", f"/discovery{RUN.removeprefix('/history/v1.0').removesuffix('/runs/r1')}"))
    wire.answer("GET", "/discovery" + RUN.removeprefix("/history/v1.0").removesuffix("/runs/r1"), {"api": "http://x"})
    with pytest.raises(StageFailed, match="is not an https address"):
        track(opened)
    assert not wire.like("GET", "/runs/r1")
