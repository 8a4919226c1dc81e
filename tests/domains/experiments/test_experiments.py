"""Experiments by HTTP: whose they are, what they are called, and who sees them."""

import pytest

from modelyard.engines.tracker.artifacts import INCOMING
from modelyard.engines.tracker.place import TrackerPlace
from tests.client import Modelyard, Person
from tests.disks import small_disk
from tests.domains.experiments.tracking import API, experiment, make_project, run

pytestmark = pytest.mark.usefixtures("tracking")


async def test_a_new_experiment_is_in_the_quick_start_unless_it_names_its_project(ada: Person) -> None:
    made = await experiment(ada, "baseline")
    found = (await ada.get(f"{API}/experiments/get", experiment_id=made))["experiment"]
    tags = {one["key"]: one["value"] for one in found["tags"]}
    assert (found["name"], found["lifecycle_stage"]) == ("baseline", "active")
    assert (tags["mlflow.domino.project_name"], tags["mlflow.domino.user"]) == ("quick-start", "ada")
    project = await make_project(ada, "churn")
    named = await experiment(ada, "baseline", project=f"{ada.name}/churn")
    assert named != made
    tags = {
        one["key"]: one["value"]
        for one in (await ada.get(f"{API}/experiments/get", experiment_id=named))["experiment"]["tags"]
    }
    assert tags["mlflow.domino.project_id"] == project


async def test_names_are_unique_within_a_project_only(ada: Person, bob: Person) -> None:
    await experiment(ada, "baseline")
    again = await ada.post(f"{API}/experiments/create", {"name": "baseline"}, expect=400)
    assert again["error_code"] == "RESOURCE_ALREADY_EXISTS"
    assert await experiment(bob, "baseline")


async def test_strangers_see_nothing_of_an_experiment(ada: Person, bob: Person) -> None:
    made = await experiment(ada, "secret")
    logged = await run(ada, made)
    assert (await bob.get(f"{API}/experiments/get", experiment_id=made, expect=404))["error_code"] == (
        "RESOURCE_DOES_NOT_EXIST"
    )
    await bob.get(f"{API}/experiments/get-by-name", experiment_name="secret", expect=404)
    assert (await bob.post(f"{API}/experiments/search", {"max_results": 100}))["experiments"] == []
    assert (await bob.post(f"{API}/runs/search", {"experiment_ids": [made]})).get("runs", []) == []
    await bob.get(f"{API}/runs/get", run_id=logged, expect=404)
    await bob.post(
        f"{API}/runs/log-metric", {"run_id": logged, "key": "a", "value": 1, "timestamp": 1}, expect=404
    )
    await bob.post(f"{API}/experiments/delete", {"experiment_id": made}, expect=404)
    await bob.get(f"{API}/artifacts/list", run_id=logged, expect=404)


async def test_a_consumer_of_results_reads_and_does_not_write(ada: Person, bob: Person) -> None:
    project = await make_project(ada, "shared")
    made = await experiment(ada, "open", project=project)
    logged = await run(ada, made)
    body = {"collaboratorId": bob.id, "projectRole": "resultsConsumer"}
    await ada.post(f"/v4/projects/{project}/collaborators", body)
    assert (await bob.get(f"{API}/runs/get", run_id=logged))["run"]["info"]["run_id"] == logged
    assert [one["name"] for one in (await bob.post(f"{API}/experiments/search", {}))["experiments"]] == ["open"]
    refused = await bob.post(f"{API}/runs/set-tag", {"run_id": logged, "key": "a", "value": "b"}, expect=403)
    assert refused["error_code"] == "PERMISSION_DENIED"
    await bob.post(f"{API}/experiments/create", {"name": "x", "tags": [
        {"key": "modelyard.project", "value": project}]}, expect=403)  # fmt: skip


async def test_the_default_experiment_is_each_projects_own(ada: Person, bob: Person) -> None:
    first = await run(ada, "0")
    second = await run(bob, "0")
    ones = [
        (await who.get(f"{API}/runs/get", run_id=one))["run"]["info"]["experiment_id"]
        for who, one in ((ada, first), (bob, second))
    ]
    assert ones[0] != ones[1]
    assert "0" not in ones
    found = await ada.get(f"{API}/experiments/get", experiment_id="0")
    assert (found["experiment"]["experiment_id"], found["experiment"]["name"]) == (ones[0], "Default")
    listed = await ada.post(f"{API}/runs/search", {"experiment_ids": ["0"]})
    assert [one["info"]["run_id"] for one in listed["runs"]] == [first]


async def test_a_name_is_looked_for_in_other_projects_last_and_first_where_one_may_log(
    ada: Person, bob: Person
) -> None:
    async def named(name: str, expect: int = 200) -> str | None:
        found = await bob.get(f"{API}/experiments/get-by-name", experiment_name=name, expect=expect)
        return found["experiment"]["experiment_id"] if expect == 200 else None

    ones = {}
    for role in ("contributor", "resultsConsumer"):
        project = await make_project(ada, role)
        ones[role] = await experiment(ada, "baseline", project=project)
        await ada.post(f"/v4/projects/{project}/collaborators", {"collaboratorId": bob.id, "projectRole": role})
    await experiment(ada, "baseline")
    await run(ada, "0")
    assert await named("baseline") == ones["contributor"]
    assert await named("Default", expect=404) is None
    mine = await experiment(bob, "baseline")
    assert await named("baseline") == mine


async def test_an_experiment_is_renamed_tagged_deleted_and_restored(ada: Person) -> None:
    made = await experiment(ada, "old")
    await ada.post(f"{API}/experiments/update", {"experiment_id": made, "new_name": "new"})
    await ada.post(f"{API}/experiments/set-experiment-tag", {"experiment_id": made, "key": "team", "value": "a"})
    found = await ada.post(f"{API}/experiments/search", {"filter": "tags.team = 'a' AND name LIKE 'ne%'"})
    assert [one["experiment_id"] for one in found["experiments"]] == [made]
    await ada.post(f"{API}/experiments/delete-experiment-tag", {"experiment_id": made, "key": "team"})
    await ada.post(f"{API}/experiments/delete-experiment-tag", {"experiment_id": made, "key": "team"}, expect=404)
    await ada.post(f"{API}/experiments/delete", {"experiment_id": made})
    assert (await ada.post(f"{API}/experiments/search", {}))["experiments"] == []
    deleted = await ada.post(f"{API}/experiments/search", {"view_type": "DELETED_ONLY"})
    assert [one["name"] for one in deleted["experiments"]] == ["new"]
    await ada.post(f"{API}/runs/create", {"experiment_id": made}, expect=400)
    await ada.post(f"{API}/experiments/restore", {"experiment_id": made})
    await run(ada, made)


async def test_nobody_forges_the_platforms_tags(ada: Person) -> None:
    made = await experiment(ada, "honest")
    forged = {"key": "mlflow.domino.run_id", "value": "0" * 24}
    await ada.post(f"{API}/runs/create", {"experiment_id": made, "tags": [forged]}, expect=400)
    logged = await run(ada, made)
    for path, body in (
        ("runs/set-tag", {"run_id": logged, **forged}),
        ("runs/delete-tag", {"run_id": logged, "key": "mlflow.domino.user"}),
        ("runs/log-batch", {"run_id": logged, "tags": [forged]}),
        ("experiments/set-experiment-tag", {"experiment_id": made, **forged}),
        ("experiments/create", {"name": "other", "tags": [forged]}),
    ):
        said = await ada.post(f"{API}/{path}", body, expect=400)
        assert "Only the platform sets the tag" in said["message"], path
    tags = {
        one["key"]: one["value"]
        for one in (await ada.get(f"{API}/runs/get", run_id=logged))["run"]["data"]["tags"]
    }
    assert (tags["mlflow.user"], tags["mlflow.domino.user_id"]) == ("ada", ada.id)
    assert "mlflow.domino.run_id" not in tags


async def test_a_place_for_artifacts_is_never_taken_from_a_client(ada: Person) -> None:
    body = {"name": "elsewhere", "artifact_location": "s3://bucket/x"}
    assert "artifact_location" in (await ada.post(f"{API}/experiments/create", body, expect=400))["message"]


async def test_files_are_behind_the_guard_of_their_experiment(ada: Person, bob: Person) -> None:
    made = await experiment(ada, "files")
    logged = await run(ada, made)
    url = f"/api/2.0/mlflow-artifacts/artifacts/{made}/{logged}/artifacts/a/b.txt"
    assert (await ada.request("PUT", url, content=b"text")).status_code == 200
    assert (await ada.request("GET", url)).content == b"text"
    assert (await ada.request("GET", f"/mlflow/get-artifact?run_id={logged}&path=a/b.txt")).content == b"text"
    for method in ("GET", "PUT", "DELETE"):
        assert (
            await bob.request(method, url, **({"content": b"x"} if method == "PUT" else {}))
        ).status_code == 404
    assert (await bob.request("GET", f"/mlflow/get-artifact?run_id={logged}&path=a/b.txt")).status_code == 404
    other = await experiment(bob, "mine")
    for path in (
        f"{other}/../{made}/{logged}/artifacts/a/b.txt",
        f"{other}/%2e%2e/{made}/{logged}/artifacts/a/b.txt",
    ):
        reply = await bob.request("GET", f"/api/2.0/mlflow-artifacts/artifacts/{path}")
        assert reply.status_code == 404, reply.text


async def test_a_file_is_sent_in_parts_and_as_no_page(ada: Person) -> None:
    made = await experiment(ada, "files")
    logged = await run(ada, made)
    url = f"/api/2.0/mlflow-artifacts/artifacts/{made}/{logged}/artifacts"
    assert (await ada.request("PUT", f"{url}/page.html", content=b"<script>")).status_code == 200
    part = await ada.request("GET", f"{url}/page.html", headers={"range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"scr")
    assert part.headers["content-security-policy"].startswith("sandbox")
    assert part.headers["content-disposition"] == "attachment"
    assert (await ada.request("GET", f"{url}/none")).json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert (await ada.request("GET", url)).status_code == 404
    assert (await ada.request("PUT", f"{url}/page.html/below", content=b"x")).status_code == 400
    assert (await ada.request("PUT", url, content=b"x")).status_code == 400
    assert (await ada.request("PUT", f"{url}/{'n' * 256}", content=b"x")).status_code == 400
    listed = await ada.get(f"{API}/artifacts/list", run_id=logged)
    assert [(one["path"], one["file_size"]) for one in listed["files"]] == [("page.html", 8)]


async def test_a_full_disk_leaves_no_part_of_a_file(modelyard: Modelyard, ada: Person) -> None:
    made = await experiment(ada, "full")
    logged = await run(ada, made)
    incoming = TrackerPlace(modelyard.settings.home_path).artifacts / INCOMING
    if incoming.exists():  # of another test: they share the tracker
        incoming.rmdir()
    with small_disk(incoming):
        url = f"/api/2.0/mlflow-artifacts/artifacts/{made}/{logged}/artifacts/large"
        reply = await ada.request("PUT", url, content=bytes(4 * 2**20))
        assert (reply.status_code, reply.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
        assert list(incoming.iterdir()) == []
    assert (await ada.get(f"{API}/artifacts/list", run_id=logged)).get("files", []) == []


@pytest.mark.parametrize("prefix", ["/mlflow/api", "/mlflow/ajax-api", "/ajax-api", "/api"])
async def test_the_protocol_is_the_same_at_all_its_addresses(ada: Person, prefix: str) -> None:
    made = await experiment(ada, "addressed")
    found = await ada.get(f"{prefix}/2.0/mlflow/experiments/get", experiment_id=made)
    assert found["experiment"]["name"] == "addressed"


async def test_a_tracking_uri_may_name_the_project(ada: Person) -> None:
    project = await make_project(ada, "named")
    root = f"/mlflow/projects/{ada.name}/named/api/2.0/mlflow"
    made = (await ada.post(f"{root}/experiments/create", {"name": "here"}))["experiment_id"]
    await experiment(ada, "elsewhere")
    assert [one["experiment_id"] for one in (await ada.post(f"{root}/experiments/search", {}))["experiments"]] == [
        made
    ]
    found = (await ada.get(f"{API}/experiments/get", experiment_id=made))["experiment"]
    assert {"key": "mlflow.domino.project_id", "value": project} in found["tags"]
