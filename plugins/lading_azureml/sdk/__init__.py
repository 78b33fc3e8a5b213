"""The Azure ML SDK v1 behind the port: the only package that imports azureml and azure.

The SDK's habits are dealt with here. It repeats POSTs that nobody answered, and with waits of its own instead of those
that Azure asks for: its number of retries is put to none, for the whole process, and the framework calls again. It
warns of its deprecation on every use, prints on stdout from some of its methods (which are not called), and logs
through loggers without handlers, which Python would print.
"""

from __future__ import annotations

import logging
import os
import warnings

os.environ.setdefault("AZUREML_LOG_DEPRECATION_WARNING_ENABLED", "False")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from azureml._restclient import clientbase

    from .workspace import open_workspace as open_workspace

clientbase.DEFAULT_RETRIES = 0  # the SDK reads it, with this name, from a variable when it is first imported


for _name in ("azureml", "azure", "msrest", "msal", "cli", "urllib3"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
