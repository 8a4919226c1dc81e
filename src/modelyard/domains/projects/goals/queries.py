"""SQL of goals."""

from datetime import datetime

import msgspec

from modelyard.kit.db import Executor, Transaction


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """Something a project is to reach."""

    id: str
    project_id: str
    title: str
    description: str | None
    assignee_id: str | None
    stage_id: str | None
    creator_id: str
    is_complete: bool
    created_at: datetime


_GOAL = "id, project_id, title, description, assignee_id, stage_id, creator_id, is_complete, created_at"


async def goals_of(db: Executor, project_id: str) -> list[Goal]:
    """The goals of a project, oldest first."""
    return await db.rows(
        Goal,
        f"SELECT {_GOAL} FROM project_goals WHERE project_id = $1 ORDER BY id",
        project_id,
    )


async def find_goal(db: Executor, project_id: str, goal_id: str) -> Goal | None:
    """The goal with this id, if it is one of this project."""
    return await db.row(
        Goal,
        f"SELECT {_GOAL} FROM project_goals WHERE project_id = $1 AND id = $2",
        project_id, goal_id,
    )  # fmt: skip


async def add_goal(tx: Transaction, goal: Goal) -> None:
    """Adds a goal."""
    await tx.execute(
        f"INSERT INTO project_goals ({_GOAL}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        *msgspec.structs.astuple(goal),
    )


async def set_goal_complete(tx: Transaction, project_id: str, goal_id: str, is_complete: bool) -> Goal | None:
    """Notes whether a goal is reached; None when there is no such goal."""
    return await tx.row(
        Goal,
        "UPDATE project_goals SET is_complete = $3 WHERE project_id = $1 AND id = $2"
        f" RETURNING {_GOAL}",
        project_id, goal_id, is_complete,
    )  # fmt: skip


async def remove_goal(tx: Transaction, project_id: str, goal_id: str) -> bool:
    """Removes a goal; False when there is none."""
    removed = await tx.execute("DELETE FROM project_goals WHERE project_id = $1 AND id = $2", project_id, goal_id)
    return removed == 1
