"""Volumes of model APIs: datasets and snapshots that replicas see at the paths that were asked for."""

import re
from pathlib import Path

import msgspec

from modelyard.domains.datasets import DatasetMounter, MountedFolder, WantedMount
from modelyard.domains.model_apis.queries import Volume
from modelyard.engines.compute import Mount
from modelyard.kit.safe_path import SafePath

_NOT_IN_NAMES = re.compile(r"\W", re.ASCII)


class Mounted(msgspec.Struct, frozen=True):
    """What a replica sees of its volumes: mounts where it is isolated, and variables that name their folders."""

    mounts: list[Mount]
    variables: dict[str, str]
    said: list[str]


async def mounted(
    mounter: DatasetMounter, replica_id: str, volumes: list[Volume], source: Path, seen_at: str, *, isolated: bool
) -> Mounted:
    """Mounts volumes for one replica, whose files `source` it sees at `seen_at`; raises OSError and Failure."""
    wanted = [
        WantedMount(
            path=volume.mount_path,
            dataset_id=volume.dataset_id,
            snapshot_id=volume.snapshot_id,
            account_id=volume.added_by_id,
            read_only=volume.read_only,
        )
        for volume in volumes
    ]
    folders = await mounter.mount_named(replica_id, wanted) if wanted else []
    if isolated:
        for folder in folders:
            _make_mount_point(source, seen_at, folder.path)
    places = [folder.path if isolated else str(folder.source) for folder in folders]
    return Mounted(
        mounts=[Mount(one.source, one.path, one.is_writable) for one in folders],
        variables={variable_of(volume.name): place for volume, place in zip(volumes, places, strict=True)},
        said=[_said(*one) for one in zip(volumes, folders, places, strict=True)],
    )


def variable_of(name: str) -> str:
    """The variable that tells a replica where a volume is."""
    return f"MODELYARD_VOLUME_{_NOT_IN_NAMES.sub('_', name).upper()}"


def _make_mount_point(source: Path, seen_at: str, path: str) -> None:
    """Makes the folder that is mounted over, where it lies among files that the replica cannot write to."""
    if path.startswith(f"{seen_at}/"):
        place = SafePath(path.removeprefix(f"{seen_at}/")).under(source)
        place.mkdir(mode=0o755, parents=True, exist_ok=True)


def _said(volume: Volume, folder: MountedFolder, place: str) -> str:
    access = "writable" if folder.is_writable else "read-only"
    if place == volume.mount_path:
        return f"Volume {volume.name} at {place}, {access}"
    return (
        f"Volume {volume.name}, {access}: nothing is mounted at {volume.mount_path}, since models are not isolated"
        f" on this machine; its folder is in ${variable_of(volume.name)}"
    )
