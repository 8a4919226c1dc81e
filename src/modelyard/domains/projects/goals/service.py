"""Rules of goals."""

from datetime import UTC, datetime

from modelyard.domains.projects.goals import queries
from modelyard.domains.projects.goals.queries import Goal
from modelyard.domains.projects.goals.wire import NewProjectGoalV1
from modelyard.domains.projects.queries import Project
from modelyard.domains.users import Caller, find_user
from modelyard.kit import events
from modelyard.kit.db import Transaction
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.ids import new_id


async def add_goal(tx: Transaction, caller: Caller, project: Project, wanted: NewProjectGoalV1) -> Goal:
    """A new goal; raises BadRequest for an unknown assignee."""
    if wanted.assignee_id and await find_user(tx, wanted.assignee_id) is None:
        raise BadRequest(f"assigneeId: there is no account with the id {wanted.assignee_id[:100]}.")
    goal = Goal(
        id=new_id(),
        project_id=project.id,
        title=wanted.title,
        description=wanted.description or None,
        assignee_id=wanted.assignee_id or None,
        stage_id=wanted.stage_id or None,
        creator_id=caller.id,
        is_complete=False,
        created_at=datetime.now(UTC),
    )
    await queries.add_goal(tx, goal)
    await events.record(
        tx, caller, "project.goalAdded", "goal", goal.id, project_id=project.id, title=wanted.title
    )
    return goal


async def set_goal_complete(
    tx: Transaction, caller: Caller, project: Project, goal_id: str, is_complete: bool
) -> Goal:
    """Notes whether a goal is reached; raises NotFound."""
    goal = await queries.set_goal_complete(tx, project.id, goal_id, is_complete)
    if goal is None:
        raise NotFound(f"This project has no goal with the id {goal_id[:100]}.")
    await events.record(
        tx, caller, "project.goalUpdated", "goal", goal_id, project_id=project.id, isComplete=is_complete
    )
    return goal


async def remove_goal(tx: Transaction, caller: Caller, project: Project, goal_id: str) -> None:
    """Removes a goal; raises NotFound."""
    if not await queries.remove_goal(tx, project.id, goal_id):
        raise NotFound(f"This project has no goal with the id {goal_id[:100]}.")
    await events.record(tx, caller, "project.goalRemoved", "goal", goal_id, project_id=project.id)
