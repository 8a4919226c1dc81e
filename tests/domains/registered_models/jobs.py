"""Sentences about jobs that make models: what they log and register, with the token that such a job has."""

from typing import Any

import msgspec

from modelyard.domains.users import issue_run_token
from tests.client import Person
from tests.domains.experiments.tracking import API, run
from tests.domains.registered_models.conftest import at
from tests.domains.registered_models.runs import measure, put_file, put_model

DESCRIPTION = (
    "artifact_path: mlflow-artifacts:/1/{id}\nflavors:\n  sklearn:\n    pickled_model: model.pkl\n"
    "model_id: {id}\nmodel_uuid: {id}\nrun_id: {id}\nutc_time_created: '{id}'\n"
)


class Logged(msgspec.Struct, frozen=True):
    """A run of a job, and the model that it has logged."""

    run_id: str
    model_id: str


async def speaker(person: Person, job: dict[str, Any]) -> Person:
    """The job as it speaks to the API, also when it is over."""
    token = await issue_run_token(person.modelyard.db, job["id"], person.id, 3600)
    return Person(person.modelyard, person.id, person.name, token)


async def logs(
    person: Person, job: dict[str, Any], *, auc: float = 0.9, depth: str = "3", weights: bytes = b"0123"
) -> Logged:
    """What a training job logs: a run with a metric, a parameter and a file, and a model."""
    job_itself = await speaker(person, job)
    run_id = await run(job_itself, "0")
    # What a run measures of its machine is another value every time.
    await measure(job_itself, run_id, **{"auc": auc, "depth": depth, "system/memory_usage_percentage": auc * 10})
    await put_file(job_itself, run_id, "plots/roc.txt", b"curve")
    model_id = await put_model(job_itself, run_id, "forest")
    model = (await job_itself.get(f"{API}/logged-models/{model_id}"))["model"]["info"]
    await _put(job_itself, f"{model['artifact_uri']}/MLmodel", DESCRIPTION.format(id=model_id).encode())
    await _put(job_itself, f"{model['artifact_uri']}/model.pkl", weights)
    outputs = {"run_id": run_id, "models": [{"model_id": model_id, "step": 0}]}
    await job_itself.post(f"{API}/runs/outputs", outputs)
    return Logged(run_id, model_id)


async def registers(person: Person, name: str, source: str, run_id: str | None = None, *, new: bool = True) -> int:
    """A version of a model, which is made if it is new; its number."""
    if new:
        await person.post(f"{API}/registered-models/create", {"name": name})
    body = {"name": name, "source": source} | ({"run_id": run_id} if run_id else {})
    made = await person.post(f"{API}/model-versions/create", body)
    return int(made["model_version"]["version"])


async def lineage(person: Person, name: str, version: int = 1) -> dict[str, Any]:
    """What a version comes from, as somebody sees it."""
    found: dict[str, Any] = await person.get(at(name, f"/versions/{version}/lineage"))
    return found


async def _put(person: Person, uri: str, content: bytes) -> None:
    place = uri.removeprefix("mlflow-artifacts:/")
    reply = await person.request("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{place}", content=content)
    assert reply.status_code == 200, reply.text
