"""Check for problems of a deploy on a container engine, without any effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lading import FindingSeverity, StageFailed, TargetFinding, TargetFindings
from lading_docker.address import DEFAULT_NETWORKS
from lading_docker.options import DockerOptions
from lading_docker.reading import networks, platform, processors

from .containers import find, names
from .ports import refuse_used

if TYPE_CHECKING:
    from lading import Deployment, Options

    from .options import ContainerOptions


_LEAST_MEMORY = 6 * 1024**2  # bytes, as Docker requires


def findings(deployment: Deployment[ContainerOptions], image: Options | None) -> TargetFindings:
    """Check the names, the port, the certificate and the platform of the image.

    Raises Transient if no engine answers.
    """
    options = deployment.options
    found = [
        *_platform(image),
        *_network(options),
        *_limits(options),
        *_certificate(options),
        *(problem for name in names(deployment.service) for problem in _name(name, deployment)),
    ]
    if all(each.option != "service_name" for each in found):
        held = next((own for name in names(deployment.service)[:2] if (own := find(name, deployment))), None)
        found += _problem("port", lambda: refuse_used(options.host, options.port, held))
    return TargetFindings(findings=tuple(found))


def _name(name: str, deployment: Deployment) -> Iterator[TargetFinding]:
    return _problem("service_name", lambda: find(name, deployment))


def _problem(option: str, attempt: Callable[[], object]) -> Iterator[TargetFinding]:
    try:
        attempt()
    except StageFailed as error:
        yield TargetFinding(message=error.message, option=option, hint=error.hint)


def _network(options: ContainerOptions) -> Iterator[TargetFinding]:
    """Without a network of the engine, a container cannot start or has no port."""
    wanted, known = options.network, networks()
    if wanted is None and not any(name in DEFAULT_NETWORKS for name in known):
        message = "the engine gives a container no network: it was started with --bridge=none"
        hint = "`docker network create NAME` makes one: name it with `network:` under the target"
        yield TargetFinding(message=message, option="network", hint=hint)
    elif wanted is not None and wanted not in known:
        message = f"the engine has no network '{wanted}'"
        yield TargetFinding(message=message, option="network", hint=f"`docker network create {wanted}` makes it")


def _limits(options: ContainerOptions) -> Iterator[TargetFinding]:
    """The engine refuses limits that its machine cannot keep."""
    if options.cpus is not None and options.cpus > (most := processors()):
        message = f"the engine's machine has {most} processors"
        yield TargetFinding(message=message, option="cpus", hint=f"name at most {most}")
    if options.memory is not None and _bytes(options.memory) < _LEAST_MEMORY:
        yield TargetFinding(message="an engine gives a container at least 6m", option="memory", hint="name more")


def _bytes(memory: str) -> int:
    return int(memory[:-1]) << 10 * "bkmg".index(memory[-1])


def _certificate(options: ContainerOptions) -> Iterator[TargetFinding]:
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


def _platform(image: Options | None) -> Iterator[TargetFinding]:
    """An image for a platform other than the engine's runs only if the engine can emulate it."""
    wanted = image.platform if isinstance(image, DockerOptions) else None
    if wanted and wanted.split("/")[:2] != (engine := platform()).split("/"):
        message = f"the image is for {wanted}, and the engine runs {engine}: it must emulate that platform"
        hint = f"write `platform: {engine}` under image, or leave it out"
        yield TargetFinding(message=message, severity=FindingSeverity.WARNING, hint=hint)
