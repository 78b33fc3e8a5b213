"""One command's session: its manifest, its bound plugins, its events."""
