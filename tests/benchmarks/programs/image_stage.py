"""`image_stage.py MANIFEST`: run `lading image build`, and print the duration of its image stage in seconds."""

import sys

import lading

at = {}


def note(event: lading.Event) -> None:
    if event.stage == "image":
        at[event.kind] = event.at


lading.make_image(sys.argv[1], on_event=note)
sys.stdout.write(str((at["stage.finished"] - at["stage.started"]).total_seconds()))
