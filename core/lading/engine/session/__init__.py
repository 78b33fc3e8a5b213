"""The session of a command: its manifest, its bound plugins and its events."""
