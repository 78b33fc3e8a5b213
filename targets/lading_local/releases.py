"""The folders of releases: written once, and removed when no process uses them."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from lading import (
    BadInput,
    Context,
    Deployment,
    DeployRequest,
    Failed,
    Refused,
    ShiftRequest,
    __version__,
    child_environment,
    lay_out,
)
from lading_serving import access, identity, keys, tls
from lading_serving.choice import COUNT_MARK
from lading_serving.control import ControlFolder
from lading_serving.owned import Foreign, read_own
from lading_serving.page import VARIABLE, facts
from lading_serving.spec import Limits, ReleaseSpec, read_recorded, sha256_of

from .environment import ensure_environment
from .options import LocalOptions


def prepare(
    number: int, request: DeployRequest[LocalOptions], options: LocalOptions, context: Context, folder: ControlFolder
) -> Failed | None:
    """Lay a release out under a number and write its spec. The spec marks it as complete.

    The sha256 of the spec is recorded first, because a file that the store does not know is never started.
    """
    python: Path | Failed = Path(sys.executable)
    if options.python == "isolated":
        python = ensure_environment(request.package, context)
    if isinstance(python, Failed):
        return python
    for earlier in folder.homes(number):
        shutil.rmtree(earlier)
    home = folder.release(number)
    folder.releases.mkdir(mode=0o700, parents=True, exist_ok=True)
    model, model_folder = request.package.model, lay_out(request.package, home)
    env = _environment(request, options, home, model_folder) | _protection(options, folder) | _tls(options)
    env[COUNT_MARK] = os.urandom(16).hex()
    handed = tuple(handed_values(request.deployment, None))
    if options.python == "isolated":
        env |= {"VIRTUAL_ENV": str(python.parent.parent), "PATH": f"{python.parent}:{env.get('PATH', '')}"}
    spec = ReleaseSpec(
        number=number,
        python=str(python),
        folder=str(home),
        env={name: value for name, value in env.items() if name not in handed},
        model_file=str(model_folder if model.parts else model_folder / model.file_name),
        model_sha256=model.sha256,
        host=options.host,
        hosts=options.hosts,
        port=options.port,
        workers=options.workers,
        start_timeout=options.start_timeout,
        tags=dict(request.tags),
        limits=Limits(max_body=options.max_body),
        handed=handed,
    )
    context.record(_fact(number), sha256_of(spec.to_bytes()))
    spec.write(folder.spec(number))
    return None


def recorded_sha256(folder: ControlFolder, number: int, context: Context) -> str:
    """The recorded sha256 of a release's spec. Raises Refused if the file differs from it."""
    file, sha256 = folder.spec(number), context.recorded(_fact(number))
    problem = f"{file} is not in the store's history" if sha256 is None else _difference(file, sha256)
    if problem or sha256 is None:
        raise Refused(
            f"release {number} is not started: {problem}",
            hint="`lading delete` removes its files, and `lading deploy` then starts the service again",
        )
    return sha256


def _difference(file: Path, sha256: str) -> str:
    try:
        read_recorded(file, sha256)
    except Foreign as error:
        return str(error)
    return ""


def _fact(number: int) -> str:
    return f"release/{number}"


def handed_values(deployment: Deployment[LocalOptions], beside: Deployment[LocalOptions] | None) -> dict[str, str]:
    """The variables of `env` with values from our own environment. They are passed on without being written.

    Those of the release `beside` it are added, because both may have to be started again.
    """
    others = handed_values(beside, None) if beside else {}
    options, written = deployment.options, deployment.written
    return others | {name: value for name, value in options.env.items() if written.get("env", {}).get(name) != value}


def require_values(
    folder: ControlFolder, numbers: set[int], request: ShiftRequest[LocalOptions], context: Context
) -> None:
    """Raise BadInput if a release to be started needs a variable that this command does not have."""
    written = request.deployment.written.get("env")
    values = handed_values(request.deployment, request.canary)
    for number in sorted(numbers):
        spec = ReleaseSpec.read(folder.spec(number), recorded_sha256(folder, number, context))
        if missing := [name for name in spec.handed if name not in values]:
            named = ", ".join(str(written.get(name, name)) if isinstance(written, dict) else name for name in missing)
            raise BadInput(
                f"release {spec.label} cannot be started again without {named}",
                hint="set the environment variables that it was deployed with, and run the same command again",
            )


def prune(folder: ControlFolder, keep: set[int]) -> None:
    """Remove all releases except those in `keep`. The newest log stays, to explain a failure."""
    names = (re.match(r"\d+", path.name) for path in folder.releases.glob("[0-9]*"))
    numbers = {int(name[0]) for name in names if name}
    for number in numbers - keep:
        folder.spec(number).unlink(missing_ok=True)
        for home in folder.homes(number):
            shutil.rmtree(home, ignore_errors=True)
        if number != max(numbers):
            for log in folder.releases.glob(f"{number}.log*"):
                log.unlink()


def prune_environments(folder: ControlFolder) -> None:
    """Remove the virtual environments that no release runs in."""
    specs = [read_own(path) for path in folder.releases.glob("[0-9]*.json")]
    for environment in folder.path.glob("environments/*"):
        if not any(os.fsencode(environment) in spec for spec in specs):
            shutil.rmtree(environment)


def remove_everything(folder: ControlFolder) -> None:
    """Remove all files of the service in its folder. `desired.json` is last, so that an interrupted removal is
    continued.
    """
    for path in sorted(folder.path.glob("*"), key=lambda path: path.name == "desired.json"):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _environment(request: DeployRequest, options: LocalOptions, home: Path, model_folder: Path) -> dict[str, str]:
    """The scoring script's environment: its paths, its server settings, the manifest's variables, and Azure ML's."""
    timeout, model = options.scoring_timeout, request.package.model
    return child_environment(
        **{
            "SERVICE_NAME": request.deployment.service,
            "SERVICE_VERSION": str(request.release),
            "HTTP_X_MS_SERVER_VERSION": f"lading/{__version__}",
            **({"SCORING_TIMEOUT_MS": str(round(timeout * 1000))} if timeout else {}),
            **({VARIABLE: _page(request)} if options.page else {}),
            **options.env,
            **identity.variables(request.tags, model.name, model.version),
            **access.variables(options.access_log, options.log_format),
            # azureml-core searches models in AML_APP_ROOT/azureml-models, so this is the root of both
            "AML_APP_ROOT": str(home),
            "AZUREML_SOURCE_DIRECTORY": "azureml-app",
            "AZUREML_ENTRY_SCRIPT": f"azureml-app/{request.package.scoring_script}",
            "AZUREML_MODEL_DIR": str(model_folder),
        }
    )


def _protection(options: LocalOptions, folder: ControlFolder) -> dict[str, str]:
    if options.auth == "none":
        return {}
    opened = {keys.OPEN_METRICS: "1"} if options.metrics.auth == "none" else {}
    return {keys.VARIABLE: str(folder.digests), **opened}


def _tls(options: LocalOptions) -> dict[str, str]:
    if options.tls is None:
        return {}
    return {tls.CERTIFICATE: str(options.tls.cert), tls.KEY: str(options.tls.key)}


def _page(request: DeployRequest) -> str:
    model = request.package.model
    return facts(request.deployment.service, request.release, f"{model.name} {model.version}", request.metrics)
