"""SQL of what runs have mounted."""

from datetime import datetime

import msgspec

from modelyard.domains.organizations import ACCOUNTS
from modelyard.domains.users import DatasetRole, Right, dataset_rights
from modelyard.kit.db import Executor, Transaction


class BeingRestored(Exception):
    """Live files are just being made others, and cannot be mounted until that is done."""


class Mountable(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset that a run may see, with the roles of the account it runs for."""

    id: str
    name: str
    project_id: str
    project_name: str
    owner_name: str
    roles: list[str]

    @property
    def rights(self) -> frozenset[Right]:
        """What the run may do with this dataset."""
        return dataset_rights([DatasetRole(role) for role in self.roles], is_admin=False)


class MountableSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot that a run may see, with the tags that point at it."""

    id: str
    dataset_id: str
    number: int
    root: str
    file_count: int
    size_bytes: int
    tags: list[str]


class Nameable(msgspec.Struct, frozen=True):
    """A dataset that is there to be mounted by itself."""

    id: str
    name: str


class NameableSnapshot(msgspec.Struct, frozen=True):
    """A snapshot that is to be mounted by itself; one that is active can be."""

    number: int
    status: str
    root: str | None


class NewMount(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a mount when it is made."""

    path: str
    dataset_id: str
    snapshot_id: str | None
    is_writable: bool
    tags: list[str] = []
    is_copy: bool = False


class Mount(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has or had mounted; roots name live files before the run and after it, in hex.

    `tags` are those by which a run found a snapshot, too. `is_copy`: the run had a copy of its own. `keeping`:
    whether the store is to keep what the run found (wanted, kept or lost); None when nobody asked for it.
    """

    run_id: str
    path: str
    dataset_id: str
    dataset_name: str
    project_id: str
    is_deleted: bool
    is_writable: bool
    snapshot_id: str | None
    snapshot_number: int | None
    snapshot_status: str | None
    snapshot_root: str | None
    tags: list[str]
    is_copy: bool
    keeping: str | None
    root_before: str | None
    root_after: str | None
    mounted_at: datetime
    unmounted_at: datetime | None

    @property
    def root(self) -> str | None:
        """The hash that names what the run found, in hex; None where others were writing just then."""
        return self.root_before if self.snapshot_id is None else self.snapshot_root


class KeptContent(msgspec.Struct, frozen=True):
    """What the store keeps of a dataset because a run has found it there."""

    run_id: str
    root: str


async def mountable(db: Executor, account_id: str, project_id: str) -> list[Mountable]:
    """The datasets of a project, and those that it shares, in which an account has a role; its own first."""
    grants = f"FROM dataset_grants g WHERE g.account_id = ANY({ACCOUNTS}) AND g.dataset_id = d.id"
    return await db.rows(
        Mountable,
        "SELECT d.id, d.name, d.project_id, p.name AS project_name, o.user_name AS owner_name, r.roles"
        " FROM datasets d JOIN projects p ON p.id = d.project_id JOIN users o ON o.id = p.owner_id"
        f" CROSS JOIN LATERAL (SELECT ARRAY(SELECT g.role {grants}) AS roles OFFSET 0) r"
        " WHERE d.deleted_at IS NULL AND r.roles <> '{}' AND (d.project_id = $2"
        " OR d.id = ANY(ARRAY(SELECT s.dataset_id FROM shared_datasets s WHERE s.project_id = $2)))"
        " ORDER BY d.project_id <> $2, d.id",
        account_id, project_id,
    )  # fmt: skip


async def mountable_snapshots(db: Executor, dataset_ids: list[str], newest: int) -> list[MountableSnapshot]:
    """The active snapshots of some datasets that have a tag or are among the newest, oldest first."""
    return await db.rows(
        MountableSnapshot,
        "SELECT s.id, s.dataset_id, s.number, s.root, s.file_count, s.size_bytes, s.tags FROM (SELECT s.id,"
        " s.dataset_id, s.number, s.root, s.file_count, s.size_bytes,"
        " ARRAY(SELECT t.name FROM dataset_tags t WHERE t.snapshot_id = s.id ORDER BY t.name) AS tags,"
        " row_number() OVER (PARTITION BY s.dataset_id ORDER BY s.number DESC) AS place"
        " FROM dataset_snapshots s WHERE s.dataset_id = ANY($1) AND s.status = 'active') s"
        " WHERE s.place <= $2 OR s.tags <> '{}' ORDER BY s.dataset_id, s.number",
        dataset_ids, newest,
    )  # fmt: skip


async def nameable(db: Executor, dataset_ids: list[str]) -> list[Nameable]:
    """Of these datasets, those that are not deleted."""
    return await db.rows(
        Nameable, "SELECT id, name FROM datasets WHERE id = ANY($1) AND deleted_at IS NULL", dataset_ids
    )


async def snapshot_to_mount(db: Executor, snapshot_id: str) -> NameableSnapshot | None:
    """A snapshot as it is now."""
    return await db.row(
        NameableSnapshot, "SELECT number, status, root FROM dataset_snapshots WHERE id = $1", snapshot_id
    )


async def add_mounts(tx: Transaction, run_id: str, mounts: list[NewMount]) -> None:
    """Notes what a run is about to see; what it sees already stays noted as it is.

    Raises BeingRestored while a snapshot is being restored. Whoever asks later than ten minutes after that began
    has waited for the folder's lock before: restoring is done, or was killed.
    """
    # In order, so that runs that start at the same moment do not wait for each other crosswise.
    ids = sorted({mount.dataset_id for mount in mounts if mount.snapshot_id is None and not mount.is_copy})
    restoring = await tx.values(
        "SELECT restoring_since > now() - interval '10 minutes' FROM datasets WHERE id = ANY($1)"
        " ORDER BY id FOR UPDATE",
        ids,
    )
    if any(restoring):
        raise BeingRestored
    written = sorted({mount.dataset_id for mount in mounts if mount.is_writable})
    await tx.execute("UPDATE datasets SET may_have_changed = true WHERE id = ANY($1)", written)
    await tx.execute(
        "UPDATE dataset_snapshots SET last_mounted_at = now() WHERE id = ANY($1)",
        sorted(mount.snapshot_id for mount in mounts if mount.snapshot_id),
    )
    await tx.execute(
        "INSERT INTO dataset_mounts (run_id, path, dataset_id, snapshot_id, is_writable, tags, is_copy)"
        " SELECT $1, m.* FROM jsonb_to_recordset($2) AS m(path text, dataset_id text, snapshot_id text,"
        " is_writable boolean, tags jsonb, is_copy boolean) ON CONFLICT (run_id, path) DO NOTHING",
        run_id, mounts,
    )  # fmt: skip


async def remove_mount(db: Executor, run_id: str, path: str) -> None:
    """Takes back that a run sees something."""
    await db.execute("DELETE FROM dataset_mounts WHERE run_id = $1 AND path = $2", run_id, path)


async def set_root_before(db: Executor, run_id: str, dataset_id: str, root: str) -> None:
    """Notes what live files were before a run."""
    await db.execute(
        "UPDATE dataset_mounts SET root_before = $3"
        " WHERE run_id = $1 AND dataset_id = $2 AND snapshot_id IS NULL AND root_before IS NULL",
        run_id, dataset_id, root,
    )  # fmt: skip


async def suspect(tx: Transaction, run_id: str) -> None:
    """Has all live files that a run sees looked through before they are relied on again."""
    await tx.execute(
        "UPDATE datasets SET may_have_changed = true WHERE id IN (SELECT dataset_id FROM dataset_mounts"
        " WHERE run_id = $1 AND snapshot_id IS NULL AND NOT is_copy AND unmounted_at IS NULL)",
        run_id,
    )


async def end_mounts(tx: Transaction, run_id: str) -> int:
    """Notes that a run sees nothing any more; how much it saw until now."""
    return await tx.execute(
        "UPDATE dataset_mounts SET unmounted_at = clock_timestamp() WHERE run_id = $1 AND unmounted_at IS NULL",
        run_id,
    )


async def set_root_after(db: Executor, run_id: str, dataset_id: str, root: str) -> None:
    """Notes what live files were after a run."""
    await db.execute(
        "UPDATE dataset_mounts SET root_after = $3 WHERE run_id = $1 AND dataset_id = $2 AND snapshot_id IS NULL",
        run_id, dataset_id, root,
    )  # fmt: skip


async def mounts_of(db: Executor, run_ids: list[str]) -> list[Mount]:
    """What runs have or had mounted, by run and path."""
    return await db.rows(
        Mount,
        "SELECT m.run_id, m.path, m.dataset_id, d.name AS dataset_name, d.project_id,"
        " d.deleted_at IS NOT NULL AS is_deleted, m.is_writable,"
        " m.snapshot_id, s.number AS snapshot_number, s.status AS snapshot_status, s.root AS snapshot_root,"
        " m.tags, m.is_copy, m.keeping, m.root_before, m.root_after, m.mounted_at, m.unmounted_at"
        " FROM dataset_mounts m JOIN datasets d ON d.id = m.dataset_id"
        " LEFT JOIN dataset_snapshots s ON s.id = m.snapshot_id WHERE m.run_id = ANY($1)"
        " ORDER BY m.run_id, m.path",
        run_ids,
    )


def snapshots_seen_by(run: str) -> str:
    """The snapshots that a run (an SQL expression for its id) had mounted, as a jsonb list of their fields.

    Only of datasets in which the caller, $1, has a role; of all for administrators, $2.
    """
    grants = f"FROM dataset_grants g WHERE g.dataset_id = d.id AND g.account_id = ANY({ACCOUNTS})"
    return (
        "(SELECT coalesce(jsonb_agg(jsonb_build_object('dataset_id', d.id, 'dataset_name', d.name,"
        " 'snapshot_id', m.snapshot_id) ORDER BY m.path), '[]') FROM dataset_mounts m"
        f" JOIN datasets d ON d.id = m.dataset_id WHERE m.run_id = {run} AND m.snapshot_id IS NOT NULL"
        f" AND d.deleted_at IS NULL AND ($2::boolean OR EXISTS (SELECT {grants})))"
    )


async def roles_in(db: Executor, account_id: str, dataset_ids: list[str]) -> dict[str, list[str]]:
    """The roles that an account has, by dataset; also those through organizations."""
    rows = await db.rows(
        dict,
        "SELECT g.dataset_id, array_agg(g.role) AS roles FROM dataset_grants g"
        f" WHERE g.account_id = ANY({ACCOUNTS}) AND g.dataset_id = ANY($2) GROUP BY g.dataset_id",
        account_id, dataset_ids,
    )  # fmt: skip
    return {row["dataset_id"]: row["roles"] for row in rows}


async def want_kept(tx: Transaction, run_id: str) -> int:
    """Asks that what a run found be kept, as far as it is known what that was; how much.

    Also where that was asked for before: whoever takes it back at the same moment is waited for.
    """
    return await tx.execute(
        "UPDATE dataset_mounts SET keeping = coalesce(keeping, 'wanted') WHERE run_id = $1"
        " AND (snapshot_id IS NOT NULL OR root_before IS NOT NULL)",
        run_id,
    )


async def set_keeping(tx: Transaction, run_id: str, path: str, keeping: str) -> None:
    """Notes whether what a run found at a path could be kept; not where nobody asks for it any more."""
    await tx.execute(
        "UPDATE dataset_mounts SET keeping = $3 WHERE run_id = $1 AND path = $2 AND keeping IS NOT NULL",
        run_id, path, keeping,
    )  # fmt: skip


async def end_keeping(tx: Transaction, run_id: str) -> int:
    """Notes that what a run found need not be kept any more; how much that was."""
    return await tx.execute(
        "UPDATE dataset_mounts SET keeping = NULL WHERE run_id = $1 AND keeping IS NOT NULL", run_id
    )


async def kept(db: Executor) -> list[KeptContent]:
    """All that is or is to be kept because runs have found it; not of datasets that are deleted."""
    return await db.rows(
        KeptContent,
        "SELECT DISTINCT m.run_id, coalesce(s.root, m.root_before) AS root FROM dataset_mounts m"
        " JOIN datasets d ON d.id = m.dataset_id LEFT JOIN dataset_snapshots s ON s.id = m.snapshot_id"
        " WHERE m.keeping IN ('wanted', 'kept') AND d.deleted_at IS NULL"
        " AND coalesce(s.root, m.root_before) IS NOT NULL",
    )
