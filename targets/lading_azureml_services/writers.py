"""Other writers of a service, as far as Azure shows them: it has the tags of the last one, and a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import OutcomeUnknown, StageFailed

from .ownership import RELEASE_ID

if TYPE_CHECKING:
    from lading_azureml.port import Service

MAX_UNDONE = 3  # times that another writer may undo our request


def release_of(service: Service | None) -> str:
    """The id of the release in the tags; empty without one."""
    return (service.tags.get(RELEASE_ID) or "") if service else ""


def writer(service: Service) -> str:
    """The last writer."""
    release = release_of(service)
    who = f"Lading with another store, for the release with the id {release}" if release else "a program without Lading"
    return who + (f", at {service.updated:%Y-%m-%d %H:%M:%S} UTC" if service.updated else "")


def taken(service: Service) -> StageFailed:
    """The failure of a deploy whose service lost our tags."""
    return StageFailed(
        f"another writer has taken the service {service.name} during this deploy: {writer(service)}",
        hint=f"stop the other writer, or give the target's block another service_name: {service.name} is left alone",
    )


def undone(name: str, times: int, service: Service | None) -> StageFailed:
    """The failure of a deploy that another writer has undone too often."""
    last = writer(service) if service else "a program that removed it"
    return StageFailed(
        f"the service {name} was changed or removed {times} times right after it was updated; the last writer: {last}",
        hint=f"stop the other writer of {name}, then run the same command again",
    )


def not_shown(name: str, service: Service | None) -> OutcomeUnknown:
    """The failure of a deploy whose finished operation the service never shows."""
    found = f"shows release {service.tags.get('lading.release')}" if service else "does not exist"
    return OutcomeUnknown(
        f"Azure has finished the update of {name}, but the service {found}",
        hint="another command may have changed it: run the same command again",
    )
