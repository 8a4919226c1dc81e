"""The real MLflow client, as one person or another."""

import contextlib
import os
from collections.abc import Iterator

import mlflow
from mlflow import MlflowClient

from tests.journeys.running import RunningServer


def plain_environment() -> dict[str, str]:
    """The environment without what MLflow's client has left in it: it notes experiments and runs there."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}


@contextlib.contextmanager
def client_of(server: RunningServer, key: str) -> Iterator[MlflowClient]:
    """The client of somebody; the client takes its credentials from the environment, at each request."""
    # An earlier test's server may be known to the whole process, which counts more than the environment.
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(plain_environment())
    os.environ |= {"MLFLOW_TRACKING_TOKEN": key, "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1"}
    try:
        yield MlflowClient(tracking_uri=f"{server.url}/mlflow", registry_uri=f"{server.url}/mlflow")
    finally:
        os.environ.clear()
        os.environ |= before
