"""The releases of a store that have changed something in Azure, and have never served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .owning import RELEASE_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lading import Context
    from lading_azureml_v2.resources import Endpoint, OnlineDeployment

_RECORD, _MOST = "begun", 20  # the number of releases in the record


class Begun:
    """The record of a deployment, for the deploy of the release with the id `own`."""

    def __init__(self, context: Context, own: str) -> None:
        self._context, self._own = context, own

    def add(self) -> None:
        """Record the release before its first effect."""
        self._context.record(_RECORD, " ".join([*self._others[-_MOST:], self._own]))

    def clear(self) -> None:
        """Clear the record, because a release serves: the endpoint then outlives a release that fails."""
        if self._context.recorded(_RECORD):
            self._context.record(_RECORD, "")

    def has_all(self, endpoint: Endpoint, found: Sequence[OnlineDeployment]) -> bool:
        """Whether an endpoint gets no requests and has nothing but the releases of this record."""
        begun = {*self._others, self._own}
        shares = endpoint.traffic or endpoint.mirror
        return not shares and all(each.tags.get(RELEASE_ID) in begun for each in (endpoint, *found))

    @property
    def _others(self) -> list[str]:
        recorded = self._context.recorded(_RECORD) or ""
        return [each for each in recorded.split() if each != self._own]
