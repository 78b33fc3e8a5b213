"""The gate `approval`: a deploy to a target waits for the approval of a person or a program."""

from __future__ import annotations

from lading import Context, Description, GateRequest, Refused, hookimpl

from .options import ApprovalOptions


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="refuses a deploy until its metrics are good enough, and a file, variable or command approves it",
        api=1,
        options=ApprovalOptions,
    )


@hookimpl
def lading_gate(request: GateRequest[ApprovalOptions], context: Context) -> None:
    """Let a deploy to a guarded target pass if its metrics are good enough and it is approved.

    Raises Refused, with the steps to approve it, if it does not pass. Raises BadInput if the approval cannot be read or
    the model has no such metric.
    """
    options = request.options
    if request.stage != "deploy" or (options.targets and request.target not in options.targets):
        return
    from .asking import objection  # most stages are not guarded
    from .showing import question, refuse_unmet

    what = f"the deploy of package {(request.package_digest or '')[:12]} to '{request.target}'"
    refuse_unmet(request, options, what)
    reason, hint = objection(request, options, context)
    if reason:
        raise Refused("\n".join((f"{what} is not approved: {reason}", *question(request, options))), hint=hint)
