"""An IoT Hub of the tests: what its service API answers, and devices that do what they are told.

It is a program of its own (`python -m offline_iothub`). Clients reach it through `HTTPS_PROXY` under the host name of
production and trust its certificate authority through `REQUESTS_CA_BUNDLE`. The README beside this package says what it
knows, what of it is a guess, and how a test uses it.
"""
