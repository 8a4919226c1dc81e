"""Who may do what: every right of the contract, and the tables that give them to roles and visibilities."""

from collections.abc import Iterable
from enum import StrEnum

from modelyard.kit.wire import AnyCase


class Right(StrEnum):
    """The named rights: those of the contract, and what it asks for without a name; alphabetical."""

    ARCHIVE_PROJECT = "ArchiveProject"
    CALL_MODEL_API = "CallModelApi"
    CHANGE_PROJECT_SETTINGS = "ChangeProjectSettings"
    CHANGE_PROJECT_VISIBILITY = "ChangeProjectVisibility"
    CLASSIFY_ENVIRONMENTS = "ClassifyEnvironments"
    CLASSIFY_PROJECTS = "ClassifyProjects"
    CREATE_ENVIRONMENT = "CreateEnvironment"
    CREATE_PROJECT = "CreateProject"
    DELETE_DATASET_RW_V2 = "DeleteDatasetRwV2"
    EDIT = "Edit"
    EDIT_ENVIRONMENT = "EditEnvironment"
    EDIT_FILES = "EditFiles"
    EDIT_MEMBERS = "EditMembers"
    EDIT_MODEL_API = "EditModelApi"
    EDIT_SECURITY_DATASET_RW_V2 = "EditSecurityDatasetRwV2"
    GET_DATASETS_RW = "GetDatasetsRw"
    LIST_DATASET_RW_V2 = "ListDatasetRwV2"
    LIST_PROJECT = "ListProject"
    MANAGE_COLLABORATORS = "ManageCollaborators"
    MANAGE_DATASETS_RW = "ManageDatasetsRw"
    MANAGE_ENVIRONMENTS = "ManageEnvironments"
    MANAGE_HARDWARE_TIERS = "ManageHardwareTiers"
    MANAGE_MODEL_API = "ManageModelApi"
    MANAGE_ORGANIZATIONS = "ManageOrganizations"
    MANAGE_USERS = "ManageUsers"
    OPEN_WORKSPACE = "OpenWorkspace"
    PERFORM_DATASET_RW_ACTIONS_AS_ADMIN_V2 = "PerformDatasetRwActionsAsAdminV2"
    PERFORM_DATASET_RW_ACTIONS_IN_PROJECT_V2 = "PerformDatasetRwActionsInProjectV2"
    PERMANENT_DELETE_DATASET_RW_V2 = "PermanentDeleteDatasetRwV2"
    READ_DATASET_RW_V2 = "ReadDatasetRwV2"
    REGISTER_MONITORING_DATASET = "RegisterMonitoringDataset"
    START_JOB = "StartJob"
    STOP_JOB = "StopJob"
    UPDATE_DATASET_RW_V2 = "UpdateDatasetRwV2"
    UPDATE_MONITORING_SETTINGS = "UpdateMonitoringSettings"
    UPDATE_USER = "UpdateUser"
    USE_FILE_STORAGE = "UseFileStorage"
    USE_GLOBAL_COMPUTE = "UseGlobalCompute"
    VIEW_AUDIT_TRAIL = "ViewAuditTrail"
    VIEW_ENVIRONMENT = "ViewEnvironment"
    VIEW_FILES = "ViewFiles"
    VIEW_HARDWARE_TIERS = "ViewHardwareTiers"
    VIEW_JOBS = "ViewJobs"
    VIEW_MODEL_API = "ViewModelApi"
    VIEW_MONITORING_RESULTS = "ViewMonitoringResults"
    VIEW_ORGANIZATION = "ViewOrganization"


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


class OrganizationRole(StrEnum):
    """What a person is in an organization."""

    ADMIN = "admin"
    MEMBER = "member"


class DatasetRole(AnyCase):
    """What an account is in one dataset, whatever it is in the dataset's project."""

    OWNER = "DatasetRwOwner"
    EDITOR = "DatasetRwEditor"
    READER = "DatasetRwReader"


class ModelApiRole(AnyCase):
    """What an account is in one model API: as its collaborator, or by its role in the model API's project."""

    OWNER = "Owner"
    EDITOR = "Editor"
    VIEWER = "Viewer"


class Visibility(StrEnum):
    """Who sees a project without a role in it."""

    PUBLIC = "Public"
    SEARCHABLE = "Searchable"
    PRIVATE = "Private"


R = Right

# Everybody with an account has a practitioner's rights, whatever project they are used in.
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

ORGANIZATION_RIGHTS: dict[OrganizationRole, frozenset[Right]] = {
    OrganizationRole.ADMIN: frozenset({R.EDIT_MEMBERS, R.VIEW_ORGANIZATION}),
    OrganizationRole.MEMBER: frozenset({R.VIEW_ORGANIZATION}),
}

_READING = frozenset({
    R.GET_DATASETS_RW,
    R.LIST_PROJECT,
    R.VIEW_FILES,
    R.VIEW_JOBS,
    R.VIEW_MONITORING_RESULTS,
})  # fmt: skip

_WORKING = _READING | {
    R.CHANGE_PROJECT_SETTINGS,
    R.EDIT,
    R.EDIT_FILES,
    R.MANAGE_COLLABORATORS,
    R.MANAGE_DATASETS_RW,
    R.OPEN_WORKSPACE,
    R.REGISTER_MONITORING_DATASET,
    R.START_JOB,
    R.STOP_JOB,
    R.UPDATE_MONITORING_SETTINGS,
}

PROJECT_RIGHTS: dict[ProjectRole, frozenset[Right]] = {
    ProjectRole.OWNER: _WORKING | {R.ARCHIVE_PROJECT, R.CHANGE_PROJECT_VISIBILITY, R.VIEW_AUDIT_TRAIL},
    ProjectRole.CONTRIBUTOR: _WORKING,
    ProjectRole.LAUNCHER_USER: frozenset({R.LIST_PROJECT, R.VIEW_JOBS}),
    ProjectRole.RESULTS_CONSUMER: _READING,
    ProjectRole.PROJECT_IMPORTER: frozenset({R.LIST_PROJECT, R.VIEW_FILES}),
}

_READING_DATA = frozenset({
    R.LIST_DATASET_RW_V2,
    R.PERFORM_DATASET_RW_ACTIONS_IN_PROJECT_V2,
    R.READ_DATASET_RW_V2,
})  # fmt: skip

_WRITING_DATA = _READING_DATA | {R.UPDATE_DATASET_RW_V2}

DATASET_RIGHTS: dict[DatasetRole, frozenset[Right]] = {
    DatasetRole.OWNER: _WRITING_DATA | {
        R.DELETE_DATASET_RW_V2,
        R.EDIT_SECURITY_DATASET_RW_V2,
        R.PERMANENT_DELETE_DATASET_RW_V2,
    },
    DatasetRole.EDITOR: _WRITING_DATA,
    DatasetRole.READER: _READING_DATA,
}  # fmt: skip

_CALLING = frozenset({R.CALL_MODEL_API, R.VIEW_MODEL_API})

MODEL_API_RIGHTS: dict[ModelApiRole, frozenset[Right]] = {
    ModelApiRole.OWNER: _CALLING | {R.EDIT_MODEL_API, R.MANAGE_MODEL_API},
    ModelApiRole.EDITOR: _CALLING | {R.EDIT_MODEL_API},
    ModelApiRole.VIEWER: _CALLING,
}

# What somebody in a project is in its model APIs, without being their collaborator.
MODEL_API_ROLES: dict[ProjectRole, ModelApiRole] = {
    ProjectRole.OWNER: ModelApiRole.OWNER,
    ProjectRole.CONTRIBUTOR: ModelApiRole.EDITOR,
    ProjectRole.LAUNCHER_USER: ModelApiRole.VIEWER,
    ProjectRole.RESULTS_CONSUMER: ModelApiRole.VIEWER,
}

VISIBILITY_RIGHTS: dict[Visibility, frozenset[Right]] = {
    Visibility.PUBLIC: _READING,
    Visibility.SEARCHABLE: frozenset(),
    Visibility.PRIVATE: frozenset(),
}


def project_rights(roles: Iterable[ProjectRole], visibility: Visibility, *, is_admin: bool) -> frozenset[Right]:
    """The rights in one project of an account with these roles there: its own, and its organizations'."""
    if is_admin:
        return frozenset(Right)
    everywhere = PLATFORM_RIGHTS[PlatformRole.PRACTITIONER] | VISIBILITY_RIGHTS[visibility]
    return everywhere.union(*(PROJECT_RIGHTS[role] for role in roles))


def dataset_rights(roles: Iterable[DatasetRole], *, is_admin: bool) -> frozenset[Right]:
    """The rights on one dataset of an account with these roles there: its own, and its organizations'."""
    if is_admin:
        return frozenset(Right)
    return frozenset[Right]().union(*(DATASET_RIGHTS[role] for role in roles))


def model_api_rights(roles: Iterable[ModelApiRole], *, is_admin: bool) -> frozenset[Right]:
    """The rights on one model API of an account with these roles there, however it came to them."""
    if is_admin:
        return frozenset(Right)
    return frozenset[Right]().union(*(MODEL_API_RIGHTS[role] for role in roles))
