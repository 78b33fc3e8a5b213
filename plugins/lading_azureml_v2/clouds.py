"""The addresses of the Azure clouds."""

from __future__ import annotations

from typing import NamedTuple


class Cloud(NamedTuple):
    """The hosts of a cloud: Resource Manager, the sign-in, and the audience of tokens for endpoints."""

    manager: str
    authority: str
    scoring: str


CLOUDS = {
    "AzureCloud": Cloud("management.azure.com", "login.microsoftonline.com", "ml.azure.com"),
    "AzureChinaCloud": Cloud("management.chinacloudapi.cn", "login.chinacloudapi.cn", "ml.azure.cn"),
    "AzureUSGovernment": Cloud("management.usgovcloudapi.net", "login.microsoftonline.us", "ml.azure.us"),
}
