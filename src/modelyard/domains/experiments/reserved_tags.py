"""The tags that say where something comes from: the platform sets them, and no client."""

from collections.abc import Iterable, Mapping

from modelyard.domains.projects import Project
from modelyard.kit.errors import BadRequest

# A client names the project of something new by this one, as an id or as `owner/name`.
PROJECT_TAG = "modelyard.project"

_DOMINO = "mlflow.domino."
_OWN = "modelyard."
# Who has logged something, and in which job.
USER_ID, JOB_ID = _DOMINO + "user_id", _DOMINO + "run_id"
_SET_BY_PLATFORM = frozenset(
    _DOMINO + name
    for name in (
        "commit_id",
        "dataset_info",
        "environment_id",
        "environment_revision_id",
        "hardware_tier",
        "project",
        "project_id",
        "project_name",
        "run_id",
        "run_number",
        "user",
        "user_id",
    )
)


def is_reserved(key: str) -> bool:
    """Whether only the platform sets this tag."""
    return key in _SET_BY_PLATFORM or key.startswith(_OWN)


def refuse_reserved(keys: Iterable[str]) -> None:
    """Raises BadRequest when a client would set or remove a tag that only the platform sets."""
    reserved = sorted(key for key in keys if is_reserved(key))
    if reserved:
        raise BadRequest(f"Only the platform sets the tag {', '.join(reserved)[:300]}; choose another name.")


def origin_tags(project: Project, user_id: str, user_name: str) -> dict[str, str]:
    """The tags of whatever belongs to a project and was made by somebody."""
    return {
        _DOMINO + "project": project.name,
        _DOMINO + "project_id": project.id,
        _DOMINO + "project_name": project.name,
        _DOMINO + "user": user_name,
        USER_ID: user_id,
    }


def job_tags(
    *,
    job_id: str,
    number: int,
    commit_id: str,
    environment_id: str,
    environment_revision_id: str,
    hardware_tier_id: str,
    snapshots: Iterable[tuple[str, str]],
) -> Mapping[str, str]:
    """The tags of what a job logs; `snapshots` are datasets and their snapshots, by their ids."""
    tags = {
        JOB_ID: job_id,
        _DOMINO + "run_number": str(number),
        _DOMINO + "commit_id": commit_id,
        _DOMINO + "environment_id": environment_id,
        _DOMINO + "environment_revision_id": environment_revision_id,
        _DOMINO + "hardware_tier": hardware_tier_id,
        "mlflow.source.type": "JOB",
        "mlflow.source.git.commit": commit_id,
    }
    if listed := ",".join(f"{dataset}-{snapshot}" for dataset, snapshot in snapshots):
        tags[_DOMINO + "dataset_info"] = listed
    return tags
