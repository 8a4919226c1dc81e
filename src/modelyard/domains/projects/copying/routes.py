"""Operations that copy a project."""

import msgspec

from modelyard.domains.git_credentials import find_own_credential
from modelyard.domains.projects.access import project_with
from modelyard.domains.projects.copying import service
from modelyard.domains.projects.copying.code import main_code
from modelyard.domains.projects.copying.service import CopyRequest
from modelyard.domains.projects.copying.throttle import Throttle
from modelyard.domains.projects.copying.wire import (
    CopyProjectSpecV1,
    DatasetNotCopiedV1,
    Fork,
    ProjectCopyResultEnvelopeV1,
)
from modelyard.domains.projects.legacy_wire import PrivateProject
from modelyard.domains.projects.queries import Project
from modelyard.domains.projects.tags.queries import tags_of
from modelyard.domains.projects.wire import ProjectV1
from modelyard.domains.users import Caller, Right
from modelyard.engines.git import GitStore
from modelyard.engines.git_remotes import AddressRules, GitHost, GitRemotes
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Database
from modelyard.kit.operation import operation
from modelyard.kit.wire import metadata

_copyable = project_with(Right.LIST_PROJECT, Right.VIEW_FILES, Right.CREATE_PROJECT, Right.USE_FILE_STORAGE)


@operation(
    "POST",
    "/api/projects/v1/projects/{projectId:str}/copy-project",
    guard=_copyable,
    tag="Projects",
    failures=(400, 401, 403, 404, 429, 500),
)
async def copy_project(
    project: Project,
    caller: Caller,
    db: Database,
    git: GitStore,
    vault: Vault,
    remotes: GitRemotes,
    git_host: GitHost,
    address_rules: AddressRules,
    copies: Throttle,
    data: CopyProjectSpecV1,
) -> ProjectCopyResultEnvelopeV1:
    """Copy a project with its history, settings, goals and tags."""
    credential_id = data.imported_git_repos_credential_id
    wanted = CopyRequest(
        copy_datasets=data.copy_datasets,
        name=data.name or None,
        owner_id=data.owner_id or None,
        visibility=data.visibility.value if data.visibility else None,
        billing_tag=data.billing_tag.tag if data.billing_tag else None,
        imported_credential=await find_own_credential(db, caller.id, credential_id) if credential_id else None,
    )
    with copies.of(caller.id):
        if data.git_code_repo_spec:
            await service.check(db, caller, project, wanted)
            code = await main_code(
                db, vault, remotes, git_host, address_rules, caller, project, data.git_code_repo_spec
            )
            wanted = msgspec.structs.replace(wanted, main_code=code)
        copied = await service.copy(db, git, caller, project, wanted)
    return ProjectCopyResultEnvelopeV1(
        project=ProjectV1.of(copied.project),
        datasets_not_copied=[DatasetNotCopiedV1.of(one) for one in copied.lacks.datasets],
        net_app_volumes_not_copied=[],
        metadata=metadata(*copied.lacks.notices),
    )


@operation("POST", "/v4/projects/{projectId:str}/fork", guard=_copyable, tag="Projects (private)")
async def fork_project(
    project: Project, caller: Caller, db: Database, git: GitStore, copies: Throttle, data: Fork
) -> PrivateProject:
    """Copy a project for its caller, under a name of its own."""
    with copies.of(caller.id):
        copied = await service.copy(db, git, caller, project, CopyRequest(name=data.name))
    return PrivateProject.of(copied.project, await tags_of(db, [copied.project.id]))
