"""A gate between a client and a server that counts requests, and does something at one of them."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

PIECE_BYTES = 2**16
REQUEST_LINE = b" HTTP/1.1\r\n"


class Gate:
    """Passes connections on to a server; `act` happens once as many more requests as `after` have been passed on.

    Nothing of their replies gets through any more when `act` says so.
    """

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._act: Callable[[], None] | None = None
        self._left = 0
        self.requests = 0

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return int(self._listener.getsockname()[1])

    def at(self, request: int, act: Callable[[], None]) -> None:
        """Does something when so many more requests have been passed on."""
        self._left, self._act = request, act

    def cut(self) -> None:
        """Breaks all connections off."""
        with self._lock:
            connections, self._open = self._open, []
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def serve(self) -> None:
        """Accepts connections until it is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._there)
                with self._lock:
                    self._open += [client, server]
                threading.Thread(target=self._pass, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()

    def close(self) -> None:
        """Ends it."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _pass(self, here: socket.socket, there: socket.socket, counts: bool) -> None:
        with suppress(OSError):
            while piece := here.recv(PIECE_BYTES):
                there.sendall(piece)
                if counts:
                    self._count(piece.count(REQUEST_LINE))
        with suppress(OSError):
            there.shutdown(socket.SHUT_RDWR)

    def _count(self, requests: int) -> None:
        with self._lock:
            self.requests += requests
            self._left -= requests
            act = self._act if self._left <= 0 else None
            if act is not None:
                self._act = None
        if act is not None:
            act()


@contextmanager
def gate(host: str, port: int) -> Iterator[Gate]:
    """A gate that is closed with the block."""
    made = Gate(host, port)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join(10)
