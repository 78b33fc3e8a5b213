"""Why a service did not come up: Azure's error, the phase, the end of the log, the place in the user's own files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress

from lading import Failed, LadingError
from lading_azureml.port import AzureWorkspace, Operation, OverQuota, Service
from lading_azureml.text import reason

_LINES = 30  # of a log that are shown
_TAIL = 200  # of a log that are read

_FRAME = re.compile(r'File "(?:[^"]*/)?azureml-app/(?:azureml-app/)?([^"]+)", line (\d+)')
_ERROR = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Exit|Interrupt|Warning)\b(?::.*)?$")


def failed(
    workspace: AzureWorkspace, service: Service, operation: Operation | None, phase: str, lines: Sequence[str]
) -> Failed:
    """The end of a release that did not come up; `lines` are those of the operation's log.

    Raises OverQuota where Azure had no room for it: nothing of the release was tried then.
    """
    error = (operation.error if operation else {}) or service.error
    said = reason(error) or f"the service is {service.state}"
    if "quota" in f"{error.get('code')} {said}".lower():
        raise OverQuota(f"{service.name}: {phase}", said)
    log = _log(workspace, service, operation) or lines
    place = culprit(log)
    return Failed(f"{phase} failed: {said}" + (f" ({place})" if place else ""), "\n".join(log[-_LINES:]))


def _log(workspace: AzureWorkspace, service: Service, operation: Operation | None) -> Sequence[str]:
    with suppress(LadingError):  # the log is an aid: that it cannot be read must not hide the failure
        if operation and operation.part.startswith("Build"):
            return workspace.build_log(operation.log_url) if operation.log_url else ()
        return workspace.service_log(service.name, _TAIL)
    return ()


def culprit(log: Sequence[str]) -> str:
    """The last place in a package's own files that a traceback in the log names, and its error; empty without one.

    A traceback may be cut off or wrapped in a logger's prefix.
    """
    place = ""
    for number, line in enumerate(log):
        found = _FRAME.search(line)
        if found:
            rest = (_ERROR.search(later) for later in log[number + 1 :])
            error = next((match[0] for match in rest if match), "")
            place = f"{found[1]}:{found[2]}" + (f": {error}" if error else "")
    return place
