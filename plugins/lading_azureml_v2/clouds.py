"""The addresses of the Azure clouds."""

from __future__ import annotations

from typing import NamedTuple


class Cloud(NamedTuple):
    """The hosts of a cloud: Resource Manager, the sign-in, the audience of tokens for endpoints, the service that finds
    registries, and the end of the hosts of storage accounts.
    """

    manager: str
    authority: str
    scoring: str
    registries: str
    storage: str


CLOUDS = {
    "AzureCloud": Cloud(
        "management.azure.com",
        "login.microsoftonline.com",
        "ml.azure.com",
        "eastus.api.azureml.ms",
        "core.windows.net",
    ),
    "AzureChinaCloud": Cloud(
        "management.chinacloudapi.cn",
        "login.chinacloudapi.cn",
        "ml.azure.cn",
        "chinaeast2.api.ml.azure.cn",
        "core.chinacloudapi.cn",
    ),
    "AzureUSGovernment": Cloud(
        "management.usgovcloudapi.net",
        "login.microsoftonline.us",
        "ml.azure.us",
        "usgovarizona.api.ml.azure.us",
        "core.usgovcloudapi.net",
    ),
}
