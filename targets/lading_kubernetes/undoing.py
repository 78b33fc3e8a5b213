"""Undo a release that has failed: the release before gets the requests and its objects again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lading import Failed, Json, StageFailed

from . import objects
from .changing import Changes
from .failing import Unauthorized
from .logs import last_words
from .owning import Known, Shares, find, find_all, known, release_name, release_of, shares_of, was_led_to
from .removing import remove, unwanted

if TYPE_CHECKING:
    from lading import Context, Deployment, DeployRequest

    from .judging import Cause
    from .options import KubernetesOptions
    from .rest import Cluster


class Undo:
    """The end of a release that failed. `request` is that of its deploy."""

    def __init__(self, request: DeployRequest[KubernetesOptions], context: Context, cluster: Cluster) -> None:
        self._request, self._context, self._cluster = request, context, cluster
        self._deployment = request.deployment

    def move_back(self, before: Json, service: Json | None) -> None:
        """Give the requests to the release before. `before` is its Deployment."""
        options, shares = self._options_of(before) or self._deployment, Shares(release_of(before))
        body = objects.service(known(before, options, shares.stable), service, shares)
        self._changes(options).apply_service(body, service)

    def remove(self) -> None:
        """Remove the objects of the release, and those that only it has wanted. A first release leaves nothing.

        If the Service led to it, the release that serves gets its objects back first: an interrupted command continues.
        """
        service = find(self._cluster, "Service", self._deployment.service, self._deployment)
        shares, name, changes = shares_of(service), release_name(self._request), self._changes(self._deployment)
        stable = self._stable(shares)
        if stable and was_led_to(service, self._request.release_id):
            self._restore(stable)
        for kind in ("Deployment", "Secret"):
            if find(self._cluster, kind, name, self._deployment):
                changes.delete(kind, name)
        if shares.canary or self._has_others(shares):
            return
        if not shares.stable:
            remove(self._cluster, self._deployment, self._context)
        elif stable:
            self._restore_account(stable)
            for kind, unused in unwanted(self._cluster, stable.deployment).objects:
                changes.delete(kind, unused)

    def _restore(self, stable: Known) -> None:
        """Give the objects around the Service the fields that the release wants. A failure must not hide the cause."""
        try:
            for body in objects.stable(stable, self._cluster):
                self._changes(stable.deployment).apply(body)
        except Unauthorized:
            raise
        except StageFailed as error:
            self._context.warn(f"the release that serves keeps options of the one that failed: {error.message}")

    def _restore_account(self, stable: Known) -> None:
        """Give the account of the pods the labels and annotations of the stable release: a candidate needs its own."""
        if not stable.deployment.options.service_account:
            self._changes(stable.deployment).apply(objects.account(stable))

    def failed(self, wrong: Cause, pods: Sequence[Json]) -> Failed:
        """The failure with the last lines of the pod that has failed, or else of the first one."""
        seen = [wrong.pod] if wrong.pod else [pod["metadata"]["name"] for pod in pods][:1]
        log = "\n".join(last_words(self._cluster, name, wrong.container) for name in seen)
        by_load = wrong.option == "replicas" and self._deployment.options.autoscale
        return Failed(reason=wrong.reason, log=log, option="autoscale" if by_load else wrong.option)

    def _has_others(self, shares: Shares) -> bool:
        """Whether the service has more releases, which another command deploys."""
        found = (each for kind in ("Deployment", "Secret") for each in find_all(self._cluster, kind, self._deployment))
        return any(release_of(each) not in {self._request.release_id, *shares.ids} for each in found)

    def _stable(self, shares: Shares) -> Known | None:
        """The stable release, if its options are known."""
        releases = find_all(self._cluster, "Deployment", self._deployment)
        found = next((each for each in releases if release_of(each) == shares.stable), None)
        options = self._options_of(found) if found else None
        return known(found, options, shares.stable) if found and options else None

    def _options_of(self, found: Json) -> Deployment[KubernetesOptions] | None:
        """The deployment of a release with its options. None if it is of another store, which has recorded them."""
        stable = self._request.stable
        return stable if stable and stable.release_id == release_of(found) else None

    def _changes(self, deployment: Deployment[KubernetesOptions]) -> Changes:
        return Changes(deployment, self._context, self._cluster, str(self._request.release))
