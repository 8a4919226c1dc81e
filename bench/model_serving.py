"""Served models beside MLflow's scoring server and BentoML: the same trivial model, the same cores, in turns."""

import contextlib
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import uvloop

from bench import model_peers
from bench.model_apis import Deployed, deploy, file_source, new_version, register, released, wait_until_running
from bench.model_load import Call, Outcome, alone, many, paced
from bench.serving import CLIENTS, Server, modelyard, percentile, table
from modelyard.engines.serving.pool import LocalEndpoints

ROUNDS, SECONDS, WARM_SECONDS = 7, 3.0, 2.0
BATCH = 16
RATE, ROLLOUTS, AFTERWARDS = 200, 3, 2.0
FIRST_ANSWERS = 5


class System(NamedTuple):
    """What is called, and whose processor time that takes: a process with its descendants, or a whole home's."""

    name: str
    call: Call
    pid: int
    home: Path | None = None


class Round(NamedTuple):
    """One round of a system: requests a second, requests a second of processor time, and times in milliseconds."""

    rate: float
    per_core: float
    p50: float
    p99: float


def measure() -> None:
    """All systems are up at once and take turns; then ours is looked at alone."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        peers = list(_peers(stack, folder))
        server = stack.enter_context(modelyard())
        ours = _ours(server)
        systems = [
            *peers,
            *(System(name, one.call, server.pid, server.home) for name, one in ours.items()),
        ]
        _beside(systems, _rounds(systems), len(peers))
        _way(ours)
        _first_answers(server, ours)
        _rollouts(server, ours)


def _peers(stack: contextlib.ExitStack, folder: Path) -> Iterator[System]:
    scoring = stack.enter_context(model_peers.mlflow_scoring(model_peers.save_model(folder)))
    yield System(*scoring)
    program = model_peers.bentoml_program()
    if program is None:
        print(model_peers.MISSING)
        return
    for serve in (model_peers.bentoml_model, model_peers.bentoml_function):
        yield System(*stack.enter_context(serve(program, folder)))


def _ours(server: Server) -> dict[str, Deployed]:
    """The model of the registry, the same with batches declared, and a function of a file."""
    project = server.new_project("serving")
    sources = {
        "registered model": register(server, "double", 1),
        f"registered model, batches of up to {BATCH}": register(server, "double-batched", BATCH),
        "function": file_source(server, "serving"),
    }
    return {name: deploy(server, project, name.split(",")[-1].strip(), one) for name, one in sources.items()}


def _rounds(systems: list[System]) -> dict[str, list[Round]]:
    rounds: dict[str, list[Round]] = {one.name: [] for one in systems}
    chance = random.Random(1)
    for one in systems:
        many(one.call, CLIENTS, WARM_SECONDS)
    for _ in range(ROUNDS):
        for one in chance.sample(systems, len(systems)):
            rounds[one.name].append(_round(one))
    return rounds


def _round(system: System) -> Round:
    before = _processor_seconds(system)
    answered = many(system.call, CLIENTS, SECONDS)
    spent = _processor_seconds(system) - before
    times = [seconds * 1e3 for seconds in alone(system.call, SECONDS)]
    return Round(answered / SECONDS, answered / spent, statistics.median(times), percentile(times, 99))


def _processor_seconds(system: System) -> float:
    """Of all its processes, and of those that they had waited for."""
    roots = [psutil.Process(system.pid)]
    if system.home is not None:
        # PostgreSQL and adopted replicas are nobody's children.
        roots += [one for one in psutil.process_iter() if str(system.home) in _command(one)]
    everyone = {one for root in roots for one in (root, *_descendants(root))}
    return sum(_times(one) for one in everyone)


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _times(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:4])
    except psutil.NoSuchProcess:
        return 0.0


def _beside(systems: list[System], rounds: dict[str, list[Round]], peers: int) -> None:
    """A model is held against peers that serve the model, a function against those that serve the function."""
    medians = {
        name: Round(*(statistics.median(column) for column in zip(*values, strict=True)))
        for name, values in rounds.items()
    }
    beside = systems[:peers]
    budgets = ("4x", "5x", "5x")
    heads = [f"of {one.name}'s (budget {budget})" for one, budget in zip(beside, budgets, strict=False)]
    rates: list[tuple[str, ...]] = [("what", "requests/s", "requests/s per core", *heads)]
    waits: list[tuple[str, ...]] = [
        ("what", "p50", "p99", "p50, of the better peer's (budget 0.5x)", "p99 / p50 (budget 4x)")
    ]
    for one in systems:
        mine = medians[one.name]
        alike = [] if one in beside else [peer for peer in beside if _is_function(peer) == _is_function(one)]
        ratios = [
            f"{mine.per_core / medians[peer.name].per_core:.1f}x" if peer in alike else "" for peer in beside
        ]
        rates.append((one.name, f"{mine.rate:,.0f}", f"{mine.per_core:,.0f}", *ratios))
        best = min((medians[peer.name].p50 for peer in alike), default=None)
        ratio = f"{mine.p50 / best:.2f}x" if best else ""
        waits.append((one.name, f"{mine.p50:.2f} ms", f"{mine.p99:.2f} ms", ratio, f"{mine.p99 / mine.p50:.1f}x"))
    table(f"A served model, {CLIENTS} clients", rates)
    table("A served model, one client", waits)


def _is_function(system: System) -> bool:
    return "function" in system.name


def _way(ours: dict[str, Deployed]) -> None:
    """The same requests to the replica's own socket, and through the API."""
    rows: list[tuple[str, ...]] = [("what", "replica's socket", "through the API", "added to the p50")]
    for name, one in ours.items():
        direct, through = [], []
        for _ in range(ROUNDS):
            direct.append(statistics.median(uvloop.run(_direct(one))) * 1e3)
            through.append(statistics.median(alone(one.call, SECONDS)) * 1e3)
        shown = statistics.median(direct), statistics.median(through)
        rows.append((name, f"{shown[0]:.2f} ms", f"{shown[1]:.2f} ms", f"{shown[1] - shown[0]:.2f} ms"))
    table("What the way through the API adds, one client", rows)


async def _direct(deployed: Deployed) -> list[float]:
    body = deployed.call.request.partition(b"\r\n\r\n")[2]
    endpoint = LocalEndpoints().open(queue_size=1)
    times: list[float] = []
    try:
        endpoint.use([str(place) for place in deployed.sockets], concurrency=1, pure=True)
        await endpoint.call(body, "first", SECONDS)
        deadline = time.perf_counter() + SECONDS
        while (began := time.perf_counter()) < deadline:
            answer = await endpoint.call(body, "bench", SECONDS)
            times.append(time.perf_counter() - began)
            assert deployed.call.expected in answer.body
    finally:
        await endpoint.close()
    return times


def _first_answers(server: Server, ours: dict[str, Deployed]) -> None:
    """From the call that makes a version to its first answer, while nothing else is asked."""
    rows: list[tuple[str, ...]] = [("what", "median", "longest")]
    for name, one in ours.items():
        times = [_first_answer(server, one) for _ in range(FIRST_ANSWERS)]
        rows.append((name, f"{statistics.median(times):.2f} s", f"{max(times):.2f} s"))
    table("From creating a version to its first answer, its environment is built", rows)


def _first_answer(server: Server, deployed: Deployed) -> float:
    old = released(_ask(server, deployed))
    began = time.perf_counter()
    number = new_version(server, deployed)
    while released(_ask(server, deployed)) == old:
        time.sleep(0.005)
    seconds = time.perf_counter() - began
    wait_until_running(server, deployed.id, number)
    return seconds


def _ask(server: Server, deployed: Deployed) -> bytes:
    """One call over the connection that everything else of the measurement uses."""
    head, _, content = deployed.call.request.partition(b"\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    reply = server.http.post(f"/models/{deployed.id}/latest/model", content=content, headers=lines)
    reply.raise_for_status()
    return reply.content


def _rollouts(server: Server, ours: dict[str, Deployed]) -> None:
    """New versions while requests come at a steady rate."""
    rows: list[tuple[str, ...]] = [
        ("what", "requests", "failed (budget 0)", "versions seen", "first answer after", "p50", "p99", "longest")
    ]
    for name, one in ours.items():
        rows += [_rollout(server, name, one) for _ in range(ROLLOUTS)]
    table(f"A new version under {RATE} requests a second", rows)


def _rollout(server: Server, name: str, deployed: Deployed) -> tuple[str, ...]:
    began = [0.0]

    def during() -> None:
        began[0] = time.perf_counter()
        number = new_version(server, deployed)
        wait_until_running(server, deployed.id, number)
        time.sleep(AFTERWARDS)

    outcomes = paced(deployed.call, RATE, during)
    failures = [one.failure for one in outcomes if one.failure]
    for failure in failures[:5]:
        print(failure)
    first = _first_of_each([one for one in outcomes if not one.failure])
    times = [one.seconds * 1e3 for one in outcomes]
    return (
        name,
        str(len(outcomes)),
        str(len(failures)),
        str(len(first)),
        f"{max(first.values()) - began[0]:.2f} s" if len(first) > 1 else "never",
        f"{statistics.median(times):.1f} ms",
        f"{percentile(times, 99):.1f} ms",
        f"{max(times):.1f} ms",
    )


def _first_of_each(outcomes: list[Outcome]) -> dict[str, float]:
    """When each version first answered, on the clock that all processes of the machine share."""
    first: dict[str, float] = {}
    for one in outcomes:
        version = released(one.body)
        first[version] = min(one.at, first.get(version, one.at))
    return first
