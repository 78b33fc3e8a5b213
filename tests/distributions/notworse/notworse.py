from lading import Description, GateRequest, Refused, hookimpl


@hookimpl
def lading_describe() -> Description:
    return Description(summary="refuses a model that is worse than the one that serves", api=1)


@hookimpl
def lading_gate(request: GateRequest) -> None:
    if request.stage == "deploy" and request.previous is not None:
        new, serving = request.metrics.get("error"), request.previous.metrics.get("error")
        if serving is not None and (new is None or new > serving):
            raise Refused(f"error {new} is worse than {serving} of release {request.previous.release.number}")
