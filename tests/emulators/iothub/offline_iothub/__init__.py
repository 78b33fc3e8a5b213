"""An IoT hub for tests: the responses of its service API, and devices that apply their desired state.

It is a separate program (`python -m offline_iothub`). Clients reach it through `HTTPS_PROXY` under the production host
name, and trust its certificate authority through `REQUESTS_CA_BUNDLE`. The README beside this package describes its
functions, the parts that are guesses, and its use in a test.
"""
