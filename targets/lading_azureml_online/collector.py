"""The collection of requests and answers: its options, and its part of a deployment.

Azure writes what it collects to a folder of a datastore. A data asset names the folder, as with Microsoft's SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

from lading import Json, Options, Range, Text

Collected = Annotated[str, Text(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)]
AssetName = Annotated[str, Text(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=255)]
AssetVersion = Annotated[str, Text(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=30)]
Folder = Annotated[str, Text(pattern=r"^azureml://.+$", max_length=1000)]
ClientId = Annotated[str, Text(pattern=r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$")]
Header = Annotated[str, Text(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", max_length=200)]

_FOLDER = "azureml://datastores/workspaceblobstore/paths/modelDataCollector"
_VERSION = "1"


@dataclass(frozen=True)
class DataAsset(Options):
    """The data asset of a collection. One that exists is used as it is."""

    name: AssetName | None = None
    """Name of the asset; `ENDPOINT-DEPLOYMENT-COLLECTION` by default."""

    version: AssetVersion | None = None
    """Version of the asset; 1 by default."""

    path: Folder | None = None
    """The folder that Azure writes to, such as `azureml://datastores/workspaceblobstore/paths/calls`. By default
    `modelDataCollector/ENDPOINT/DEPLOYMENT/COLLECTION` in `workspaceblobstore`.
    """


@dataclass(frozen=True, kw_only=True)
class Collection(Options):
    """One kind of data to collect."""

    enabled: bool
    """Whether the data is collected."""

    data: DataAsset = DataAsset()
    """The data asset that names the folder: `{name: calls, version: "1"}`."""

    client_id: ClientId | None = None
    """Client id of the identity that writes the data; by default an identity of the endpoint."""


@dataclass(frozen=True)
class RequestLogging(Options):
    """The log beside the payload of a request."""

    capture_headers: tuple[Header, ...] = ()
    """Names of the headers to log."""


@dataclass(frozen=True, kw_only=True)
class DataCollector(Options):
    """The collection of requests, answers and the data of the scoring script."""

    collections: Mapping[Collected, Collection]
    """The data to collect, by name: `{request: {enabled: true}, response: {enabled: true}}`. Azure fills these two with
    the payloads. The scoring script fills others, with the library azureml-ai-monitoring.
    """

    rolling_rate: Literal["minute", "hour", "day"] | None = None
    """The time after which Azure begins another folder."""

    sampling_rate: Annotated[float, Range(ge=0, le=1)] | None = None
    """The part of the data that is collected, from 0 to 1; 1 by default."""

    request_logging: RequestLogging = RequestLogging()
    """The log beside the payload of a request: `{capture_headers: [X-Request-Id]}`."""

    def __post_init__(self) -> None:
        if not self.collections:
            raise ValueError("collections: write at least one, such as `{request: {enabled: true}}`")


class Asset(NamedTuple):
    """A version of a data asset, and the address of its folder."""

    name: str
    version: str
    uri: str

    @property
    def body(self) -> Json:
        """The asset, as a request writes it."""
        kept: Json = {"isAnonymous": False, "isArchived": False, "tags": {}, "properties": {}}
        return {"properties": {"dataType": "uri_folder", "dataUri": self.uri, **kept}}


def assets(collector: DataCollector, endpoint: str, deployment: str) -> dict[str, Asset]:
    """The data asset of each collection of a deployment."""
    return {
        name: Asset(
            name=each.data.name or f"{endpoint}-{deployment}-{name}",
            version=each.data.version or _VERSION,
            uri=each.data.path or f"{_FOLDER}/{endpoint}/{deployment}/{name}",
        )
        for name, each in collector.collections.items()
    }


def body(collector: DataCollector, ids: Mapping[str, str]) -> Json:
    """The part of a deployment. `ids` are the ids of the data assets, by collection."""
    collections = {name: _collection(collector, each, ids.get(name)) for name, each in collector.collections.items()}
    headers = list(collector.request_logging.capture_headers)
    return {
        "collections": collections,
        **({"rollingRate": collector.rolling_rate} if collector.rolling_rate else {}),
        **({"requestLogging": {"captureHeaders": headers}} if headers else {}),
    }


def content(collector: DataCollector) -> Json:
    """The settings of a collector, without the name of a release."""
    return [body(collector, {}), {name: list(asset) for name, asset in assets(collector, "", "").items()}]


def _collection(collector: DataCollector, collection: Collection, data_id: str | None) -> Json:
    values = {
        "dataCollectionMode": "enabled" if collection.enabled else "disabled",
        "samplingRate": collector.sampling_rate,
        "dataId": data_id,
        "clientId": collection.client_id,
    }
    return {name: value for name, value in values.items() if value is not None}
