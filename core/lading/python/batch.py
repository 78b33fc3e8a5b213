"""Score a file of rows: send them in chunks, and write them with their answers. It goes on after an interrupt."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..engine.release.bring_up import kept_package
from ..engine.release.canaries import stable_of
from ..engine.release.chunks import RowAnswer, Sender
from ..engine.release.service import Service
from ..errors import BadInput
from . import tables
from .cells import USUAL, Form, from_text, kinds_of, labels_of, width_of
from .formats import format_of
from .partial import Partial, opened
from .writing import write

if TYPE_CHECKING:
    from ..engine.session.events import Emitter
    from ..model import Json, ModelVersion, Release

_LISTED = 100  # failed rows in a result; the output file has all of them
_REASON = "prediction_error"


class FailedRow(NamedTuple):
    """A row without an answer: its number, from 1 and without a header, and the reason."""

    row: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The result of scoring a file.

    `known` is the number of rows that an earlier command had asked for. `failures` is the number of rows without an
    answer, and `failed` has the first hundred of them.
    """

    out: Path
    rows: int
    known: int
    failures: int
    failed: tuple[FailedRow, ...]


def check_files(file: Path, out: Path) -> None:
    """Raise BadInput if a file of rows cannot be read, or its answers cannot be written, before anything is sent."""
    format_of(file)
    format_of(out)
    if not file.is_file():
        raise BadInput(f"{file} is not a file")
    if not out.absolute().parent.is_dir():
        raise BadInput(f"{out} cannot be written: its folder does not exist", hint=f"mkdir -p {out.parent}")
    if out.is_dir():
        raise BadInput(f"{out} is a folder", hint="name a file with -o")
    if out.exists() and out.samefile(file):
        raise BadInput(f"{out} is the file of the rows", hint="name another file with -o")


def score_rows(
    service: Service, file: Path, out: Path, *, size: int, parallel: int, limit: float, device: str | None
) -> Batch:
    """Score each row of a file, with `size` rows in a request and `parallel` requests at once.

    `limit` is the time in seconds that a request may wait for a service that asks to come back later.
    Raises BadInput if the file cannot be read or changes, Locked if another command writes the same output, Transient
    if the service stops answering, and StageFailed if it answers no row.
    """
    endpoint = service.endpoint(service.address(device))
    emit = service.session.events.of("score", service.target.name)
    source = _source(service, file, device)
    sender = Sender(endpoint.ask, size, parallel, limit)
    with opened(out) as partial:
        if partial.go_on(source):
            emit("warning", detail=f"begins again: {partial.file} belongs to another file or release")
        known = partial.count
        sender.answered = known > 0
        if known:
            emit("progress", phase="going on", detail=f"after row {known} of an earlier command")
        _ask(sender, reader_of(service, file), partial, emit)
        if _source(service, file, device) != source:
            changed = f"{file} or the release has changed while the rows were scored"
            raise BadInput(changed, hint="run the same command again: it begins again")
        made = _result(out, partial, known)
        _write(file, out, partial, _model(service), emit, failures=made.failures)
        partial.file.unlink()
    return made


def _source(service: Service, file: Path, device: str | None) -> dict[str, Json]:
    """What answers depend on. With another value of any of them, earlier answers are not used."""
    status, deployment = file.stat(), service.deployment
    return {
        "file": [str(file.absolute()), status.st_size, status.st_mtime_ns],
        "service": [deployment.service, deployment.target, device],
        "package": deployment.package_digest,
    }


def reader_of(service: Service, file: Path, release: Release | None = None) -> tables.Reader:
    """Reads the rows of a file as the model of a release takes them, by default that of the release that is up."""
    release = release or stable_of(service)
    model = _model(service, release)
    if release is None or model is None:
        return tables.Reader(file, {})
    package = kept_package(service, release)
    takes_lists = package is not None and package.own_script is False  # nobody knows the rows of another script
    width, form = width_of(model) if takes_lists else 0, _form(model, file)
    return tables.Reader(file, kinds_of(model), form, width=width, labels=labels_of(model))


def _form(model: ModelVersion | None, file: Path) -> Form:
    """The form of a file of rows: that of the training, but an encoding that the file shows is its own."""
    return tables.with_own_encoding(file, Form.of(model) if model else USUAL)


def _model(service: Service, release: Release | None = None) -> ModelVersion | None:
    """The model of a release; None if this store does not know it."""
    release = release or stable_of(service)
    return service.session.store.models.get(release.model, release.model_version) if release else None


def _ask(sender: Sender, reader: tables.Reader, partial: Partial, emit: Emitter) -> None:
    """Ask for the answers of all rows after those that are known."""
    rows = reader.rows()
    before = sum(1 for _ in islice(rows, partial.count))
    began, share_before = time.monotonic(), reader.done
    asked = (RowAnswer(None, row.problem) if row.problem else row.value for row in rows)
    for number, answers in enumerate(sender.answers(asked)):
        partial.add(answers)
        if number == 0 and reader.left_out:
            emit("warning", detail=f"not sent, because the model does not take them: {', '.join(reader.left_out)}")
        seconds, share = time.monotonic() - began, reader.done - share_before
        emit("progress", phase="scoring", detail=_pace(partial.count, partial.count - before, seconds, share, reader))


def _pace(count: int, new: int, seconds: float, share: float, reader: tables.Reader) -> str:
    """The number of rows, how fast they are scored, and how long the others will take."""
    rate = new / seconds if seconds else 0.0
    left = seconds * (1 - reader.done) / share if share else 0.0
    return f"{count} rows · {rate:.0f} a second · {left:.0f} s left"


def _result(out: Path, partial: Partial, known: int) -> Batch:
    reasons = ((number, answer.failure) for number, answer in enumerate(partial.answers(), start=1) if answer.failure)
    failed = tuple(FailedRow(*found) for found in islice(reasons, _LISTED))
    failures = len(failed) + sum(1 for _ in reasons)
    return Batch(out=out, rows=partial.count, known=known, failures=failures, failed=failed)


def _write(
    file: Path, out: Path, partial: Partial, model: ModelVersion | None, emit: Emitter, *, failures: int
) -> None:
    """Write each row with its answer. The output appears when it is complete.

    It is UTF-8 if the encoding of the rows lacks a character.
    """
    kinds, outputs, form = kinds_of(model) if model else {}, _outputs(model), _form(model, file)
    written = form.without_words  # a word for a missing value stays in the output
    typed = format_of(file) == "csv" and format_of(out) != "csv"

    def joined(cells: tables.Cells, answer: RowAnswer) -> tables.Cells:
        reason = {_REASON: answer.failure or None} if failures else {}
        return {**cells, **_named(answer.value, cells, outputs), **reason}

    def rows() -> Iterator[tables.Cells]:
        for row, answer in zip(tables.Reader(file, form=form).rows(), partial.answers(), strict=True):
            cells = (
                {name: from_text(text, kinds.get(name, ""), written) for name, text in row.cells.items()}
                if typed
                else row.cells
            )
            yield joined(cells, answer)

    def heads() -> Iterator[tables.Cells]:
        reader = tables.Reader(file, form=form)
        first = next(reader.rows(), None)
        if first is None:  # a file without rows has only the names of its columns
            return iter((joined(dict.fromkeys(reader.header), RowAnswer([None] * len(outputs) or None)),))
        return (joined(first.cells, answer) for answer in partial.answers())

    writing = out.with_name(f".writing-{out.name}")
    heading = rows if format_of(file) == "jsonl" else heads
    try:
        write(writing, rows, heading, form)
    except UnicodeEncodeError as error:
        lacks = f"{form.encoding}, the encoding of the training data, has no {error.object[error.start]!r}"
        emit("warning", detail=f"{out} is UTF-8: {lacks}")
        write(writing, rows, heading, replace(form, encoding="utf-8"))
    os.replace(writing, out)  # noqa: PTH105


def _outputs(model: ModelVersion | None) -> list[str]:
    """The names of several outputs of a model. Empty for one output, and if a name is not known."""
    names = [output.name for output in model.schema.outputs] if model and model.schema else []
    return names if len(names) > 1 and all(names) else []


def _named(value: Json, cells: tables.Cells, outputs: list[str]) -> tables.Cells:
    """The columns of an answer: its names if it is a mapping, those of the outputs for a list, else `prediction`.

    Without such names, a list has numbers. A name that the row has already begins with `prediction_`.
    """
    if isinstance(value, list):
        names = outputs if len(outputs) == len(value) else list(map(str, range(len(value))))
        value = {f"prediction_{name}": item for name, item in zip(names, value, strict=True)}
    elif not isinstance(value, dict):
        value = {"prediction": value}
    return {f"prediction_{name}" if name in cells else name: item for name, item in value.items()}
