"""Logs of versions: how they were built and deployed, and what their replicas print, with one cursor."""

import time
from pathlib import Path
from typing import Any

import pytest

from modelyard.domains.model_apis.logs import queries, service
from modelyard.engines.logs.local import LocalLogStore
from modelyard.kit.db import Database
from tests.client import Modelyard, Person
from tests.domains.model_apis.conftest import make_model_api, of_version, versions
from tests.domains.projects.conftest import let

SECOND = 10**9
UNKNOWN = "0" * 24


@pytest.fixture
async def version(ada: Person, project: dict[str, Any]) -> dict[str, Any]:
    """The first version of Ada's model API."""
    [version] = await versions(ada, await make_model_api(ada, project))
    return version


def texts(reply: dict[str, Any]) -> list[str]:
    """The lines of a log."""
    return [line["log"] for line in reply["logs"]]


async def say(db: Database, version: dict[str, Any], kind: str, *lines: str, at: int) -> None:
    """Lines of the platform about a version, a nanosecond between them."""
    for number, line in enumerate(lines):
        await db.execute(
            "INSERT INTO model_api_log_lines (version_id, kind, time_ns, line) VALUES ($1, $2, $3, $4)",
            version["id"], kind, at + number, line,
        )  # fmt: skip


async def build(db: Database, version: dict[str, Any], *lines: str, at: int) -> None:
    """Lines of the build of a version's environment."""
    for number, line in enumerate(lines):
        await db.execute(
            "INSERT INTO build_log_lines (revision_id, time_ns, line) VALUES ($1, $2, $3)",
            version["environmentRevisionId"], at + number, line,
        )  # fmt: skip


async def become(db: Database, version: dict[str, Any], status: str, *, built: bool) -> None:
    """A version in another state."""
    sql = "UPDATE model_api_versions SET status = $2, built_at = CASE WHEN $3 THEN now() END WHERE id = $1"
    await db.execute(sql, version["id"], status, built)


class Replica:
    """A replica whose program writes, as its runner follows it."""

    def __init__(self, modelyard: Modelyard, id: str) -> None:
        self.db, self.id = modelyard.db, id
        store = LocalLogStore(modelyard.settings.home_path / "runs")
        self.folder: Path = store.folder(id)
        self.follower = store.follow(id, 2**40)

    @classmethod
    async def of(cls, modelyard: Modelyard, version: dict[str, Any], number: int = 1) -> "Replica":
        """A new replica of a version."""
        replica = cls(modelyard, f"{number:024x}")
        await replica.db.execute(
            "INSERT INTO model_replicas (id, version_id, node, address, state)"
            " VALUES ($1, $2, 'here', '', 'ready')",
            replica.id, version["id"],
        )  # fmt: skip
        return replica

    def prints(self, *lines: str, stream: str = "stdout") -> None:
        """Lines that arrive now."""
        with (self.folder / stream).open("a") as file:
            file.write("".join(f"{line}\n" for line in lines))
        self.follower.advance()

    async def ends(self) -> None:
        """Its end."""
        self.follower.finish()
        sql = "UPDATE model_replicas SET state = 'ended', ended_at = now() WHERE id = $1"
        await self.db.execute(sql, self.id)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has nothing held back of what several replicas print: nothing is on its way any more."""
    monkeypatch.setattr(service, "_REPLICAS_SETTLE_NS", 0)


async def instance_log(person: Person, version: dict[str, Any], expect: int = 200, **asked: Any) -> dict[str, Any]:
    """What the replicas of a version have printed."""
    found: dict[str, Any] = await person.get(of_version(version, "/instanceLogs"), expect=expect, **asked)
    return found


async def test_a_build_log_has_the_build_of_the_environment_in_its_place(
    ada: Person, version: dict[str, Any], modelyard: Modelyard
) -> None:
    began = time.time_ns() - 60 * SECOND
    await say(modelyard.db, version, "build", "waits for its environment", at=began)
    await build(modelyard.db, version, "installs", "installed", at=began + SECOND)
    await say(modelyard.db, version, "build", "the files are there", at=began + 2 * SECOND)
    found = await ada.get(of_version(version, "/buildLogs"))
    assert texts(found) == ["waits for its environment", "installs", "installed", "the files are there"]
    assert (found["modelId"], found["modelVersionId"]) == (version["modelApiId"], version["id"])
    assert found["buildId"] == version["environmentRevisionId"]
    line = found["logs"][1]
    assert (line["timeNano"], line["timestamp"]) == (began + SECOND, (began + SECOND) // 10**6)
    assert line["streamType"] == "stdout"
    assert {tag["key"]: tag["value"] for tag in line["tags"]} == {"source": "environment", "stream": "stdout"}
    rest = await ada.get(of_version(version, "/buildLogs"), sinceTimeNano=str(line["timeNano"]))
    assert texts(rest) == ["installed", "the files are there"]
    assert rest["sinceTimeNano"] == str(line["timeNano"])
    assert texts(await ada.get(of_version(version, "/buildLogs"), buildId=version["environmentRevisionId"]))
    assert texts(await ada.get(of_version(version, "/buildLogs"), buildId=UNKNOWN)) == []


async def test_lines_that_an_earlier_one_may_still_follow_are_held_back_while_it_is_built(
    ada: Person, version: dict[str, Any], modelyard: Modelyard
) -> None:
    now = time.time_ns()
    await say(modelyard.db, version, "build", "settled", at=now - 60 * SECOND)
    # A moment that the clock reaches after the test: a line so new that others may come before it.
    await build(modelyard.db, version, "new", at=now + 60 * SECOND)
    assert texts(await ada.get(of_version(version, "/buildLogs"))) == ["settled"]
    await build(modelyard.db, version, "late", at=now - 50 * SECOND)
    since = str(now - 60 * SECOND)
    assert texts(await ada.get(of_version(version, "/buildLogs"), sinceTimeNano=since)) == ["late"]


async def test_lines_of_one_moment_stay_together_at_the_end_of_a_page(
    ada: Person, version: dict[str, Any], modelyard: Modelyard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_LINES", 2)
    began = time.time_ns() - 60 * SECOND
    await say(modelyard.db, version, "build", "one", "two", "three", "four", at=began)
    await build(modelyard.db, version, "2nd", "3rd", at=began + 1)
    pages, since = [], "0"
    while page := (await ada.get(of_version(version, "/buildLogs"), sinceTimeNano=since))["logs"]:
        pages.append(sorted(line["log"] for line in page))
        since = str(page[-1]["timeNano"])
    assert pages == [["2nd", "one", "two"], ["3rd", "three"], ["four"]]


@pytest.mark.parametrize(
    ("status", "built", "says"),
    [
        ("Preparing to build", False, "preparing"),
        ("Building", False, "building"),
        ("Failed", False, "failed"),
        ("Ready to run", True, "complete"),
        ("Running", True, "complete"),
        ("Failed", True, "complete"),
    ],
)
async def test_the_build_has_a_status_of_its_own(
    ada: Person, version: dict[str, Any], modelyard: Modelyard, status: str, built: bool, says: str
) -> None:
    await become(modelyard.db, version, status, built=built)
    assert (await ada.get(of_version(version, "/buildLogs")))["status"] == says
    assert (await ada.get(of_version(version, "/deploymentLogs")))["status"] == status


async def test_a_deployment_log_has_the_newest_lines(
    ada: Person, version: dict[str, Any], modelyard: Modelyard, monkeypatch: pytest.MonkeyPatch
) -> None:
    await say(modelyard.db, version, "deployment", "starts", "runs", "stops", at=time.time_ns())
    await say(modelyard.db, version, "build", "is built", at=time.time_ns())
    assert texts(await ada.get(of_version(version, "/deploymentLogs"))) == ["starts", "runs", "stops"]
    monkeypatch.setattr(service, "MOST_LINES", 2)
    assert texts(await ada.get(of_version(version, "/deploymentLogs"))) == ["runs", "stops"]


async def test_nothing_is_exported(ada: Person, version: dict[str, Any]) -> None:
    found = await ada.get(of_version(version, "/exportLogs"), sinceTimeNano="1")
    assert (found["status"], found["logs"], found["sinceTimeNano"]) == ("not_triggered", [], "1")


@pytest.mark.usefixtures("settled")
async def test_what_replicas_print_stands_in_one_order_with_tags(
    ada: Person, version: dict[str, Any], modelyard: Modelyard
) -> None:
    first, second = await Replica.of(modelyard, version, 1), await Replica.of(modelyard, version, 2)
    first.prints("one")
    second.prints("two", stream="stderr")
    first.prints("three")
    for replica in (first, second):
        await replica.ends()
    found = await instance_log(ada, version)
    assert texts(found) == ["one", "two", "three"]
    assert found["maxResults"] == 10_000
    line = found["logs"][1]
    tags = {tag["key"]: tag["value"] for tag in line["tags"]}
    assert tags == {"podName": second.id, "containerName": "model", "stream": "stderr"}
    assert (line["streamType"], line["timestamp"]) == ("stderr", line["timeNano"] // 10**6)
    assert texts(await instance_log(ada, version, podName=first.id)) == ["one", "three"]
    assert texts(await instance_log(ada, version, podName=UNKNOWN)) == []
    assert texts(await instance_log(ada, version, containerName="model")) == ["one", "two", "three"]
    assert texts(await instance_log(ada, version, containerName="sidecar")) == []
    tail = await instance_log(ada, version, tail=True, maxResults=2)
    assert (texts(tail), tail["tail"], tail["maxResults"]) == (["two", "three"], True, 2)
    assert texts(await instance_log(ada, version, tail=True, sinceTimeNano=str(line["timeNano"]))) == ["three"]
    assert (await instance_log(ada, version, maxResults=10**9))["maxResults"] == 10_000
    assert texts(await instance_log(ada, version, maxResults=0)) == []


async def test_the_one_writer_there_is_is_read_at_once(
    ada: Person, version: dict[str, Any], modelyard: Modelyard
) -> None:
    replica = await Replica.of(modelyard, version)
    replica.prints("hello")
    assert texts(await instance_log(ada, version)) == ["hello"]


async def test_a_cursor_loses_nothing_while_several_replicas_print(
    ada: Person, version: dict[str, Any], modelyard: Modelyard
) -> None:
    replicas = [await Replica.of(modelyard, version, number) for number in range(1, 4)]
    said: list[str] = []
    found: list[str] = []
    since = "0"

    async def read() -> bool:
        nonlocal since
        page = (await instance_log(ada, version, sinceTimeNano=since, maxResults=7))["logs"]
        found.extend(line["log"] for line in page)
        since = str(page[-1]["timeNano"]) if page else since
        return bool(page)

    for turn in range(40):
        for replica in replicas[turn % 3 :]:
            said.append(f"{replica.id[-1]} says {turn}")
            replica.prints(said[-1])
        await read()
    for replica in replicas:
        await replica.ends()
    deadline = time.monotonic() + 30
    while len(found) < len(said) and time.monotonic() < deadline:
        await read()
    assert found == said
    assert not await read()


async def test_a_line_that_is_there_late_is_not_passed_by(
    ada: Person, version: dict[str, Any], modelyard: Modelyard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two replicas are followed; what one of them stamped first is there to be read last."""
    quick, slow = await Replica.of(modelyard, version, 1), await Replica.of(modelyard, version, 2)
    index = slow.folder / "index"
    slow.prints("stamped first")
    held_back = index.read_bytes()
    index.write_bytes(b"")
    quick.prints("stamped second")
    assert texts(await instance_log(ada, version)) == []
    assert texts(await instance_log(ada, version, tail=True)) == []
    assert texts(await instance_log(ada, version, podName=quick.id)) == ["stamped second"]
    index.write_bytes(held_back)
    monkeypatch.setattr(service, "_REPLICAS_SETTLE_NS", 0)
    assert texts(await instance_log(ada, version)) == ["stamped first", "stamped second"]


@pytest.mark.usefixtures("settled")
async def test_a_log_is_that_of_one_version_and_kept_after_its_replicas_have_ended(
    ada: Person, version: dict[str, Any], modelyard: Modelyard
) -> None:
    old, new = await Replica.of(modelyard, version, 1), await Replica.of(modelyard, version, 2)
    old.prints("old")
    await old.ends()
    new.prints("new")
    since = (await instance_log(ada, version, podName=old.id))["logs"][0]["timeNano"]
    assert texts(await instance_log(ada, version)) == ["old", "new"]
    assert texts(await instance_log(ada, version, sinceTimeNano=str(since))) == ["new"]
    other = await make_model_api(ada, {"id": version["projectId"]}, "other")
    assert texts(await instance_log(ada, (await versions(ada, other))[0])) == []


async def test_replicas_that_ended_before_the_cursor_are_not_looked_at(
    version: dict[str, Any], modelyard: Modelyard
) -> None:
    old, new = await Replica.of(modelyard, version, 1), await Replica.of(modelyard, version, 2)
    await old.ends()
    later = time.time_ns() + 60 * SECOND
    sql = "UPDATE model_replicas SET ended_at = now() - interval '1 minute' WHERE id = $1"
    await modelyard.db.execute(sql, old.id)
    for after, expected in ((0, [(old.id, False), (new.id, True)]), (later, [(new.id, True)])):
        found = await queries.replica_logs(modelyard.db, version["id"], after)
        assert [(one.id, one.is_open) for one in found] == expected


@pytest.mark.parametrize("since", ["x", "-1", "1.5", "9" * 19, "1" * 400, "\u0663"])
async def test_a_cursor_that_is_none_is_refused(ada: Person, version: dict[str, Any], since: str) -> None:
    for kind in ("buildLogs", "exportLogs", "instanceLogs"):
        refused = await ada.get(of_version(version, f"/{kind}"), expect=400, sinceTimeNano=since)
        assert "sinceTimeNano" in refused["message"]


async def test_who_may_not_see_the_model_api_reads_no_logs(
    ada: Person, bob: Person, project: dict[str, Any], version: dict[str, Any]
) -> None:
    kinds = ("buildLogs", "deploymentLogs", "exportLogs", "instanceLogs")
    for kind in kinds:
        await bob.get(of_version(version, f"/{kind}"), expect=404)
        await ada.get(of_version(version | {"id": UNKNOWN}, f"/{kind}"), expect=404)
    await ada.get(of_version(version, "/instanceLogs"), expect=400, maxResults=-1)
    await let(ada, project, bob, "LauncherUser")
    for kind in kinds:
        await bob.get(of_version(version, f"/{kind}"))
