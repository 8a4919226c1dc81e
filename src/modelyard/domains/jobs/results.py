"""What a finished run leaves behind: its statistics and its changed files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from modelyard.domains.jobs.queries import Job
from modelyard.engines.git import GitStore
from modelyard.kit.safe_path import SafePath

STATS_FILE = "dominostats.json"
MAX_STATS_BYTES = 2**20


def read_stats(*folders: Path) -> tuple[list[dict[str, str]], str | None]:
    """The statistics that the run wrote into the first of these folders, and a sentence when they cannot be read.

    The file is an object of names and values; numbers keep their shortest text form.
    """
    written = [folder / STATS_FILE for folder in folders]
    path = next((one for one in written if one.is_file() and not one.is_symlink()), None)
    if path is None:
        return [], None
    try:
        if path.stat().st_size > MAX_STATS_BYTES:
            return [], f"{STATS_FILE} is larger than {MAX_STATS_BYTES // 2**20} MiB and was not read."
        content = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        return [], f"{STATS_FILE} could not be read: {error}."
    if not isinstance(content, dict):
        return [], f"{STATS_FILE} is not an object of names and values and was not read."
    return [{"name": name, "value": _text(value)} for name, value in content.items()], None


def results_of(job: Job) -> str:
    """How the message of the commit begins that keeps what a job has changed."""
    return f"Results of job #{job.number}"


def changed_files(git: GitStore, job: Job) -> dict[str, str | None]:
    """The files that a job has changed, by their paths: the git object's id after it, None for removed ones.

    Blocks. What was on the branch already when the job ended, just as the job has left it, is not told.
    """
    if job.output_commit_id is None:
        return {}
    commit = git.find_commit(job.project_id, job.output_commit_id)
    # Where nothing was left to be committed, the commit is what others had made the branch before.
    if commit is None or commit.parent_id is None or not commit.message.startswith(f"{results_of(job)}:"):
        return {}
    before, after = (files_at(git, job.project_id, one) for one in (commit.parent_id, commit.id))
    return {path: after.get(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def files_at(git: GitStore, project_id: str, commit_id: str) -> Mapping[str, str]:
    """The git object's id of every file at a commit, by its path; blocks, and raises NotFound."""
    entries = git.entries(project_id, commit_id, SafePath(""), recursive=True)
    return {entry.path: entry.key for entry in entries if not entry.is_folder}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
