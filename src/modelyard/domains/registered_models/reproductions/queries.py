"""SQL of the jobs that versions of models were made by."""

from modelyard.kit.db import Executor

_SOURCE = "FROM model_versions v JOIN experiment_runs r ON r.id = v.run_id WHERE r.job_id IS NOT NULL AND"


async def jobs_of_model(db: Executor, model_id: str) -> list[str]:
    """The jobs that have made versions of a model."""
    return await db.values(f"SELECT DISTINCT r.job_id {_SOURCE} v.model_id = $1", model_id)


async def has_versions(db: Executor, job_id: str) -> bool:
    """Whether there is a version of any model that a job has made."""
    return await db.value(f"SELECT EXISTS (SELECT {_SOURCE} r.job_id = $1)", job_id) is True
