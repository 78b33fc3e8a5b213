"""An offline Azure: what Azure ML, Resource Manager and Entra ID answer, for the unmodified SDK and without a network.

It is a program of its own (`python -m offline_azure`). Clients reach it through `HTTPS_PROXY` and trust its certificate
authority through `REQUESTS_CA_BUNDLE`; they keep the host names of production. The README beside this package says what
it knows and how a test uses it.
"""
