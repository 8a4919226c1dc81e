"""Jobs that do an earlier one again: what they see of datasets, and how long that can be had."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from modelyard.dataset_storage import dataset_storage
from modelyard.domains.datasets import keep_data_of_run, release_data_of_run
from modelyard.domains.jobs import find_job
from modelyard.domains.jobs.service import reproduce
from modelyard.domains.projects import project_by_id
from modelyard.domains.users import Caller, Right
from modelyard.engines.git.local import LocalGitStore
from modelyard.kit.errors import BadRequest, Forbidden
from modelyard.kit.safe_path import SafePath
from modelyard.settings import Settings
from tests.client import Person
from tests.domains.datasets.conftest import EDITOR, READER, V1, grant, make_dataset
from tests.domains.datasets.live import Live
from tests.domains.jobs.conftest import DATA, nothing_waits, shell, status
from tests.domains.running import as_

pytestmark = pytest.mark.usefixtures("runner")

LOOK = f"cd {DATA}; for file in $(find . -type f | sort); do echo $file $(cat $file); done"


async def again(person: Person, job: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The job done once more, when it is over, and what it printed."""
    modelyard = person.modelyard
    caller = Caller(person.id, person.name, is_admin=False)
    original = await find_job(modelyard.db, job["id"])
    assert original is not None
    found = await project_by_id(modelyard.db, caller, original.project_id, Right.START_JOB)
    git, storage = LocalGitStore(modelyard.settings.home_path / "repos"), dataset_storage(modelyard.settings)
    started = await reproduce(modelyard.db, git, storage, caller, found, original, "Once more")
    done = await as_(person).waits_for({"id": started.id})
    return done, [*await as_(person).log(done), *await as_(person).log(done, "stdErr")]


async def keep(live: Live, job: dict[str, Any]) -> list[str | None]:
    """Has what a job found kept, as a registered model has; what became of it by path."""
    async with live.modelyard.db.transaction() as tx:
        await keep_data_of_run(tx, job["id"])
    await nothing_waits(live.owner)
    mounts = (await live.owner.get(f"/v4/jobs/{job['id']}/datasets"))["mounts"]
    return [one.get("keeping") for one in mounts]


async def test_a_job_finds_again_what_it_found(live: Live, project: dict[str, Any]) -> None:
    await live.write(a=b"first", sub___b=b"there")
    taken = await live.taken()
    await live.owner.post(f"{V1}/{live.id}/tags", {"tagName": "gold", "snapshotId": taken["id"]})
    await live.write(a=b"second")
    job, seen = await shell(live.owner, project["id"], f"{LOOK}; cat snapshot/calls/gold/a")
    assert seen == [
        "./local/calls/a second",
        "./local/calls/sub/b there",
        "./snapshot/calls/1/a first",
        "./snapshot/calls/1/sub/b there",
        "first",
    ]
    assert await keep(live, job) == ["kept", "kept"]
    await live.write(a=b"third", new=b"unseen")
    later = await live.taken()
    await live.owner.post(f"{V1}/{live.id}/tags", {"tagName": "gold", "snapshotId": later["id"]})
    await make_dataset(live.owner, project, "younger")
    done, seen_again = await again(live.owner, job)
    assert (status(done), seen_again) == ("Succeeded", seen)
    assert await live.text("a") == b"third"


async def test_what_is_written_to_a_copy_is_thrown_away(live: Live, project: dict[str, Any]) -> None:
    await live.write(a=b"data\n")
    job, seen = await shell(
        live.owner, project["id"], f"cd {DATA}/local/calls; echo more >>a; cat a; mkdir new; rm a; ls"
    )
    assert (status(job), seen) == ("Succeeded", ["data", "more", "new"])
    await live.write(a=b"data\n")
    shutil.rmtree(live.root / "new")
    await live.change()
    done, seen_again = await again(live.owner, job)
    assert (status(done), seen_again) == ("Succeeded", seen)
    assert await live.names() == ["a"]
    assert (live.root / "a").read_bytes() == b"data\n"
    folder = live.modelyard.settings.home_path / "runs" / done["id"]
    assert not (folder / "copies").exists()
    (mount,) = (await live.owner.get(f"/v4/jobs/{done['id']}/datasets"))["mounts"]
    (original,) = (await live.owner.get(f"/v4/jobs/{job['id']}/datasets"))["mounts"]
    assert (mount["isCopy"], mount["isWritable"], mount["rootBefore"]) == (True, False, original["rootBefore"])
    assert "rootAfter" not in mount


async def test_a_dataset_can_be_restored_and_used_while_a_job_has_a_copy(
    live: Live, project: dict[str, Any]
) -> None:
    await live.write(a=b"1\n")
    taken = await live.taken()
    job, _ = await shell(live.owner, project["id"], f"cat {DATA}/local/calls/a")
    db = live.modelyard.db
    done, seen = await again(live.owner, job)
    assert seen == ["1"]
    # As if it still ran: what is open is a copy.
    await db.execute("UPDATE dataset_mounts SET unmounted_at = NULL WHERE run_id = $1", done["id"])
    await live.owner.post(f"{live.url}/restore", snapshot="1")
    assert taken["number"] == 1


async def test_what_nobody_kept_and_nobody_has_any_more_is_told(live: Live, project: dict[str, Any]) -> None:
    await live.write(a=b"1")
    job, _ = await shell(live.owner, project["id"], "true")
    await live.write(a=b"2")
    with pytest.raises(BadRequest, match="held by the dataset calls when the job started is gone"):
        await again(live.owner, job)
    assert await keep(live, job) == ["lost"]
    events = await live.owner.modelyard.db.values(
        "SELECT target_id FROM events WHERE action = 'dataset.contentLost' AND details->>'runId' = $1", job["id"]
    )
    assert events == [live.id]
    # The same files have the same root, whoever wrote them.
    await live.write(a=b"1")
    done, _ = await again(live.owner, job)
    assert status(done) == "Succeeded"


async def test_what_was_not_known_is_told_as_that(live: Live, project: dict[str, Any]) -> None:
    job, _ = await shell(live.owner, project["id"], "true")
    await live.modelyard.db.execute("UPDATE dataset_mounts SET root_before = NULL")
    assert await keep(live, job) == [None]
    with pytest.raises(BadRequest, match="It is not known what the dataset calls held when the job started"):
        await again(live.owner, job)


async def test_what_is_kept_outlives_files_snapshots_and_collections(
    live: Live, project: dict[str, Any], admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelyard.domains.datasets.snapshots.reclaiming._YOUNG_SECONDS", 0)
    await live.write(a=b"snapshot")
    taken = await live.taken()
    await live.write(a=b"live")
    job, seen = await shell(live.owner, project["id"], LOOK)
    assert await keep(live, job) == ["kept", "kept"]
    await live.owner.delete(f"/v4/datasetrw/snapshots/{taken['id']}")
    await live.write(a=b"other")
    await live.taken()
    await nothing_waits(live.owner)
    assert (await admin.post("/v4/datasetrw/collection"))["pieces"] == 0
    done, seen_again = await again(live.owner, job)
    assert (status(done), seen_again) == ("Succeeded", seen)
    async with live.modelyard.db.transaction() as tx:
        await release_data_of_run(tx, job["id"])
    await nothing_waits(live.owner)
    with pytest.raises(BadRequest, match="held by the dataset calls when the job started is gone"):
        await again(live.owner, job)
    await live.modelyard.db.execute("DELETE FROM dataset_mounts WHERE snapshot_id IS NULL")
    with pytest.raises(BadRequest, match="in snapshot 1 of the dataset calls is gone"):
        await again(live.owner, job)


async def test_what_is_kept_goes_with_its_dataset(
    live: Live, project: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelyard.domains.datasets.snapshots.reclaiming._YOUNG_SECONDS", 0)
    await live.write(a=b"personal")
    job, _ = await shell(live.owner, project["id"], "true")
    await keep(live, job)
    store = dataset_storage(live.modelyard.settings).blobs
    assert list(store.pieces())
    await live.owner.delete(f"{V1}/{live.id}")
    await nothing_waits(live.owner)
    assert not list(store.pieces())
    with pytest.raises(BadRequest, match="The dataset calls that the job saw is deleted"):
        await again(live.owner, job)


async def test_who_may_not_read_a_dataset_cannot_have_it_read(
    live: Live, project: dict[str, Any], bob: Person
) -> None:
    body = {"id": bob.id, "role": "contributor"}
    await live.owner.post(f"/api/projects/v1/projects/{project['id']}/collaborators", body)
    await live.write(a=b"secret")
    job, seen = await shell(live.owner, project["id"], f"cat {DATA}/local/calls/a")
    with pytest.raises(Forbidden, match="The job saw the dataset calls, in which you have no role"):
        await again(bob, job)
    await grant(live.owner, {"id": live.id}, bob.id, READER)
    done, seen_again = await again(bob, job)
    assert (status(done), seen_again) == ("Succeeded", seen)


async def test_who_could_only_read_can_only_read_again(live: Live, project: dict[str, Any], bob: Person) -> None:
    body = {"id": bob.id, "role": "contributor"}
    await live.owner.post(f"/api/projects/v1/projects/{project['id']}/collaborators", body)
    await grant(live.owner, {"id": live.id}, bob.id, READER)
    job, seen = await shell(bob, project["id"], f"echo x >{DATA}/local/calls/a")
    await grant(live.owner, {"id": live.id}, bob.id, EDITOR)
    done, seen_again = await again(bob, job)
    assert (status(done), seen_again) == ("Failed", seen)
    assert "Read-only" in seen[0]


async def test_a_job_that_is_under_way_cannot_be_done_again(live: Live, project: dict[str, Any]) -> None:
    waiting = f"/bin/sh -c 'until test -e {DATA}/local/calls/go; do sleep 0.05; done'"
    job = await as_(live.owner).starts_job(project["id"], waiting)
    await as_(live.owner).waits_for_status(job, "Running")
    with pytest.raises(BadRequest, match=f"Job #{job['number']} has not ended yet"):
        await again(live.owner, job)
    (live.root / "go").touch()
    await as_(live.owner).waits_for(job)


async def test_results_of_a_job_done_again_stay_off_the_main_branch(live: Live, project: dict[str, Any]) -> None:
    job, _ = await shell(live.owner, project["id"], "echo 1 >result")
    await as_(live.owner).uploads("churn", "result", "newer")
    git = LocalGitStore(live.modelyard.settings.home_path / "repos")
    head = git.head(project["id"])
    done, _ = await again(live.owner, job)
    assert git.head(project["id"]) == head
    commits = [one["commitDetails"] for one in (job, done)]
    assert commits[0]["inputCommitId"] == commits[1]["inputCommitId"]
    trees = [
        list(git.entries(project["id"], one["outputCommitId"], SafePath(""), recursive=True)) for one in commits
    ]
    assert trees[0] == trees[1]


async def test_a_job_done_again_is_done_again_as_its_original(live: Live, project: dict[str, Any]) -> None:
    await live.write(a=b"1\n")
    job, seen = await shell(live.owner, project["id"], f"cd {DATA}/local/calls; cat a; echo 2 >>a")
    await keep(live, job)
    await live.write(a=b"1\n")
    done, _ = await again(live.owner, job)
    done, seen_again = await again(live.owner, done)
    assert seen_again == seen == ["1"]
    found = await find_job(live.modelyard.db, done["id"])
    assert found is not None
    assert found.reproduces_id == job["id"]


class TestWithoutIsolation:
    """Where programs are not isolated, datasets are links in the run's folder."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        home = tmp_path / "home"
        home.mkdir()
        return Settings(home=str(home), job_isolation="none")

    async def test_a_job_finds_again_what_it_found(self, live: Live, project: dict[str, Any]) -> None:
        await live.write(a=b"1\n")
        await live.taken()
        job, seen = await shell(live.owner, project["id"], f"cd {DATA}; cat local/calls/a snapshot/calls/1/a")
        await keep(live, job)
        await live.write(a=b"2\n")
        done, seen_again = await again(live.owner, job)
        assert seen_again == seen == ["1", "1"]
        assert status(done) == "Succeeded"
