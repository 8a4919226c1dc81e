"""Jobs and datasets: what they see, what they leave, and what that tells about both."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from modelyard.settings import Settings
from tests.client import Person
from tests.domains.datasets.conftest import EDITOR, READER, V1, grant, make_dataset
from tests.domains.datasets.live import Live
from tests.domains.jobs.conftest import DATA, shell, status
from tests.domains.running import as_

pytestmark = pytest.mark.usefixtures("runner")


async def test_what_a_job_writes_is_in_the_dataset(live: Live, project: dict[str, Any]) -> None:
    job, _ = await shell(
        live.owner, project["id"], f"mkdir {DATA}/local/calls/sub; echo hi >{DATA}/local/calls/sub/a"
    )
    assert status(job) == "Succeeded"
    assert await live.text("sub/a") == b"hi\n"
    mount = {
        "id": live.id,
        "datasetName": "calls",
        "projectId": project["id"],
        "isInput": False,
        "containerPath": "/domino/datasets/local/calls",
    }
    assert job["datasetMounts"] == [mount]
    listed = (await live.owner.get("/api/jobs/beta/jobs", projectId=project["id"]))["jobs"]
    assert listed[0]["datasetMounts"] == [mount]


async def test_what_a_failed_job_wrote_is_there_too(live: Live, project: dict[str, Any]) -> None:
    job, _ = await shell(live.owner, project["id"], f"echo half >{DATA}/local/calls/a; exit 3")
    assert status(job) == "Failed"
    assert await live.text("a") == b"half\n"


async def test_two_jobs_at_once_work_in_one_dataset(live: Live, project: dict[str, Any]) -> None:
    def writing(name: str, other: str) -> str:
        folder = f"{DATA}/local/calls"
        wait = f"for i in $(seq 200); do test -e {folder}/{other}-began && break; sleep 0.05; done"
        return f"/bin/sh -c 'touch {folder}/{name}-began; {wait}; seq 5000 >{folder}/{name}'"

    jobs = [await as_(live.owner).starts_job(project["id"], writing(*names)) for names in (("a", "b"), ("b", "a"))]
    assert [status(await as_(live.owner).waits_for(job)) for job in jobs] == ["Succeeded", "Succeeded"]
    content = "".join(f"{number}\n" for number in range(1, 5001)).encode()
    assert await live.text("a") == await live.text("b") == content
    taken = await live.taken()
    assert taken["fileCount"] == 4
    assert await live.text("b", snapshot="1") == content


async def test_readers_cannot_write_and_strangers_see_nothing(
    live: Live, project: dict[str, Any], bob: Person
) -> None:
    await live.owner.post(
        f"/api/projects/v1/projects/{project['id']}/collaborators", {"id": bob.id, "role": "contributor"}
    )
    live.put("a", b"readable\n")
    await live.change()
    job, said = await shell(bob, project["id"], f"ls {DATA}")
    assert (status(job), said) == ("Succeeded", [])
    await grant(live.owner, {"id": live.id}, bob.id, READER)
    job, said = await shell(bob, project["id"], f"cat {DATA}/local/calls/a; echo x >{DATA}/local/calls/b")
    assert status(job) == "Failed"
    assert said[0] == "readable"
    assert "Read-only" in said[-1]
    assert job["datasetMounts"][0]["isInput"] is True
    assert await live.names() == ["a"]
    await grant(live.owner, {"id": live.id}, bob.id, EDITOR)
    job, _ = await shell(bob, project["id"], f"echo x >{DATA}/local/calls/b")
    assert status(job) == "Succeeded"


async def test_nothing_can_be_written_beside_the_datasets(live: Live, project: dict[str, Any]) -> None:
    job, said = await shell(live.owner, project["id"], f"echo lost >{DATA}/local/misspelt")
    assert status(job) == "Failed"
    assert "Read-only" in said[0]


async def test_two_jobs_use_a_shared_dataset_and_its_snapshot(live: Live, bob: Person) -> None:
    other = await as_(bob).makes_project("forecast")
    await grant(live.owner, {"id": live.id}, bob.id, READER)
    live.put("a", b"first\n")
    await live.change()
    taken = await live.taken()
    await live.owner.post(f"{V1}/{live.id}/tags", {"tagName": "gold", "snapshotId": taken["id"]})
    live.put("a", b"later\n")
    await live.change()
    await bob.post(f"/api/projects/v1/projects/{other}/shared-datasets", {"datasetId": live.id})
    reading = (
        f"cat {DATA}/calls/a {DATA}/snapshot/calls/1/a {DATA}/snapshot/calls/gold/a {DATA}/snapshots/calls/gold/a;"
        f" echo x >{DATA}/calls/a"
    )
    jobs = [await as_(bob).starts_job(other, f"/bin/sh -c '{reading}'") for _ in range(2)]
    for job in jobs:
        done = await as_(bob).waits_for(job)
        assert await as_(bob).log(done) == ["later", "first", "first", "first"]
        assert "Read-only" in (await as_(bob).log(done, "stdErr"))[0]
        assert [(one["containerPath"], one.get("snapshotVersion")) for one in done["datasetMounts"]] == [
            ("/domino/datasets/calls", None),
            ("/domino/datasets/snapshot/calls/1", 1),
        ]
    uses = (await live.owner.get(f"/v4/datasetrw/snapshots/{taken['id']}/uses"))["uses"]
    assert {use["runId"] for use in uses} == {job["id"] for job in jobs}
    read = (await live.owner.get(f"/api/datasetrw/v1/snapshots/{taken['id']}"))["snapshot"]
    assert read["lastMounted"] > read["createdAt"]


async def test_snapshots_cannot_be_changed_and_can_be_mapped(live: Live, project: dict[str, Any]) -> None:
    live.put("data.bin", b"0123456789" * 1000)
    await live.change()
    await live.taken()
    script = (
        "import mmap, os, pathlib\n"
        "folder = pathlib.Path(os.environ['DOMINO_DATASETS_DIR'], 'snapshot/calls/1')\n"
        "with (folder / 'data.bin').open('rb') as file:\n"
        "    print(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)[5005:5009].decode())\n"
        "for change in (lambda: (folder / 'data.bin').write_bytes(b''), lambda: (folder / 'new').touch(),\n"
        "               (folder / 'data.bin').unlink):\n"
        "    try:\n"
        "        change()\n"
        "    except OSError as error:\n"
        "        print(error.strerror)\n"
    )
    await as_(live.owner).uploads("churn", "read.py", script)
    job = await as_(live.owner).runs(project["id"], "python read.py")
    assert await as_(live.owner).log(job) == ["5678", *["Read-only file system"] * 3]


async def test_folders_of_snapshots_are_made_once_and_go_when_nobody_looks(
    live: Live, project: dict[str, Any], admin: Person
) -> None:
    await live.write(a=b"1")
    await live.taken()
    views = live.modelyard.settings.home_path / "views" / live.id
    told = "Making the folder of snapshot 1 of calls (1 file, 0.0 MiB), once for all jobs"
    for expected in (1, 0):
        job, _ = await shell(live.owner, project["id"], "true")
        assert (await as_(live.owner).log(job, "prepareOutput")).count(told) == expected
    await admin.post("/v4/datasetrw/collection")
    assert (views / "1").exists()
    await live.modelyard.db.execute("UPDATE dataset_snapshots SET last_mounted_at = now() - interval '8 days'")
    await admin.post("/v4/datasetrw/collection")
    assert not (views / "1").exists()
    _, said = await shell(live.owner, project["id"], f"cat {DATA}/snapshot/calls/1/a")
    assert said == ["1"]


async def test_names_that_meet_are_told_apart(live: Live, project: dict[str, Any], bob: Person) -> None:
    other = await as_(bob).makes_project("forecast")
    theirs = await make_dataset(bob, {"id": other}, "Calls")
    await grant(bob, theirs, live.owner.id, READER)
    await live.owner.post(
        f"/api/projects/v1/projects/{project['id']}/shared-datasets", {"datasetId": theirs["id"]}
    )
    _, said = await shell(live.owner, project["id"], f"cd {DATA}; echo *; echo local/*")
    assert said == ["bob-forecast-Calls local", "local/calls"]


async def test_snapshots_are_taken_when_a_job_ends_also_when_it_fails(live: Live, project: dict[str, Any]) -> None:
    await make_dataset(live.owner, project, "second")
    command = f"echo 1 >{DATA}/local/calls/a; echo 2 >{DATA}/local/second/b; exit 1"
    job, _ = await shell(live.owner, project["id"], command, snapshotDatasetsOnCompletion=True)
    assert status(job) == "Failed"
    (taken,) = (await live.owner.get(f"{live.url}/snapshots"))["snapshots"]
    assert (taken["status"], taken["number"], taken["runId"], taken["fileCount"]) == ("active", 1, job["id"], 1)
    assert taken["creatorId"] == live.owner.id
    assert await live.text("a", snapshot="1") == b"1\n"
    said = await as_(live.owner).log(job, "prepareOutput")
    assert "Snapshot 1 of the dataset calls was taken." in said
    assert "Snapshot 1 of the dataset second was taken." in said


async def test_a_job_tells_which_state_it_read_and_which_it_left(live: Live, project: dict[str, Any]) -> None:
    live.put("a", b"1")
    await live.change()
    before = (await live.taken())["root"]
    job, _ = await shell(live.owner, project["id"], f"echo more >>{DATA}/local/calls/a")
    mounts = (await live.owner.get(f"/v4/jobs/{job['id']}/datasets"))["mounts"]
    (written,) = [one for one in mounts if one["isWritable"]]
    after = (await live.taken())["root"]
    assert (written["rootBefore"], written["rootAfter"]) == (before, after)
    assert before != after
    (read,) = [one for one in mounts if not one["isWritable"]]
    assert (read["snapshotNumber"], read["path"]) == (1, "snapshot/calls/1")
    job, _ = await shell(live.owner, project["id"], "true")
    mounts = (await live.owner.get(f"/v4/jobs/{job['id']}/datasets"))["mounts"]
    (untouched,) = [one for one in mounts if one["isWritable"]]
    assert (untouched["rootBefore"], untouched["rootAfter"]) == (after, after)


async def test_a_mounted_dataset_is_neither_restored_nor_removed(live: Live, project: dict[str, Any]) -> None:
    live.put("a", b"1")
    await live.change()
    taken = await live.taken()
    waiting = f"/bin/sh -c 'until test -e {DATA}/local/calls/go; do sleep 0.05; done; cat {DATA}/local/calls/a'"
    job = await as_(live.owner).starts_job(project["id"], waiting)
    await as_(live.owner).waits_for_status(job, "Running")
    refused = await live.owner.post(f"{live.url}/restore", snapshot="1", expect=400)
    assert "has the dataset calls open" in refused["message"]
    await live.owner.delete(f"/v4/datasetrw/snapshots/{taken['id']}")
    await live.owner.delete(f"{V1}/{live.id}")
    await _until(live, "SELECT NOT EXISTS (SELECT FROM work WHERE kind = 'datasets.reclaim')")
    assert (live.root / "a").exists()
    (live.root / "go").touch()
    done = await as_(live.owner).waits_for(job)
    assert await as_(live.owner).log(done) == ["1"]
    await _until(live, "SELECT bool_and(reclaimed_at IS NOT NULL) FROM datasets")
    assert not live.root.exists()


async def test_a_job_waits_while_a_snapshot_is_restored(live: Live, project: dict[str, Any]) -> None:
    db = live.modelyard.db
    await db.execute("UPDATE datasets SET restoring_since = now()")
    job = await as_(live.owner).starts_job(project["id"], f"/bin/sh -c 'ls {DATA}/local'")
    await as_(live.owner).waits_for_status(job, "Preparing")
    assert await db.value("SELECT count(*) FROM dataset_mounts") == 0
    await db.execute("UPDATE datasets SET restoring_since = NULL")
    done = await as_(live.owner).waits_for(job)
    assert (status(done), await as_(live.owner).log(done)) == ("Succeeded", ["calls"])


async def test_a_snapshot_whose_folder_cannot_be_made_stops_no_job(live: Live, project: dict[str, Any]) -> None:
    await live.write(a=b"precious")
    await live.taken()
    for pack in (live.modelyard.settings.home_path / "blobs" / "packs").iterdir():
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes().replace(b"precious", b"Precious"))
    job, said = await shell(live.owner, project["id"], f"ls {DATA} {DATA}/local/calls")
    assert status(job) == "Succeeded"
    assert "a" in said
    assert "snapshot" not in said
    assert "is not there" in "".join(await as_(live.owner).log(job, "prepareOutput"))
    assert [one["containerPath"] for one in job["datasetMounts"]] == ["/domino/datasets/local/calls"]


async def test_what_goes_over_the_quota_in_a_job_is_said(
    live: Live, project: dict[str, Any], admin: Person
) -> None:
    await admin.put(f"{live.url}/quota", {"quotaBytes": 3})
    job, _ = await shell(live.owner, project["id"], f"echo too much >{DATA}/local/calls/a")
    assert status(job) == "Succeeded"
    assert "over its quota of 3" in "".join(await as_(live.owner).log(job, "prepareOutput"))


async def _until(live: Live, sql: str) -> None:
    deadline = time.monotonic() + 30
    while not await live.modelyard.db.value(sql):
        assert time.monotonic() < deadline, sql
        await asyncio.sleep(0.02)


class TestWithoutIsolation:
    """Where programs are not isolated, datasets are links in the run's folder."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        home = tmp_path / "home"
        home.mkdir()
        return Settings(home=str(home), job_isolation="none")

    async def test_a_job_reads_and_writes(self, live: Live, project: dict[str, Any]) -> None:
        live.put("a", b"1\n")
        await live.change()
        await live.taken()
        command = f"cat {DATA}/snapshot/calls/1/a; echo 2 >{DATA}/local/calls/b"
        job, said = await shell(live.owner, project["id"], command)
        assert (status(job), said) == ("Succeeded", ["1"])
        assert await live.names() == ["a", "b"]
        assert (live.root / "b").exists()

    async def test_what_a_reader_writes_all_the_same_is_found(
        self, live: Live, project: dict[str, Any], bob: Person
    ) -> None:
        body = {"id": bob.id, "role": "contributor"}
        await live.owner.post(f"/api/projects/v1/projects/{project['id']}/collaborators", body)
        await grant(live.owner, {"id": live.id}, bob.id, READER)
        before = (await live.taken())["root"]
        await shell(bob, project["id"], f"echo sly >{DATA}/local/calls/a")
        assert (await live.owner.get(f"{live.url}/diff", before="1"))["added"] == 1
        assert (await live.taken())["root"] != before
