from lading import Weather  # noqa: F401 - which there may be one day
