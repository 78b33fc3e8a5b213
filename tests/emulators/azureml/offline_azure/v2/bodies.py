"""The bodies of requests, as the SDK describes them. `shapes` explains the notation."""

from __future__ import annotations

import re

from .shapes import ListOf, MapOf

TEXTS = MapOf(str)
DURATION = re.compile(r"P(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?(?<!P)")
QUANTITY = re.compile(r"\d+(\.\d+)?(m|[KMGT]i?)?")
ON_OR_OFF = frozenset({"Enabled", "Disabled"})
IDENTITIES = frozenset({"SystemAssigned", "UserAssigned", "SystemAssigned,UserAssigned", "None"})
IDENTITY = {"type!": IDENTITIES, "userAssignedIdentities": MapOf(dict), "principalId": str, "tenantId": str}
SKU = {"name!": str, "capacity": int, "tier": str, "size": str, "family": str}
RESOURCE = {"location!": str, "tags": TEXTS, "kind": str, "identity": IDENTITY, "sku": SKU}

ENDPOINT = {
    **RESOURCE,
    "properties!": {
        "authMode!": frozenset({"Key", "AMLToken", "AADToken"}),
        "description": str,
        "properties": TEXTS,
        "compute": str,
        "publicNetworkAccess": ON_OR_OFF,
        "traffic": MapOf(int),
        "mirrorTraffic": MapOf(int),
        "keys": {"primaryKey": str, "secondaryKey": str},
    },
}

PROBE = {
    "initialDelay": DURATION,
    "period": DURATION,
    "timeout": DURATION,
    "failureThreshold": int,
    "successThreshold": int,
}
RESOURCES = {"cpu": QUANTITY, "memory": QUANTITY, "gpu": QUANTITY}
COLLECTION = {
    "dataCollectionMode": ON_OR_OFF,
    "samplingRate": (int, float),
    "clientId": str,
    "dataId": str,
}
DEPLOYMENT = {
    **RESOURCE,
    "properties!": {
        "endpointComputeType!": frozenset({"Managed", "Kubernetes"}),
        "codeConfiguration": {"codeId": str, "scoringScript!": str},
        "environmentId": str,
        "environmentVariables": TEXTS,
        "model": str,
        "modelMountPath": str,
        "description": str,
        "properties": TEXTS,
        "appInsightsEnabled": bool,
        "instanceType": str,
        "egressPublicNetworkAccess": ON_OR_OFF,
        "requestSettings": {
            "requestTimeout": DURATION,
            "maxQueueWait": DURATION,
            "maxConcurrentRequestsPerInstance": int,
        },
        "livenessProbe": PROBE,
        "readinessProbe": PROBE,
        "startupProbe": PROBE,
        "scaleSettings": {
            "scaleType!": frozenset({"Default", "TargetUtilization"}),
            "minInstances": int,
            "maxInstances": int,
            "targetUtilizationPercentage": int,
            "pollingInterval": DURATION,
        },
        "containerResourceRequirements": {
            "containerResourceRequests": RESOURCES,
            "containerResourceLimits": RESOURCES,
        },
        "dataCollector": {
            "collections!": MapOf(COLLECTION),
            "rollingRate": frozenset({"Year", "Month", "Day", "Hour", "Minute"}),
            "requestLogging": {"captureHeaders": ListOf(str)},
        },
    },
}

COUNT = re.compile(r"\d+")
METRIC_TRIGGER = {
    "metricName!": frozenset({"CpuUtilizationPercentage"}),
    "metricNamespace": str,
    "metricResourceUri!": str,
    "metricResourceLocation": str,
    "timeGrain!": DURATION,
    "statistic!": frozenset({"Average", "Min", "Max", "Sum", "Count"}),
    "timeWindow!": DURATION,
    "timeAggregation!": frozenset({"Average", "Minimum", "Maximum", "Total", "Count", "Last"}),
    "operator!": frozenset({"GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual"}),
    "threshold!": (int, float),
    "dividePerInstance": bool,
}
SCALE_ACTION = {
    "direction!": frozenset({"Increase", "Decrease"}),
    "type!": frozenset({"ChangeCount", "PercentChangeCount", "ExactCount"}),
    "value": COUNT,
    "cooldown!": DURATION,
}
AUTOSCALE = {
    "location!": str,
    "tags": TEXTS,
    "properties!": {
        "enabled": bool,
        "targetResourceUri!": str,
        "profiles!": ListOf(
            {
                "name!": str,
                "capacity!": {"minimum!": COUNT, "maximum!": COUNT, "default!": COUNT},
                "rules!": ListOf({"metricTrigger!": METRIC_TRIGGER, "scaleAction!": SCALE_ACTION}),
            }
        ),
    },
}

ASSET = {
    "description": str,
    "tags": TEXTS,
    "properties": TEXTS,
    "isAnonymous": bool,
    "isArchived": bool,
    "stage": str,
}
ROUTE = {"path!": re.compile("/.*"), "port!": int}
ENVIRONMENT = {
    "properties!": {
        **ASSET,
        "image": str,
        "condaFile": str,
        "osType": frozenset({"Linux", "Windows"}),
        "autoRebuild": str,
        "build": {"contextUri!": str, "dockerfilePath": str},
        "inferenceConfig": {
            "livenessRoute": ROUTE,
            "readinessRoute": ROUTE,
            "scoringRoute": ROUTE,
            "startupRoute": ROUTE,
        },
    }
}
DATA = {"properties!": {**ASSET, "dataType!": frozenset({"uri_folder"}), "dataUri!": re.compile("azureml://.+")}}
CODE = {"properties!": {**ASSET, "codeUri!": str, "properties": MapOf((str, int))}}  # the SDK sends a number
MODEL = {
    "properties!": {
        **ASSET,
        "modelType": frozenset({"custom_model", "mlflow_model", "triton_model"}),
        "modelUri!": str,
        "flavors": MapOf(dict),
        "jobName": str,
    }
}
SHARED = {"modelUri!": re.compile("https://.+"), "system_metadata": MapOf(str)}
SHARED_MODEL = {"properties!": {**MODEL["properties!"], **SHARED}}
DATA_REFERENCE = {"assetId!": str, "temporaryDataReferenceType!": frozenset({"TemporaryBlobReference"})}
UPLOAD = {"pendingUploadType!": frozenset({"TemporaryBlobReference"}), "pendingUploadId": str}
KEY = {"keyType!": frozenset({"Primary", "Secondary"}), "keyValue": str}
LOGS = {"tail": int, "containerType": frozenset({"InferenceServer", "StorageInitializer"})}
LIST_SECRETS = {"expirableSecret": bool, "expireAfterHours": int}
