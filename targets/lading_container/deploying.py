"""One step of a deploy: a candidate beside the old container, then the old one's place for the new one.

An engine cannot give a living container another port. So the new release is first tried in a candidate on a port of its
own, while the old one serves; once it has answered, a container with the public port is created, the old one is stopped
and the new one started. The service is away for as long as that takes. The old container is removed once the new one
answers, and started again where it does not. Each step reads the engine alone, so that a command which was killed is
taken up by the next one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, cast

from lading import Candidate, Failed, LadingError, Pending, Ready, StageFailed
from lading_docker.engine import Engine, asking

from .containers import OPTIONS, PORT, RELEASE, Container, find, names
from .health import answers, seconds_since
from .logs import tail
from .ports import free_port, refuse_used

if TYPE_CHECKING:
    from lading import Context, DeployRequest, DeployStep, Image

    from .options import ContainerOptions

_SOON = 0.1


def step(request: DeployRequest, context: Context) -> DeployStep:
    """The next step of `request.release`."""
    release = Release(request, context)
    if request.verdict is None:
        return release.try_out()
    if not request.verdict.up:
        return release.give_up(release.candidate, request.verdict.reason)
    return release.promote()


class Release:
    """A release on its way, and the containers of its deployment as they are now."""

    def __init__(self, request: DeployRequest, context: Context) -> None:
        assert request.image is not None, "the engine gives an image to a target that asks for one"
        self._request, self._context = request, context
        self._image: Image = request.image
        self._options = cast("ContainerOptions", request.deployment.options)
        self._names = names(request.deployment.service)
        self.serving, self.following, self.candidate = (find(name, request.deployment) for name in self._names)
        self._labels = {
            **request.tags,
            RELEASE: str(request.release),
            OPTIONS: _digest({**asdict(self._options), "image": self._image.reference}),
        }

    def try_out(self) -> DeployStep:
        """Bring the candidate to where it can be asked; what a killed command has begun is first put right."""
        if self.following is not None:
            return self._take_back(self.following)
        if self.serving is not None and self._is_this(self.serving) and self.serving.state == "running":
            self._remove(self.candidate)
            return Ready() if answers(self.serving) else self._watch(self.serving)
        if self.candidate is not None and not self._is_this(self.candidate):
            self._remove(self.candidate)
            self.candidate = None
        if self.candidate is None:
            refuse_used(self._options.host, self._options.port, self.serving)
            self._pull()
            self._create(self._names[2], port=None, restart="no", effect="try")
            return Pending("starting", "the candidate", retry_after=_SOON)
        if self.candidate.state == "created":
            self._start(self.candidate)
            return Pending("starting", "the candidate", retry_after=_SOON)
        return self._watch(self.candidate)

    def promote(self) -> DeployStep:
        """Give the public port to the release, which its candidate has earned."""
        if self.serving is not None and self._is_this(self.serving):
            self._remove(self.candidate)
            return Ready()
        if self.following is None:
            self._create(self._names[1], self._public_port(), restart=self._options.restart, effect="serve")
            return Pending("promoting", retry_after=0)
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
        """Take the release back; whichever served before it goes on, or serves again."""
        log = tail(container.id) if container else ""
        self._remove(self.following)
        if self.serving is not None and self.serving.state != "running":
            self._start(self.serving)
        self._remove(self.candidate)
        return Failed(reason, log)

    def _take_back(self, following: Container) -> Pending:
        """Undo a change-over that was cut off, or finish one that the old container is not there to go back from."""
        if self.serving is None:
            with asking(f"renaming {following.name}"):
                self._engine.api.rename(following.id, self._names[0])
        else:
            self._remove(following)
            if self.serving.state != "running":
                self._start(self.serving)
        return Pending("taking up an interrupted deploy", retry_after=_SOON)

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
        return Pending("promoting", retry_after=_SOON)

    def _watch(self, container: Container) -> DeployStep:
        """How far a container is that was started."""
        if container.state not in ("running", "created"):
            return self.give_up(container, f"the container {container.detail}")
        if container is self.candidate and answers(container):
            return Candidate(cast("str", container.uri))
        if seconds_since(container.started) > self._options.start_timeout:
            return self.give_up(container, f"it did not answer within {self._options.start_timeout:g} s")
        return Pending("starting", f"release {self._request.release}", retry_after=_SOON)

    def _is_this(self, container: Container) -> bool:
        return all(container.labels.get(name) == value for name, value in self._labels.items())

    def _public_port(self) -> int:
        kept = self.serving.port if self.serving else 0
        return self._options.port or kept or free_port(self._options.host)

    @cached_property
    def _engine(self) -> Engine:
        return Engine()

    def _pull(self) -> None:
        """Get the image where the engine lacks it; one that was never pushed can only be there."""
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
                environment=dict(options.env),
                ports=[PORT],
                host_config=api.create_host_config(
                    port_bindings={PORT: (options.host, port) if port else (options.host,)},
                    restart_policy={"Name": restart},
                    nano_cpus=round(options.cpus * 1e9) if options.cpus else None,
                    mem_limit=options.memory,
                    network_mode=options.network,
                ),
            )
        if effect == "try":
            with asking(f"starting the container {name}"):
                api.start(created["Id"])

    def _start(self, container: Container) -> None:
        try:
            with asking(f"starting the container {container.name}"):
                self._engine.api.start(container.id)
        except StageFailed as error:
            refuse_used(container.host, container.port, None)
            raise StageFailed(error.message, hint="free what it needs, or name another host or port") from error

    def _remove(self, container: Container | None) -> None:
        if container is not None:
            with asking(f"removing {container.name}"):
                self._engine.api.remove_container(container.id, force=True)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
