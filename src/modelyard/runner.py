"""Composition root of the runner: which kinds of work this machine's agent claims, with which adapters."""

import asyncio
import fcntl
import os
import socket
import uuid
from pathlib import Path

import structlog

from modelyard.dataset_storage import dataset_storage
from modelyard.domains.datasets import DatasetMounter, Storage, dataset_kinds
from modelyard.domains.environments import build_kind
from modelyard.domains.hardware_tiers import Node, register_node
from modelyard.domains.jobs.fetching import CodeFetcher
from modelyard.domains.jobs.run import Tools
from modelyard.domains.jobs.work import JobWork
from modelyard.domains.model_apis.calls.routing import Router
from modelyard.domains.model_apis.predictions.work import PredictionWork
from modelyard.domains.model_apis.recording.recorder import CallRecorder
from modelyard.domains.model_apis.recording.work import RecordingWork
from modelyard.domains.model_apis.serving.tools import ServingTools
from modelyard.domains.model_apis.serving.work import ServingWork
from modelyard.domains.notifications import mail_kinds
from modelyard.engines.builds.local import LocalBuilder
from modelyard.engines.compute.local import LocalCompute
from modelyard.engines.compute.machine import machine
from modelyard.engines.compute.sandbox import interpreter_mounts
from modelyard.engines.git.local import LocalGitStore
from modelyard.engines.logs.local import LocalLogStore
from modelyard.engines.serving.local import LocalServing
from modelyard.engines.serving.pool import LocalEndpoints
from modelyard.engines.tracker.artifacts import ArtifactFiles
from modelyard.engines.tracker.place import TrackerPlace
from modelyard.git_hosting import address_rules, git_remotes
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Database, connect
from modelyard.kit.errors import Unavailable
from modelyard.kit.migrations import is_current
from modelyard.kit.work import Kind, Worker
from modelyard.mailing import mailer
from modelyard.model_calls import call_recorder, prediction_limits, spool_folder
from modelyard.process import DATABASE_DSN, fail, log_to_home, stop_event
from modelyard.settings import Settings, load_settings

log = structlog.get_logger()

NODE_SECONDS = 30.0


async def run(settings: Settings, dsn: str, stop: asyncio.Event) -> None:
    """Claims and does this machine's work until `stop` is set; jobs go on without it."""
    db = await _opened(dsn, stop)
    if db is None:
        return
    here = machine()
    node = Node(_node_name(settings.home_path), here.cores, here.memory_bytes, here.gpus)
    await _register(db, node)
    storage = dataset_storage(settings)
    tools = _tools(settings, db, storage)
    router = Router(db, dsn, LocalEndpoints(), settings.model_queue_size)
    recorder = call_recorder(db, settings)
    worker = Worker(db, dsn, node.name, _kinds(settings, tools, node, storage, router, recorder))
    beside = [
        asyncio.create_task(living) for living in (_keep_registered(db, node), router.listen(), recorder.run())
    ]
    log.info("running", node=node.name, cores=node.cores, isolated=tools.compute.isolated)
    try:
        await worker.run(stop)
    finally:
        for living in beside:
            living.cancel()
        await router.close()
        await recorder.close()
        await db.close()


def _kinds(
    settings: Settings, tools: Tools, node: Node, storage: Storage, router: Router, recorder: CallRecorder
) -> list[Kind]:
    """All that this machine's agent does, in the order in which it is claimed."""
    db = tools.db
    predictions = PredictionWork(
        db, router, recorder, prediction_limits(settings), settings.async_prediction_seconds
    )
    return [
        JobWork(tools, node).kind,
        ServingWork(_serving_tools(settings, tools, node)).kind,
        build_kind(db, tools.builder),
        *dataset_kinds(db, storage),
        *mail_kinds(db, mailer(settings)),
        *predictions.kinds,
        RecordingWork(db, storage, spool_folder(settings)).kind,
    ]


def _tools(settings: Settings, db: Database, storage: Storage) -> Tools:
    """What jobs run with."""
    home, rules = settings.home_path, address_rules(settings)
    compute = LocalCompute(settings.job_isolation, settings.job_network)
    vault = Vault.open(home / "secret.key")
    return Tools(
        db=db,
        git=LocalGitStore(home / "repos"),
        logs=LocalLogStore(home / "runs"),
        compute=compute,
        builder=LocalBuilder(home / "envs", compute.wrap, home / "cache" / "uv"),
        vault=vault,
        datasets=DatasetMounter(db, storage, isolated=compute.isolated),
        code=CodeFetcher(db, vault, git_remotes(settings, rules), rules),
        runs=home / "runs",
        api_host=settings.public_url or f"http://127.0.0.1:{settings.port}",
        interpreter_mounts=interpreter_mounts,
        stop_grace_seconds=settings.job_stop_grace_seconds,
        max_log_bytes=settings.job_max_log_bytes,
        token_seconds=settings.job_run_token_seconds,
    )


def _serving_tools(settings: Settings, tools: Tools, node: Node) -> ServingTools:
    """What models are served with, much of it what jobs run with."""
    home = settings.home_path
    return ServingTools(
        db=tools.db,
        git=tools.git,
        logs=tools.logs,
        serving=LocalServing(tools.compute, tools.interpreter_mounts),
        builder=tools.builder,
        vault=tools.vault,
        datasets=tools.datasets,
        artifacts=ArtifactFiles(TrackerPlace(home).artifacts),
        isolated=tools.compute.isolated,
        node=node.name,
        models=home / "models",
        runs=tools.runs,
        start_timeout_seconds=settings.model_start_timeout_seconds,
        request_timeout_seconds=settings.request_timeout_seconds,
        stop_grace_seconds=settings.job_stop_grace_seconds,
        max_log_bytes=settings.model_max_log_bytes,
    )


async def _opened(dsn: str, stop: asyncio.Event) -> Database | None:
    """The database, once it answers and the API has brought it up to date; None when told to stop."""
    while not stop.is_set():
        try:
            db = await connect(dsn, max_size=8)
            if await is_current(db):
                return db
            await db.close()
        except Unavailable:
            log.debug("the database does not answer yet")
        await asyncio.sleep(0.05)
    return None


def _node_name(home: Path) -> str:
    """The machine's name as a runner; it outlives restarts, so that jobs are adopted."""
    path = home / "node"
    if not path.exists():
        path.write_text(f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}\n")
    return path.read_text().strip()


async def _register(db: Database, node: Node) -> None:
    await register_node(db, node.name, node.cores, node.memory_bytes, node.gpus)


async def _keep_registered(db: Database, node: Node) -> None:
    while True:
        await asyncio.sleep(NODE_SECONDS)
        try:
            await _register(db, node)
        except Unavailable:
            log.warning("the node could not be registered: the database is away")


def main() -> None:
    """Runs the runner of the home and database that the environment names; one on a home at a time."""
    settings = load_settings()
    log_to_home("runner", settings)
    lock = (settings.home_path / "runner.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fail(f"another runner works on the home {settings.home_path}")

    async def life() -> None:
        await run(settings, os.environ[DATABASE_DSN], stop_event())

    asyncio.run(life())


if __name__ == "__main__":
    main()
