"""SQL of jobs: one by one, their changes, their tags and goals."""

from datetime import datetime
from typing import Any

import msgspec

from modelyard.domains.jobs.code import MountedRepository
from modelyard.domains.jobs.listing import JobFilter
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.paging import Listed

COLUMNS = (
    "j.id, j.project_id, j.number, j.title, j.command, j.status, j.phase, j.is_archived, j.started_by_id,"
    " u.user_name AS started_by_name, j.launched_by_run_id, j.hardware_tier_id, j.cents_per_minute,"
    " j.environment_id, j.environment_revision_id, j.awaits_build, j.input_commit_id, j.output_commit_id,"
    " j.snapshot_datasets, j.submitted_at, j.started_at, j.completed_at, j.stop_requested, j.node, j.gpus,"
    " j.exit_code, j.problem, j.domino_stats, j.cpu_seconds, j.peak_memory_bytes, j.repositories, j.reproduces_id"
)
SOURCE = "jobs j JOIN users u ON u.id = j.started_by_id"


class Job(msgspec.Struct, frozen=True):
    """A job; `reproduces_id` is the one that it does again, with the datasets as that one found them."""

    id: str
    project_id: str
    number: int
    title: str | None
    command: str
    status: str
    phase: str
    is_archived: bool
    started_by_id: str
    started_by_name: str
    launched_by_run_id: str | None
    hardware_tier_id: str
    cents_per_minute: float
    environment_id: str
    environment_revision_id: str
    awaits_build: bool
    input_commit_id: str
    output_commit_id: str | None
    snapshot_datasets: bool
    submitted_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    stop_requested: str | None
    node: str | None
    gpus: list[int]
    exit_code: int | None
    problem: str | None
    domino_stats: list[dict[str, str]]
    cpu_seconds: float | None
    peak_memory_bytes: int | None
    repositories: list[dict[str, Any]]
    reproduces_id: str | None

    @property
    def code(self) -> list[MountedRepository]:
        """The git repositories that the job sees, the main one first."""
        return msgspec.convert(self.repositories, list[MountedRepository])

    @property
    def is_git_based(self) -> bool:
        """Whether the job works in a main git repository, with the project's files as its artifacts."""
        return any(repository.is_main for repository in self.code)

    @property
    def is_completed(self) -> bool:
        """Whether the job has reached its final state."""
        return self.phase == "completed"


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a job when it is submitted."""

    id: str
    project_id: str
    title: str | None
    command: str
    started_by_id: str
    launched_by_run_id: str | None
    hardware_tier_id: str
    cents_per_minute: float
    environment_id: str
    environment_revision_id: str
    awaits_build: bool
    input_commit_id: str
    snapshot_datasets: bool
    repositories: list[MountedRepository]
    reproduces_id: str | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a job when it is over."""

    output_commit_id: str | None = None
    exit_code: int | None = None
    problem: str | None = None
    domino_stats: list[dict[str, str]] = []
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None


class Tag(msgspec.Struct, frozen=True):
    """A tag on a job."""

    id: str
    name: str
    creator_id: str
    created_at: datetime


async def find_job(db: Executor, job_id: str) -> Job | None:
    """The job with this id, in whatever project."""
    return await db.row(Job, f"SELECT {COLUMNS} FROM {SOURCE} WHERE j.id = $1", job_id)


async def next_number(tx: Transaction, project_id: str) -> int:
    """The number of a project's next job; the project's counts stay locked until the transaction ends."""
    number: int = await tx.value(
        "INSERT INTO job_counts (project_id, last_number) VALUES ($1, 1) ON CONFLICT (project_id)"
        " DO UPDATE SET last_number = job_counts.last_number + 1 RETURNING last_number",
        project_id,
    )
    return number


async def add_job(tx: Transaction, job: NewJob) -> int:
    """Adds a queued job; its number."""
    number = await next_number(tx, job.project_id)
    values = msgspec.structs.asdict(job)
    marks = ", ".join(f"${place}" for place in range(2, len(values) + 2))
    await tx.execute(
        f"INSERT INTO jobs (status, number, {', '.join(values)}) VALUES ('Queued', $1, {marks})",
        number,
        *values.values(),
    )
    return number


async def set_status(tx: Transaction, job_id: str, to: str, before: list[str]) -> bool:
    """Sets the state of a job that is in one of the states `before`."""
    moved = await tx.execute(
        "UPDATE jobs SET status = $2,"
        " started_at = CASE WHEN $2 = 'Running' THEN clock_timestamp() ELSE started_at END,"
        " completed_at = CASE WHEN $2 IN ('Succeeded', 'Failed', 'Error', 'Stopped')"
        " THEN clock_timestamp() ELSE completed_at END"
        " WHERE id = $1 AND status = ANY($3)",
        job_id, to, before,
    )  # fmt: skip
    return moved == 1


async def set_repositories(tx: Transaction, job_id: str, repositories: list[MountedRepository]) -> None:
    """Notes at which commits a job has got its git repositories."""
    await tx.execute("UPDATE jobs SET repositories = $2 WHERE id = $1", job_id, repositories)


async def set_place(tx: Transaction, job_id: str, node: str, gpus: list[int]) -> None:
    """Notes where a job runs."""
    await tx.execute("UPDATE jobs SET node = $2, gpus = $3 WHERE id = $1", job_id, node, gpus)


async def set_outcome(tx: Transaction, job_id: str, outcome: Outcome) -> None:
    """Stores what came of a job."""
    await tx.execute(
        "UPDATE jobs SET output_commit_id = $2, exit_code = $3, problem = $4, domino_stats = $5,"
        " cpu_seconds = $6, peak_memory_bytes = $7, awaits_build = false WHERE id = $1",
        job_id, *msgspec.structs.astuple(outcome),
    )  # fmt: skip


async def request_stop(tx: Transaction, job_id: str, how: str) -> None:
    """Notes that a job is to stop, keeping its results (`commit`) or not (`discard`)."""
    await tx.execute("UPDATE jobs SET stop_requested = $2 WHERE id = $1", job_id, how)


async def stopping_jobs(db: Executor, node: str) -> dict[str, str]:
    """The jobs of a node that are to stop, and how."""
    rows = await db.rows(
        dict,
        "SELECT id, stop_requested FROM jobs"
        " WHERE node = $1 AND stop_requested IS NOT NULL AND completed_at IS NULL",
        node,
    )
    return {row["id"]: row["stop_requested"] for row in rows}


async def awaited_revisions(db: Executor) -> list[str]:
    """The environment revisions whose build some job waits for."""
    return await db.values("SELECT DISTINCT environment_revision_id FROM jobs WHERE awaits_build")


async def jobs_awaiting(tx: Transaction, revision_id: str) -> list[Job]:
    """The jobs that wait for a revision's build, oldest first; they stay locked."""
    return await tx.rows(
        Job,
        f"SELECT {COLUMNS} FROM {SOURCE} WHERE j.awaits_build AND j.environment_revision_id = $1"
        " ORDER BY j.submitted_at FOR UPDATE OF j SKIP LOCKED",
        revision_id,
    )


async def end_waiting(tx: Transaction, job_ids: list[str]) -> None:
    """Notes that jobs wait for no build any more."""
    await tx.execute("UPDATE jobs SET awaits_build = false WHERE id = ANY($1)", job_ids)


async def set_archived(tx: Transaction, job_id: str, archived: bool) -> None:
    """Hides a finished job from lists, or shows it again."""
    await tx.execute("UPDATE jobs SET is_archived = $2 WHERE id = $1", job_id, archived)


async def tags_of(db: Executor, job_id: str) -> list[Tag]:
    """The tags of a job, oldest first."""
    return await db.rows(
        Tag, "SELECT id, name, creator_id, created_at FROM job_tags WHERE job_id = $1 ORDER BY id", job_id
    )


async def add_tag(tx: Transaction, tag_id: str, job_id: str, name: str, creator_id: str) -> Tag:
    """Tags a job; a name it already has stays as it is."""
    tag = await tx.row(
        Tag,
        "INSERT INTO job_tags (id, job_id, name, creator_id) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (job_id, name) DO UPDATE SET name = excluded.name"
        " RETURNING id, name, creator_id, created_at",
        tag_id, job_id, name, creator_id,
    )  # fmt: skip
    assert tag is not None  # noqa: S101
    return tag


async def remove_tag(tx: Transaction, job_id: str, tag_id: str) -> bool:
    """Removes a tag; False when the job does not have it."""
    return await tx.execute("DELETE FROM job_tags WHERE job_id = $1 AND id = $2", job_id, tag_id) == 1


async def goal_ids_of(db: Executor, job_id: str) -> list[str]:
    """The goals that a job serves."""
    return await db.values("SELECT goal_id FROM job_goals WHERE job_id = $1 ORDER BY goal_id", job_id)


async def link_goal(tx: Transaction, job_id: str, goal_id: str) -> None:
    """Links a goal to a job; repeating is harmless."""
    await tx.execute(
        "INSERT INTO job_goals (job_id, goal_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", job_id, goal_id
    )


async def unlink_goal(tx: Transaction, job_id: str, goal_id: str) -> bool:
    """Unlinks a goal; False when it was not linked."""
    return await tx.execute("DELETE FROM job_goals WHERE job_id = $1 AND goal_id = $2", job_id, goal_id) == 1


async def relax_durability(tx: Transaction) -> None:
    """Lets this transaction return before it is on disk, for states the run's folder can tell again."""
    await tx.execute("SET LOCAL synchronous_commit = off")


_STAT = (
    "(SELECT CASE WHEN s.value ~ '^-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$' THEN s.value::float8 END"
    " FROM jsonb_to_recordset(j.domino_stats) AS s(name text, value text) WHERE s.name = {} LIMIT 1)"
)
_ORDERS = {
    "title": "lower(j.title)",
    "command": "j.command",
    "startedTime": "j.submitted_at",
    "duration": "coalesce(j.completed_at, now()) - j.started_at",
    "status": "j.status",
    "user": "u.user_name",
}


class _Arguments(list[object]):
    """Arguments of a statement that is put together."""

    def mark(self, value: object) -> str:
        """Adds a value; the mark that stands for it in the SQL."""
        self.append(value)
        return f"${len(self)}"


async def list_jobs(db: Executor, project_id: str, wanted: JobFilter) -> Listed[Job]:
    """One page of a project's jobs: one query for the total, one for the rows.

    By number, far pages are read from the nearer end of the index.
    """
    total = await _count(db, project_id, wanted)
    page = wanted.page
    rows = max(0, min(page.rows, total - page.offset))
    if rows == 0:
        return Listed([], total)
    backwards = wanted.sort_by == "number" and page.offset > total // 2
    offset = total - page.offset - rows if backwards else page.offset
    direction = "ASC" if wanted.ascending != backwards else "DESC"
    arguments = _Arguments()
    # The window is cut on an index alone; whole rows are fetched for the page only.
    window = (
        f"SELECT j.number FROM {_from(wanted)} WHERE {_condition(arguments, project_id, wanted)}"
        f" ORDER BY {_order(arguments, wanted, direction)}"
        f" LIMIT {arguments.mark(rows)} OFFSET {arguments.mark(offset)}"
    )
    found = await db.rows(
        Job,
        f"SELECT {COLUMNS} FROM (SELECT number, row_number() OVER () AS place FROM ({window}) page) w"
        f" JOIN {SOURCE} ON j.project_id = $1 AND j.number = w.number ORDER BY w.place",
        *arguments,
    )
    return Listed(found[::-1] if backwards else found, total)


async def _count(db: Executor, project_id: str, wanted: JobFilter) -> int:
    if not wanted.tag and wanted.archived == (False,):
        count = await db.value(
            f"SELECT {' + '.join(wanted.phases)} FROM job_counts WHERE project_id = $1",
            project_id,
        )
    elif not wanted.tag and wanted.status == "archived":
        count = await db.value("SELECT archived FROM job_counts WHERE project_id = $1", project_id)
    else:
        arguments = _Arguments()
        condition = _condition(arguments, project_id, wanted)
        count = await db.value(f"SELECT count(*) FROM jobs j WHERE {condition}", *arguments)
    return count or 0


def _from(wanted: JobFilter) -> str:
    return SOURCE if wanted.sort_by == "user" else "jobs j"


def _condition(arguments: _Arguments, project_id: str, wanted: JobFilter) -> str:
    parts = [f"j.project_id = {arguments.mark(project_id)}"]
    if len(wanted.archived) == 1:
        parts.append("j.is_archived" if wanted.archived[0] else "NOT j.is_archived")
    if len(wanted.phases) == 1:
        parts.append(f"j.phase = {arguments.mark(wanted.phases[0])}")
    elif "completed" not in wanted.phases:
        parts.append(f"j.phase = ANY({arguments.mark(list(wanted.phases))})")
    if wanted.tag:
        mark = arguments.mark(wanted.tag)
        parts.append(f"EXISTS (SELECT FROM job_tags t WHERE t.job_id = j.id AND t.name = {mark})")
    return " AND ".join(parts)


def _order(arguments: _Arguments, wanted: JobFilter, direction: str) -> str:
    if wanted.sort_by == "dominoStatsField":
        by = _STAT.format(arguments.mark(wanted.stat or ""))
    else:
        by = _ORDERS.get(wanted.sort_by, "")
    by_number = f"j.number {direction}"
    return f"{by} {direction} NULLS LAST, {by_number}" if by else by_number
