"""Sleeps while it is imported, and says so."""

import time

print("zzz")

while True:
    time.sleep(60)
