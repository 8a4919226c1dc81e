"""Projects: who works on what, with its files as commits of a git repository, its goals and tags."""

from modelyard.domains.projects.access import (
    demand,
    project_by_id,
    project_by_name,
    project_in_body,
    project_named_by,
    project_with,
)
from modelyard.domains.projects.code_repositories.queries import CodeRepository, repositories_of
from modelyard.domains.projects.code_repositories.service import reading_secret
from modelyard.domains.projects.copying import Copying, UncopiedDataset, on_project_copied, settle_copies
from modelyard.domains.projects.copying.throttle import Throttle
from modelyard.domains.projects.goals.queries import Goal, find_goal
from modelyard.domains.projects.queries import (
    KNOWN_TO_CALLER,
    PROJECTS_OF_CALLER,
    Project,
    find_project,
    people_with,
    projects_with,
)
from modelyard.domains.projects.repository import author_of, ensure_repository
from modelyard.domains.projects.service import request_access, set_run_defaults
from modelyard.domains.projects.uploads import Uploads
from modelyard.domains.projects.wire import CollaboratorRole

__all__ = [
    "KNOWN_TO_CALLER",
    "PROJECTS_OF_CALLER",
    "CodeRepository",
    "CollaboratorRole",
    "Copying",
    "Goal",
    "Project",
    "Throttle",
    "UncopiedDataset",
    "Uploads",
    "author_of",
    "demand",
    "ensure_repository",
    "find_goal",
    "find_project",
    "on_project_copied",
    "people_with",
    "project_by_id",
    "project_by_name",
    "project_in_body",
    "project_named_by",
    "project_with",
    "projects_with",
    "reading_secret",
    "repositories_of",
    "request_access",
    "set_run_defaults",
    "settle_copies",
]
