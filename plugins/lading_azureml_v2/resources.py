"""The resources of a workspace, as Azure shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from lading import Json

_MARKS = (
    "lading.service",
    "lading.target",
    "lading.package",
    "lading.model",
    "lading.release",
    "lading.release-id",
)
_BUSY = ("creating", "updating", "deleting", "scaling")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """An online endpoint or one of its deployments. `state` is Azure's word, in lower case."""

    name: str
    state: str
    tags: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None

    @property
    def is_busy(self) -> bool:
        """Whether Azure is still changing it."""
        return self.state in _BUSY

    @property
    def marks(self) -> Mapping[str, str]:
        """The tags with which the framework marks a release."""
        return {name: self.tags[name] for name in _MARKS if name in self.tags}

    @property
    def user_tags(self) -> Mapping[str, str]:
        """The tags that are not the framework's."""
        return {name: value for name, value in self.tags.items() if not name.startswith("lading.")}

    @property
    def is_leaving(self) -> bool:
        return self.state == "deleting"

    @property
    def has_failed(self) -> bool:
        return self.state in ("failed", "canceled")

    @classmethod
    def read(cls, found: Json) -> Self:
        return cls(**cls._fields(found))

    @classmethod
    def _fields(cls, found: Json) -> dict[str, Any]:
        properties = found.get("properties") or {}
        created = (found.get("systemData") or {}).get("createdAt")
        return {
            "name": found["name"],
            "state": str(properties.get("provisioningState") or "").lower(),
            "tags": {_tag(name): str(value) for name, value in (found.get("tags") or {}).items()},
            "created": datetime.fromisoformat(created) if created else None,
        }


def _tag(name: str) -> str:
    """A name of a tag. Azure ignores its case, so other programs may have changed that of ours."""
    return name.lower() if name.lower().startswith("lading.") else name


@dataclass(frozen=True, kw_only=True)
class Endpoint(Resource):
    """An online endpoint. `traffic` has the percentage of the requests that each deployment gets, and `mirror` the
    percentage of which it gets copies, both without zeros. `compute` is the cluster of an endpoint on Kubernetes.
    `identities` are the ids of its existing identities, in lower case; none if Azure has made its identity. `is_public`
    tells whether it answers requests from the internet.
    """

    traffic: Mapping[str, int] = field(default_factory=dict)
    mirror: Mapping[str, int] = field(default_factory=dict)
    auth: str = ""
    uri: str = ""
    compute: str = ""
    description: str = ""
    identities: frozenset[str] = frozenset()
    is_public: bool = True

    @classmethod
    def _fields(cls, found: Json) -> dict[str, Any]:
        properties = found.get("properties") or {}
        return super()._fields(found) | {
            "traffic": _shares(properties.get("traffic")),
            "mirror": _shares(properties.get("mirrorTraffic")),
            "auth": str(properties.get("authMode") or "").lower(),
            "uri": str(properties.get("scoringUri") or ""),
            "compute": str(properties.get("compute") or ""),
            "description": str(properties.get("description") or ""),
            "identities": frozenset(map(str.lower, (found.get("identity") or {}).get("userAssignedIdentities") or ())),
            "is_public": str(properties.get("publicNetworkAccess") or "").lower() != "disabled",
        }


def _shares(found: Json) -> dict[str, int]:
    return {name: int(share) for name, share in (found or {}).items() if share}


@dataclass(frozen=True, kw_only=True)
class OnlineDeployment(Resource):
    """A deployment of an endpoint. `instances` is their number. `settings` are its properties, in Azure's words: they
    can hold secret values of variables.
    """

    instances: int | None = None
    settings: Mapping[str, Json] = field(default_factory=dict, repr=False)

    @property
    def environment(self) -> str:
        """The path of its environment."""
        return str(self.settings.get("environmentId") or "")

    @classmethod
    def _fields(cls, found: Json) -> dict[str, Any]:
        return super()._fields(found) | {
            "instances": (found.get("sku") or {}).get("capacity"),
            "settings": found.get("properties") or {},
        }


@dataclass(frozen=True, kw_only=True)
class Started:
    """A long-running operation. `url` is empty if Azure has named none. `wait` is in seconds."""

    url: str
    wait: float | None = None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """The present state of a long-running operation, and Azure's error if it failed."""

    is_running: bool
    error: Mapping[str, Json] = field(default_factory=dict)
    wait: float | None = None

    @property
    def succeeded(self) -> bool:
        return not self.is_running and not self.error

    @classmethod
    def read(cls, found: Json, wait: float | None) -> Self:
        state = str(found.get("status") or "").lower()
        ended = state in ("succeeded", "failed", "canceled")
        error = found.get("error") or ({"message": f"the operation is {state}"} if state in _FAILED else {})
        return cls(is_running=not ended, error=error if state in _FAILED else {}, wait=wait)


_FAILED = ("failed", "canceled")


@dataclass(frozen=True, kw_only=True)
class EndpointKeys:
    """Keys, or a token with the time when it expires (UTC)."""

    primary: str = field(repr=False)
    secondary: str | None = field(default=None, repr=False)
    expires: datetime | None = None
