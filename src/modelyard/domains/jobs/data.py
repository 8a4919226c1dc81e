"""The datasets of a run: put into its folder before it starts, and told about in replies."""

import asyncio
import shutil
from pathlib import Path

from modelyard.domains.datasets import DatasetMounter, Layout
from modelyard.domains.datasets import Mount as DatasetMount
from modelyard.domains.jobs.launch import DATASETS, DATASETS_GIT_BASED, Places
from modelyard.domains.jobs.queries import Job
from modelyard.domains.jobs.wire import DatasetMountV1
from modelyard.engines.compute import Mount
from modelyard.engines.logs import Follower
from modelyard.kit.errors import Failure, Unavailable, reason_of
from modelyard.kit.wire import present

FOLDER = "datasets"
# Copies of what an earlier run found, for a run that does the same again.
COPIES = "copies"
LOCAL, SNAPSHOT = "local", "snapshot"


async def mounted(
    mounter: DatasetMounter, job: Job, folder: Path, follower: Follower, *, isolated: bool
) -> Layout:
    """Puts the datasets that a job sees into its folder; raises OSError and Failure."""
    account, say = job.started_by_id, follower.prepare
    if job.reproduces_id is None:
        layout = await mounter.mount(job.id, account, job.project_id, say)
    else:
        layout = await mounter.mount_again(job.id, account, job.reproduces_id, folder / COPIES, say)
    await asyncio.to_thread(lambda: place(layout, folder, isolated=isolated, git_based=job.is_git_based))
    return layout


async def unmounted(mounter: DatasetMounter, job: Job, follower: Follower) -> str | None:
    """Has it known what a job left in its datasets, and snapshots taken; a sentence when that failed."""
    take, account = job.snapshot_datasets, job.started_by_id
    try:
        lines = await mounter.unmount(job.id, take_snapshots=take, account_id=account)
    except (Unavailable, ConnectionError):  # of the database: for another try
        raise
    except (OSError, Failure) as error:
        return f"The job's changes are in its datasets, but could not be looked through: {reason_of(error)}."
    for line in lines:
        follower.prepare(line)
    return None


def place(layout: Layout, folder: Path, *, isolated: bool, git_based: bool) -> None:
    """Makes the folder that a run finds its datasets in.

    An isolated run gets the datasets mounted at empty folders; another one follows links to them.
    """
    top = folder / FOLDER
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(mode=0o755)
    for one in layout.folders:
        target = top / one.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isolated:
            target.mkdir()
        else:
            target.symlink_to(one.source)
    for path, leads_to in (layout.links | _known_names(layout, git_based=git_based)).items():
        if not (top / path).exists():
            (top / path).symlink_to(leads_to)


def mounts(layout: Layout, folder: Path, places: Places) -> list[Mount]:
    """What an isolated run sees of its datasets: nothing can be written beside them, where it would be lost."""
    return [
        Mount(folder / FOLDER, places.datasets_dir),
        *(Mount(one.source, f"{places.datasets_dir}/{one.path}", one.is_writable) for one in layout.folders),
    ]


def dataset_mount(job: Job, mount: DatasetMount) -> DatasetMountV1:
    """What a job saw of a dataset, at the path at which isolated runs see it."""
    return DatasetMountV1(
        id=mount.dataset_id,
        dataset_name=mount.dataset_name,
        project_id=mount.project_id,
        is_input=not mount.is_writable,
        container_path=f"{DATASETS_GIT_BASED if job.is_git_based else DATASETS}/{mount.path}",
        snapshot_id=present(mount.snapshot_id),
        snapshot_version=present(mount.snapshot_number),
    )


def _known_names(layout: Layout, *, git_based: bool) -> dict[str, str]:
    """Other names by which scripts know the same folders: in git-based projects own datasets are at the top."""
    names: dict[str, str] = {}
    paths = [one.path for one in layout.folders]
    if any(path.startswith(f"{SNAPSHOT}/") for path in paths):
        names["snapshots"] = SNAPSHOT
        if any(path.startswith(f"{LOCAL}/") for path in paths):
            names[f"{LOCAL}/snapshots"] = f"../{SNAPSHOT}"
    if git_based:
        names.update({path.removeprefix(f"{LOCAL}/"): path for path in paths if path.startswith(f"{LOCAL}/")})
    return names
