"""Who may do what: every right of the contract, and the tables that give them to roles and visibilities."""

from enum import StrEnum


class Right(StrEnum):
    """The named rights of the contract, alphabetical."""

    ARCHIVE_PROJECT = "ArchiveProject"
    CHANGE_PROJECT_SETTINGS = "ChangeProjectSettings"
    CLASSIFY_ENVIRONMENTS = "ClassifyEnvironments"
    CREATE_ENVIRONMENT = "CreateEnvironment"
    CREATE_PROJECT = "CreateProject"
    EDIT = "Edit"
    EDIT_ENVIRONMENT = "EditEnvironment"
    EDIT_FILES = "EditFiles"
    LIST_PROJECT = "ListProject"
    MANAGE_COLLABORATORS = "ManageCollaborators"
    MANAGE_ENVIRONMENTS = "ManageEnvironments"
    MANAGE_HARDWARE_TIERS = "ManageHardwareTiers"
    MANAGE_ORGANIZATIONS = "ManageOrganizations"
    MANAGE_USERS = "ManageUsers"
    START_JOB = "StartJob"
    STOP_JOB = "StopJob"
    UPDATE_USER = "UpdateUser"
    USE_FILE_STORAGE = "UseFileStorage"
    USE_GLOBAL_COMPUTE = "UseGlobalCompute"
    VIEW_ENVIRONMENT = "ViewEnvironment"
    VIEW_FILES = "ViewFiles"
    VIEW_HARDWARE_TIERS = "ViewHardwareTiers"
    VIEW_JOBS = "ViewJobs"


class PlatformRole(StrEnum):
    """What an account is on the whole platform."""

    SYS_ADMIN = "SysAdmin"
    PRACTITIONER = "Practitioner"


class ProjectRole(StrEnum):
    """What an account is in one project."""

    OWNER = "owner"
    CONTRIBUTOR = "contributor"
    LAUNCHER_USER = "launcherUser"
    RESULTS_CONSUMER = "resultsConsumer"
    PROJECT_IMPORTER = "projectImporter"


class Visibility(StrEnum):
    """Who sees a project without a role in it."""

    PUBLIC = "Public"
    SEARCHABLE = "Searchable"
    PRIVATE = "Private"


R = Right

PLATFORM_RIGHTS: dict[PlatformRole, frozenset[Right]] = {
    PlatformRole.SYS_ADMIN: frozenset(Right),
    PlatformRole.PRACTITIONER: frozenset({
        R.CREATE_ENVIRONMENT,
        R.CREATE_PROJECT,
        R.USE_FILE_STORAGE,
        R.USE_GLOBAL_COMPUTE,
        R.VIEW_ENVIRONMENT,
        R.VIEW_HARDWARE_TIERS,
    }),
}  # fmt: skip

_READING = frozenset({R.LIST_PROJECT, R.VIEW_FILES, R.VIEW_JOBS})
_WORKING = _READING | {R.EDIT, R.EDIT_FILES, R.START_JOB, R.STOP_JOB}

PROJECT_RIGHTS: dict[ProjectRole, frozenset[Right]] = {
    ProjectRole.OWNER: _WORKING | {R.ARCHIVE_PROJECT, R.CHANGE_PROJECT_SETTINGS, R.MANAGE_COLLABORATORS},
    ProjectRole.CONTRIBUTOR: _WORKING,
    ProjectRole.LAUNCHER_USER: frozenset({R.LIST_PROJECT, R.START_JOB, R.STOP_JOB, R.VIEW_JOBS}),
    ProjectRole.RESULTS_CONSUMER: _READING,
    ProjectRole.PROJECT_IMPORTER: frozenset({R.LIST_PROJECT, R.VIEW_FILES}),
}

VISIBILITY_RIGHTS: dict[Visibility, frozenset[Right]] = {
    Visibility.PUBLIC: _READING,
    Visibility.SEARCHABLE: frozenset(),
    Visibility.PRIVATE: frozenset(),
}


def project_rights(role: ProjectRole | None, visibility: Visibility, *, is_admin: bool) -> frozenset[Right]:
    """The rights in one project of an account with this role there, or with none."""
    if is_admin:
        return frozenset(Right)
    return VISIBILITY_RIGHTS[visibility] | (PROJECT_RIGHTS[role] if role else frozenset())
