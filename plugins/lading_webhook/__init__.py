"""The observer `webhook`: post events as JSON to a URL."""

from __future__ import annotations

from lading import Context, Description, Event, hookimpl

from .options import WebhookOptions


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="posts events as JSON to a URL, in Slack's format or complete", api=1, options=WebhookOptions
    )


@hookimpl
def lading_observe(event: Event, options: WebhookOptions, context: Context) -> None:
    """Post an event if the options select it.

    Raises BadInput for an unusable URL or header, StageFailed if the receiver refuses the message, and Transient if it
    does not accept it in time.
    """
    if event.kind in options.events:
        from .posting import post  # most events are not selected

        post(event, options, context)
