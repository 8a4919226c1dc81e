"""The models that a run has made: those that it logged as models, and folders of its files that are one."""

from typing import Any

import msgspec

from modelyard.engines.tracker import TrackedRun, Tracker
from modelyard.kit.errors import BadRequest
from modelyard.kit.safe_path import SafePath

MLMODEL = "MLmodel"
# How deep and how widely a run's files are looked through for models.
DEPTH, FOLDERS = 3, 100
PAGES = 20


class RunModel(msgspec.Struct, frozen=True):
    """A model of a run: what it is called there, how clients address it, and where its files are."""

    name: str
    source: str
    location: str
    logged_model_id: str | None = None


class _Info(msgspec.Struct):
    model_id: str
    name: str
    status: str
    artifact_uri: str


class _Logged(msgspec.Struct):
    info: _Info


class _LoggedModels(msgspec.Struct):
    models: list[_Logged] = []
    next_page_token: str = ""


async def logged_models(tracker: Tracker, run: TrackedRun) -> list[RunModel]:
    """The models that a run has logged as such and that are ready, the newest first."""
    found: list[RunModel] = []
    asked: dict[str, Any] = {
        "experiment_ids": [run.experiment_id],
        "filter": f"source_run_id = '{run.id}'",
        "order_by": [{"field_name": "creation_timestamp", "ascending": False}],
    }
    for _ in range(PAGES):
        answer = await tracker.call("POST", "/api/2.0/mlflow/logged-models/search", body=asked)
        page = msgspec.convert(answer, _LoggedModels, strict=False)
        found += [
            RunModel(one.info.name, f"models:/{one.info.model_id}", one.info.artifact_uri, one.info.model_id)
            for one in page.models
            if one.info.status.endswith("READY")
        ]
        if not page.next_page_token:
            break
        asked["page_token"] = page.next_page_token
    return found


async def model_folders(tracker: Tracker, run: TrackedRun) -> list[RunModel]:
    """The folders of a run's files that have an MLmodel file, the run's own folder too."""
    found: list[RunModel] = []
    waiting = [""]
    for _ in range(FOLDERS):
        if not waiting:
            break
        folder = waiting.pop(0)
        entries = await tracker.artifacts(below(run.artifact_uri, folder))
        if any(entry.path.rpartition("/")[2] == MLMODEL and not entry.is_dir for entry in entries):
            found.append(in_run(run, folder))
        elif folder.count("/") < DEPTH - 1:
            names = sorted(entry.path.rpartition("/")[2] for entry in entries if entry.is_dir)
            waiting += [f"{folder}/{name}" if folder else name for name in names]
    return found


async def only_model(tracker: Tracker, run: TrackedRun) -> RunModel:
    """The one model of a run; raises BadRequest, which lists those there are, when it has none or several."""
    found = await logged_models(tracker, run) or await model_folders(tracker, run)
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{one.name or 'the top folder'}{_id_of(one)}" for one in found[:20])
    none = "has no model: none was logged, and no folder has an MLmodel file"
    what = f"has several models ({listed})" if found else none
    raise BadRequest(
        f"The run {run.id} {what}. Name what is to be registered: make the model by"
        " POST /api/2.0/mlflow/registered-models/create, then its version by"
        " POST /api/registeredmodels/v1/{modelName}/versions with `artifact`."
    )


async def model_named(tracker: Tracker, run: TrackedRun, artifact: str) -> RunModel:
    """A logged model of a run by its name or id, or a folder or file of the run by its path; raises BadRequest."""
    for one in await logged_models(tracker, run):
        if artifact in {one.logged_model_id, one.name}:
            return one
    path = SafePath(artifact)
    if path and await exists(tracker, run.artifact_uri, path):
        return in_run(run, path)
    raise BadRequest(f"The run {run.id} has no file, folder or logged model '{artifact[:250]}' to register.")


async def exists(tracker: Tracker, root: str, path: str) -> bool:
    """Whether there is a file or a folder that is not empty."""
    parent, _, name = path.rpartition("/")
    return any(entry.path.rpartition("/")[2] == name for entry in await tracker.artifacts(below(root, parent)))


def in_run(run: TrackedRun, path: str) -> RunModel:
    """What stands at a path among the files of a run."""
    return RunModel(path, f"runs:/{run.id}/{path}", below(run.artifact_uri, path))


def below(root: str, path: str) -> str:
    """The location of a path below another location."""
    return f"{root.rstrip('/')}/{path}" if path else root.rstrip("/")


def _id_of(model: RunModel) -> str:
    return f" ({model.logged_model_id})" if model.logged_model_id else ""
