"""The options of a block in the requests to Azure, with their values unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from tests.targets.azureml.azureml_kit import CREATE, Cloud

pytestmark = pytest.mark.slow

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"
TLS_KEY = "-----BEGIN PRIVATE KEY-----\ncanary-tls-key\n-----END PRIVATE KEY-----\n"
ACI_OPTIONS = """\
    base_image: ubuntu:24.04
    memory_gb: 0.75
    location: westeurope
    dns_name_label: salaries
    enable_app_insights: true
    collect_model_data: true
    properties: {team: pay}
    primary_key: FIRST_KEY
    secondary_key: SECOND_KEY
    ssl_enabled: true
    ssl_cert_pem_file: cert.pem
    ssl_key_pem_file: key.pem
    ssl_cname: salaries.example.org
    vnet_name: nets
    subnet_name: inner
    cmk_vault_base_url: https://vault.example.org
    cmk_key_name: lock
    cmk_key_version: v1
"""
ACI_REQUEST = {
    "containerResourceRequirements": {"cpu": 1.0, "memoryInGB": 0.75},
    "location": "westeurope",
    "dnsNameLabel": "salaries",
    "appInsightsEnabled": True,
    "dataCollection": {"storageEnabled": True, "eventHubEnabled": False},
    "properties": {"team": "pay"},
    "authEnabled": True,
    "keys": {"primaryKey": "canary-first-key", "secondaryKey": "canary-second-key"},
    "sslEnabled": True,
    "sslCertificate": CERTIFICATE,
    "sslKey": TLS_KEY,
    "cname": "salaries.example.org",
    "vnetConfiguration": {"vnetName": "nets", "subnetName": "inner"},
    "encryptionProperties": {"vaultBaseUrl": "https://vault.example.org", "keyName": "lock", "keyVersion": "v1"},
}
CLUSTER = "/subscriptions/s/resourceGroups/other/providers/Microsoft.ContainerService/managedClusters/shared"
AKS_OPTIONS = f"""\
    compute_target_name: pool
    attach: {CLUSTER}
    dockerfile: Dockerfile
    cpu_cores: 0.5
    cpu_cores_limit: 1
    memory_gb: 1
    memory_gb_limit: 2
    gpu_cores: 1
    autoscale_enabled: true
    autoscale_min_replicas: 2
    autoscale_max_replicas: 5
    autoscale_refresh_seconds: 7
    autoscale_target_utilization: 60
    scoring_timeout_ms: 9000
    replica_max_concurrent_requests: 2
    max_request_wait_time: 800
    period_seconds: 11
    initial_delay_seconds: 12
    timeout_seconds: 3
    success_threshold: 2
    failure_threshold: 4
    namespace: pay
    token_auth_enabled: true
"""
AKS_REQUEST = {
    "computeName": "pool",
    "containerResourceRequirements": {"cpu": 0.5, "cpuLimit": 1.0, "memoryInGB": 1.0, "memoryInGBLimit": 2.0, "gpu": 1},
    "autoScaler": {
        "autoscaleEnabled": True,
        "minReplicas": 2,
        "maxReplicas": 5,
        "targetUtilization": 60,
        "refreshPeriodInSeconds": 7,
    },
    "scoringTimeoutMs": 9000,
    "maxConcurrentRequestsPerContainer": 2,
    "maxQueueWaitMs": 800,
    "livenessProbeRequirements": {
        "periodSeconds": 11,
        "initialDelaySeconds": 12,
        "timeoutSeconds": 3,
        "successThreshold": 2,
        "failureThreshold": 4,
    },
    "namespace": "pay",
    "authEnabled": False,
    "aadAuthEnabled": True,
}


def asked_for(cloud: Cloud, target: str) -> dict[str, Any]:
    """The request for a service. It is refused, so that nothing starts."""
    cloud.azure.faults.answer(400, {"code": "Enough", "message": "no more"}, method="POST", path=CREATE)
    assert "no more" in cloud("deploy", target=target, code=6).err
    (call,) = cloud.azure.calls.like("POST", CREATE)
    body: dict[str, Any] = call.body
    return body


def built_on(body: dict[str, Any]) -> tuple[str | None, str | None, str]:
    environment = body["environmentImageRequest"]["environment"]
    docker = environment["docker"]
    return docker["baseImage"], docker["baseDockerfile"], environment["inferencingStackVersion"]


def test_the_options_of_aci_reach_azure_and_secrets_go_nowhere_else(cloud: Cloud) -> None:
    cloud.shell.write("cert.pem", CERTIFICATE)
    key = cloud.shell.write("key.pem", TLS_KEY)
    cloud.shell.env.update(FIRST_KEY="canary-first-key", SECOND_KEY="canary-second-key")
    cloud.edit("    memory_gb: 1\n    tags", f"{ACI_OPTIONS}    tags")
    body = asked_for(cloud, "aci")
    assert {name: body.get(name) for name in ACI_REQUEST} == ACI_REQUEST
    assert built_on(body) == ("ubuntu:24.04", None, "latest")
    key.unlink()
    assert cloud.canaries.leaks("canary-first-key", "canary-second-key", "canary-tls-key") == []


def test_the_options_of_aks_reach_azure_after_its_cluster_is_attached(cloud: Cloud) -> None:
    cloud.shell.write("Dockerfile", "FROM ubuntu\n")
    cloud.edit("    compute_target_name: aks\n    cpu_cores: 1\n    memory_gb: 1\n", AKS_OPTIONS)
    body = asked_for(cloud, "aks")
    assert {name: body.get(name) for name in AKS_REQUEST} == AKS_REQUEST
    assert built_on(body) == (None, "FROM ubuntu\n", "latest")
    assert "attaching the cluster" in cloud.seen[-1]
    cluster = cloud.azure.state["computes"]["pool"]["properties"]
    assert (cluster["isAttachedCompute"], cluster["resourceId"]) == (True, CLUSTER)
