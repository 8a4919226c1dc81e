"""Where runs find datasets: `local/<name>`, shared ones as `<name>`, and `snapshot/<name>/<number or tag>`."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec

from modelyard.domains.datasets.mounts.queries import Mountable, MountableSnapshot

LOCAL, SNAPSHOT = "local", "snapshot"


class MountedFolder(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of the host that a run sees at `path`, below its datasets folder."""

    path: str
    source: Path
    is_writable: bool


class Layout(msgspec.Struct, frozen=True):
    """All that a run sees of datasets: folders, and links between their paths."""

    folders: list[MountedFolder] = msgspec.field(default_factory=list)
    links: dict[str, str] = msgspec.field(default_factory=dict)


def names_of(datasets: Iterable[Mountable], project_id: str) -> dict[str, str]:
    """The name that each dataset has in a run, by its id.

    Own ones have theirs; a shared one whose name another one has is called after its project, too.
    """
    names: dict[str, str] = {}
    taken = {LOCAL, SNAPSHOT}
    for dataset in datasets:
        own = dataset.project_id == project_id
        name = dataset.name if own or dataset.name.lower() not in taken else _long_name(dataset)
        names[dataset.id] = name
        taken.add(name.lower())
    return names


def live_path(dataset: Mountable, name: str, project_id: str) -> str:
    """Where a run finds the live files of a dataset."""
    return f"{LOCAL}/{name}" if dataset.project_id == project_id else name


def snapshot_path(name: str, version: int | str) -> str:
    """Where a run finds a snapshot, by its number or a tag."""
    return f"{SNAPSHOT}/{name}/{version}"


def by_dataset(snapshots: Iterable[MountableSnapshot]) -> dict[str, list[MountableSnapshot]]:
    """Snapshots by the datasets that they are of."""
    found: dict[str, list[MountableSnapshot]] = defaultdict(list)
    for snapshot in snapshots:
        found[snapshot.dataset_id].append(snapshot)
    return found


def _long_name(dataset: Mountable) -> str:
    return f"{dataset.owner_name}-{dataset.project_name}-{dataset.name}"
