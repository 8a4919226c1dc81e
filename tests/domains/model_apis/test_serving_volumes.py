"""Volumes of model APIs: what replicas see of datasets and snapshots, and may write to."""

from typing import Any

import pytest

from modelyard.settings import Settings
from tests.client import Modelyard, Person
from tests.domains.datasets.conftest import EDITOR, READER, grant, make_dataset
from tests.domains.datasets.live import Live
from tests.domains.model_apis.conftest import file_source, make_model_api
from tests.domains.model_apis.serving import (
    asked,
    calls,
    eventually,
    first_version,
    problem_of,
    says,
    sets_running,
    status_of,
    waits_for,
)
from tests.domains.running import as_

pytestmark = pytest.mark.usefixtures("runner")

LOOKING = """
import os
from pathlib import Path


def predict(folder, write=None):
    place = Path(os.environ.get(folder, folder))
    if write:
        (place / write).write_text("written")
    return {one.name: one.read_text() for one in sorted(place.iterdir())}
"""


@pytest.fixture
async def live(modelyard: Modelyard, ada: Person, project: dict[str, Any]) -> Live:
    """The live files of Ada's dataset `calls`."""
    live = Live(modelyard, ada, await make_dataset(ada, project, "calls"))
    await live.write(a=b"one")
    return live


async def prepared(
    ada: Person, project: dict[str, Any], live: Live, person: Person, **volume: Any
) -> dict[str, Any]:
    """A version that looks into folders, built and not started, whose model API has a volume of somebody."""
    await as_(ada).uploads("churn", "looking.py", LOOKING)
    version = {"source": file_source("looking.py"), "shouldDeploy": False}
    made = await make_model_api(ada, project, version=version)
    row = {"name": "calls", "mount_path": "/mnt/data/calls", "read_only": True, "snapshot_id": None} | volume
    await ada.modelyard.db.execute(
        "INSERT INTO model_api_volumes (model_api_id, name, mount_path, volume_type, read_only, dataset_id,"
        " snapshot_id, added_by_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        made["id"], row["name"], row["mount_path"], "Snapshot" if row["snapshot_id"] else "Dataset",
        row["read_only"], live.id, row["snapshot_id"], person.id,
    )  # fmt: skip
    built = await first_version(ada, made)
    await waits_for(ada, built, "Ready to run")
    return built


async def started(ada: Person, version: dict[str, Any]) -> None:
    await sets_running(ada, version, True)
    await waits_for(ada, version, "Running")


async def open_mounts(live: Live) -> int:
    """How often the dataset is mounted now."""
    sql = "SELECT count(*) FROM dataset_mounts WHERE dataset_id = $1 AND unmounted_at IS NULL"
    return int(await live.modelyard.db.value(sql, live.id))


async def test_a_dataset_is_seen_where_it_was_asked_for(ada: Person, project: dict[str, Any], live: Live) -> None:
    version = await prepared(ada, project, live, ada)
    await started(ada, version)
    await says(ada, version, "Volume calls at /mnt/data/calls, read-only")
    assert await calls(ada, version, folder="/mnt/data/calls") == {"a": "one"}
    assert await calls(ada, version, folder="MODELYARD_VOLUME_CALLS") == {"a": "one"}
    status, said = await asked(ada, version, {"data": {"folder": "/mnt/data/calls", "write": "b"}})
    assert status == 500
    assert "Read-only" in said
    assert await live.names() == ["a"]


async def test_a_writable_volume_is_written_to_by_those_who_may(
    ada: Person, project: dict[str, Any], live: Live, bob: Person
) -> None:
    await grant(ada, {"id": live.id}, bob.id, READER)
    version = await prepared(ada, project, live, bob, read_only=False, mount_path="/data")
    await started(ada, version)
    status, said = await asked(ada, version, {"data": {"folder": "/data", "write": "b"}})
    assert (status, "Read-only" in said) == (500, True)
    await sets_running(ada, version, False)
    await waits_for(ada, version, "Stopped")
    await grant(ada, {"id": live.id}, bob.id, EDITOR)
    await started(ada, version)
    assert await calls(ada, version, folder="/data", write="b") == {"a": "one", "b": "written"}
    assert await live.names() == ["a", "b"]


async def test_who_may_not_read_a_dataset_any_more_gives_it_to_no_model(
    ada: Person, project: dict[str, Any], live: Live, bob: Person
) -> None:
    version = await prepared(ada, project, live, bob)
    await sets_running(ada, version, True)

    async def has_failed() -> bool:
        return await status_of(ada, version) == "Failed"

    await eventually(has_failed, "the failure")
    assert "may not read it any more" in str(await problem_of(ada, version))
    assert await open_mounts(live) == 0


async def test_an_administrator_needs_no_role_in_a_dataset(
    ada: Person, project: dict[str, Any], live: Live, admin: Person
) -> None:
    version = await prepared(ada, project, live, admin)
    await started(ada, version)
    assert await calls(ada, version, folder="/mnt/data/calls") == {"a": "one"}


async def test_a_mounted_snapshot_stays_until_its_version_ends(
    ada: Person, project: dict[str, Any], live: Live
) -> None:
    snapshot = await live.taken()
    live.put("a", b"two")
    await live.change()
    version = await prepared(ada, project, live, ada, snapshot_id=snapshot["id"], read_only=False)
    await started(ada, version)
    assert await calls(ada, version, folder="/mnt/data/calls") == {"a": "one"}
    await ada.delete(f"/v4/datasetrw/snapshots/{snapshot['id']}")
    assert await open_mounts(live) == 1
    assert await calls(ada, version, folder="/mnt/data/calls") == {"a": "one"}
    await sets_running(ada, version, False)
    await waits_for(ada, version, "Stopped")
    assert await open_mounts(live) == 0

    async def is_given_back() -> bool:
        sql = "SELECT status = 'deleted' FROM dataset_snapshots WHERE id = $1"
        return bool(await live.modelyard.db.value(sql, snapshot["id"]))

    await eventually(is_given_back, "the end of the snapshot")
    await sets_running(ada, version, True)

    async def has_failed() -> bool:
        return await status_of(ada, version) == "Failed"

    await eventually(has_failed, "the failure")
    assert "deleted" in str(await problem_of(ada, version))


class TestWithoutIsolation:
    """Where models are not isolated, a variable says where a volume is."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return Settings(home=settings.home, job_isolation="none")

    async def test_a_variable_names_the_folder(self, ada: Person, project: dict[str, Any], live: Live) -> None:
        version = await prepared(ada, project, live, ada)
        await started(ada, version)
        await says(ada, version, "its folder is in $MODELYARD_VOLUME_CALLS")
        assert await calls(ada, version, folder="MODELYARD_VOLUME_CALLS") == {"a": "one"}
