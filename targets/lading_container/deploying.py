"""One step of a deploy: start a candidate beside the old container, then replace the old container.

An engine cannot change the port of a running container. So the new release is first tried in a candidate with a
separate port, while the old one serves. After the candidate has answered, a container with the public port is created.
Then the old container is stopped and the new one started; the service is down in between. The old container is removed
when the new one answers, and started again if it does not. Each step reads only the engine. So the next command
continues one that was killed.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, cast

from lading import Candidate, Failed, LadingError, Pending, Ready, StageFailed
from lading_docker.engine import Engine, asking
from lading_serving import access, identity
from lading_serving.page import VARIABLE, facts

from . import certificates
from .containers import AUTH, CERTIFICATE, OPTIONS, PORT, Container, find, names
from .health import answers, seconds_since
from .keys import content, copy_digests, variables
from .logs import tail
from .ports import free_port, is_loopback, refuse_used

if TYPE_CHECKING:
    from lading import Context, DeployRequest, DeployStep, Image

    from .options import ContainerOptions

_POLL_INTERVAL = 0.1
_LATER = {"access_log": True, "log_format": "text"}
"""Options with defaults that leave the digest of older containers as it is."""
_STARTED_AGAIN = "started again"
"""The name of the fact with the container that was started again. An engine that restarts stops its candidates."""
_ADDRESS = re.compile(r"\b(port|address)\b")  # words of an engine that cannot listen
_NO_PORT = "the engine gives it no port, because it has no network with ports: name another `network:` of the engine"


def step(request: DeployRequest[ContainerOptions], context: Context) -> DeployStep:
    """The next step of `request.release`."""
    release = Release(request, context)
    if request.verdict is None:
        return release.try_out()
    if not request.verdict.up:
        return release.give_up(release.candidate, request.verdict.reason)
    return release.promote()


class Release:
    """A release during its deploy, and the current containers of its deployment."""

    def __init__(self, request: DeployRequest[ContainerOptions], context: Context) -> None:
        assert request.image is not None, "the engine gives an image to a target that asks for one"
        self._request, self._context = request, context
        self._image: Image = request.image
        self._options = request.deployment.options
        self._names = names(request.deployment.service)
        self.serving, self.following, self.candidate = (find(name, request.deployment) for name in self._names)
        protection = {AUTH: "key"} if self._options.auth == "key" else {}
        certificate = certificates.digest_of(self._options.tls)
        presented = {CERTIFICATE: certificate} if certificate else {}
        settings = digest(self._options, self._image, certificate)
        self._labels = {**request.tags, **protection, **presented, OPTIONS: settings}

    def try_out(self) -> DeployStep:
        """Start the candidate, so that it can receive requests. Effects of a killed command are first repaired."""
        if self.following is not None:
            return self._roll_back(self.following)
        if self.serving is not None and self._is_this(self.serving):
            self._remove(self.candidate)
            return Ready() if answers(self.serving) else self._watch(self.serving)
        if self.candidate is not None and not self._is_this(self.candidate):
            self._remove(self.candidate)
            self.candidate = None
        if self.candidate is None:
            refuse_used(self._options.host, self._options.port, self.serving)
            self._warn_if_open()
            self._pull()
            self._create(self._names[2], port=None, restart="no", effect="try")
            return Pending(phase="starting", detail="the candidate", retry_after=_POLL_INTERVAL)
        if self.candidate.state == "created":
            self._start(self.candidate)
            return Pending(phase="starting", detail="the candidate", retry_after=_POLL_INTERVAL)
        return self._watch(self.candidate)

    def _warn_if_open(self) -> None:
        host = self._options.host
        if self._options.auth == "none" and not is_loopback(host):
            self._context.warn(f"the service listens on {host} and is open to the network: `auth: key` protects it")

    def promote(self) -> DeployStep:
        """Give the public port to the release after its candidate was accepted."""
        if self.serving is not None and self._is_this(self.serving):
            self._remove(self.candidate)
            return Ready()
        if self.following is None:
            self._create(self._names[1], self._public_port(), restart=self._options.restart, effect="serve")
            return Pending(phase="promoting", retry_after=0)
        if self.following.state == "created":
            return self._change_over(self.following)
        if answers(self.following):
            self._remove(self.serving)
            with asking(f"renaming {self.following.name}"):
                self._engine.api.rename(self.following.id, self._names[0])
            self._remove(self.candidate)
            return Ready()
        return self._watch(self.following)

    def give_up(self, container: Container | None, reason: str) -> Failed:
        """Abandon the release. The release that served before continues, or serves again."""
        log = tail(container.id) if container else ""
        self._remove(self.following)
        if self.serving is not None and self.serving.state != "running":
            self._start(self.serving)
        self._remove(self.candidate)
        return Failed(reason=reason, log=log)

    def _roll_back(self, following: Container) -> Pending:
        """Undo an interrupted change of containers. If the old container is gone, finish the change instead."""
        if self.serving is None:
            with asking(f"renaming {following.name}"):
                self._engine.api.rename(following.id, self._names[0])
        else:
            self._remove(following)
            if self.serving.state != "running":
                self._start(self.serving)
        return Pending(phase="resuming an interrupted deploy", retry_after=_POLL_INTERVAL)

    def _change_over(self, following: Container) -> DeployStep:
        if self.serving is not None:
            with asking(f"stopping {self.serving.name}"):
                self._engine.api.stop(self.serving.id)
        try:
            self._start(following)
        except LadingError:
            self._remove(following)
            if self.serving is not None:
                self._start(self.serving)
            raise
        return Pending(phase="promoting", retry_after=_POLL_INTERVAL)

    def _watch(self, container: Container) -> DeployStep:
        """The state of a container that was started."""
        if container.was_stopped and self._context.recorded(_STARTED_AGAIN) != container.id:
            self._context.record(_STARTED_AGAIN, container.id)
            self._start(container)
            return Pending(phase="starting again", detail=f"{container.name} {container.detail}", retry_after=0.0)
        if container.state not in ("running", "created"):
            return self.give_up(container, f"the container {container.detail}")
        if container is self.candidate and answers(container):
            return Candidate(uri=cast("str", container.uri))
        if container.state == "running" and not container.port:
            return self.give_up(container, _NO_PORT)
        if seconds_since(container.started) > self._options.start_timeout:
            return self.give_up(container, f"it did not answer within {self._options.start_timeout:g} s")
        return Pending(phase="starting", detail=f"release {self._request.release}", retry_after=_POLL_INTERVAL)

    def _is_this(self, container: Container) -> bool:
        return all(container.labels.get(name) == value for name, value in self._labels.items())

    def _public_port(self) -> int:
        kept = self.serving.port if self.serving else 0
        return self._options.port or kept or free_port(self._options.host)

    @cached_property
    def _engine(self) -> Engine:
        return Engine()

    def _pull(self) -> None:
        """Pull the image if the engine does not have it. An image that was never pushed can only be on the engine."""
        if "@" not in self._image.reference or self._options.pull == "never":
            return
        if self._options.pull == "always" or self._engine.find(self._image.reference) is None:
            for line in self._engine.pull(self._image.reference):
                self._context.progress("pulling", line)

    def _create(self, name: str, port: int | None, *, restart: str, effect: str) -> None:
        options, api = self._options, self._engine.api
        self._context.intend(f"container/{name}/{self._request.release}/{effect}")
        with asking(f"creating the container {name}"):
            created = api.create_container(
                self._image.reference,
                name=name,
                labels=self._labels,
                environment=self._environment,
                ports=[PORT],
                host_config=api.create_host_config(
                    **host_settings(options, port, restart), log_config=self._engine.log_bound()
                ),
            )
        if options.tls is not None:
            with asking(f"the certificate of {name}"):
                api.put_archive(created["Id"], "/", certificates.files(options.tls))
        if effect == "try":
            self._begin(created["Id"], name, asks_for_key=options.auth == "key")

    def _begin(self, container: str, name: str, *, asks_for_key: bool) -> None:
        """Start a container. One that asks for keys gets their digests first, because it does not start without."""
        if asks_for_key:
            copy_digests(self._engine, container, content(self._request.deployment, self._context, container))
        with asking(f"starting the container {name}"):
            self._engine.api.start(container)

    @property
    def _environment(self) -> dict[str, str]:
        options, model = self._options, self._request.package.model
        return {
            **({VARIABLE: self._page} if options.page else {}),
            **options.env,
            **identity.variables(self._request.tags, model.name, model.version),
            **access.variables(options.access_log, options.log_format),
            **variables(options),
            **certificates.variables(options.tls),
        }

    @property
    def _page(self) -> str:
        model = self._request.package.model
        service, metrics = self._request.deployment.service, self._request.metrics
        return facts(service, self._request.release, f"{model.name} {model.version}", metrics)

    def _start(self, container: Container) -> None:
        try:
            self._begin(container.id, container.name, asks_for_key=container.asks_for_key)
        except StageFailed as error:
            refuse_used(container.host, container.port, None)
            raise StageFailed(error.message, hint=start_hint(error.message)) from error

    def _remove(self, container: Container | None) -> None:
        if container is not None:
            with asking(f"removing {container.name}"):
                self._engine.api.remove_container(container.id, force=True)


def start_hint(refusal: str) -> str:
    """The next step after an engine refused to start a container."""
    known = refusal.lower()
    if "no such container" in known:
        return "another program removed it: run the same command again"
    if _ADDRESS.search(known):
        return "free what it needs, or name another host or port"
    return "change the block as the engine says, and run the same command again"


def host_settings(options: ContainerOptions, port: int | None, restart: str) -> dict[str, object]:
    """The engine's part of a container's settings, in the SDK's terms. Without a port, the engine chooses a
    free one.
    """
    return {
        "port_bindings": {PORT: (options.host, port) if port else (options.host,)},
        "restart_policy": {"Name": restart},
        "nano_cpus": round(options.cpus * 1e9) if options.cpus else None,
        "mem_limit": options.memory,
        "network_mode": options.network,
    }


def digest(options: ContainerOptions, image: Image, certificate: str = "") -> str:
    """A digest of all settings of a container. The container is kept only while the digest stays the same.

    The `certificate` stands for the files of `tls`.
    """
    value = {**asdict(options), "image": image.reference, "tls": certificate}
    if not certificate:
        del value["tls"]
    if options.auth == "none":  # a container from before this option is as open
        del value["auth"], value["metrics"]
    for name, default in _LATER.items():
        if value[name] == default:
            del value[name]
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
