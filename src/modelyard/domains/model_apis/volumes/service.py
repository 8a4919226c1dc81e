"""Rules of volumes: what their adder may read is seen, and written to where the adder may write."""

import itertools
import re
from collections.abc import Sequence

from modelyard.domains.datasets import Dataset, Snapshot, dataset_in_project, snapshot_by_id, snapshot_of
from modelyard.domains.model_apis import queries as model_apis
from modelyard.domains.model_apis.queries import ModelApi, Volume
from modelyard.domains.model_apis.volumes import queries
from modelyard.domains.model_apis.volumes.paths import checked_mount_path, overlap
from modelyard.domains.model_apis.wire import ModelApiVolume, VolumeType
from modelyard.domains.users import Caller, Right
from modelyard.kit import events
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.errors import BadRequest, NotFound

MOST = 50

_ID = re.compile(r"[0-9a-f]{24}")


async def prepared(
    db: Executor, caller: Caller, project_id: str, wanted: Sequence[ModelApiVolume]
) -> list[Volume]:
    """What is stored of the volumes of a new model API in a project; raises as `attach` does."""
    volumes = [await _prepared(db, caller, project_id, one) for one in wanted]
    _check_together(volumes)
    return volumes


async def attach(tx: Transaction, caller: Caller, model_api: ModelApi, wanted: ModelApiVolume) -> Volume:
    """Adds a volume, for versions that start from now on.

    Raises NotFound and Forbidden for datasets and snapshots out of reach, BadRequest for what contradicts itself
    or another volume.
    """
    volume = await _prepared(tx, caller, model_api.project_id, wanted)
    await model_apis.lock_model_api(tx, model_api.id)
    _check_together([*await queries.volumes_of(tx, model_api.id), volume])
    await queries.add_volumes(tx, model_api.id, [volume])
    await model_apis.touch(tx, model_api.id)
    await events.record(
        tx, caller, "modelApi.volumeAttached", "modelApi", model_api.id,
        project_id=model_api.project_id, name=volume.name, datasetId=volume.dataset_id,
        snapshotId=volume.snapshot_id, mountPath=volume.mount_path, readOnly=volume.read_only,
    )  # fmt: skip
    return volume


async def detach(tx: Transaction, caller: Caller, model_api: ModelApi, name: str) -> None:
    """Removes a volume; raises NotFound."""
    if not await queries.remove_volume(tx, model_api.id, name):
        raise NotFound(f"The model API {model_api.name} has no volume named {name[:100]}.")
    await model_apis.touch(tx, model_api.id)
    await events.record(
        tx, caller, "modelApi.volumeDetached", "modelApi", model_api.id,
        project_id=model_api.project_id, name=name,
    )  # fmt: skip


async def _prepared(db: Executor, caller: Caller, project_id: str, wanted: ModelApiVolume) -> Volume:
    mount_path = checked_mount_path(wanted.mount_path)
    dataset, snapshot = await _named(db, caller, project_id, wanted)
    if snapshot is not None and not wanted.read_only:
        raise BadRequest(f"readOnly: {wanted.name[:100]} is a snapshot, which nobody can change; say true.")
    return Volume(
        name=wanted.name,
        mount_path=mount_path,
        volume_type=(VolumeType.DATASET if snapshot is None else VolumeType.SNAPSHOT).value,
        read_only=wanted.read_only,
        dataset_id=dataset.id,
        snapshot_id=snapshot.id if snapshot else None,
        added_by_id=caller.id,
    )


async def _named(
    db: Executor, caller: Caller, project_id: str, wanted: ModelApiVolume
) -> tuple[Dataset, Snapshot | None]:
    """The dataset that a name means, and the snapshot: `<dataset>/<number or tag>`, or the id of one."""
    name, slash, version = wanted.name.partition("/")
    if slash:
        dataset = await dataset_in_project(db, caller, project_id, name, Right.READ_DATASET_RW_V2)
        return dataset, await snapshot_of(db, dataset, version)
    if wanted.volume_type is VolumeType.SNAPSHOT:
        if not _ID.fullmatch(name):
            raise BadRequest(
                f"name: {name[:100]} names no snapshot; give <dataset>/<number or tag>, or the snapshot's id."
            )
        access = await snapshot_by_id(db, caller, name, Right.READ_DATASET_RW_V2)
        return access.dataset, await snapshot_of(db, access.dataset, name)
    right = Right.READ_DATASET_RW_V2 if wanted.read_only else Right.UPDATE_DATASET_RW_V2
    return await dataset_in_project(db, caller, project_id, name, right), None


def _check_together(volumes: Sequence[Volume]) -> None:
    if len(volumes) > MOST:
        raise BadRequest(f"A model API has at most {MOST} volumes; detach one first.")
    for one, other in itertools.combinations(volumes, 2):
        if one.name == other.name:
            raise BadRequest(f"name: there is a volume named {one.name[:100]} already; detach it first.")
        if overlap(one.mount_path, other.mount_path):
            raise BadRequest(
                f"mountPath: {other.mount_path[:100]} and {one.mount_path[:100]} of another volume are in each"
                " other's way; choose paths beside each other."
            )
