import socket

from lading import Transient


def resolve(host: str) -> str:
    try:
        return socket.gethostbyname(host)
    except OSError as error:
        raise Transient(f"{host} cannot be resolved: {error}", hint="check the network") from error
