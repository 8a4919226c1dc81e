"""Shapes of goals on the wire."""

from datetime import datetime
from typing import Annotated, Self

from msgspec import UNSET, Meta, UnsetType

from modelyard.domains.projects.goals.queries import Goal
from modelyard.domains.projects.wire import Description
from modelyard.kit.wire import MetadataV1, Wire, present

Title = Annotated[str, Meta(min_length=1, max_length=1_000)]


class NewProjectGoalV1(Wire):
    """Body of addGoalToProject."""

    title: Title
    description: Description | None = None
    assignee_id: str | None = None
    stage_id: str | None = None


class ProjectGoalForUpdateV1(Wire):
    """Body of updateProjectGoal."""

    is_complete: bool


class ProjectGoalV1(Wire):
    """A goal of a project."""

    id: str
    project_id: str
    title: str
    creator_id: str
    is_complete: bool
    created_at: datetime
    description: str | UnsetType = UNSET

    @classmethod
    def of(cls, goal: Goal) -> Self:
        """A stored goal."""
        return cls(
            id=goal.id,
            project_id=goal.project_id,
            title=goal.title,
            creator_id=goal.creator_id,
            is_complete=goal.is_complete,
            created_at=goal.created_at,
            description=present(goal.description),
        )


class ProjectGoalEnvelopeV1(Wire):
    """One goal."""

    goal: ProjectGoalV1
    metadata: MetadataV1


class ProjectGoalsEnvelopeV1(Wire):
    """All goals of a project."""

    goals: list[ProjectGoalV1]
    metadata: MetadataV1
