"""The data that versions of models were made from: kept as long as there is one that needs it."""

from collections.abc import Iterable

from modelyard.domains.datasets import keep_data_of_run, release_data_of_run
from modelyard.domains.experiments import find_run
from modelyard.domains.registered_models.reproductions import queries
from modelyard.kit.db import Transaction


async def keep_data_of_version(tx: Transaction, run_id: str) -> None:
    """Has what the job of a run found in datasets kept, now that a version was made from it."""
    run = await find_run(tx, run_id)
    if run is not None and run.job_id is not None:
        await keep_data_of_run(tx, run.job_id)


async def release_data_of_jobs(tx: Transaction, job_ids: Iterable[str]) -> None:
    """Has what jobs found in datasets kept no longer, unless there are other versions that they have made.

    In this order: whoever registers one at the same moment waits for the rows that are released here.
    """
    for job_id in job_ids:
        await release_data_of_run(tx, job_id)
        if await queries.has_versions(tx, job_id):
            await keep_data_of_run(tx, job_id)
