"""The life of one run: prepared, started or adopted, followed, ended, its results kept.

Every step can be taken again by a later runner: what has happened is told by the job's state and by the
run's folder.
"""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog

from modelyard.domains import environments, hardware_tiers
from modelyard.domains.datasets import DatasetMounter, Layout
from modelyard.domains.environments import BuiltRevision
from modelyard.domains.hardware_tiers import Node, Tier
from modelyard.domains.jobs import data, lifecycle, queries
from modelyard.domains.jobs.fetching import FOLDER, CannotFetch, CodeFetcher
from modelyard.domains.jobs.fetching import MAIN as MAIN_CODE
from modelyard.domains.jobs.launch import (
    command_words,
    introduction,
    mounts_of,
    places_of,
    script_of,
    variables,
)
from modelyard.domains.jobs.queries import Job, Outcome
from modelyard.domains.jobs.results import read_stats, results_of
from modelyard.domains.jobs.token import TokenKeeper
from modelyard.domains.projects import Project, author_of, find_project
from modelyard.domains.users import revoke_run_tokens
from modelyard.engines.builds import Builder, BuildFailed
from modelyard.engines.compute import Compute, Exit, Mount, Program, Running
from modelyard.engines.git import MAIN, Checkout, GitStore
from modelyard.engines.logs import Follower, LogStore
from modelyard.kit import events
from modelyard.kit import queries as kit_queries
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Database
from modelyard.kit.errors import Failure, Unavailable, reason_of
from modelyard.kit.work import Lease, LeaseLost, applying, patiently

log = structlog.get_logger()

FOLLOW_SECONDS = 0.1


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What runs are made with on one node."""

    db: Database
    git: GitStore
    logs: LogStore
    compute: Compute
    builder: Builder
    vault: Vault
    code: CodeFetcher
    datasets: DatasetMounter
    runs: Path
    api_host: str
    interpreter_mounts: Callable[[Path], list[Mount]]
    stop_grace_seconds: float
    max_log_bytes: int
    token_seconds: float


class CannotRun(Exception):
    """The platform cannot run a job; the message is shown to its owner."""


class JobRun:
    """One job in the hands of this runner."""

    def __init__(self, tools: Tools, node: Node, lease: Lease) -> None:
        self._tools = tools
        self._db = tools.db
        self._node = node
        self._lease = lease
        self._folder = tools.runs / lease.subject_id
        self._running: Running | None = None
        self._fetching: asyncio.Task[Job] | None = None
        self._stop_asked = False

    def ask_to_stop(self) -> None:
        """Begins to stop the run; asking again is harmless."""
        self._stop_asked = True
        if self._fetching is not None:
            self._fetching.cancel()
        if self._running is not None:
            self._running.stop(self._tools.stop_grace_seconds)

    async def live(self) -> None:
        """Takes the run from wherever it is to its end."""
        job = await queries.find_job(self._db, self._lease.subject_id)
        if job is None or job.is_completed:
            async with applying(self._db, self._lease, finish=True) as tx:
                await hardware_tiers.release_execution(tx, self._lease.subject_id)
            return
        project, tier, follower = await asyncio.gather(
            find_project(self._db, job.project_id),
            hardware_tiers.find_tier(self._db, job.hardware_tier_id),
            asyncio.to_thread(self._tools.logs.follow, job.id, self._tools.max_log_bytes),
        )
        assert project is not None  # noqa: S101 - projects and tiers are archived, never deleted
        assert tier is not None  # noqa: S101
        try:
            outcome = await self._through(job, project, tier, follower)
        except CannotRun as reason:
            follower.prepare(str(reason))
            await asyncio.to_thread(follower.finish)
            outcome = lifecycle.ERROR, Outcome(problem=str(reason))
        await patiently(lambda: self._end(job, *outcome))
        await asyncio.to_thread(self._clean)

    async def _through(self, job: Job, project: Project, tier: Tier, follower: Follower) -> tuple[str, Outcome]:
        keeper = TokenKeeper(self._db, self._folder / "token", job, self._tools.token_seconds)
        began = self._tools.compute.adopt(self._bare(job, tier))
        if began is None:
            if job.status not in {"Queued", "Preparing"}:
                return await self._never_started(job, follower)
            program = await self._prepare(job, project, tier, follower, keeper)
            if program is None:
                return await self._never_started(job, follower)
            began = await self._begin(program)
        if isinstance(began, Exit):
            ended = began
        else:
            self._running = began
            async with keeper.keeping():
                ended = await self._follow(began, follower)
        complaint = await patiently(lambda: data.unmounted(self._tools.datasets, job, follower))
        await asyncio.to_thread(follower.finish)
        return await self._outcome(job, project, ended, complaint)

    async def _prepare(
        self, job: Job, project: Project, tier: Tier, follower: Follower, keeper: TokenKeeper
    ) -> Program | None:
        """Everything a program needs; None when the job was stopped meanwhile. Its parts are made side by side."""
        self._fetching = asyncio.create_task(self._fetch_code(job))
        parts = await asyncio.gather(
            self._move("Preparing"),
            environments.built_revision(self._db, self._tools.vault, job.environment_revision_id),
            keeper.renew(),
            self._fetching,
            data.mounted(self._tools.datasets, job, self._folder, follower, isolated=self._tools.compute.isolated),
            asyncio.to_thread(self._check_out, job),
            return_exceptions=True,
        )
        self._fetching = None
        for part in parts:
            if isinstance(part, LeaseLost | Unavailable):  # not for this try to end the job
                raise part
        if self._stop_asked and isinstance(parts[3], asyncio.CancelledError):
            return None
        try:
            moved, built, token, job, layout, _ = (_unfailed(part) for part in parts)
            if not moved:
                return None
            environment = await environments.place_of(self._tools.builder, built, follower.prepare)
        except (BuildFailed, CannotFetch, Failure) as reason:
            raise CannotRun(f"The job cannot be prepared: {reason}") from reason
        except OSError as error:
            raise CannotRun(f"The job cannot be prepared: {error.strerror or error}.") from error
        follower.prepare(introduction(job, tier, built, isolated=self._tools.compute.isolated))
        current = await queries.find_job(self._db, job.id) if tier.gpus else job
        return self._program(current or job, project, tier, built, environment, token, layout)

    async def _fetch_code(self, job: Job) -> Job:
        """Puts the job's git repositories into its folder; the job with the commits that they have."""
        if not job.code:
            return job
        place = self._folder / FOLDER
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
        fetched = await self._tools.code.fetch(job, self._folder)
        async with applying(self._db, self._lease) as tx:
            await queries.set_repositories(tx, job.id, fetched)
        return await queries.find_job(self._db, job.id) or job

    def _check_out(self, job: Job) -> None:
        """Writes the files at the input commit into an empty working tree."""
        tree = self._folder / "work"
        if tree.exists():
            shutil.rmtree(tree)
        checkout = self._tools.git.checkout(job.project_id, job.input_commit_id, tree)
        for name in ("tmp", "token"):
            (self._folder / name).mkdir(mode=0o700, exist_ok=True)
        (self._folder / "checkout.json").write_bytes(msgspec.json.encode(checkout))

    def _bare(self, job: Job, tier: Tier) -> Program:
        log_folder = self._folder / "log"
        return Program(
            run_id=job.id,
            argv=(),
            environment={},
            working_dir="",
            folder=self._folder,
            stdout=log_folder / "stdout",
            stderr=log_folder / "stderr",
            cores=tier.cores,
            memory_bytes=tier.memory_bytes,
        )

    def _program(
        self,
        job: Job,
        project: Project,
        tier: Tier,
        built: BuiltRevision,
        environment: Path,
        token: str,
        layout: Layout,
    ) -> Program:
        isolated, git_based = self._tools.compute.isolated, job.is_git_based
        places = places_of(self._folder, environment, isolated=isolated, git_based=git_based)
        script = script_of(job, built)
        if script is not None:
            (self._folder / "launch.sh").write_text(script)
        words = ["/bin/sh", places.script] if script is not None else command_words(job.command)
        mounts = mounts_of(self._folder, places, git_based=git_based, has_script=script is not None)
        mounts += data.mounts(layout, self._folder, places)
        mounts += self._tools.interpreter_mounts(environment)
        return msgspec.structs.replace(
            self._bare(job, tier),
            argv=words,
            environment=variables(job, project, tier, built, places, self._tools.api_host, token),
            working_dir=places.working_dir,
            mounts=mounts,
            gpus=job.gpus,
        )

    async def _begin(self, program: Program) -> Running:
        """Starts the program while the job's state is written; a stop that came first is passed on."""
        moving = asyncio.create_task(self._move("Running"))
        try:
            running = self._tools.compute.start(program)
        except OSError as error:
            await moving
            raise CannotRun(f"The command cannot be started: {error.strerror}.") from error
        if not await moving:
            self._stop_asked = True
        return running

    async def _follow(self, running: Running, follower: Follower) -> Exit:
        """Stamps the log until the program has ended, all of it before anything else happens."""
        if self._stop_asked:
            running.stop(self._tools.stop_grace_seconds)
        ended = asyncio.ensure_future(running.wait())
        try:
            while not ended.done():
                stamped = await asyncio.to_thread(follower.advance)
                if not stamped:
                    await asyncio.wait({ended}, timeout=FOLLOW_SECONDS)
        finally:
            if not ended.done():
                ended.cancel()
        return await ended

    async def _never_started(self, job: Job, follower: Follower) -> tuple[str, Outcome]:
        await asyncio.to_thread(follower.finish)
        current = await queries.find_job(self._db, job.id)
        if current is not None and current.stop_requested:
            return lifecycle.STOPPED, Outcome()
        return lifecycle.ERROR, Outcome(problem="The job was lost: nothing of it is left on this machine.")

    async def _outcome(
        self, job: Job, project: Project, ended: Exit, complaint: str | None
    ) -> tuple[str, Outcome]:
        _, current, (stats, unreadable) = await asyncio.gather(
            patiently(lambda: self._move("Finishing")),
            patiently(lambda: queries.find_job(self._db, job.id)),
            asyncio.to_thread(read_stats, self._folder / "work", self._folder / FOLDER / MAIN_CODE),
        )
        stop = current.stop_requested if current else None
        status, problem = _verdict(ended, stopped=stop is not None)
        commit_id = None
        if stop != "discard":
            try:
                commit_id = await self._commit(job, project)
            except (OSError, Failure) as error:
                status, problem = lifecycle.ERROR, f"The results could not be kept: {reason_of(error)}."
        return status, Outcome(
            output_commit_id=commit_id,
            exit_code=ended.code,
            problem=problem or complaint or unreadable,
            domino_stats=stats,
            cpu_seconds=ended.cpu_seconds,
            peak_memory_bytes=ended.peak_memory_bytes,
        )

    async def _commit(self, job: Job, project: Project) -> str | None:
        checkout = msgspec.json.decode((self._folder / "checkout.json").read_bytes(), type=Checkout)
        # What is done again must not replace what the project has come to since.
        on_main = project.results_branch == "main" and job.reproduces_id is None
        branch = MAIN if on_main else f"results/{job.number}"
        author = await patiently(lambda: author_of(self._db, job.started_by_id, job.started_by_name))
        message = f"{results_of(job)}: {job.title or job.command}"
        tree = self._folder / "work"
        return await asyncio.to_thread(
            self._tools.git.commit_results, job.project_id, checkout, tree, author, message, branch
        )

    async def _move(self, to: str) -> bool:
        """Moves the job while the lease is ours. After a crash the run's folder tells what this may lose."""
        async with applying(self._db, self._lease) as tx:
            await queries.relax_durability(tx)
            if to == "Preparing":
                execution = await hardware_tiers.find_execution(tx, self._lease.subject_id)
                gpus = execution.gpu_numbers if execution else []
                await queries.set_place(tx, self._lease.subject_id, self._node.name, gpus)
                await lifecycle.move(tx, self._lease.subject_id, to)
                job = await queries.find_job(tx, self._lease.subject_id)
                return job is not None and job.status == "Preparing"
            return await lifecycle.move(tx, self._lease.subject_id, to)

    async def _end(self, job: Job, status: str, outcome: Outcome) -> None:
        """The final state and all that belongs to it, in one transaction."""
        async with applying(self._db, self._lease, finish=True) as tx:
            await lifecycle.move(tx, job.id, "Finishing")
            await lifecycle.move(tx, job.id, status)
            await queries.set_outcome(tx, job.id, outcome)
            await hardware_tiers.release_execution(tx, job.id)
            await revoke_run_tokens(tx, job.id)
            await self._tools.datasets.release(tx, job.id)
            await events.record(tx, None, "job.ended", "job", job.id, project_id=job.project_id, status=status)
            await kit_queries.notify(tx, self._lease.kind)

    def _clean(self) -> None:
        """Removes what only the living run needed; its log stays."""
        for name in ("work", "tmp", data.FOLDER, data.COPIES, "token", FOLDER):
            shutil.rmtree(self._folder / name, ignore_errors=True)
        for name in ("launch.sh", "checkout.json"):
            (self._folder / name).unlink(missing_ok=True)


def _unfailed(part: Any) -> Any:
    """A part that was made; raises what went wrong with it otherwise."""
    if isinstance(part, BaseException):
        raise part
    return part


def _verdict(ended: Exit, *, stopped: bool) -> tuple[str, str | None]:
    """The final state that an exit means, and a sentence when it is not a success."""
    if stopped:
        return lifecycle.STOPPED, None
    if ended.reason == "lost":
        return lifecycle.ERROR, "The job's processes were ended from outside; its exit status is not known."
    if ended.reason is not None:
        return lifecycle.FAILED, ended.reason
    if ended.code == 0:
        return lifecycle.SUCCEEDED, None
    return lifecycle.FAILED, f"The command ended with exit code {ended.code}."
