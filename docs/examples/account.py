from dataclasses import dataclass

from lading import ConnectRequest, Description, Event, ManifestPath, Options, hookimpl


@dataclass(frozen=True)
class AccountOptions(Options):
    address: str
    """Where the account is."""


@dataclass(frozen=True)
class AlarmOptions(Options):
    file: ManifestPath
    """A file that gets a line if a stage fails."""


@hookimpl
def lading_describe() -> Description:
    roles = {"observer": AlarmOptions}
    return Description(summary="an account with an alarm", api=1, options=AccountOptions, role_options=roles)


@hookimpl
def lading_connect(request: ConnectRequest[AccountOptions]) -> str:
    return request.options.address


@hookimpl
def lading_observe(event: Event, options: AlarmOptions) -> None:
    if event.kind == "stage.failed":
        with options.file.open("a", encoding="utf-8") as file:
            file.write(f"{event.stage}: {event.detail}\n")
