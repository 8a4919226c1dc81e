"""Users: accounts, their API keys and run tokens, and the permission tables that every guard asks."""

from modelyard.domains.users.access import (
    SESSION_COOKIE,
    Caller,
    authenticate,
    authenticated,
    authenticated_with,
    caller_of,
    user_with,
)
from modelyard.domains.users.permissions import (
    DATASET_RIGHTS,
    ORGANIZATION_RIGHTS,
    PLATFORM_RIGHTS,
    PROJECT_RIGHTS,
    VISIBILITY_RIGHTS,
    DatasetRole,
    OrganizationRole,
    PlatformRole,
    ProjectRole,
    Right,
    Visibility,
    dataset_rights,
    project_rights,
)
from modelyard.domains.users.queries import User, find_user, find_user_by_name, find_users
from modelyard.domains.users.run_tokens import extend_run_token, issue_run_token, revoke_run_tokens
from modelyard.domains.users.service import (
    create_organization_account,
    create_user,
    ensure_administrator,
    on_user_created,
)
from modelyard.domains.users.sessions import SESSION_SECONDS, log_in, log_out
from modelyard.domains.users.wire import NewUser

__all__ = [
    "DATASET_RIGHTS",
    "ORGANIZATION_RIGHTS",
    "PLATFORM_RIGHTS",
    "PROJECT_RIGHTS",
    "SESSION_COOKIE",
    "SESSION_SECONDS",
    "VISIBILITY_RIGHTS",
    "Caller",
    "DatasetRole",
    "NewUser",
    "OrganizationRole",
    "PlatformRole",
    "ProjectRole",
    "Right",
    "User",
    "Visibility",
    "authenticate",
    "authenticated",
    "authenticated_with",
    "caller_of",
    "create_organization_account",
    "create_user",
    "dataset_rights",
    "ensure_administrator",
    "extend_run_token",
    "find_user",
    "find_user_by_name",
    "find_users",
    "issue_run_token",
    "log_in",
    "log_out",
    "on_user_created",
    "project_rights",
    "revoke_run_tokens",
    "user_with",
]
