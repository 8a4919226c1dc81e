"""Environments as the API shows them."""

import msgspec
from msgspec import UNSET

from modelyard.domains.environments import queries
from modelyard.domains.environments.queries import Environment, Revision
from modelyard.domains.environments.wire import (
    EnvironmentOwnerV1,
    EnvironmentRevisionV1,
    EnvironmentToolV1,
    EnvironmentV1,
)
from modelyard.kit.db import Executor


async def environment_replies(db: Executor, environments: list[Environment]) -> list[EnvironmentV1]:
    """Environments with the revisions that are shown of them, by one query for all."""
    shown: dict[str, list[Revision]] = {}
    for revision in await queries.shown_revisions(db, [environment.id for environment in environments]):
        shown.setdefault(revision.environment_id, []).append(revision)
    return [_reply(environment, shown.get(environment.id, [])) for environment in environments]


def revision_reply(revision: Revision) -> EnvironmentRevisionV1:
    """A revision as the API shows it; variables are never shown."""
    return EnvironmentRevisionV1(
        id=revision.id,
        number=revision.number,
        available_tools=msgspec.convert(revision.workspace_tools, list[EnvironmentToolV1]),
        status=revision.status or UNSET,  # type: ignore[arg-type]
    )


def _reply(environment: Environment, revisions: list[Revision]) -> EnvironmentV1:
    by_id = {revision.id: revision_reply(revision) for revision in revisions}
    latest = max(revisions, key=lambda revision: revision.number, default=None)
    owner = (
        EnvironmentOwnerV1(
            id=environment.owner_id,
            username=environment.owner_name or "",
            owner_type=environment.owner_kind or "individual",  # type: ignore[arg-type]
        )
        if environment.owner_id
        else UNSET
    )
    return EnvironmentV1(
        id=environment.id,
        name=environment.name,
        archived=environment.is_archived,
        visibility=environment.visibility,  # type: ignore[arg-type]
        rebuild_on_base_changes="never",
        supported_clusters=latest.supported_clusters if latest else [],  # type: ignore[arg-type]
        latest_revision=by_id[latest.id] if latest else UNSET,
        selected_revision=by_id.get(environment.selected_revision_id or "", UNSET),
        restricted_revision=by_id.get(environment.restricted_revision_id or "", UNSET),
        owner=owner,
        active_revision_tags=latest.tags if latest and latest.tags else UNSET,
        is_curated=False,
    )
