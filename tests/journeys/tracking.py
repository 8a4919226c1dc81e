"""The real MLflow client, as one person or another."""

import contextlib
import os
from collections.abc import Iterator

from mlflow import MlflowClient

from tests.journeys.running import RunningServer


@contextlib.contextmanager
def client_of(server: RunningServer, key: str) -> Iterator[MlflowClient]:
    """The client of somebody; the client takes its credentials from the environment, at each request."""
    before = dict(os.environ)
    os.environ |= {"MLFLOW_TRACKING_TOKEN": key, "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1"}
    try:
        yield MlflowClient(tracking_uri=f"{server.url}/mlflow", registry_uri=f"{server.url}/mlflow")
    finally:
        os.environ.clear()
        os.environ |= before
