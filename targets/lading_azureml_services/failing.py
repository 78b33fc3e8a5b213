"""Explain why a service did not start: Azure's error, the phase, the end of the log, and the place in the
user's files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress

from lading import Failed, LadingError
from lading_azureml.port import AzureWorkspace, Operation, OverQuota, Service
from lading_azureml.text import reason

_LINES = 30  # lines of a log to show
_TAIL = 200  # lines of a log to read

_FRAME = re.compile(r'File "(?:[^"]*/)?azureml-app/(?:azureml-app/)?([^"]+)", line (\d+)')
_ERROR = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Exit|Interrupt|Warning)\b(?::.*)?$")


def failed(
    workspace: AzureWorkspace, service: Service, operation: Operation | None, phase: str, lines: Sequence[str]
) -> Failed:
    """The failure of a release that did not start. `lines` are those of the operation's log.

    Raises OverQuota if Azure had no capacity for it: then nothing of the release was started.
    """
    error = (operation.error if operation else {}) or service.error
    said = reason(error) or f"the service is {service.state}"
    if "quota" in f"{error.get('code')} {said}".lower():
        raise OverQuota(f"{service.name}: {phase}", said)
    log = _log(workspace, service, operation) or lines
    place = culprit(log)
    shown = list(log[-_LINES:])
    if len(log) > _LINES and operation and operation.part.startswith("Build"):
        shown.append("`lading logs --build` shows the whole log of the build")
    return Failed(reason=f"{phase} failed: {said}" + (f" ({place})" if place else ""), log="\n".join(shown))


def _log(workspace: AzureWorkspace, service: Service, operation: Operation | None) -> Sequence[str]:
    with suppress(LadingError):  # the log is only a help: a failure to read it must not hide the real one
        if operation and operation.part.startswith("Build"):
            return workspace.build_log(operation.log_url) if operation.log_url else ()
        return workspace.service_log(service.name, _TAIL)
    return ()


def culprit(log: Sequence[str]) -> str:
    """The last place in a package's own files in a traceback of the log, and its error; empty without one.

    The traceback may be cut off, or have a logger's prefix on each line.
    """
    place = ""
    for number, line in enumerate(log):
        found = _FRAME.search(line)
        if found:
            rest = (_ERROR.search(later) for later in log[number + 1 :])
            error = next((match[0] for match in rest if match), "")
            place = f"{found[1]}:{found[2]}" + (f": {error}" if error else "")
    return place
