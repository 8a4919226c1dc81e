"""Operations on the files of datasets."""

import asyncio
from typing import Annotated, Any

from litestar import Request, Response
from litestar.params import Parameter

from modelyard.domains.datasets.access import DatasetAccess, dataset_with
from modelyard.domains.datasets.files import comparing, service
from modelyard.domains.datasets.files.reading import Version, version
from modelyard.domains.datasets.files.wire import (
    DatasetDifference,
    DatasetFolder,
    DatasetUsage,
    Quota,
)
from modelyard.domains.datasets.snapshots.service import version_of
from modelyard.domains.datasets.storage import Storage
from modelyard.domains.projects import Project, project_with
from modelyard.domains.users import Caller, Right
from modelyard.engines.trees.files import browse, members
from modelyard.kit.archives import ArchiveFormat, archive, file_name
from modelyard.kit.db import Database, Transaction
from modelyard.kit.description import BINARY
from modelyard.kit.downloads import archive_reply, file_reply
from modelyard.kit.operation import operation
from modelyard.kit.safe_path import SafePath

TAG = "Datasets (private)"
DATASET = "/v4/datasetrw/datasets/{datasetId:str}"

HttpRequest = Request[Any, Any, Any]
VersionName = Annotated[str | None, Parameter(max_length=200)]

_reading = dataset_with(Right.READ_DATASET_RW_V2)
_writing = dataset_with(Right.UPDATE_DATASET_RW_V2)
_as_administrator = Right.PERFORM_DATASET_RW_ACTIONS_AS_ADMIN_V2


@operation("GET", f"{DATASET}/files", guard=_reading, tag=TAG)
async def browse_dataset(
    access: DatasetAccess,
    db: Database,
    storage: Storage,
    path: str = "",
    snapshot: VersionName = None,
    after: str | None = None,
    limit: Annotated[int, Parameter(ge=1, le=1000)] = 1000,
) -> DatasetFolder:
    """What lies in a folder: of the live files, or of a snapshot by its id, number or tag."""
    folder, found = SafePath(path), await version(db, storage, access.dataset, snapshot)
    listing = await asyncio.to_thread(browse, found.files, folder, after, limit)
    return DatasetFolder.of(folder, listing)


@operation("GET", f"{DATASET}/file", guard=_reading, tag=TAG, media_type=BINARY)
async def download_dataset_file(
    access: DatasetAccess,
    db: Database,
    storage: Storage,
    request: HttpRequest,
    path: str,
    snapshot: VersionName = None,
) -> Response[Any]:
    """Download a file, or a range of it: a live one, or that of a snapshot by its id, number or tag."""
    found, asked = await version(db, storage, access.dataset, snapshot), dict(request.headers)
    return await asyncio.to_thread(lambda: file_reply(found.files.open_file(SafePath(path)), asked))


@operation("GET", f"{DATASET}/archive", guard=_reading, tag=TAG, media_type=BINARY)
async def download_dataset_archive(
    access: DatasetAccess,
    db: Database,
    storage: Storage,
    request: HttpRequest,
    path: str = "",
    snapshot: VersionName = None,
    format: ArchiveFormat = "tar.gz",
) -> Response[Any]:
    """Download a folder, or all files, as tar.gz, tar or zip: live, or of a snapshot by its id, number or tag."""
    folder, found = SafePath(path), await version(db, storage, access.dataset, snapshot)
    top = file_name(f"{access.dataset.name}-{found.name}")
    pieces = archive(members(found.files, folder, top), format, found.moment)
    return archive_reply(pieces, dict(request.headers), _identity(found, folder, format), top, format)


@operation("DELETE", f"{DATASET}/files", guard=_writing, tag=TAG)
async def delete_dataset_files(access: DatasetAccess, db: Database, storage: Storage, path: str) -> DatasetUsage:
    """Delete a live file, or a folder with all below it; snapshots keep theirs."""
    return DatasetUsage.of(await service.delete(db, storage, access.caller, access.dataset, SafePath(path)))


@operation("POST", f"{DATASET}/restore", guard=_writing, tag=TAG)
async def restore_dataset(
    access: DatasetAccess, db: Database, storage: Storage, snapshot: Annotated[str, Parameter(max_length=200)]
) -> DatasetUsage:
    """Make the live files those of a snapshot, by its id, number or tag."""
    found = await version_of(db, access.dataset, snapshot)
    return DatasetUsage.of(await service.restore(db, storage, access.caller, access.dataset, found))


@operation("GET", f"{DATASET}/diff", guard=_reading, tag=TAG)
async def compare_dataset_versions(
    access: DatasetAccess,
    db: Database,
    storage: Storage,
    before: str,
    after: VersionName = None,
    limit: Annotated[int, Parameter(ge=0, le=100_000)] = 1000,
) -> DatasetDifference:
    """Which files were added, changed and removed from one snapshot to another, or to the live files."""
    return await comparing.compare(db, storage, access.dataset, before, after, limit)


@operation("GET", f"{DATASET}/usage", guard=dataset_with(Right.LIST_DATASET_RW_V2), tag=TAG)
async def get_dataset_usage(access: DatasetAccess, db: Database, storage: Storage) -> DatasetUsage:
    """What a dataset and its project take, and what they may take."""
    return DatasetUsage.of(await service.usage(db, storage, access.dataset.id))


@operation("PUT", f"{DATASET}/quota", guard=dataset_with(_as_administrator), tag=TAG)
async def set_dataset_quota(access: DatasetAccess, tx: Transaction, data: Quota) -> Quota:
    """Choose how many bytes the live files of a dataset may have."""
    await service.set_quota(tx, access.caller, access.dataset, data.quota_bytes)
    return data


@operation(
    "PUT", "/v4/projects/{projectId:str}/datasetQuota", guard=project_with(_as_administrator), tag=TAG
)  # fmt: skip
async def set_project_dataset_quota(project: Project, caller: Caller, tx: Transaction, data: Quota) -> Quota:
    """Choose how many bytes the live files of all datasets of a project may have."""
    await service.set_project_quota(tx, caller, project, data.quota_bytes)
    return data


def _identity(found: Version, folder: SafePath, format: ArchiveFormat) -> str:
    return f"{found.identity}-{folder.encode().hex()[:200]}-{format}"
