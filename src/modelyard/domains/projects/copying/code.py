"""What becomes of the main repository when a git-based project is copied."""

from modelyard.domains.git_credentials import GitCredential, open_secret, own_credential
from modelyard.domains.projects.code_repositories.queries import CodeRepository
from modelyard.domains.projects.code_repositories.service import CodeRequest, checked, reading_secret
from modelyard.domains.projects.code_repositories.wire import (
    GitReferenceTypeV1,
    GitServiceProviderV1,
    NewProjectGitRepositoryV1,
    ProjectRepositoryReferenceV1,
)
from modelyard.domains.projects.copying.wire import GitCodeRepoSpecV1
from modelyard.domains.projects.queries import Project
from modelyard.domains.users import Caller
from modelyard.engines.git_remotes import (
    AddressRules,
    GitHost,
    GitRemotes,
    RemoteFailure,
    Secret,
    parse_address,
    reference,
)
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Database, Executor
from modelyard.kit.errors import BadRequest
from modelyard.kit.ids import new_id


async def main_code(
    db: Database,
    vault: Vault,
    remotes: GitRemotes,
    host: GitHost,
    rules: AddressRules,
    caller: Caller,
    original: Project,
    spec: GitCodeRepoSpecV1,
) -> CodeRequest:
    """The main repository of a copy: the named one, or one at the git host that gets what the original's has.

    Raises BadRequest when the original has no main repository, when more than one way is asked for, and
    when the host or one of the repositories refuses.
    """
    main = original.main_repository
    if main is None:
        raise BadRequest("gitCodeRepoSpec: the project has no main git repository; leave the field out.")
    if sum(way is not None for way in (spec.deep_copy, spec.import_files_target, spec.reference_copy)) > 1:
        raise BadRequest("gitCodeRepoSpec: give one of deepCopy, importFilesTarget and referenceCopy.")
    if spec.deep_copy is None and spec.import_files_target is None:
        url = spec.reference_copy.main_repo_url if spec.reference_copy else main.uri
        return await _request(db, rules, caller, main, url, spec.credential_id)
    credential = await own_credential(db, caller.id, spec.credential_id, host.domain(), "https")
    url = await _target(host, open_secret(vault, credential), spec)
    force = bool(spec.import_files_target and spec.import_files_target.force)
    try:
        await _push(db, vault, remotes, rules, caller, main, url, credential, force=force)
    except RemoteFailure as failure:
        raise BadRequest(f"gitCodeRepoSpec: the code was not copied: {failure}") from failure
    return await _request(db, rules, caller, main, url, credential.id)


async def _target(host: GitHost, secret: Secret, spec: GitCodeRepoSpecV1) -> str:
    if spec.deep_copy:
        new = spec.deep_copy
        return await host.create_repository(
            secret, new.new_repo_owner_name, new.new_repo_name, new.visibility.value, None
        )
    assert spec.import_files_target is not None  # noqa: S101
    target = spec.import_files_target
    return await host.clone_url(secret, target.repo_owner_name, target.repo_name)


async def _push(
    db: Executor,
    vault: Vault,
    remotes: GitRemotes,
    rules: AddressRules,
    caller: Caller,
    main: CodeRepository,
    url: str,
    credential: GitCredential,
    *,
    force: bool,
) -> None:
    """Brings everything from the original's repository to another one, with the caller's own credentials."""
    secret = await reading_secret(db, vault, caller.id, main.id, main.host, main.protocol)
    mirror = new_id()
    try:
        await remotes.fetch(mirror, parse_address(main.uri, rules), secret, reference("Head", None))
        await remotes.push(mirror, parse_address(url, rules), open_secret(vault, credential), force=force)
    finally:
        await remotes.remove(mirror)


async def _request(
    db: Executor, rules: AddressRules, caller: Caller, main: CodeRepository, url: str, credential_id: str
) -> CodeRequest:
    wanted = NewProjectGitRepositoryV1(
        uri=url,
        name=main.name,
        git_credential_id=credential_id,
        service_provider=GitServiceProviderV1(main.service_provider) if url == main.uri else None,
        default_ref=ProjectRepositoryReferenceV1(ref_type=GitReferenceTypeV1(main.ref_type), value=main.ref_value),
    )
    return await checked(db, rules, caller, wanted)
