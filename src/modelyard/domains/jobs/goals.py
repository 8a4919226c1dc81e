"""Goals of a project that its jobs serve."""

from modelyard.domains.jobs import queries
from modelyard.domains.jobs.queries import Job
from modelyard.domains.jobs.wire import LinkedGoalV1
from modelyard.domains.projects import Goal, find_goal
from modelyard.domains.users import Caller
from modelyard.kit import events
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import NotFound
from modelyard.kit.wire import present


async def linked(db: Database, job: Job) -> list[LinkedGoalV1]:
    """The goals that a job serves and that still exist."""
    found = [await find_goal(db, job.project_id, goal_id) for goal_id in await queries.goal_ids_of(db, job.id)]
    return [_reply(job, goal) for goal in found if goal]


async def link(tx: Transaction, caller: Caller, job: Job, goal_id: str) -> LinkedGoalV1:
    """Links a goal of the same project; raises NotFound."""
    goal = await find_goal(tx, job.project_id, goal_id)
    if goal is None:
        raise NotFound(f"The job's project has no goal with the id {goal_id}.")
    await queries.link_goal(tx, job.id, goal_id)
    await events.record(tx, caller, "job.goalLinked", "job", job.id, project_id=job.project_id, goalId=goal_id)
    return _reply(job, goal)


async def unlink(tx: Transaction, caller: Caller, job: Job, goal_id: str) -> None:
    """Unlinks a goal; raises NotFound when it was not linked."""
    if not await queries.unlink_goal(tx, job.id, goal_id):
        raise NotFound(f"The job is not linked to a goal with the id {goal_id}.")
    await events.record(tx, caller, "job.goalUnlinked", "job", job.id, project_id=job.project_id, goalId=goal_id)


def _reply(job: Job, goal: Goal) -> LinkedGoalV1:
    return LinkedGoalV1(
        goal_id=goal.id,
        job_id=job.id,
        project_id=job.project_id,
        title=goal.title,
        description=present(goal.description),
        current_stage="Complete" if goal.is_complete else "InProgress",
    )
