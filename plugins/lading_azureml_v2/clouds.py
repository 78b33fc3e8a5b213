"""The addresses of the Azure clouds."""

from __future__ import annotations

from typing import NamedTuple


class Cloud(NamedTuple):
    """The hosts of a cloud: Resource Manager, the sign-in, the audience of tokens for endpoints, and the service that
    finds registries.
    """

    manager: str
    authority: str
    scoring: str
    registries: str


CLOUDS = {
    "AzureCloud": Cloud("management.azure.com", "login.microsoftonline.com", "ml.azure.com", "eastus.api.azureml.ms"),
    "AzureChinaCloud": Cloud(
        "management.chinacloudapi.cn", "login.chinacloudapi.cn", "ml.azure.cn", "chinaeast2.api.ml.azure.cn"
    ),
    "AzureUSGovernment": Cloud(
        "management.usgovcloudapi.net", "login.microsoftonline.us", "ml.azure.us", "usgovarizona.api.ml.azure.us"
    ),
}
