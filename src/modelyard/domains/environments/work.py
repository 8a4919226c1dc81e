"""Building revisions, as durable work of a runner."""

import functools

import structlog

from modelyard.domains.environments import lifecycle, queries
from modelyard.domains.environments.builds import KIND
from modelyard.domains.environments.queries import Revision
from modelyard.engines.builds import Builder, BuildFailed, BuildRequest, Built
from modelyard.kit import events
from modelyard.kit import queries as kit_queries
from modelyard.kit.db import Database
from modelyard.kit.lines import stored_lines
from modelyard.kit.work import Kind, Lease, applying, oldest_first

log = structlog.get_logger()

AT_ONCE = 2
# Jobs that wait for the build are claimed under this kind.
_WAITING_KIND = "jobs.run"


def build_kind(db: Database, builder: Builder) -> Kind:
    """The kind of work that builds revisions, at most two at a time."""
    return oldest_first(db, KIND, AT_ONCE, lambda lease: _build(db, builder, lease))


async def _build(db: Database, builder: Builder, lease: Lease) -> None:
    """Builds one revision from the start, whatever an earlier try left behind."""
    revision = await queries.find_revision(db, lease.subject_id)
    async with applying(db, lease) as tx:
        if revision is None or not await lifecycle.move(tx, revision.id, "starting"):
            await kit_queries.finish_work(tx, lease.token)
            return
        await queries.clear_build_log(tx, revision.id)
        await lifecycle.move(tx, revision.id, "building")
    request = BuildRequest(
        image=revision.image, instructions=revision.instructions, skip_cache=revision.skip_cache
    )
    failure, built = None, None
    async with stored_lines(functools.partial(queries.add_build_lines, db, revision.id)) as lines:
        try:
            built = await builder.build(request, lines.say)
            lines.say("The environment is built.")
        except BuildFailed as reason:
            failure = str(reason)
        except OSError as error:
            failure = f"The environment cannot be stored: {error.strerror or error}."
        if failure:
            lines.say(failure)
    await _store(db, lease, revision, built, failure)


async def _store(db: Database, lease: Lease, revision: Revision, built: Built | None, failure: str | None) -> None:
    async with applying(db, lease, finish=True) as tx:
        if built is not None:
            await lifecycle.move(tx, revision.id, "pushing")
            await lifecycle.move(tx, revision.id, lifecycle.SUCCEEDED)
            await queries.set_built(tx, revision.id, built.key, built.lock, built.variables)
        else:
            await lifecycle.move(tx, revision.id, lifecycle.FAILED)
            await queries.set_failure(tx, revision.id, failure or "")
        outcome = "environment.built" if built else "environment.buildFailed"
        await events.record(tx, None, outcome, "environment", revision.environment_id, revision=revision.number)
        await kit_queries.notify(tx, _WAITING_KIND)
