"""The Azure ML SDK v1 behind the port. Only this package imports azureml and azure.

It works around these habits of the SDK:

The SDK repeats POSTs without an answer, and ignores the waits that Azure requests. So its retries are set to zero for
the whole process, and the framework repeats calls. The SDK warns of its deprecation on every use. Some of its methods
print on stdout; these are not called. Its loggers have no handlers, so Python would print their messages.
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

clientbase.DEFAULT_RETRIES = 0  # the SDK reads the value from a variable of this name at its first import


for _name in ("azureml", "azure", "msrest", "msal", "cli", "urllib3"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
