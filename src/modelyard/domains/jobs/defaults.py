"""What the jobs of a project use that name nothing themselves: its environment and its hardware tier."""

from typing import Self

from msgspec import UNSET, UnsetType

from modelyard.domains import environments, hardware_tiers
from modelyard.domains.projects import Copying, Project, on_project_copied, project_with, set_run_defaults
from modelyard.domains.users import Caller, Right
from modelyard.kit.db import Transaction
from modelyard.kit.errors import BadRequest
from modelyard.kit.operation import operation
from modelyard.kit.wire import Wire, present

TAG = "Projects (private)"


class RunDefaults(Wire):
    """The defaults of a project; what is absent is the platform's own."""

    default_environment_id: str | UnsetType | None = UNSET
    default_environment_revision_spec: str | UnsetType | None = UNSET
    default_hardware_tier_id: str | UnsetType | None = UNSET

    @classmethod
    def of(cls, project: Project) -> Self:
        """A project's defaults."""
        return cls(
            default_environment_id=present(project.default_environment_id),
            default_environment_revision_spec=present(project.default_environment_revision_spec),
            default_hardware_tier_id=present(project.default_hardware_tier_id),
        )


@operation(
    "GET", "/v4/projects/{projectId:str}/settings", guard=project_with(Right.LIST_PROJECT), tag=TAG
)  # fmt: skip
async def get_run_defaults(project: Project) -> RunDefaults:
    """What the jobs of a project use that name nothing themselves."""
    return RunDefaults.of(project)


@operation(
    "PUT", "/v4/projects/{projectId:str}/settings", guard=project_with(Right.CHANGE_PROJECT_SETTINGS), tag=TAG
)  # fmt: skip
async def replace_run_defaults(
    project: Project, caller: Caller, tx: Transaction, data: RunDefaults
) -> RunDefaults:
    """Choose what the jobs of a project use that name nothing themselves."""
    environment_id, spec = data.default_environment_id or None, data.default_environment_revision_spec or None
    if spec and not environment_id:
        raise BadRequest("defaultEnvironmentRevisionSpec: name the environment, too, as defaultEnvironmentId.")
    if environment_id:
        await environments.environment_for_job(tx, caller, environment_id, spec, restricted=project.is_restricted)
    wanted_tier = data.default_hardware_tier_id or None
    tier = await hardware_tiers.tier_for(tx, wanted_tier) if wanted_tier else None
    await set_run_defaults(tx, caller, project, environment_id, spec, tier.id if tier else None)
    return RunDefaults(
        default_environment_id=present(environment_id),
        default_environment_revision_spec=present(spec),
        default_hardware_tier_id=present(tier.id if tier else None),
    )


@on_project_copied
async def _keep_usable(tx: Transaction, copying: Copying) -> None:
    """Takes a default environment out of a copy whose maker may not use it."""
    caller, copy = copying.caller, copying.copy
    if copy.default_environment_id is None:
        return
    try:
        await environments.environment_for_job(
            tx,
            caller,
            copy.default_environment_id,
            copy.default_environment_revision_spec,
            restricted=copy.is_restricted,
        )
    except BadRequest as reason:
        await set_run_defaults(tx, caller, copy, None, None, copy.default_hardware_tier_id)
        copying.lacks.notices.append(f"The default environment of the project was not copied: {reason.message}")
