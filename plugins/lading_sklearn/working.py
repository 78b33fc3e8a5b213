"""Run a child process in a separate session and read its answer. Models are fitted and loaded only there."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import lading
from lading import Context, Finished, Json


@dataclass(frozen=True)
class Work:
    """The work of a child process: the `module` that it runs, and the `block` of the manifest that requires it.

    Its output is shown under `phase`, and failures name it as `name`. It ends after `time_limit` seconds. It receives
    the variables `env` in addition to the usual ones. `result` is the expected result.
    """

    module: str
    block: str
    phase: str
    name: str
    result: str
    time_limit: float | None
    env: tuple[str, ...] = ()


def in_a_child(work: Work, spec: Mapping[str, Json], folder: Path, context: Context) -> dict[str, Json]:
    """Do the work in `folder`, and return its answer.

    Raises the failure that the child process reports. Raises StageFailed if it exceeds its time limit or is killed, and
    Interrupted once `context.cancelled`.
    """
    for name in work.env:
        if name in os.environ:
            context.secret(name)  # redact its value in the output of the process
    result = folder / "result.json"
    result.touch()  # a disk without inodes is noticed here, where its error can be told
    finished = lading.run_command(
        _command(work, json.dumps(spec, default=str), result),
        timeout=work.time_limit,
        on_line=lambda line: context.progress(work.phase, line),
        cancelled=lambda: context.cancelled,
    )
    if context.cancelled:
        raise lading.Interrupted(f"the {work.phase} was interrupted")
    answer: dict[str, Json] = json.loads(result.read_text(encoding="utf-8") or "{}")
    if "error" in answer:
        raise _raised(answer["error"])
    if finished.code != 0 or not answer:
        raise _failure(work, finished)
    return answer


def _command(work: Work, spec: str, result: Path) -> lading.Command:
    # A fixed hash seed gives sets one order. So the same training gives the same bytes.
    env = lading.child_environment(work.env, PYTHONHASHSEED="0", PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8")
    argv = (sys.executable, "-m", work.module, str(result))
    return lading.Command(argv, result.parent, env, stdin=f"{spec}\n")


def _raised(error: dict[str, Json]) -> lading.LadingError:
    failure: type[lading.LadingError] = getattr(lading, error["kind"])
    about = {"option": error["option"]} if "option" in error else {}
    return failure(error["message"], hint=error["hint"], **about)


def _failure(work: Work, finished: Finished) -> lading.StageFailed:
    reason, hint = _ending(work, finished.code)
    last_lines = "".join(f"\n  {line}" for line in finished.tail)
    message = f"{work.name} {reason}" + (f"; its last lines:{last_lines}" if last_lines else "")
    return lading.StageFailed(message, hint=hint)


def _ending(work: Work, code: int | None) -> tuple[str, str | None]:
    """How a child without a result ended, and the next step."""
    if code is None:
        return f"exceeded its time limit of {work.time_limit:g} s", f"raise time_limit under {work.block}"
    if code < 0:
        name = _signal_name(-code)
        return f"was killed by {name}", "perhaps the machine ran out of memory" if name == "SIGKILL" else None
    if code == 0:
        return f"ended before it returned {work.result}", None
    return f"ended with exit code {code}", None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # Python has no names for most real-time signals
        return f"signal {number}"
