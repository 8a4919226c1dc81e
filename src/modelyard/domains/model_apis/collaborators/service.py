"""Rules of collaborators: an organization may own a model API, but a person always does, too."""

from modelyard.domains.model_apis import queries as model_apis
from modelyard.domains.model_apis.collaborators import queries
from modelyard.domains.model_apis.collaborators.access import CollaboratorAccess, account_by_reference
from modelyard.domains.model_apis.collaborators.queries import Member
from modelyard.domains.model_apis.queries import Collaborator, ModelApi
from modelyard.domains.model_apis.wire import ModelApiCollaboratorRole
from modelyard.domains.users import Caller, ModelApiRole, User
from modelyard.kit import events
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.errors import BadRequest, NotFound


async def add(
    tx: Transaction, caller: Caller, model_api: ModelApi, wanted: ModelApiCollaboratorRole
) -> Collaborator:
    """Gives an account a role; raises BadRequest for unknown accounts and for those that have one."""
    account = await _account(tx, wanted.collaborator)
    members = await queries.lock_collaborators(tx, model_api.id)
    if account.id in members:
        raise BadRequest(
            f"{account.user_name} is {members[account.id].role} of the model API {model_api.name} already; change"
            " that by a PUT of the collaborator."
        )
    return await _put(tx, caller, model_api, account, wanted.role, None)


async def change(tx: Transaction, access: CollaboratorAccess, wanted: ModelApiCollaboratorRole) -> Collaborator:
    """Gives a collaborator another role.

    Raises BadRequest when the body names another account, and for the last owner; NotFound when it is gone.
    """
    if (await _account(tx, wanted.collaborator)).id != access.account.id:
        raise BadRequest(
            f"collaborator: the path names {access.account.user_name} and the body"
            f" {wanted.collaborator[:100]}; name the same account in both."
        )
    members = await queries.lock_collaborators(tx, access.model_api.id)
    before = _member(members, access)
    members[access.account.id] = Member(wanted.role, before.is_person)
    _keep_an_owner(members)
    return await _put(tx, access.caller, access.model_api, access.account, wanted.role, before.role)


async def remove(tx: Transaction, access: CollaboratorAccess) -> None:
    """Takes a collaborator's role away; raises BadRequest for the last owner, NotFound when it is gone."""
    model_api, account = access.model_api, access.account
    members = await queries.lock_collaborators(tx, model_api.id)
    before = _member(members, access)
    del members[account.id]
    _keep_an_owner(members)
    await queries.remove_collaborator(tx, model_api.id, account.id)
    await model_apis.touch(tx, model_api.id)
    await events.record(
        tx, access.caller, "modelApi.collaboratorRemoved", "modelApi", model_api.id,
        project_id=model_api.project_id, accountId=account.id, before={"role": before.role},
    )  # fmt: skip


async def _put(
    tx: Transaction, caller: Caller, model_api: ModelApi, account: User, role: ModelApiRole, before: str | None
) -> Collaborator:
    await model_apis.put_collaborator(tx, model_api.id, account.id, role.value)
    await model_apis.touch(tx, model_api.id)
    action = "modelApi.collaboratorChanged" if before else "modelApi.collaboratorAdded"
    await events.record(
        tx, caller, action, "modelApi", model_api.id,
        project_id=model_api.project_id, accountId=account.id, role=role.value, before={"role": before},
    )  # fmt: skip
    return Collaborator(account.id, role)


async def _account(db: Executor, reference: str) -> User:
    account = await account_by_reference(db, reference)
    if account is None:
        raise BadRequest(
            f"collaborator: there is no person or organization with the id or name {reference[:100]}."
        )
    return account


def _member(members: dict[str, Member], access: CollaboratorAccess) -> Member:
    if access.account.id not in members:
        raise NotFound(f"{access.account.user_name} is no collaborator of {access.model_api.name} any more.")
    return members[access.account.id]


def _keep_an_owner(members: dict[str, Member]) -> None:
    if not any(one.is_person and one.role == ModelApiRole.OWNER for one in members.values()):
        raise BadRequest(
            "This is the last person who owns the model API; make somebody else an owner first. An organization is"
            " not enough, as its members change."
        )
