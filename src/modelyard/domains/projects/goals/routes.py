"""Public operations on goals."""

from modelyard.domains.projects.access import project_with
from modelyard.domains.projects.goals import queries, service
from modelyard.domains.projects.goals.wire import (
    NewProjectGoalV1,
    ProjectGoalEnvelopeV1,
    ProjectGoalForUpdateV1,
    ProjectGoalsEnvelopeV1,
    ProjectGoalV1,
)
from modelyard.domains.projects.queries import Project
from modelyard.domains.users import Caller, Right
from modelyard.kit.db import Database, Transaction
from modelyard.kit.operation import operation
from modelyard.kit.wire import DeleteEnvelopeV1, deleted, metadata

TAG = "Projects"


@operation(
    "GET", "/api/projects/v1/projects/{projectId:str}/goals", guard=project_with(Right.LIST_PROJECT), tag=TAG
)
async def get_project_goals(project: Project, db: Database) -> ProjectGoalsEnvelopeV1:
    """The goals of a project, oldest first."""
    goals = await queries.goals_of(db, project.id)
    return ProjectGoalsEnvelopeV1(goals=[ProjectGoalV1.of(goal) for goal in goals], metadata=metadata())


@operation("POST", "/api/projects/v1/projects/{projectId:str}/goals", guard=project_with(Right.EDIT), tag=TAG)
async def add_goal_to_project(
    project: Project, caller: Caller, tx: Transaction, data: NewProjectGoalV1
) -> ProjectGoalEnvelopeV1:
    """Add a goal to a project."""
    goal = await service.add_goal(tx, caller, project, data)
    return ProjectGoalEnvelopeV1(goal=ProjectGoalV1.of(goal), metadata=metadata())


@operation(
    "PATCH",
    "/api/projects/v1/projects/{projectId:str}/goals/{goalId:str}",
    guard=project_with(Right.EDIT),
    tag=TAG,
)
async def update_project_goal(
    project: Project, caller: Caller, tx: Transaction, goalId: str, data: ProjectGoalForUpdateV1
) -> ProjectGoalEnvelopeV1:
    """Note whether a goal is reached."""
    goal = await service.set_goal_complete(tx, caller, project, goalId, data.is_complete)
    return ProjectGoalEnvelopeV1(goal=ProjectGoalV1.of(goal), metadata=metadata())


@operation(
    "DELETE",
    "/api/projects/v1/projects/{projectId:str}/goals/{goalId:str}",
    guard=project_with(Right.EDIT),
    tag=TAG,
)
async def delete_project_goal(project: Project, caller: Caller, tx: Transaction, goalId: str) -> DeleteEnvelopeV1:
    """Delete a goal of a project."""
    await service.remove_goal(tx, caller, project, goalId)
    return deleted()
