"""Sentences about experiments."""

from typing import Any

from tests.client import Person

API = "/api/2.0/mlflow"


async def make_project(person: Person, name: str, visibility: str = "Private") -> str:
    """A project; its id."""
    body = {"name": name, "description": "", "visibility": visibility}
    return str((await person.post("/api/projects/beta/projects", body))["project"]["id"])


async def experiment(person: Person, name: str, project: str | None = None) -> str:
    """An experiment in a project, or in the quick-start; its id."""
    body: dict[str, Any] = {"name": name}
    if project is not None:
        body["tags"] = [{"key": "modelyard.project", "value": project}]
    return str((await person.post(f"{API}/experiments/create", body))["experiment_id"])


async def run(person: Person, experiment_id: str, **tags: str) -> str:
    """A run; its id."""
    body = {
        "experiment_id": experiment_id,
        "start_time": 1,
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
    }
    return str((await person.post(f"{API}/runs/create", body))["run"]["info"]["run_id"])
