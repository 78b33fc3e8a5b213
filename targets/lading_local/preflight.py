"""Check for problems of a deploy on this machine, without any effect."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lading import FindingSeverity, TargetFinding, TargetFindings
from lading_serving.listeners import PortInUse, listen

from .folder import opened, own_ports

if TYPE_CHECKING:
    from lading import Context, Deployment
    from lading_serving.control import ControlFolder

    from .options import LocalOptions

_MIN_FREE_BYTES = 100 * 1000 * 1000  # bytes; a package with its model rarely needs less


def findings(deployment: Deployment[LocalOptions], context: Context) -> TargetFindings:
    """Check the port, the certificate, the Python that scores, and the folder for releases."""
    options = deployment.options
    with opened(context) as folder:
        found = (*_address(options, folder), *_certificate(options), *_python(options), *_disk_space(folder))
    return TargetFindings(findings=tuple(found))


def _address(options: LocalOptions, folder: ControlFolder) -> Iterator[TargetFinding]:
    """Check who uses the port. A port of this service is left to its supervisor, which waits for the last worker."""
    if options.port == 0 or options.port in own_ports(folder):
        return
    try:
        listen(options.host, options.port).close()
    except PortInUse as error:
        hint = "free it, or name another host or port under the target"
        yield TargetFinding(message=str(error), option="port", hint=hint)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message = f"cannot listen on {options.host}, port {options.port}: {reason}"
        yield TargetFinding(message=message, option="port" if isinstance(error, PermissionError) else "host")


def _certificate(options: LocalOptions) -> Iterator[TargetFinding]:
    if options.tls is None:
        return
    from lading_serving.validity import invalid_today, is_exposed

    if problem := invalid_today(options.tls.cert, options.tls.key):
        yield TargetFinding(message=problem, option="tls.cert", hint="renew the certificate")
    if is_exposed(key := options.tls.key):
        message = f"other users can read {key}"
        yield TargetFinding(
            message=message, severity=FindingSeverity.WARNING, option="tls.key", hint=f"chmod 600 {key}"
        )


def _python(options: LocalOptions) -> Iterator[TargetFinding]:
    if options.python == "current" and importlib.util.find_spec("httptools") is None:
        message = "the target 'local' needs a scoring server"
        yield TargetFinding(message=message, option="python", hint="pip install 'lading[local]'")
    if options.python == "isolated" and importlib.util.find_spec("ensurepip") is None:
        message = "this Python cannot make virtual environments: it lacks ensurepip"
        yield TargetFinding(message=message, option="python", hint="install it (Debian: apt install python3-venv)")


def _disk_space(folder: ControlFolder) -> Iterator[TargetFinding]:
    if not os.access(folder.path, os.W_OK | os.X_OK):
        yield TargetFinding(message=f"{folder.path} is not writable", hint="make it writable, or name another --store")
    free = shutil.disk_usage(folder.path).free
    if free < _MIN_FREE_BYTES:
        message = f"only {free // 10**6} MB are free in {folder.path}"
        yield TargetFinding(message=message, severity=FindingSeverity.WARNING, hint="`lading gc` frees some")
