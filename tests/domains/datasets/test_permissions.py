"""Who may do what with a dataset: every operation, by every role, given to a person or through an organization."""

import hashlib
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from modelyard.app import OPERATIONS
from modelyard.dataset_storage import dataset_storage
from modelyard.domains.users import DATASET_RIGHTS, DatasetRole, Right, dataset_rights
from tests.client import Modelyard, Person
from tests.domains.datasets.conftest import OWNER, READER, SNAPSHOTS, V1, grant, make_dataset, put_snapshot
from tests.domains.organizations.test_organizations import found
from tests.domains.projects.conftest import make
from tests.engines.uploading import Uploader

PRIVATE, PRIVATE_SNAPSHOTS = "/v4/datasetrw/datasets", "/v4/datasetrw/snapshots"

Request = tuple[str, str, dict[str, Any]]

BY_ID = {str(handler.operation_id): handler for handler in OPERATIONS}
ON_DATASETS = sorted(
    name for name, one in BY_ID.items() if (guard := one.opt["guard"]) and guard.scope == "dataset"
)
# Organizations never own a dataset.
WAYS_IN = [
    *((role, False) for role in DatasetRole),
    *((role, True) for role in DatasetRole if role is not DatasetRole.OWNER),
    (None, False),
]

_numbers = itertools.count()


class World:
    """Makes datasets on which one account has a role."""

    def __init__(self, modelyard: Modelyard, owner: Person, project: dict[str, Any]) -> None:
        self.modelyard, self.owner, self.project = modelyard, owner, project
        self.account = ""
        # Who asks next.
        self.asking = owner
        self.role: DatasetRole | None = None

    async def dataset(self) -> dict[str, Any]:
        """A new dataset."""
        made = await make_dataset(self.owner, self.project, f"d{next(_numbers)}")
        if self.role:
            await grant(self.owner, made, self.account, self.role)
        return made

    async def snapshot(self, dataset: dict[str, Any]) -> str:
        """A new active snapshot of a dataset."""
        return await put_snapshot(self.modelyard.db, dataset)

    async def taken(self, dataset_id: str) -> str:
        """A new snapshot that was really taken."""
        reply = await self.owner.post(f"{V1}/{dataset_id}/snapshots", {"relativeFilePaths": []})
        return str(reply["snapshot"]["id"])

    def live_file(self, dataset_id: str) -> str:
        """The path of a live file."""
        folder = self.modelyard.settings.home_path / "datasets" / dataset_id / "live"
        folder.mkdir(parents=True)
        (folder / "f").write_bytes(b"1")
        return "f"

    def upload(self, dataset_id: str) -> str:
        """An upload into a dataset by whoever asks, with a file; its key."""
        live = dataset_storage(self.modelyard.settings).folders.live(dataset_id)
        begun = Uploader(live, account=self.asking.id)
        begun.send("f", b"x", 1)
        return begun.key

    async def somebody(self) -> str:
        """A new account."""
        return (await self.modelyard.person(f"extra-{next(_numbers)}")).id


Build = Callable[[World, str], Awaitable[Request]]
REQUESTS: dict[str, Build] = {}


def plain(operation_id: str, method: str, path: str, **options: Any) -> None:
    """An operation that needs nothing but a dataset."""

    async def build(world: World, dataset_id: str) -> Request:
        return method, path.format(id=dataset_id), options

    REQUESTS[operation_id] = build


def special(operation_id: str) -> Callable[[Build], Build]:
    """An operation that needs something more each time."""

    def note(build: Build) -> Build:
        REQUESTS[operation_id] = build
        return build

    return note


plain("changeDataset", "PATCH", "/dataset/{id}", json={"description": "d"})
plain("deleteDataset", "DELETE", V1 + "/{id}")
plain("getDataset", "GET", V1 + "/{id}")
plain("getDatasetGrants", "GET", V1 + "/{id}/grants")
plain("getDatasetSnapshots", "GET", V1 + "/{id}/snapshots")
plain("readDataset", "GET", "/dataset/{id}")
plain("removeDataset", "DELETE", "/dataset/{id}")
plain("browseDataset", "GET", PRIVATE + "/{id}/files")
plain("createSnapshot", "POST", V1 + "/{id}/snapshots", json={"relativeFilePaths": []})
plain("downloadDatasetArchive", "GET", PRIVATE + "/{id}/archive")
plain("getDatasetUsage", "GET", PRIVATE + "/{id}/usage")
plain("listSnapshots", "GET", PRIVATE + "/{id}/snapshots")
plain("setDatasetQuota", "PUT", PRIVATE + "/{id}/quota", json={"quotaBytes": 1})
plain("verifyDataset", "GET", PRIVATE + "/{id}/verification")
plain("startUpload", "POST", PRIVATE + "/{id}/snapshot/file/start", json={"filePaths": []})
plain("updateDataset", "PATCH", V1 + "/{id}", json={"description": "d"})


@special("addDatasetGrant")
async def _add_grant(world: World, dataset_id: str) -> Request:
    body = {"targetId": await world.somebody(), "targetRole": READER}
    return "POST", f"{V1}/{dataset_id}/grants", {"json": body}


@special("removeDatasetGrant")
async def _remove_grant(world: World, dataset_id: str) -> Request:
    _, path, options = await _add_grant(world, dataset_id)
    await world.owner.request("POST", path, **options)
    return "DELETE", path, options


@special("addDatasetTag")
async def _add_tag(world: World, dataset_id: str) -> Request:
    body = {"tagName": "latest", "snapshotId": await world.snapshot({"id": dataset_id})}
    return "POST", f"{V1}/{dataset_id}/tags", {"json": body}


@special("removeDatasetTag")
async def _remove_tag(world: World, dataset_id: str) -> Request:
    _, path, options = await _add_tag(world, dataset_id)
    await world.owner.request("POST", path, **options)
    return "DELETE", f"{path}/latest", {}


@special("getSnapshot")
async def _get_snapshot(world: World, dataset_id: str) -> Request:
    return "GET", f"{SNAPSHOTS}/{await world.snapshot({'id': dataset_id})}", {}


@special("readSnapshot")
async def _read_snapshot(world: World, dataset_id: str) -> Request:
    return "GET", f"{PRIVATE_SNAPSHOTS}/{await world.taken(dataset_id)}", {}


@special("listSnapshotUses")
async def _list_uses(world: World, dataset_id: str) -> Request:
    return "GET", f"{PRIVATE_SNAPSHOTS}/{await world.taken(dataset_id)}/uses", {}


@special("deleteSnapshot")
async def _delete_snapshot(world: World, dataset_id: str) -> Request:
    return "DELETE", f"{PRIVATE_SNAPSHOTS}/{await world.taken(dataset_id)}", {}


@special("restoreDataset")
async def _restore(world: World, dataset_id: str) -> Request:
    return "POST", f"{PRIVATE}/{dataset_id}/restore", {"params": {"snapshot": await world.taken(dataset_id)}}


@special("compareDatasetVersions")
async def _compare(world: World, dataset_id: str) -> Request:
    return "GET", f"{PRIVATE}/{dataset_id}/diff", {"params": {"before": await world.taken(dataset_id)}}


@special("downloadDatasetFile")
async def _download(world: World, dataset_id: str) -> Request:
    return "GET", f"{PRIVATE}/{dataset_id}/file", {"params": {"path": world.live_file(dataset_id)}}


@special("deleteDatasetFiles")
async def _delete_files(world: World, dataset_id: str) -> Request:
    return "DELETE", f"{PRIVATE}/{dataset_id}/files", {"params": {"path": world.live_file(dataset_id)}}


@special("checkUploadChunk")
async def _check_chunk(world: World, dataset_id: str) -> Request:
    return "GET", f"{PRIVATE}/{dataset_id}/snapshot/file/test", {"params": _chunk(world, dataset_id)}


@special("uploadChunk")
async def _upload_chunk(world: World, dataset_id: str) -> Request:
    params = _chunk(world, dataset_id) | {"resumableCurrentChunkSize": 1}
    return "POST", f"{PRIVATE}/{dataset_id}/snapshot/file", {"params": params, "files": {"f": ("f", b"x")}}


@special("endUpload")
async def _end_upload(world: World, dataset_id: str) -> Request:
    return "GET", f"{PRIVATE}/{dataset_id}/snapshot/file/end/{world.upload(dataset_id)}", {}


@special("cancelUpload")
async def _cancel_upload(world: World, dataset_id: str) -> Request:
    return "GET", f"{PRIVATE}/{dataset_id}/snapshot/file/cancel/{world.upload(dataset_id)}", {}


def _chunk(world: World, dataset_id: str) -> dict[str, Any]:
    return {
        "key": world.upload(dataset_id),
        "resumableChunkNumber": 1,
        "resumableChunkSize": 1,
        "resumableIdentifier": "1-f",
        "resumableRelativePath": "f",
        "resumableTotalChunks": 1,
        "checksum": hashlib.md5(b"x", usedforsecurity=False).hexdigest(),
    }


def test_every_operation_on_datasets_is_tried() -> None:
    assert sorted(REQUESTS) == ON_DATASETS


def test_a_role_has_all_rights_of_the_one_below_it() -> None:
    reader, editor, owner = (DATASET_RIGHTS[role] for role in reversed(DatasetRole))
    assert reader < editor < owner < dataset_rights([], is_admin=True)
    assert Right.PERFORM_DATASET_RW_ACTIONS_AS_ADMIN_V2 not in owner


@pytest.mark.parametrize(
    ("role", "through_organization"),
    WAYS_IN,
    ids=[f"{role or 'nobody'}{' of an organization' if through else ''}" for role, through in WAYS_IN],
)
async def test_each_role_may_do_what_the_table_says(
    modelyard: Modelyard, ada: Person, bob: Person, role: DatasetRole | None, through_organization: bool
) -> None:
    world = World(modelyard, ada, await make(ada, "p"))
    world.account = (await found(bob, "lab"))["id"] if through_organization else bob.id
    world.role = role
    wrong = []
    for name in ON_DATASETS:
        needed = set(BY_ID[name].opt["rights"])
        allowed = role is not None and needed <= DATASET_RIGHTS[role]
        wrong += await _tried(world, name, bob, 200 if allowed else 404 if role is None else 403)
    assert wrong == []


async def test_administrators_may_do_everything_and_strangers_nothing(
    modelyard: Modelyard, ada: Person, admin: Person
) -> None:
    world = World(modelyard, ada, await make(ada, "p"))
    wrong = []
    for name in ON_DATASETS:
        wrong += await _tried(world, name, admin, 200)
        wrong += await _tried(world, name, modelyard.stranger(), 401)
    assert wrong == []


async def test_a_role_in_the_project_gives_none_on_its_datasets(
    modelyard: Modelyard, ada: Person, bob: Person
) -> None:
    project = await make(bob, "p")
    await bob.post(
        f"/api/projects/v1/projects/{project['id']}/collaborators", {"id": ada.id, "role": "contributor"}
    )
    world = World(modelyard, ada, project)
    wrong = []
    for name in ON_DATASETS:
        wrong += await _tried(world, name, bob, 404)
    assert wrong == []
    dataset = await world.dataset()
    await grant(ada, dataset, bob.id, OWNER)
    await bob.get(f"{V1}/{dataset['id']}")


async def _tried(world: World, name: str, person: Person, expected: int) -> list[str]:
    world.asking = person
    method, path, options = await REQUESTS[name](world, (await world.dataset())["id"])
    response = await person.request(method, path, **options)
    return [] if response.status_code == expected else [f"{name}: {response.status_code} {response.text[:150]}"]
