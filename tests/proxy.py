"""A TCP proxy that counts round trips: how often a client waits for the server."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from selectors import EVENT_READ, DefaultSelector

import pytest


class CountingProxy:
    """Counts a round trip whenever a client sends something after a reply of the server."""

    def __init__(self, family: int, address: tuple[str, int] | str, delay: float) -> None:
        """Listen on a free port, and forward to the server at `address`."""
        self.count = 0
        self.clients = 0
        self.delay = delay
        self.family = family
        self.address = address
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        """Start a thread for each client."""
        with suppress(OSError):
            for _ in count():
                client, _address = self.listener.accept()
                self.clients += 1
                threading.Thread(target=self.relay, args=(client,), daemon=True).start()

    def relay(self, client: socket.socket) -> None:
        """Forward data in both directions, after a delay for each connection."""
        time.sleep(self.delay)
        with client, socket.socket(self.family) as server, DefaultSelector() as selector:
            server.connect(self.address)
            selector.register(client, EVENT_READ, server)
            selector.register(server, EVENT_READ, client)
            server_replied = True
            with suppress(OSError):
                while True:
                    for key, _events in selector.select():
                        side = key.fileobj
                        assert isinstance(side, socket.socket)
                        data = side.recv(65536)
                        if not data:
                            return
                        if side is client and server_replied:
                            self.count += 1
                        server_replied = side is server
                        key.data.sendall(data)


@contextmanager
def counting(address: str, *, delay: float = 0) -> Iterator[tuple[CountingProxy, str]]:
    """Put a proxy in front of the server at `address`; yield it and the address through it.

    `delay` is how many seconds each connection waits before it reaches the server.
    """
    if "host=" in address:  # a Unix socket
        folder = address.partition("host=")[2]
        proxy = CountingProxy(socket.AF_UNIX, f"{folder}/.s.PGSQL.5432", delay)
        through = f"{address.partition('@')[0]}@127.0.0.1:{proxy.port}/postgres"
    else:
        host, _, port = address.partition("@")[2].partition("/")[0].partition(":")
        proxy = CountingProxy(socket.AF_INET, (host, int(port or pytest.fail("no port"))), delay)
        through = address.replace(f"@{host}:{port}", f"@127.0.0.1:{proxy.port}")
    try:
        yield proxy, through
    finally:
        proxy.listener.close()
