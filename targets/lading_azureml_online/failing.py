"""Explain why a release did not come up: Azure's error, the option to change, and the logs of the containers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lading import Failed, Json, LadingError, StageFailed
from lading_azureml.text import clean, reason
from lading_azureml_v2.build_logs import build_log
from lading_azureml_v2.wording import plain

from .logs import last_lines

if TYPE_CHECKING:
    from lading_azureml_v2.workspace import Workspace

_FILE = "failed.json"

_BUILT = "environment"  # the option of an image that Azure builds
_BUILD_LINES = 30  # lines to show of the log of a build that failed
_BUILD_ERROR = re.compile(r"\b(?:error|\w+(?:Error|Exception))\b:", re.IGNORECASE)
_QUOTA = re.compile(r"quota", re.IGNORECASE)
_CAPACITY = re.compile(r"OutOfCapacity|capacity|Insufficient (?:cpu|memory)", re.IGNORECASE)
_PULL = re.compile(r"AcrPull|unauthorized|(?:pull|download).*image|ImagePull", re.IGNORECASE)
_CAUSES = (
    (re.compile(r"image ?build", re.IGNORECASE), _BUILT, "Azure cannot build the image"),
    (_QUOTA, "instance_type", "the quota for these instances is used up"),
    (_CAPACITY, "instance_type", "the region has none of these instances"),
    (
        _PULL,
        "identity",
        "Azure cannot pull the image: the identity of the endpoint needs the role AcrPull on the registry",
    ),
    (re.compile(r"crashed|terminated", re.IGNORECASE), "", "the container has ended"),
    (re.compile(r"liveness", re.IGNORECASE), "liveness_probe", "the container does not answer its health check"),
    (
        re.compile(r"ResourceNotReady|readiness|not ready", re.IGNORECASE),
        "readiness_probe",
        "the container does not answer its health check",
    ),
)
"""Signs in Azure's errors, with the option to change and the cause in words."""

_OF_KUBERNETES = (
    (_QUOTA, "resources", "a quota of the namespace is used up"),
    (_CAPACITY, "resources", "no node of the cluster has room for an instance"),
    (_PULL, "", "the cluster cannot pull the image: its identity needs the role AcrPull on the registry"),
)
"""The causes that have other words on a cluster."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why a release is given up. `log` has the last lines of its containers.

    `is_refusal` is true if Azure has refused a request of the deploy, such as for a missing right. `hint` is the next
    step then.
    """

    reason: str
    option: str = ""
    log: str = ""
    hint: str = ""
    is_refusal: bool = False

    def write(self, folder: Path, release_id: str) -> None:
        (folder / _FILE).write_text(json.dumps({"release_id": release_id, **asdict(self)}), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path, release_id: str) -> Cause | None:
        """The cause that an earlier step has written; None if the release is not given up."""
        with suppress(OSError, ValueError, TypeError):
            kept = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            if kept.pop("release_id", "") == release_id:
                return cls(**kept)
        return None

    @staticmethod
    def forget(folder: Path) -> None:
        (folder / _FILE).unlink(missing_ok=True)

    def end(self, *, gone: bool = False) -> Failed:
        """The last step of the release. With `gone`, nothing of it is left.

        Raises StageFailed for a refusal: nothing is known about the release itself.
        """
        if self.is_refusal:
            raise StageFailed(self.reason, hint=self.hint or None)
        return Failed(reason=self.reason, log=self.log, option=self.option, gone=gone)


def cause_of(error: Mapping[str, Json], what: str, *, on_kubernetes: bool = False) -> Cause:
    """The cause that Azure's error shows. `what` is the failed part of the work."""
    code = str(error.get("code") or "")
    said = plain(clean(reason(error))) or "Azure gives no reason"
    message = f"{said} ({code})" if code and code not in said else said
    option, words = _cause(f"{code} {said}", on_kubernetes=on_kubernetes)
    return Cause(reason=f"{what} failed, {words}: {message}" if words else f"{what} failed: {message}", option=option)


def refusal(error: LadingError, *, on_kubernetes: bool = False) -> Cause:
    """The cause of a request that Azure has refused. Its message has the reason, and its hint gets the option."""
    option, _ = _cause(error.message, on_kubernetes=on_kubernetes)
    step = " ".join(filter(None, [error.hint or (option and "change the option"), option and f"(`{option}`)"]))
    return Cause(reason=error.message, hint=step, is_refusal=True)


def _cause(text: str, *, on_kubernetes: bool) -> tuple[str, str]:
    """The option to change and the cause in words; both are empty for an unknown one."""
    causes = (*(_OF_KUBERNETES if on_kubernetes else ()), *_CAUSES)
    return next(((option, words) for sign, option, words in causes if sign.search(text)), ("", ""))


def with_build_log(cause: Cause, error: Mapping[str, Json], workspace: Workspace) -> Cause:
    """The cause with the last lines of the image build that Azure's error names, and the error in them.

    The log is only a help, so any failure to read it is left out: the reason says where it is.
    """
    if cause.option != _BUILT:
        return cause
    try:
        log = build_log(workspace, error)
    except Exception:  # Azure's answers may have any shape, and the cause is known without the log
        return cause
    said = next((line.strip() for line in reversed(log) if _BUILD_ERROR.search(line)), "")
    reason = f"{cause.reason} (the log: {said})" if said else cause.reason
    return replace(cause, reason=reason, log="\n".join(log[-_BUILD_LINES:]))


def with_log(cause: Cause, workspace: Workspace, endpoint: str, deployment: str) -> Cause:
    """The cause with the logs of a deployment's containers, if it has no log. They are only a help, so a failure to
    read them is left out.
    """
    if cause.log:
        return cause
    try:
        log = "\n".join(last_lines(workspace, endpoint, deployment))
    except LadingError:
        return cause
    return replace(cause, log=log)
