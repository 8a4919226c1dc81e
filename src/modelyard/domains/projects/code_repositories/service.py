"""Rules of a project's git repositories: what may be named, by whom, and how a new one is made at its host."""

import msgspec

from modelyard.domains.git_credentials import GitCredential, credential_for, open_secret, own_credential
from modelyard.domains.projects.code_repositories import queries
from modelyard.domains.projects.code_repositories.queries import CodeRepository
from modelyard.domains.projects.code_repositories.wire import (
    GitReferenceTypeV1,
    GitServiceProviderV1,
    NewProjectGitRepositoryV1,
    ProjectRepositoryReferenceV1,
    RepoToCreateV1,
)
from modelyard.domains.projects.queries import Project
from modelyard.domains.projects.wire import NewProjectV1
from modelyard.domains.users import Caller
from modelyard.engines.git_remotes import (
    Address,
    AddressRules,
    GitHost,
    Reference,
    Secret,
    parse_address,
    reference,
)
from modelyard.kit import events
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.ids import new_id
from modelyard.kit.paging import Page
from modelyard.kit.safe_path import SafePath

MAX_IMPORTED = 100

_PROVIDERS = {
    "github.com": GitServiceProviderV1.GITHUB,
    "gitlab.com": GitServiceProviderV1.GITLAB,
    "bitbucket.org": GitServiceProviderV1.BITBUCKET,
}


class CodeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A repository that somebody wants in a project, checked."""

    address: Address
    reference: Reference
    name: str
    service_provider: GitServiceProviderV1
    credential_id: str | None = None


async def checked(
    db: Executor, rules: AddressRules, caller: Caller, wanted: NewProjectGitRepositoryV1
) -> CodeRequest:
    """What a request asks for; raises BadRequest for an address, reference, name or credential that cannot be."""
    address = parse_address(wanted.uri, rules)
    given = wanted.default_ref
    ref_type = given.ref_type if given else GitReferenceTypeV1.HEAD
    name = wanted.name or address.suggested_name
    if not _is_folder_name(name):
        raise BadRequest("name: the name of a repository is that of one folder, of at most 100 characters.")
    if wanted.git_credential_id:
        await own_credential(db, caller.id, wanted.git_credential_id, address.host, address.protocol)
    return CodeRequest(
        address=address,
        reference=reference(ref_type.value, (given.value or None) if given else None),
        name=name,
        service_provider=wanted.service_provider
        or _PROVIDERS.get(address.host or "", GitServiceProviderV1.UNKNOWN),
        credential_id=wanted.git_credential_id or None,
    )


def _is_folder_name(name: str) -> bool:
    try:
        plain = SafePath(name) == name and "/" not in name and not name.startswith("-")
        return plain and name.isprintable() and 0 < len(name) <= 100
    except BadRequest:
        return False


async def main_code(
    db: Executor, vault: Vault, host: GitHost, rules: AddressRules, caller: Caller, wanted: NewProjectV1
) -> CodeRequest | None:
    """The main repository that a new project asks for, made at its host where it is to be; None for none."""
    if wanted.main_repository and wanted.repo_to_create:
        raise BadRequest("Give mainRepository or repoToCreate, not both.")
    if wanted.repo_to_create:
        return await _made_at_host(db, vault, host, rules, caller, wanted.repo_to_create)
    return await checked(db, rules, caller, wanted.main_repository) if wanted.main_repository else None


async def _made_at_host(
    db: Executor, vault: Vault, host: GitHost, rules: AddressRules, caller: Caller, wanted: RepoToCreateV1
) -> CodeRequest:
    """A repository made at its host just now; raises BadRequest where none is configured or the host refuses."""
    credential = await own_credential(db, caller.id, wanted.credential_id, host.domain(), "https")
    uri = await host.create_repository(
        open_secret(vault, credential),
        wanted.owner,
        wanted.repository_to_create_name,
        wanted.visibility.value,
        wanted.repository_template_name or None,
    )
    repository = NewProjectGitRepositoryV1(
        uri=uri, git_credential_id=credential.id, service_provider=wanted.service_provider
    )
    return await checked(db, rules, caller, repository)


async def attach(
    tx: Transaction, caller: Caller, project: Project, wanted: CodeRequest, *, is_main: bool
) -> CodeRepository:
    """Adds a repository to a project; raises BadRequest for a taken name and over a hundred imported ones."""
    if not is_main and (await queries.list_imported(tx, project.id, Page(0, 0))).total >= MAX_IMPORTED:
        raise BadRequest(f"A project imports at most {MAX_IMPORTED} repositories; remove one first.")
    repository = CodeRepository(
        id=new_id(),
        project_id=project.id,
        is_main=is_main,
        name=wanted.name,
        uri=wanted.address.uri,
        host=wanted.address.host,
        protocol=wanted.address.protocol,
        service_provider=wanted.service_provider.value,
        ref_type=wanted.reference.kind,
        ref_value=wanted.reference.value,
        added_by_id=caller.id,
    )
    await _add(tx, caller, repository, wanted.credential_id)
    return repository


async def attach_copy(
    tx: Transaction, caller: Caller, copy: Project, repository: CodeRepository, credential: GitCredential | None
) -> str | None:
    """Adds another project's repository to its copy; a sentence when the credential is not one for its host."""
    mine = msgspec.structs.replace(repository, id=new_id(), project_id=copy.id, added_by_id=caller.id)
    serves = credential is not None and credential.serves(repository.host, repository.protocol)
    chosen = await queries.chosen_credential(tx, repository.id, caller.id)
    if credential is not None and serves:
        chosen = credential.id
    await _add(tx, caller, mine, chosen)
    if credential is None or serves:
        return None
    return f"The credential {credential.name} is not for the repository {repository.name}; choose one for it."


async def _add(tx: Transaction, caller: Caller, repository: CodeRepository, credential_id: str | None) -> None:
    if not await queries.add_repository(tx, repository):
        raise BadRequest(
            f"name: this project has a repository named {repository.name} already; give another name."
        )
    if credential_id:
        await queries.set_credential(tx, repository.id, caller.id, credential_id)
    await events.record(
        tx, caller, "project.repositoryAdded", "repository", repository.id,
        project_id=repository.project_id, name=repository.name, uri=repository.uri, isMain=repository.is_main,
    )  # fmt: skip


async def detach(tx: Transaction, caller: Caller, project: Project, repository_id: str) -> None:
    """Takes an imported repository out of a project; raises NotFound, and BadRequest for the main one."""
    repository = await found(tx, project, repository_id)
    if repository.is_main:
        raise BadRequest("The main repository is what this project is about; it cannot be removed.")
    await queries.remove_repository(tx, repository.id)
    await events.record(
        tx, caller, "project.repositoryRemoved", "repository", repository.id,
        project_id=project.id, name=repository.name, uri=repository.uri,
    )  # fmt: skip


async def set_reference(
    tx: Transaction, caller: Caller, project: Project, repository_id: str, wanted: ProjectRepositoryReferenceV1
) -> CodeRepository:
    """Chooses what later jobs take of a repository unless told otherwise; raises NotFound, BadRequest."""
    repository = await found(tx, project, repository_id)
    ref = reference(wanted.ref_type.value, wanted.value or None)
    await queries.set_reference(tx, repository.id, ref.kind, ref.value)
    await events.record(
        tx, caller, "project.repositoryReferenceChanged", "repository", repository.id,
        project_id=project.id, refType=ref.kind, value=ref.value,
        before={"refType": repository.ref_type, "value": repository.ref_value},
    )  # fmt: skip
    return msgspec.structs.replace(repository, ref_type=ref.kind, ref_value=ref.value)


async def choose_credential(
    tx: Transaction, caller: Caller, project: Project, repository_id: str, credential_id: str
) -> CodeRepository:
    """Chooses with which of the caller's credentials the caller's jobs fetch a repository; raises NotFound."""
    repository = await found(tx, project, repository_id)
    await own_credential(tx, caller.id, credential_id, repository.host, repository.protocol)
    await queries.set_credential(tx, repository.id, caller.id, credential_id)
    await events.record(
        tx, caller, "project.repositoryCredentialChosen", "repository", repository.id,
        project_id=project.id, credentialId=credential_id,
    )  # fmt: skip
    return repository


async def reading_secret(
    db: Executor, vault: Vault, user_id: str, repository_id: str, host: str | None, protocol: str
) -> Secret | None:
    """What an account reads a repository with: its chosen credential, else one for the host, else nothing."""
    chosen = await queries.chosen_credential(db, repository_id, user_id)
    credential = await credential_for(db, user_id, host, protocol, chosen)
    return open_secret(vault, credential) if credential else None


async def found(db: Executor, project: Project, repository_id: str) -> CodeRepository:
    """A repository of a project; raises NotFound."""
    repository = await queries.find_repository(db, project.id, repository_id)
    if repository is None:
        raise NotFound(f"This project has no repository with the id {repository_id[:100]}.")
    return repository
