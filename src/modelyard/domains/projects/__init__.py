"""Projects: who works on what, with its files as commits of a git repository, its goals and tags."""

from modelyard.domains.projects.access import (
    project_by_id,
    project_by_name,
    project_named_by,
    project_with,
)
from modelyard.domains.projects.queries import Goal, Project, find_goal, find_project
from modelyard.domains.projects.repository import author_of, ensure_repository
from modelyard.domains.projects.uploads import Uploads

__all__ = [
    "Goal",
    "Project",
    "Uploads",
    "author_of",
    "ensure_repository",
    "find_goal",
    "find_project",
    "project_by_id",
    "project_by_name",
    "project_named_by",
    "project_with",
]
