"""Check whether a deploy is approved. If not, explain why, and how to approve it."""

from __future__ import annotations

import os
import re
import shlex

from lading import BadInput, Command, Context, GateRequest, StageFailed, child_environment, run_command

from .options import ApprovalOptions
from .showing import question

_SHORTEST = 12  # digits of a digest: the length that Lading shows
_MAX_BYTES = 1 << 20
_LONGEST = 1 << 14  # characters of a variable: Linux allows 128 KiB

Objection = tuple[str, str]
_APPROVED: Objection = ("", "")


def objection(request: GateRequest, options: ApprovalOptions, context: Context) -> Objection:
    """The reason and the hint. Both are empty if the deploy is approved or needs no approval.

    Raises BadInput if the file or the program cannot be read, and StageFailed if the command exceeds its time limit.
    """
    digest = request.package_digest or ""
    if not options.asks:
        return _APPROVED
    if options.command is not None:
        return _command(request, options, context)
    if options.variable is not None:
        text = os.environ.get(options.variable, "")
        return _words(text, digest, f"variable {options.variable}", f"export {options.variable}={digest}")
    text = _text(options)
    return _words(text, digest, f"{options.file}", f"echo {digest} >> {shlex.quote(str(options.file))}")


def _words(text: str, digest: str, place: str, how: str) -> Objection:
    lines = (line.partition("#")[0] for line in text.splitlines())
    words = [word for line in lines for word in re.split(r"[\s,]+", line.lower()) if word]
    if any(word == "yes" or (len(word) >= _SHORTEST and digest.startswith(word)) for word in words):
        return _APPROVED
    reason = f"{place} approves only other packages" if words else f"{place} approves nothing"
    return reason, f"to approve this package: {how}"


def _text(options: ApprovalOptions) -> str:
    assert options.file is not None
    try:
        with options.file.open("rb") as file:
            return file.read(_MAX_BYTES).decode()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        reason = (error.strerror or "").lower() if isinstance(error, OSError) else "it is not text in UTF-8"
        raise BadInput(f"the approval {options.file} cannot be read: {reason}") from error


def _command(request: GateRequest, options: ApprovalOptions, context: Context) -> Objection:
    argv = options.command or ()
    env = child_environment(
        options.environment,
        LADING_SERVICE=request.service,
        LADING_TARGET=request.target,
        LADING_PACKAGE_DIGEST=request.package_digest or "",
        LADING_QUESTION="\n".join(question(request, options))[:_LONGEST],
    )
    command = Command(argv, request.folder, env)
    try:
        finished = run_command(command, timeout=options.timeout, cancelled=lambda: context.cancelled)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"the approval command {argv[0]} cannot be run: {reason.lower()}") from error
    if finished.code is None:
        raise StageFailed(f"the approval command {argv[0]} did not end within {options.timeout:g} s")
    if finished.code == 0:
        return _APPROVED
    said = f": {' '.join(finished.tail[-3:])}" if finished.tail else ""
    return f"{argv[0]} ended with {finished.code}{said}", "run the same command again once it approves"
