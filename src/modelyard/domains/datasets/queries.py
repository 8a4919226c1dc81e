"""SQL of datasets, their tags and snapshots, and the rule by which people see them."""

from datetime import datetime

import asyncpg
import msgspec

from modelyard.domains.organizations import ACCOUNTS
from modelyard.domains.users import DATASET_RIGHTS, Caller, DatasetRole, Right, dataset_rights
from modelyard.engines.blobs import Key
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.paging import Listed, Page


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset as one caller sees it, with the roles that the caller has there, also through organizations.

    `snapshot_ids` are those that are there to stay, oldest first; `tags` are snapshots by the tags' names.
    """

    id: str
    project_id: str
    project_name: str
    project_owner_name: str
    name: str
    description: str
    created_at: datetime
    file_count: int
    size_bytes: int
    snapshot_ids: list[str]
    tags: dict[str, str]
    roles: list[str]
    for_admin: bool

    @property
    def rights(self) -> frozenset[Right]:
        """What the caller may do with this dataset."""
        return dataset_rights([DatasetRole(role) for role in self.roles], is_admin=self.for_admin)


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable state of a dataset's files, or of those at some paths.

    `root` is the hash that names the whole content, in hex; `problem` says why it failed or what it lacks, and
    `run_id` at the end of which run it was taken.
    """

    id: str
    dataset_id: str
    number: int
    status: str
    description: str
    creator_id: str | None
    created_at: datetime
    last_mounted_at: datetime | None
    paths: list[str]
    root: str | None
    file_count: int | None
    size_bytes: int | None
    problem: str | None
    run_id: str | None

    @property
    def key(self) -> Key:
        """The name of its content in the store; none of a snapshot that is not taken yet."""
        return bytes.fromhex(self.root or "")


class NewDataset(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a dataset when it is made."""

    id: str
    project_id: str
    name: str
    description: str
    creator_id: str
    fill_with: str | None = None
    fill_from: str | None = None


class Place(msgspec.Struct, frozen=True):
    """A dataset that is not deleted, its project, and its name there."""

    id: str
    project_id: str
    name: str


class DatasetFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the datasets that somebody sees are asked for: of some projects, or of all (None) but some."""

    page: Page
    of_projects: list[str] | None = None
    but_of_projects: list[str] = []
    right: Right = Right.LIST_DATASET_RW_V2
    of_archived_projects: bool = False


# $1 is the caller's account, $2 whether it administers the platform. A dataset is visible to those who have a
# role there, whatever they see of its project.
_GRANTS = f"FROM dataset_grants g WHERE g.account_id = ANY({ACCOUNTS})"
_SELECT = f"""
SELECT d.id, d.project_id, p.name AS project_name, o.user_name AS project_owner_name, d.name, d.description,
    d.created_at, d.file_count, d.size_bytes, $2::boolean AS for_admin, caller.roles,
    ARRAY(SELECT s.id FROM dataset_snapshots s WHERE s.dataset_id = d.id
        AND s.status IN ('pending', 'copying', 'active', 'failed') ORDER BY s.number) AS snapshot_ids,
    (SELECT coalesce(jsonb_object_agg(t.name, t.snapshot_id), '{{}}')
        FROM dataset_tags t WHERE t.dataset_id = d.id) AS tags
FROM datasets d JOIN projects p ON p.id = d.project_id JOIN users o ON o.id = p.owner_id CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT g.role {_GRANTS} AND g.dataset_id = d.id) AS roles OFFSET 0) caller
WHERE d.deleted_at IS NULL AND """


async def find_visible(db: Executor, caller: Caller, dataset_id: str) -> Dataset | None:
    """The dataset with this id, if the caller may know of it."""
    return await db.row(
        Dataset,
        f"{_SELECT} d.id = $3 AND ($2 OR caller.roles <> '{{}}')",
        caller.id, caller.is_admin, dataset_id,
    )  # fmt: skip


async def find_in_project(db: Executor, caller: Caller, project_id: str, reference: str) -> Dataset | None:
    """The dataset with this id, or else the one that a project calls by this name, if the caller may know of it.

    Its own ones come before those that it shares.
    """
    shared = "d.id IN (SELECT s.dataset_id FROM shared_datasets s WHERE s.project_id = $4)"
    return await db.row(
        Dataset,
        f"{_SELECT} ($2 OR caller.roles <> '{{}}') AND (d.id = $3 OR (lower(d.name) = lower($3)"
        f" AND (d.project_id = $4 OR {shared}))) ORDER BY d.id = $3 DESC, d.project_id = $4 DESC, d.id LIMIT 1",
        caller.id, caller.is_admin, reference, project_id,
    )  # fmt: skip


async def find_place(db: Executor, dataset_id: str) -> Place | None:
    """Where a dataset is, whoever may see it; None when it is deleted."""
    return await db.row(
        Place, "SELECT id, project_id, name FROM datasets WHERE id = $1 AND deleted_at IS NULL", dataset_id
    )


async def find_named(db: Executor, project_id: str, name: str) -> str | None:
    """The id of the dataset of a project that has this name, whoever may see it."""
    found: str | None = await db.value(
        "SELECT id FROM datasets WHERE project_id = $1 AND lower(name) = lower($2) AND deleted_at IS NULL",
        project_id, name,
    )  # fmt: skip
    return found


async def readable_among(db: Executor, caller: Caller, dataset_ids: list[str]) -> set[str]:
    """Those of these datasets in which the caller has a role, deleted ones, too; for administrators all."""
    return set(
        await db.values(
            "SELECT d.id FROM datasets d WHERE d.id = ANY($3) AND ($2"
            f" OR EXISTS (SELECT {_GRANTS} AND g.dataset_id = d.id))",
            caller.id, caller.is_admin, dataset_ids,
        )
    )  # fmt: skip


_ASKED = """SELECT d.id FROM datasets d JOIN projects p ON p.id = d.project_id WHERE d.deleted_at IS NULL
    AND ($3::text[] IS NULL OR d.project_id = ANY($3)) AND d.project_id <> ALL($4::text[])
    AND ($5::boolean OR p.archived_at IS NULL)"""
# Administrators are spared the look at grants; what it asks for is named all the same, or it would have no type.
_SEEN_BY_ADMIN = "$1::text IS NOT NULL AND $2::boolean AND $6::text[] IS NOT NULL"
_SEEN_BY_OTHERS = f"NOT $2::boolean AND d.id = ANY(ARRAY(SELECT g.dataset_id {_GRANTS} AND g.role = ANY($6)))"


async def list_visible(db: Executor, caller: Caller, wanted: DatasetFilter) -> Listed[Dataset]:
    """One page of the datasets that the caller may know of and that are asked for, newest first."""
    asked = f"{_ASKED} AND {_SEEN_BY_ADMIN if caller.is_admin else _SEEN_BY_OTHERS}"
    roles = [role.value for role, rights in DATASET_RIGHTS.items() if wanted.right in rights]
    args = (
        caller.id, caller.is_admin, wanted.of_projects, wanted.but_of_projects, wanted.of_archived_projects, roles
    )  # fmt: skip
    # The window is cut from ids alone: what else is read of a dataset is not read of those before the window.
    window = f"{asked} ORDER BY d.id DESC LIMIT $7 OFFSET $8"
    rows = await db.rows(
        Dataset,
        f"{_SELECT} d.id = ANY(ARRAY({window})) ORDER BY d.id DESC",
        *args, wanted.page.rows, wanted.page.offset,
    )  # fmt: skip
    return Listed(rows, await db.value(f"SELECT count(*) FROM ({asked}) found", *args))


async def add_dataset(tx: Transaction, new: NewDataset) -> bool:
    """Adds a dataset; False when its project has one of that name."""
    values = msgspec.structs.asdict(new)
    marks = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    added = await tx.execute(
        f"INSERT INTO datasets ({', '.join(values)}) VALUES ({marks})"
        " ON CONFLICT (project_id, lower(name)) WHERE deleted_at IS NULL DO NOTHING",
        *values.values(),
    )
    return added == 1


async def describe_dataset(tx: Transaction, dataset_id: str, name: str, description: str) -> bool:
    """Replaces the name of a dataset and the words about it.

    False when its project has another one of that name; the transaction can then only be given up.
    """
    try:
        await tx.execute(
            "UPDATE datasets SET name = $2, description = $3 WHERE id = $1", dataset_id, name, description
        )
    except asyncpg.UniqueViolationError:
        return False
    return True


async def delete_dataset(tx: Transaction, dataset_id: str) -> bool:
    """Takes a dataset out of all lists and frees its name; False when it was deleted already."""
    deleted = await tx.execute(
        "UPDATE datasets SET deleted_at = now() WHERE id = $1 AND deleted_at IS NULL", dataset_id
    )
    return deleted == 1


class Filling(msgspec.Struct, frozen=True):
    """What a dataset is to begin with: a root in the store, or the live files of another dataset."""

    fill_with: str | None
    fill_from: str | None


async def filling_of(db: Executor, dataset_id: str) -> Filling | None:
    """What a dataset is to begin with, as long as it does not have it yet."""
    return await db.row(
        Filling,
        "SELECT fill_with, fill_from FROM datasets"
        " WHERE id = $1 AND (fill_with IS NOT NULL OR fill_from IS NOT NULL)",
        dataset_id,
    )


async def datasets_of(db: Executor, project_id: str) -> list[str]:
    """The ids of the datasets of a project, whoever may see them, oldest first."""
    return await db.values(
        "SELECT id FROM datasets WHERE project_id = $1 AND deleted_at IS NULL ORDER BY id", project_id
    )


async def set_filled(db: Executor, dataset_id: str, files: int, size: int) -> None:
    """Notes that a dataset has what it is to begin with."""
    await db.execute(
        "UPDATE datasets SET fill_with = NULL, fill_from = NULL, file_count = $2, size_bytes = $3"
        " WHERE id = $1 AND (fill_with IS NOT NULL OR fill_from IS NOT NULL)",
        dataset_id, files, size,
    )  # fmt: skip


async def drop_links_and_tags(tx: Transaction, dataset_id: str) -> None:
    """Takes a dataset out of all projects that use it, and removes its tags."""
    await tx.execute("DELETE FROM shared_datasets WHERE dataset_id = $1", dataset_id)
    await tx.execute("DELETE FROM dataset_tags WHERE dataset_id = $1", dataset_id)


_SNAPSHOT = (
    "id, dataset_id, number, status, description, creator_id, created_at, last_mounted_at, paths, root,"
    " file_count, size_bytes, problem, run_id"
)


async def find_snapshot(db: Executor, snapshot_id: str) -> Snapshot | None:
    """The snapshot with this id, of whatever dataset and in whatever state."""
    return await db.row(Snapshot, f"SELECT {_SNAPSHOT} FROM dataset_snapshots WHERE id = $1", snapshot_id)


async def find_version(db: Executor, dataset_id: str, name: str) -> Snapshot | None:
    """The snapshot of a dataset that has this id, number or tag, in whatever state."""
    return await db.row(
        Snapshot,
        f"SELECT {_SNAPSHOT} FROM dataset_snapshots WHERE dataset_id = $1 AND (id = $2 OR number::text = $2"
        " OR id = (SELECT t.snapshot_id FROM dataset_tags t WHERE t.dataset_id = $1 AND t.name = $2))"
        " ORDER BY id = $2 DESC LIMIT 1",
        dataset_id, name,
    )  # fmt: skip


async def list_snapshots(db: Executor, dataset_id: str, page: Page) -> Listed[Snapshot]:
    """One page of the snapshots of a dataset that are not yet gone, newest first."""
    source = "FROM dataset_snapshots WHERE dataset_id = $1 AND status <> 'deleted'"
    rows = await db.rows(
        Snapshot,
        f"SELECT {_SNAPSHOT} {source} ORDER BY number DESC LIMIT $2 OFFSET $3",
        dataset_id, page.rows, page.offset,
    )  # fmt: skip
    return Listed(rows, await db.value(f"SELECT count(*) {source}", dataset_id))


async def active_snapshots(db: Executor, dataset_id: str) -> list[Snapshot]:
    """The active snapshots of a dataset, oldest first."""
    return await db.rows(
        Snapshot,
        f"SELECT {_SNAPSHOT} FROM dataset_snapshots WHERE dataset_id = $1 AND status = 'active' ORDER BY number",
        dataset_id,
    )


async def snapshots_of(db: Executor, dataset_id: str) -> list[str]:
    """The ids of all snapshots of a dataset, in whatever state."""
    return await db.values("SELECT id FROM dataset_snapshots WHERE dataset_id = $1", dataset_id)


async def set_status(tx: Transaction, snapshot_ids: list[str], status: str, before: list[str]) -> list[str]:
    """Gives those of these snapshots another status that are in one of the given ones; their ids."""
    return await tx.values(
        "UPDATE dataset_snapshots SET status = $2 WHERE id = ANY($1) AND status = ANY($3) RETURNING id",
        snapshot_ids, status, before,
    )  # fmt: skip


async def put_tag(tx: Transaction, dataset_id: str, name: str, snapshot_id: str) -> bool:
    """Points a tag at a snapshot; False when the dataset has no such active snapshot.

    The snapshot stays active until the transaction ends.
    """
    put = await tx.execute(
        "INSERT INTO dataset_tags (dataset_id, name, snapshot_id) SELECT $1, $2, s.id FROM dataset_snapshots s"
        " WHERE s.id = $3 AND s.dataset_id = $1 AND s.status = 'active' FOR SHARE"
        " ON CONFLICT (dataset_id, name) DO UPDATE SET snapshot_id = excluded.snapshot_id",
        dataset_id, name, snapshot_id,
    )  # fmt: skip
    return put == 1


async def remove_tag(tx: Transaction, dataset_id: str, name: str) -> bool:
    """Removes a tag; False when the dataset has no such tag."""
    return await tx.execute("DELETE FROM dataset_tags WHERE dataset_id = $1 AND name = $2", dataset_id, name) == 1
