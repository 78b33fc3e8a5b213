"""An offline Azure: responses of Azure ML, Resource Manager and Entra ID for the unmodified SDK, without a network.

It is a separate program (`python -m offline_azure`). Clients reach it through `HTTPS_PROXY` and trust its certificate
authority through `REQUESTS_CA_BUNDLE`. They use the production host names. The README beside this package describes its
routes and its use in a test.
"""
