"""The state of a service in Lading's terms."""

from __future__ import annotations

from lading import State
from lading_azureml.port import Service

_STATES = {
    "healthy": State.RUNNING,
    "transitioning": State.PENDING,
    "updating": State.PENDING,
    "deleting": State.PENDING,
    "unhealthy": State.FAILED,
    "failed": State.FAILED,
    "unschedulable": State.FAILED,
    "stopped": State.STOPPED,
}


def state_of(service: Service) -> State:
    return _STATES.get(service.state, State.UNKNOWN)
