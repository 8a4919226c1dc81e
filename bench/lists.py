"""A project's job list with 100,000 jobs against the same list with 100."""

import asyncio

import asyncpg

from bench.serving import Server, load, modelyard, percentile, table
from modelyard.engines.postgres import EmbeddedPostgres

SIZES = (100, 100_000)
WINDOWS = {
    "first page": "limit=10",
    "page in the middle": "limit=10&offset={middle}",
    "last page": "limit=10&offset={last}",
    "completed": "limit=10&statusFilter=completed",
    "active": "limit=10&statusFilter=active",
    "by submission": "limit=10&sortBy=startedTime&ascending=true",
}
SECONDS = 3.0


def measure() -> None:
    """Interleaves the two sizes, window by window."""
    rows = [("window", "p99 of 100", "p99 of 100,000", "ratio", "budget")]
    with modelyard() as server:
        projects = {size: server.new_project(f"jobs-{size}") for size in SIZES}
        for size, project in projects.items():
            asyncio.run(_seed(server, project, size))
        headers = {"X-Domino-Api-Key": server.key}
        for name, window in WINDOWS.items():
            times: dict[int, list[float]] = {size: [] for size in SIZES}
            for _ in range(3):
                for size, project in projects.items():
                    query = window.format(middle=size // 2, last=size - 10)
                    url = f"{server.url}/api/jobs/beta/jobs?projectId={project}&{query}"
                    times[size] += load(url, headers, SECONDS / 3, clients=4)
            small, large = (percentile(times[size], 99) for size in SIZES)
            rows.append((name, f"{small * 1e3:.1f} ms", f"{large * 1e3:.1f} ms", f"{large / small:.2f}x", "3x"))
    table("List of jobs", rows)


async def _seed(server: Server, project: str, size: int) -> None:
    """Fills a project with finished jobs, straight in the database."""
    connection = await asyncpg.connect(EmbeddedPostgres(server.home).dsn)
    await connection.execute(
        "INSERT INTO job_counts (project_id, last_number, completed) VALUES ($1, $2, $2)"
        " ON CONFLICT (project_id) DO UPDATE SET last_number = $2, completed = $2",
        project,
        size,
    )
    await connection.execute("ALTER TABLE jobs DISABLE TRIGGER count_jobs")
    await connection.execute(
        "INSERT INTO jobs (id, project_id, number, title, command, status, started_by_id, hardware_tier_id,"
        " cents_per_minute, environment_id, environment_revision_id, awaits_build, input_commit_id, submitted_at,"
        " started_at, completed_at) SELECT lpad(to_hex(n), 12, '0') || left($1, 12), $1, n, 'Job ' || n,"
        " 'python train.py', 'Succeeded', u.id, 'small', 0, 'e', 'r', false, 'c', now() - n * interval '1 minute',"
        " now(), now() FROM generate_series(1, $2) n, users u WHERE u.user_name = 'admin'",
        project,
        size,
    )
    await connection.execute("ALTER TABLE jobs ENABLE TRIGGER count_jobs")
    await connection.execute("VACUUM ANALYZE jobs")
    await connection.close()
