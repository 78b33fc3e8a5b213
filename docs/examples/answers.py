from lading import BadInput, OutcomeUnknown, Refused, StageFailed, Transient, retry_after


def check_answer(status: int, headers: dict[str, str], host: str) -> None:
    """Raise the failure that an HTTP answer of a platform stands for."""
    if status in (429, 503):
        raise Transient(f"{host} is busy", retry_after=retry_after(headers.get("Retry-After")))
    if status == 404:
        raise BadInput(f"{host} has no such folder", option="folder", hint="name a folder that exists")
    if status == 409:
        raise Refused(f"a service of that name belongs to somebody else on {host}", hint="set another `service_name`")
    if status == 504:
        raise OutcomeUnknown(f"{host} did not say whether it started the service")
    if status >= 400:
        raise StageFailed(f"{host} answered {status}", hint=f"see the log of {host}")
