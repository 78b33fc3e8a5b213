"""The observer `webhook`: what happens, posted as JSON to a URL."""

from __future__ import annotations

from lading import Context, Description, Event, hookimpl

from .options import WebhookOptions


@hookimpl
def lading_describe() -> Description:
    return Description(summary="posts events as JSON to a URL, as Slack takes them or whole", options=WebhookOptions)


@hookimpl
def lading_observe(event: Event, options: WebhookOptions, context: Context) -> None:
    """Post an event that was asked for.

    Raises BadInput for a URL or header that cannot be used, StageFailed where the receiver refuses the message, and
    Transient where it does not take it in time.
    """
    if event.kind in options.events:
        from .posting import post  # most events are not asked for

        post(event, options, context)
