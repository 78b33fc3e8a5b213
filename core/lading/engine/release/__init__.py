"""One release of one service: start, check, restore and roll back."""
