"""Load on a served model: the same bytes over keep-alive connections, by clients that cost next to nothing."""

import asyncio
import json
import multiprocessing
import socket
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import uvloop

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
GRACE_SECONDS = 60


class Call(NamedTuple):
    """A request as bytes, where it goes, and what must stand in the body of its answer."""

    host: str
    port: int
    request: bytes
    expected: bytes

    def refuse(self, reply: bytes) -> None:
        """Raises when a reply is not the one that was expected."""
        if not (reply.startswith(b"HTTP/1.1 200 ") and self.expected in reply):
            raise RuntimeError(f"an unexpected answer: {reply[:1000].decode(errors='replace')}")


def post(url: str, body: Any, expected: str, headers: dict[str, str] | None = None) -> Call:
    """A POST of JSON."""
    parts = urlsplit(url)
    content = json.dumps(body).encode()
    said = {"Host": parts.netloc, "Content-Type": "application/json", "Content-Length": str(len(content))}
    lines = [f"POST {parts.path} HTTP/1.1", *(f"{n}: {v}" for n, v in (said | (headers or {})).items())]
    request = "\r\n".join(lines).encode() + HEAD_END + content
    return Call(str(parts.hostname), int(parts.port or 80), request, expected.encode())


def many(call: Call, clients: int, seconds: float) -> int:
    """How many requests several clients had answered, each sending one after the other."""
    return uvloop.run(_many(call, clients, seconds))


async def _many(call: Call, clients: int, seconds: float) -> int:
    loop = asyncio.get_running_loop()
    deadline = time.perf_counter() + seconds
    everyone = [_Client(call, deadline, loop.create_future()) for _ in range(clients)]
    async with asyncio.timeout(seconds + GRACE_SECONDS):
        for one in everyone:
            await loop.create_connection(lambda one=one: one, call.host, call.port)  # type: ignore[misc]
        await asyncio.gather(*(one.done for one in everyone))
    return sum(one.answered for one in everyone)


class _Client(asyncio.Protocol):
    """One connection that sends again as soon as it was answered, until a moment."""

    def __init__(self, call: Call, deadline: float, done: asyncio.Future[None]) -> None:
        self._call = call
        self._deadline = deadline
        self._reply = b""
        self.done = done
        self.answered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._call.request)

    def data_received(self, data: bytes) -> None:
        self._reply += data
        if not _whole(self._reply):
            return
        try:
            self._call.refuse(self._reply)
        except RuntimeError as unexpected:
            self.done.set_exception(unexpected)
            self._transport.close()
            return
        self._reply = b""
        self.answered += 1
        if time.perf_counter() < self._deadline:
            self._transport.write(self._call.request)
        else:
            self.done.set_result(None)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionResetError("the server closed the connection"))


def _whole(reply: bytes) -> bool:
    head = reply.find(HEAD_END)
    if head < 0:
        return False
    lower = reply[:head].lower()
    place = lower.find(LENGTH)
    if place < 0:
        raise RuntimeError(f"an answer without a length: {lower.decode(errors='replace')}")
    return len(reply) >= head + len(HEAD_END) + int(lower[place + len(LENGTH) :].split(b"\r\n", 1)[0])


def alone(call: Call, seconds: float) -> list[float]:
    """The times in seconds of requests by one client, which waits for its socket and for nothing else."""
    times: list[float] = []
    with socket.create_connection((call.host, call.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        deadline = time.perf_counter() + seconds
        while (began := time.perf_counter()) < deadline:
            connection.sendall(call.request)
            reply = connection.recv(65536)
            while not _whole(reply):
                more = connection.recv(65536)
                if not more:
                    raise ConnectionResetError("the server closed the connection")
                reply += more
            times.append(time.perf_counter() - began)
            call.refuse(reply)
    return times


class Outcome(NamedTuple):
    """One request of a paced load: when it was answered, seconds since it was due, and what failed, if it did."""

    at: float
    seconds: float
    body: bytes
    failure: str


def paced(call: Call, rate: float, during: Callable[[], None]) -> list[Outcome]:
    """What became of requests that another process sent at a rate, while something was done.

    They are due at fixed moments, whatever became of those before.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_pace, args=(theirs, call, rate), daemon=True)
    process.start()
    theirs.close()
    try:
        assert ours.recv() == "begun"
        during()
        ours.send("enough")
        outcomes: list[Outcome] = ours.recv()
        process.join()
        return outcomes
    finally:
        process.kill()


def _pace(other: Connection, call: Call, rate: float) -> None:
    other.send(uvloop.run(_paced(other, call, rate)))


async def _paced(other: Connection, call: Call, rate: float) -> list[Outcome]:
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    running: list[asyncio.Task[Outcome]] = []
    began = time.perf_counter()
    while not other.poll():
        due = began + len(running) / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        running.append(asyncio.create_task(_one(call, due, idle)))
        if len(running) == int(rate):
            other.send("begun")
    other.recv()
    outcomes = list(await asyncio.gather(*running))
    for _, writer in idle:
        writer.close()
    return outcomes


async def _one(call: Call, due: float, idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> Outcome:
    reply, failure = b"", ""
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            reader, writer = idle.pop() if idle else await asyncio.open_connection(call.host, call.port)
            writer.write(call.request)
            while not _whole(reply):
                more = await reader.read(65536)
                if not more:
                    raise ConnectionResetError("the server closed the connection")
                reply += more
            call.refuse(reply)
            idle.append((reader, writer))
    except (OSError, RuntimeError, TimeoutError) as problem:
        failure = f"{type(problem).__name__}: {problem}"
    at = time.perf_counter()
    return Outcome(at, at - due, reply.partition(HEAD_END)[2], failure)
