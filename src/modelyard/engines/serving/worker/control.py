"""The second thread: it takes connections, answers probes while the first one works, and ends who is forgotten.

A question on the control socket is one line, its answer one line of JSON: `ready` is answered when the model is
loaded or has failed to, `health` and `drain` at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, Protocol

from .activity import Activity
from .begun import Slots
from .frames import GREETING, reply

CONTROL, CALLS, STATE = "control", "calls", "state.json"
# How long a forgotten replica may take for what it is doing before it is ended anyway.
LAST_SECONDS = 10.0
_LONGEST_QUESTION = 100
# A model with very many inputs is served without a description of them.
_LONGEST_DESCRIPTION = 2**22


class Calls(Protocol):
    """What works in the main thread."""

    def adopt(self, link: socket.socket, slot: int) -> None: ...

    def drain(self) -> None: ...


class Control(threading.Thread):
    """Answers on the control socket from the first moment; takes calls when the model is there."""

    def __init__(self, folder: Path, orphan_seconds: float) -> None:
        super().__init__(name="control", daemon=True)
        self.activity = Activity()
        self.slots = Slots(folder)
        self._folder = folder
        self._orphan_seconds = orphan_seconds
        self._selector = selectors.DefaultSelector()
        self._calls: Calls | None = None
        self._state: bytes | None = None
        self._asking_ready: list[socket.socket] = []
        self._asked_at = time.monotonic()
        self._drain_asked = False
        self._gives_up_at: float | None = None
        self._inner, self._outer = socket.socketpair()
        self._selector.register(self._inner, selectors.EVENT_READ, self._wake)
        self._control = _listening(folder / CONTROL)
        self._selector.register(self._control, selectors.EVENT_READ, self._accept_question)
        self._listener: socket.socket | None = None

    def ready(self, description: dict[str, Any], calls: Calls) -> None:
        """Says that the model is there, and takes calls. Called by the main thread, once."""
        self._calls = calls
        self._listener = _listening(self._folder / CALLS)
        if len(json.dumps(description)) > _LONGEST_DESCRIPTION:
            description = {**description, "inputs": {}, "example": None}
        self._say({"description": description})

    def failed(self, message: str) -> None:
        """Says that the model cannot be loaded."""
        self._say({"failed": message})

    def drain(self) -> None:
        """Begins to end as if asked on the socket; for signal handlers too."""
        self._drain_asked = True
        self._outer.send(b"w")

    def run(self) -> None:
        """Answers until the process ends."""
        while True:
            for key, _ in self._selector.select(self._patience()):
                with contextlib.suppress(OSError):
                    key.data(key.fileobj)
            self._look_at_time()

    def _say(self, state: dict[str, Any]) -> None:
        # A file too, for who asks after the end.
        line = json.dumps(state).encode()
        fresh = self._folder / f"{STATE}.new"
        fresh.write_bytes(line)
        fresh.replace(self._folder / STATE)
        self._state = line + b"\n"
        self._outer.send(b"w")

    def _wake(self, inner: socket.socket) -> None:
        inner.recv(4096)
        if self._state is not None:
            asking, self._asking_ready = self._asking_ready, []
            for link in asking:
                self._answer(link, self._state)
        if self._listener is not None and self._listener not in self._registered():
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept_calls)
        if self._drain_asked:
            self._drain()

    def _registered(self) -> list[Any]:
        return [key.fileobj for key in self._selector.get_map().values()]

    def _accept_question(self, listener: socket.socket) -> None:
        link, _ = listener.accept()
        link.settimeout(1.0)
        self._selector.register(link, selectors.EVENT_READ, self._read_question)

    def _read_question(self, link: socket.socket) -> None:
        question = b""
        with contextlib.suppress(OSError):
            question = link.recv(_LONGEST_QUESTION).strip()
        self._selector.unregister(link)
        self._asked_at = time.monotonic()
        if question == b"health":
            self._answer(link, json.dumps(self.activity.report()).encode() + b"\n")
        elif question == b"drain":
            self._answer(link, b"{}\n")
            self._drain()
        elif question == b"ready" and self._state is not None:
            self._answer(link, self._state)
        elif question == b"ready":
            self._asking_ready.append(link)
            self._selector.register(link, selectors.EVENT_READ, self._stop_waiting)
        else:
            link.close()

    def _stop_waiting(self, link: socket.socket) -> None:
        """Who waited for readiness is gone."""
        self._selector.unregister(link)
        self._asking_ready.remove(link)
        self._asked_at = time.monotonic()
        link.close()

    def _answer(self, link: socket.socket, line: bytes) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(link)
        with contextlib.suppress(OSError):
            link.sendall(line)
        link.close()

    def _accept_calls(self, listener: socket.socket) -> None:
        link, _ = listener.accept()
        slot = self.slots.take()
        if slot is None or self._calls is None:
            link.close()
            return
        link.settimeout(1.0)
        try:
            link.sendall(reply(0, GREETING, 0, str(slot).encode()))
        except OSError:
            self.slots.give_back(slot)
            link.close()
            return
        self._calls.adopt(link, slot)

    def _drain(self) -> None:
        if self._listener is not None and self._listener in self._registered():
            self._selector.unregister(self._listener)
            self._listener.close()
            with contextlib.suppress(OSError):
                (self._folder / CALLS).unlink()
        if self._calls is not None:
            self._calls.drain()
        else:
            os._exit(0)  # nothing has been taken yet

    def _patience(self) -> float:
        return min(1.0, self._orphan_seconds / 4)

    def _look_at_time(self) -> None:
        now = time.monotonic()
        if self._asking_ready:
            self._asked_at = now
        if self._gives_up_at is not None and now > self._gives_up_at:
            os._exit(1)
        if self._gives_up_at is None and now - self._asked_at > self._orphan_seconds:
            print("Nobody has asked for this replica any more; it ends.", file=sys.stderr, flush=True)
            self._gives_up_at = now + LAST_SECONDS
            self._drain()


def _listening(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(128)
    return listener
