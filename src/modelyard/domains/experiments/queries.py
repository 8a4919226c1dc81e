"""SQL of experiments and of which experiment a run belongs to."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec

from modelyard.domains.projects import KNOWN_TO_CALLER, PROJECTS_OF_CALLER, projects_with
from modelyard.domains.users import Caller, Right
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.search_syntax import Condition, Key, Searchable

_COLUMNS = (
    "e.id, e.project_id, e.name, e.lifecycle_stage, e.artifact_location, e.tags, e.creator_id, e.created_at,"
    " e.updated_at"
)

SEARCHABLE = Searchable(
    keys={
        "name": Key("e.name"),
        "creation_time": Key("e.created_at", "time"),
        "last_update_time": Key("e.updated_at", "time"),
        "experiment_id": Key("e.id"),
    },
    tags="e.tags",
)


def _in_projects_with(caller: Caller, right: Right) -> str:
    return f"e.project_id IN ({projects_with(caller, right)})"


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment, by the tracker's id of it."""

    id: str
    project_id: str
    name: str
    lifecycle_stage: str
    artifact_location: str
    tags: dict[str, str]
    creator_id: str
    created_at: datetime
    updated_at: datetime


class RunRow(msgspec.Struct, frozen=True):
    """Where a run belongs."""

    id: str
    experiment_id: str
    project_id: str
    job_id: str | None
    is_registered: bool


class RunOfCaller(msgspec.Struct, frozen=True):
    """Where a run belongs, and its project as one caller sees it, if at all."""

    id: str
    experiment_id: str
    job_id: str | None
    is_registered: bool
    project: dict[str, Any] | None


async def add_experiment(
    tx: Transaction,
    *,
    experiment_id: str,
    project_id: str,
    name: str,
    artifact_location: str,
    tags: dict[str, str],
    creator_id: str,
) -> bool:
    """Adds an experiment; False when its project has one of that name."""
    added = await tx.execute(
        "INSERT INTO experiments (id, project_id, name, artifact_location, tags, creator_id)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        experiment_id, project_id, name, artifact_location, tags, creator_id,
    )  # fmt: skip
    return added == 1


async def find_experiment(db: Executor, experiment_id: str) -> Experiment | None:
    """The experiment with this id."""
    return await db.row(Experiment, f"SELECT {_COLUMNS} FROM experiments e WHERE e.id = $1", experiment_id)


async def visible_experiments(
    db: Executor, caller: Caller, experiment_ids: Collection[str], right: Right
) -> set[str]:
    """Those of these experiments in whose projects the caller has a right, by their ids."""
    return set(
        await db.values(
            f"SELECT e.id FROM experiments e WHERE e.id = ANY($3) AND {_in_projects_with(caller, right)}",
            caller.id, caller.is_admin, list(experiment_ids),
        )
    )  # fmt: skip


async def find_experiment_named(db: Executor, project_id: str, name: str) -> Experiment | None:
    """A project's experiment of this name."""
    return await db.row(
        Experiment,
        f"SELECT {_COLUMNS} FROM experiments e WHERE e.project_id = $1 AND e.name = $2",
        project_id,
        name,
    )


async def visible_experiment_named(db: Executor, caller: Caller, name: str) -> Experiment | None:
    """The newest experiment of this name that the caller may log to, else that the caller may see."""
    return await db.row(
        Experiment,
        f"SELECT {_COLUMNS} FROM experiments e WHERE e.name = $3 AND {_in_projects_with(caller, Right.VIEW_JOBS)}"
        f" ORDER BY {_in_projects_with(caller, Right.EDIT)} DESC, e.created_at DESC LIMIT 1",
        caller.id, caller.is_admin, name,
    )  # fmt: skip


async def search_experiments(
    db: Executor,
    caller: Caller,
    project_id: str | None,
    stages: list[str],
    condition: Condition,
    ordering: str,
    limit: int,
    offset: int,
) -> list[Experiment]:
    """One window of the experiments that the caller may see, of one project or of all.

    The condition's placeholders start at $7.
    """
    return await db.rows(
        Experiment,
        f"SELECT {_COLUMNS} FROM experiments e WHERE {_in_projects_with(caller, Right.VIEW_JOBS)}"
        " AND ($3::text IS NULL OR e.project_id = $3) AND e.lifecycle_stage = ANY($4)"
        f" AND {condition.sql} ORDER BY {ordering} LIMIT $5 OFFSET $6",
        caller.id, caller.is_admin, project_id, stages, limit, offset, *condition.arguments,
    )  # fmt: skip


async def rename_experiment(tx: Transaction, experiment_id: str, name: str) -> None:
    """Gives an experiment another name; its project has none of that name."""
    await tx.execute("UPDATE experiments SET name = $2, updated_at = now() WHERE id = $1", experiment_id, name)


async def set_stage(tx: Transaction, experiment_id: str, stage: str) -> None:
    """Marks an experiment as deleted or as active again."""
    await tx.execute(
        "UPDATE experiments SET lifecycle_stage = $2, updated_at = now() WHERE id = $1", experiment_id, stage
    )


async def set_tag(tx: Transaction, experiment_id: str, key: str, value: str) -> None:
    """Sets a tag of an experiment."""
    await tx.execute(
        "UPDATE experiments SET tags = tags || jsonb_build_object($2::text, $3::text), updated_at = now()"
        " WHERE id = $1",
        experiment_id, key, value,
    )  # fmt: skip


async def delete_tag(tx: Transaction, experiment_id: str, key: str) -> None:
    """Removes a tag of an experiment."""
    await tx.execute(
        "UPDATE experiments SET tags = tags - $2, updated_at = now() WHERE id = $1", experiment_id, key
    )


async def add_run(tx: Executor, run_id: str, experiment_id: str, job_id: str | None, creator_id: str) -> None:
    """Notes where a run belongs."""
    await tx.execute(
        "INSERT INTO experiment_runs (id, experiment_id, job_id, creator_id) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING",
        run_id, experiment_id, job_id, creator_id,
    )  # fmt: skip


_RUN = (
    "SELECT r.id, r.experiment_id, e.project_id, r.job_id, r.is_registered FROM experiment_runs r"
    " JOIN experiments e ON e.id = r.experiment_id WHERE"
)


async def find_run(db: Executor, run_id: str) -> RunRow | None:
    """Where a run belongs."""
    return await db.row(RunRow, f"{_RUN} r.id = $1", run_id)


async def find_run_of(db: Executor, caller: Caller, run_id: str) -> RunOfCaller | None:
    """Where a run belongs, with its project if the caller may know of it, in one query."""
    return await db.row(
        RunOfCaller,
        "SELECT r.id, r.experiment_id, r.job_id, r.is_registered, to_jsonb(p) AS project FROM experiment_runs r"
        f" JOIN experiments e ON e.id = r.experiment_id LEFT JOIN ({PROJECTS_OF_CALLER}) p"
        f" ON p.id = e.project_id AND {KNOWN_TO_CALLER} WHERE r.id = $3",
        caller.id, caller.is_admin, run_id,
    )  # fmt: skip


async def find_runs(db: Executor, run_ids: list[str]) -> list[RunRow]:
    """Where these runs belong."""
    return await db.rows(RunRow, f"{_RUN} r.id = ANY($1)", run_ids)


async def runs_of_job(db: Executor, job_id: str) -> list[str]:
    """The runs that a job has logged, the first one first."""
    return await db.values("SELECT id FROM experiment_runs WHERE job_id = $1 ORDER BY created_at, id", job_id)


async def mark_registered(tx: Transaction, run_id: str) -> None:
    """Notes that a version of a model was made from a run."""
    await tx.execute("UPDATE experiment_runs SET is_registered = true WHERE id = $1", run_id)
