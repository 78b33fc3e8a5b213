"""The stages over bound plugins. It emits events and prints nothing."""
