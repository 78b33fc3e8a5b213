"""The gate `approval`: no deploy to a target before somebody, or something, has said yes."""

from __future__ import annotations

from lading import Context, Description, GateRequest, Refused, hookimpl

from .options import ApprovalOptions


@hookimpl
def lading_describe() -> Description:
    return Description(summary="refuses a deploy until a file, variable or command says yes", options=ApprovalOptions)


@hookimpl
def lading_gate(request: GateRequest, context: Context) -> None:
    """Let a deploy to a guarded target pass where it is approved.

    Raises Refused, with how to approve, where it is not, and BadInput where the approval cannot be read.
    """
    options = request.options
    assert isinstance(options, ApprovalOptions)
    if request.stage != "deploy" or (options.targets and request.target not in options.targets):
        return
    from .asking import objection  # most stages are not guarded

    reason, hint = objection(request, options, context)
    if reason:
        what = f"the deploy of package {(request.package_digest or '')[:12]} to '{request.target}'"
        raise Refused(f"{what} is not approved: {reason}", hint=hint)
