"""How a job's command becomes words, a script and an environment, as a Domino run sees them."""

import re
import shlex
from pathlib import Path, PurePosixPath

import msgspec

from modelyard.domains.environments import BuiltRevision
from modelyard.domains.hardware_tiers import Tier
from modelyard.domains.jobs import fetching
from modelyard.domains.jobs.queries import Job
from modelyard.domains.projects import Project
from modelyard.engines.compute import Mount
from modelyard.engines.compute import variables as program_variables

# Where isolated runs find their datasets.
DATASETS, DATASETS_GIT_BASED = "/domino/datasets", "/mnt/data"

_SHELL = re.compile(r"[|&;<>$`\n*?(){}~#]|^\s*\w+=")
_INTERPRETERS = {
    ".py": ("python",),
    ".sh": ("bash",),
    ".R": ("Rscript",),
    ".r": ("Rscript",),
    ".ipynb": ("jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace"),
}


class Places(msgspec.Struct, frozen=True):
    """Where a run finds its things, as paths that the run itself sees.

    In a git-based project the main repository is the working directory and the project's own files are its
    artifacts; else the working directory has the project's files. `imported` is above the other repositories.
    """

    working_dir: str
    artifacts_dir: str
    imported_dir: str
    datasets_dir: str
    token_file: str
    temporary_dir: str
    script: str
    virtual_environment: str


def places_of(folder: Path, environment: Path, *, isolated: bool, git_based: bool) -> Places:
    """Where a run finds its things: at Domino's paths when it is isolated, else in its own folder."""
    if isolated:
        return Places(
            working_dir="/mnt/code" if git_based else "/mnt",
            artifacts_dir="/mnt/artifacts" if git_based else "/mnt",
            imported_dir="/mnt/imported/code" if git_based else "/repos",
            datasets_dir=DATASETS_GIT_BASED if git_based else DATASETS,
            token_file="/var/lib/domino/home/.api/token",  # noqa: S106 - a path
            temporary_dir="/tmp",
            script="/domino/launch.sh",
            virtual_environment=str(environment),
        )
    code = folder / fetching.FOLDER
    return Places(
        working_dir=str(code / fetching.MAIN if git_based else folder / "work"),
        artifacts_dir=str(folder / "work"),
        imported_dir=str(code / fetching.IMPORTED),
        datasets_dir=str(folder / "datasets"),
        token_file=str(folder / "token" / "token"),
        temporary_dir=str(folder / "tmp"),
        script=str(folder / "launch.sh"),
        virtual_environment=str(environment),
    )


def mounts_of(folder: Path, places: Places, *, git_based: bool, has_script: bool) -> list[Mount]:
    """What an isolated run sees of its folder, and where."""
    code = folder / fetching.FOLDER
    mounts = [
        Mount(folder / "work", places.artifacts_dir, writable=True),
        Mount(folder / "tmp", places.temporary_dir, writable=True),
        Mount(folder / "token", str(Path(places.token_file).parent)),
    ]
    if git_based:
        mounts.append(Mount(code / fetching.MAIN, places.working_dir, writable=True))
    if (code / fetching.IMPORTED).is_dir():
        mounts.append(Mount(code / fetching.IMPORTED, places.imported_dir, writable=True))
    if has_script:
        mounts.append(Mount(folder / "launch.sh", places.script))
    return mounts


def command_words(command: str) -> list[str]:
    """The words to execute: a script file by its interpreter, shell text by a shell, else as they are."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ["/bin/sh", "-c", command]
    script = PurePosixPath(words[0]) if words else PurePosixPath()
    interpreter = _INTERPRETERS.get(script.suffix)
    if _SHELL.search(command):
        text = f"{shlex.join(interpreter)} {command}" if interpreter else command
        return ["/bin/sh", "-c", text]
    return [*interpreter, *words] if interpreter else words


def script_of(job: Job, built: BuiltRevision) -> str | None:
    """A shell script around the command when the environment has scripts of its own, else None.

    Setup and pre-run scripts must succeed before the command starts; the post-run script does not change
    how the job ended.
    """
    before = [built.pre_setup_script, built.post_setup_script, built.pre_run_script]
    if not any(before) and not built.post_run_script:
        return None
    failed = "{ echo 'A setup script of the environment failed.' >&2; exit 1; }"
    parts = ["#!/bin/sh", *(f"( set -e\n{text}\n) || {failed}" for text in before if text)]
    parts.append(f"{shlex.join(command_words(job.command))}\ncode=$?")
    if built.post_run_script:
        parts.append(f"(\n{built.post_run_script}\n)")
    return "\n".join([*parts, "exit $code\n"])


def variables(
    job: Job, project: Project, tier: Tier, built: BuiltRevision, places: Places, host: str, token: str
) -> dict[str, str]:
    """The whole environment of a run: the platform's variables, over those of the environment revision."""
    return (
        program_variables.defaults(tier.cores)
        | built.variables
        | program_variables.places(Path(places.virtual_environment), places.temporary_dir)
        | {
            "USER": job.started_by_name,
            "CUDA_VISIBLE_DEVICES": ",".join(str(gpu) for gpu in job.gpus),
            "MODELYARD_RUN_ID": job.id,
            "DOMINO_API_HOST": host,
            "DOMINO_ARTIFACTS_DIR": places.artifacts_dir,
            "DOMINO_DATASETS_DIR": places.datasets_dir,
            "DOMINO_ENVIRONMENT_ID": job.environment_id,
            "DOMINO_ENVIRONMENT_REVISION_ID": job.environment_revision_id,
            "DOMINO_IMPORTED_CODE_DIR": places.imported_dir,
            "DOMINO_IS_GIT_BASED": str(job.is_git_based).lower(),
            "DOMINO_RUN_ID": job.id,
            "DOMINO_RUN_NUMBER": str(job.number),
            "DOMINO_STARTING_USERNAME": job.started_by_name,
            "DOMINO_TOKEN_FILE": places.token_file,
            "DOMINO_USER_API_KEY": token,
            "DOMINO_WORKING_DIR": places.working_dir,
        }
        | project.variables
        | tier.variables
        | tracking(host, token)
    )


def tracking(host: str, token: str) -> dict[str, str]:
    """What MLflow's clients read: where to log, and as whom."""
    return {"MLFLOW_TRACKING_TOKEN": token, "MLFLOW_TRACKING_URI": f"{host}/mlflow"}


def introduction(job: Job, tier: Tier, built: BuiltRevision, *, isolated: bool) -> str:
    """What a run's log begins with: everything that the run stands on."""
    repositories = [f"Git repository {one.name} ({one.uri}) at commit {one.commit_id}" for one in job.code]
    return "\n".join(
        [
            f"Files at commit {job.input_commit_id}",
            *repositories,
            f"Environment {built.environment_id}, revision {built.number}",
            tier.summary,
            "Isolated by bubblewrap" if isolated else "Not isolated: bubblewrap is not in use on this machine",
        ]
    )
