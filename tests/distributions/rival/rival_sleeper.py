"""Sleeps while it is imported."""

import time

while True:
    time.sleep(60)
