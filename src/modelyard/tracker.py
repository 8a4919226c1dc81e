"""The tracker's process: MLflow's server on the supervisor's socket, over a database of its own."""

import asyncio
import gc
import os
import socket

import structlog
import uvicorn
import uvloop

from modelyard.engines.tracker.place import HOST, LISTENER, TrackerPlace, TrackerState, tracker_dsn
from modelyard.engines.tracker.queries import prepare_database
from modelyard.process import DATABASE_DSN, log_to_home, stop_event
from modelyard.settings import Settings, load_settings

log = structlog.get_logger()

KEEP_ALIVE_SECONDS = 3600


def configure(dsn: str, place: TrackerPlace) -> None:
    """Sets what MLflow's own command would set, before MLflow is imported; `dsn` is of the tracker's database."""
    store = f"postgresql+psycopg{dsn[dsn.index('://') :]}"
    os.environ |= {
        "_MLFLOW_SERVER_FILE_STORE": store,
        "_MLFLOW_SERVER_REGISTRY_STORE": store,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(place.artifacts),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_SERVER_ALLOWED_HOSTS": HOST,
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "8",
        "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "32",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def bring_up_to_date() -> None:
    """Makes MLflow's tables, or changes those of an earlier MLflow."""
    from mlflow.server.handlers import initialize_backend_stores  # noqa: PLC0415 - after `configure`
    from mlflow.store.db import utils  # noqa: PLC0415

    store = os.environ["_MLFLOW_SERVER_FILE_STORE"]
    engine = utils.create_sqlalchemy_engine(store)
    if utils._is_empty_database(engine):
        utils._initialize_tables(engine)
    elif utils._get_schema_version(engine) != utils._get_latest_schema_revision():
        utils._upgrade_db(engine)
    engine.dispose()
    initialize_backend_stores(store, store, "mlflow-artifacts:/")


async def serve(listener: socket.socket, place: TrackerPlace) -> None:
    """Serves until the process is told to stop, or the supervisor has ended."""
    from mlflow.server.fastapi_app import app  # noqa: PLC0415 - takes seconds, and reads what `configure` has set

    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_keep_alive=KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=10
    )
    server = uvicorn.Server(config)
    stop = stop_event()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():  # noqa: ASYNC110 - the server says it in no other way
        await asyncio.sleep(0.02)
    if server.started:
        # What was imported stays. To look through it again and again takes a fifth of a second each time.
        gc.collect()
        gc.freeze()
        place.note(TrackerState.UP)
        log.info("serving")
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    stopping.cancel()


def run(settings: Settings, dsn: str) -> None:
    """Runs MLflow's server of a home over its database beside the one at `dsn`."""
    place = TrackerPlace(settings.home_path)
    place.prepare()
    prepare_database(dsn)
    configure(tracker_dsn(dsn), place)
    bring_up_to_date()
    listener = socket.socket(fileno=int(os.environ[LISTENER]))
    uvloop.run(serve(listener, place))


def main() -> None:
    """Runs the tracker of the home and database that the environment names."""
    settings = load_settings()
    log_to_home("tracker", settings)
    run(settings, os.environ[DATABASE_DSN])


if __name__ == "__main__":
    main()
