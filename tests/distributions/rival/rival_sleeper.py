"""Sleeps during its import, and reports it."""

import time

print("zzz")

while True:
    time.sleep(60)
