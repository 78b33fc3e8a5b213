"""Find the distributions of a module in a namespace package, such as `azure.storage.blob`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path, PurePath
from typing import NamedTuple

from packaging.utils import canonicalize_name

_NAMESPACES = (
    "azure azure.ai azure.communication azure.data azure.eventhub.extensions azure.keyvault azure.mgmt azure.monitor "
    "azure.storage backports google google.cloud"
)
# The modules of distributions whose name does not show them.
_MODULES = {
    "azure-storage-file-datalake": "azure.storage.filedatalake",
    "azure-storage-file-share": "azure.storage.fileshare",
    "google-ai-generativelanguage": "google.ai",
    "google-api-core": "google.api_core",
    "google-auth": "google.auth google.oauth2",
    "google-cloud-core": "google.cloud.client google.cloud.exceptions",
    "google-cloud-pubsub": "google.cloud.pubsub google.cloud.pubsub_v1",
    "google-cloud-secret-manager": "google.cloud.secretmanager",
    "google-genai": "google.genai",
    "google-generativeai": "google.generativeai",
    "googleapis-common-protos": "google.api google.logging google.longrunning google.rpc google.type",
    "protobuf": "google.protobuf google._upb",
}
# Distributions whose name shows their module: `azure-storage-blob` has `azure.storage.blob`.
_NAMED = (
    "azure-ai-ml azure-ai-textanalytics azure-core azure-cosmos azure-data-tables azure-eventhub azure-identity "
    "azure-keyvault-certificates azure-keyvault-keys azure-keyvault-secrets azure-monitor-opentelemetry "
    "azure-monitor-query azure-search-documents azure-servicebus azure-storage-blob azure-storage-queue "
    "google-cloud-aiplatform google-cloud-bigquery google-cloud-bigquery-storage google-cloud-firestore "
    "google-cloud-logging google-cloud-monitoring google-cloud-storage google-cloud-translate google-cloud-vision"
)


class Layout(NamedTuple):
    """The modules of an installed distribution, with dots. `regular` are those that are files or have `__init__`."""

    modules: frozenset[str]
    regular: frozenset[str]


def is_namespace(module: str) -> bool:
    """Whether a module is known to be a namespace package: several distributions have modules in it."""
    return module in _NAMESPACES.split()


def known_owner(module: str) -> str | None:
    """The distribution that is known to have a module with dots. It need not be installed."""
    found = [(len(one), name) for name in (*_MODULES, *_NAMED.split()) for one in _places(name) if _is_in(module, one)]
    return max(found)[1] if found else None


@cache
def is_bare_folder(name: str, module: str) -> bool:
    """Whether the top module of an installed distribution is a folder without `__init__`: a namespace package."""
    try:
        place = Path(str(metadata.distribution(name).locate_file(module)))
    except metadata.PackageNotFoundError:
        return False
    return place.is_dir() and not any(place.glob("__init__.*"))


@cache
def layout(name: str, version: str) -> Layout | None:
    """The modules of a distribution. None if this version is not installed here, or if it lists no module."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    files = found.files or [] if found.version == version else []
    regular = {module for file in files if (module := _module(file))}
    outer = {module.rsplit(".", count)[0] for module in regular for count in range(1, module.count(".") + 1)}
    return Layout(frozenset(regular | outer), frozenset(regular)) if regular else None


def _module(file: PurePath) -> str:
    name = inspect.getmodulename(file.name)
    folders = file.parts[:-1]
    if name is None or not all(part.isidentifier() for part in folders):
        return ""
    return ".".join(folders if name == "__init__" else (*folders, name))


def owners(module: str, layouts: Mapping[str, Layout | None]) -> list[str]:
    """The distributions that may have a module with dots, among those that have its top module.

    The search ends at the first package that only one distribution has: it may define more than its files show.
    """
    found, parts = list(layouts), module.split(".")
    for count in range(1, len(parts) + 1):
        outer, inner = ".".join(parts[: count - 1]), ".".join(parts[:count])
        within = [name for name in found if _may_have(name, layouts[name], inner)]
        if not within:
            return found if outer and is_regular(outer, layouts) else []
        found = within
        if len(found) == 1 and is_regular(inner, layouts):
            return found
    return found


def is_regular(module: str, layouts: Mapping[str, Layout | None]) -> bool:
    """Whether a module is known to be a file, or a folder with `__init__`."""
    return not is_namespace(module) and any(one and module in one.regular for one in layouts.values())


def _may_have(name: str, found: Layout | None, module: str) -> bool:
    if found:
        return module in found.modules
    is_unknown = name not in _MODULES and name not in _NAMED.split()
    return is_unknown or any(_is_in(module, place) or _is_in(place, module) for place in _places(name))


def _places(name: str) -> list[str]:
    return _MODULES[name].split() if name in _MODULES else [name.replace("-", ".")]


def _is_in(module: str, outer: str) -> bool:
    return f"{canonicalize_name(module)}-".startswith(f"{canonicalize_name(outer)}-")
