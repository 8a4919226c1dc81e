"""Builds of revisions, as jobs need to know them."""

from enum import StrEnum
from pathlib import Path

import msgspec

from modelyard.domains.environments import lifecycle, queries
from modelyard.engines.builds import Builder, Say
from modelyard.kit import work
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.errors import NotFound

KIND = "environments.build"


class BuildState(StrEnum):
    """How far a revision's build is, as far as a job is concerned."""

    UNDER_WAY = "underWay"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class BuiltRevision(msgspec.Struct, frozen=True, kw_only=True):
    """What a job takes from a built revision."""

    revision_id: str
    environment_id: str
    number: int
    image: str
    build_key: str
    lock: str
    variables: dict[str, str]
    pre_setup_script: str
    post_setup_script: str
    pre_run_script: str
    post_run_script: str


async def ensure_building(tx: Transaction, revision_id: str) -> BuildState:
    """Asks for a revision's build unless it was asked for before; how far it is."""
    if await lifecycle.move_from_none(tx, revision_id):
        await queries.clear_build_log(tx, revision_id)
        await work.enqueue(tx, KIND, revision_id)
        return BuildState.UNDER_WAY
    return _state((await queries.statuses(tx, [revision_id])).get(revision_id))


async def finished_builds(db: Executor, revision_ids: list[str]) -> dict[str, BuildState]:
    """Of these revisions, those whose build is over, and how it ended."""
    states = {key: _state(status) for key, status in (await queries.statuses(db, revision_ids)).items()}
    return {key: state for key, state in states.items() if state is not BuildState.UNDER_WAY}


async def built_revision(db: Executor, vault: Vault, revision_id: str) -> BuiltRevision:
    """What a job takes from a revision; raises NotFound when it is not built."""
    revision = await queries.find_revision(db, revision_id)
    if revision is None or revision.build_key is None:
        raise NotFound(f"The environment revision {revision_id} is not built.")
    own = msgspec.json.decode(vault.unseal(revision.sealed_variables), type=dict[str, str])
    return BuiltRevision(
        revision_id=revision.id,
        environment_id=revision.environment_id,
        number=revision.number,
        image=revision.image,
        build_key=revision.build_key,
        lock=revision.lock or "",
        variables=revision.build_variables | own,
        pre_setup_script=revision.scripts.get("preSetup", ""),
        post_setup_script=revision.scripts.get("postSetup", ""),
        pre_run_script=revision.scripts.get("preRun", ""),
        post_run_script=revision.scripts.get("postRun", ""),
    )


async def place_of(builder: Builder, built: BuiltRevision, say: Say) -> Path:
    """The folder of a built revision, brought back from its lock when it is gone; raises BuildFailed."""
    return builder.place(built.build_key) or await builder.rebuild(built.build_key, built.lock, built.image, say)


def _state(status: str | None) -> BuildState:
    if status == lifecycle.SUCCEEDED:
        return BuildState.SUCCEEDED
    return BuildState.FAILED if status in lifecycle.ENDED else BuildState.UNDER_WAY
