"""Sentences about runs that make models."""

from typing import Any

from tests.client import Person
from tests.domains.experiments.tracking import API, experiment, run

MODEL_FILE = b"flavors: {}\n"


async def new_run(person: Person, project: dict[str, Any] | None = None, name: str = "e") -> str:
    """A run of a new experiment of a project; its id."""
    return await run(person, await experiment(person, name, project["id"] if project else None))


async def info(person: Person, run_id: str) -> dict[str, Any]:
    """What the tracker says of a run."""
    found: dict[str, Any] = (await person.get(f"{API}/runs/get", run_id=run_id))["run"]["info"]
    return found


async def put_file(person: Person, run_id: str, path: str, content: bytes = MODEL_FILE) -> None:
    """A file of a run."""
    place = (await info(person, run_id))["artifact_uri"].removeprefix("mlflow-artifacts:/")
    reply = await person.request("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{place}/{path}", content=content)
    assert reply.status_code == 200, reply.text


async def put_model(person: Person, run_id: str, name: str, *, ready: bool = True) -> str:
    """A model that a run has logged; its id."""
    experiment_id = (await info(person, run_id))["experiment_id"]
    body = {"experiment_id": experiment_id, "name": name, "source_run_id": run_id}
    model_id = str((await person.post(f"{API}/logged-models", body))["model"]["info"]["model_id"])
    if ready:
        status = {"model_id": model_id, "status": "LOGGED_MODEL_READY"}
        await person.patch(f"{API}/logged-models/{model_id}", status)
    return model_id


async def measure(person: Person, run_id: str, **values: float | str) -> None:
    """Metrics of a run, and its parameters."""
    metrics = [
        {"key": key, "value": value, "timestamp": 1_700_000_000_000, "step": 0}
        for key, value in values.items()
        if not isinstance(value, str) or value in {"NaN", "Infinity", "-Infinity"}
    ]
    params = [
        {"key": key, "value": value}
        for key, value in values.items()
        if isinstance(value, str) and value not in {"NaN", "Infinity", "-Infinity"}
    ]
    await person.post(f"{API}/runs/log-batch", {"run_id": run_id, "metrics": metrics, "params": params})
