"""`image_stage.py MANIFEST`: do what `lading image build` does, and print how many seconds its image stage took."""

import sys

import lading

at = {}


def note(event: lading.Event) -> None:
    if event.stage == "image":
        at[event.kind] = event.at


lading.make_image(sys.argv[1], on_event=note)
sys.stdout.write(str((at["stage.finished"] - at["stage.started"]).total_seconds()))
