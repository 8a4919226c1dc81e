"""`modelyard run`, `logs` and `jobs`."""

import io
import os
import shlex
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pathspec
import typer

from modelyard.cli.connection import CommandError, Server
from modelyard.cli.finding import find_environment, find_project, full_name, reference, repositories
from modelyard.cli.options import Json, OfProject
from modelyard.cli.output import as_json, err, say, table

POLL_SECONDS = 0.3
_JOB_REFERENCES = {"Branch": "branches", "Tag": "tags", "Commit": "commitId"}
IGNORED = [".git/", ".venv/", "__pycache__/", ".ipynb_checkpoints/"]
EXIT_OF_STATUS = {"Succeeded": 0, "Failed": 1, "Error": 3, "Stopped": 130}

Folder = Annotated[
    Path | None,
    typer.Option(help="Folder that becomes the project's files; the current one, or none if it is git-based."),
]
RunReference = Annotated[
    str | None,
    typer.Option("--ref", help="What a git-based project runs at: branch:NAME, tag:NAME or commit:ID."),
]

SnapshotDatasets = Annotated[
    bool,
    typer.Option(
        "--snapshot-datasets", help="Take a snapshot of each dataset that it could write to when it ends."
    ),
]


def run(
    command: Annotated[list[str], typer.Argument(help="The command, after `--`.")],
    project: OfProject = None,
    environment: Annotated[str | None, typer.Option(help="Environment, by name or id.")] = None,
    tier: Annotated[str | None, typer.Option(help="Hardware tier.")] = None,
    title: Annotated[str | None, typer.Option(help="Title of the job.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show the log and exit with the job.")] = False,
    folder: Folder = None,
    ref: RunReference = None,
    snapshot: SnapshotDatasets = False,
) -> None:
    """Upload the current folder as a commit and run a command on it as a job.

    The files of a git-based project come from its repository; nothing is uploaded then.
    """
    server = Server.find()
    found = find_project(server, project)
    git_based = any(one["isMain"] for one in repositories(server, found["id"]))
    if ref and not git_based:
        raise CommandError(f"--ref: {full_name(found)} has no main git repository; leave --ref out.")
    commit = None
    if folder or not git_based:
        with err.status("Uploading the folder ..."):
            commit = upload_folder(server, found["id"], folder or Path())
    body = {
        "projectId": found["id"],
        "runCommand": shlex.join(command),
        "commitId": commit,
        "title": title,
        "hardwareTier": tier,
        "environmentId": find_environment(server, environment)["id"] if environment else None,
        "mainRepoGitRef": _job_reference(ref),
        "snapshotDatasetsOnCompletion": snapshot,
    }
    job = server.post("/api/jobs/v1/jobs", body)["job"]
    at = f" at commit {commit[:10]}" if commit else ""
    say(f"Job #{job['number']} of {found['name']} started{at}: {job['id']}")
    if follow:
        sys.exit(follow_job(server, job["id"]))


def logs(
    job_id: str,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job ends.")] = False,
    stream: Annotated[str, typer.Option(help="stdOut, stdErr, prepareOutput or complete.")] = "complete",
) -> None:
    """Print the log of a job."""
    server = Server.find()
    if follow:
        sys.exit(follow_job(server, job_id, stream))
    for _ in log_pages(server, job_id, stream, follow=False):
        pass


def list_jobs(
    project: OfProject = None,
    status: Annotated[str, typer.Option(help="all, queued, running, completed, archived or active.")] = "all",
    limit: Annotated[int, typer.Option(help="How many.")] = 20,
    json: Json = False,
) -> None:
    """List the jobs of a project, newest first."""
    server = Server.find()
    found = find_project(server, project)
    jobs = server.get("/api/jobs/beta/jobs", projectId=found["id"], statusFilter=status, limit=limit)["jobs"]
    if json:
        as_json(jobs)
        return
    table(
        ["#", "STATUS", "COMMAND", "SUBMITTED", "TITLE", "ID"],
        (
            [
                str(job["number"]),
                job["status"]["executionStatus"],
                job["runCommand"],
                job["stageTimes"]["submissionTime"][:19].replace("T", " "),
                job.get("title", ""),
                job["id"],
            ]
            for job in jobs
        ),
        flexible=["COMMAND", "TITLE"],
    )


def _job_reference(text: str | None) -> dict[str, Any] | None:
    """What `--ref` says, in the words that jobs have for it."""
    ref = reference(text)
    return {"refType": _JOB_REFERENCES[ref["refType"]], "value": ref["value"]} if ref else None


def upload_folder(server: Server, project_id: str, folder: Path) -> str:
    """Makes a commit whose tree is the folder, but for what its .dominoignore leaves out; the commit id."""
    return str(
        server.upload("POST", f"/v4/projects/{project_id}/commits", _packed(folder), replace="true")["commitId"]
    )


def follow_job(server: Server, job_id: str, stream: str = "complete") -> int:
    """Prints a job's log until it ends; the exit code of its command, or a status that tells how it ended."""
    for _ in log_pages(server, job_id, stream, follow=True):
        pass
    job = server.get(f"/v4/jobs/{job_id}")
    status = job["statuses"]["executionStatus"]
    colour = "green" if status == "Succeeded" else "red"
    output = job["commitDetails"].get("outputCommitId")
    results = f", results in commit {output[:10]}" if output else ""
    err.print(f"[bold {colour}]{status}[/]{results}", highlight=False)
    if status == "Failed" and job.get("exitCode"):
        return int(job["exitCode"])
    return EXIT_OF_STATUS.get(status, 3)


def log_pages(server: Server, job_id: str, stream: str, *, follow: bool) -> Iterator[int]:
    """Prints a job's log page by page, yielding the number of lines; ends when the log is complete."""
    cursor, said, last = "0", "", ""
    while True:
        reply = server.get(f"/api/jobs/beta/jobs/{job_id}/logs", logType=stream, latestTimeNano=cursor)
        content = reply["logs"]["logContent"]
        for line in content:
            _print_line(line)
            last = line["log"]
        cursor = reply["metadata"]["pagination"].get("latestTimeNano", cursor)
        if reply["logs"]["isComplete"] or (not follow and not content):
            problem = reply["logs"].get("problem")
            if problem and problem not in last:
                err.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)
            return
        yield len(content)
        if not content:
            said = _say_wait(server, job_id, said)
            time.sleep(POLL_SECONDS)


def _print_line(line: dict[str, Any]) -> None:
    stream = sys.stdout if line["logType"] == "stdOut" else sys.stderr
    stream.write(line["log"] + "\n")
    stream.flush()


def _say_wait(server: Server, job_id: str, said: str) -> str:
    """Says once why a queued job waits; what was said."""
    details = server.get(f"/api/jobs/beta/jobs/{job_id}")["job"].get("queuedJobStatusDetails")
    explanation = str(details["explanation"]) if details else ""
    if explanation and explanation != said:
        err.print(explanation, style="dim", markup=False, highlight=False, soft_wrap=True)
    return explanation or said


def _packed(folder: Path) -> Iterator[bytes]:
    """The folder as a tar stream, one file in memory at a time at most in pieces."""
    ignore_file = folder / ".dominoignore"
    lines = ignore_file.read_text().splitlines() if ignore_file.is_file() else []
    ignored = pathspec.GitIgnoreSpec.from_lines(IGNORED + lines)
    buffer = _Pieces()
    with tarfile.open(fileobj=buffer, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path in _files(folder, ignored):
            archive.add(path, arcname=path.relative_to(folder).as_posix(), recursive=False)
            yield from buffer.taken()
    yield from buffer.taken()


def _files(folder: Path, ignored: pathspec.GitIgnoreSpec) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        here = Path(root)
        folders[:] = sorted(
            name for name in folders if not ignored.match_file((here / name).relative_to(folder).as_posix() + "/")
        )
        for name in sorted(names):
            path = here / name
            if path.is_file() and not ignored.match_file(path.relative_to(folder).as_posix()):
                yield path


class _Pieces(io.RawIOBase):
    """What the archive has written since it was last taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> Iterator[bytes]:
        pieces, self._pieces = self._pieces, []
        yield from pieces
