"""Whatever is handed on to the tracker: who has no part in a project learns and changes nothing there."""

import gzip
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from modelyard.domains.experiments.rules import RULES, Rule
from tests.client import Person
from tests.domains.experiments.tracking import API, experiment, make_project, run

pytestmark = pytest.mark.usefixtures("tracking")


class World:
    """One of everything that a tracker keeps, with a mark in it that nobody else may read."""

    MARK = "zebra"

    def __init__(self, owner: Person) -> None:
        self.owner = owner
        self.experiment = self.run = self.model = self.trace = self.dataset = ""

    async def fill(self) -> "World":
        """Makes everything."""
        ada = self.owner
        self.experiment = await experiment(ada, self.MARK)
        self.run = await run(ada, self.experiment, note=self.MARK)
        metric = {"run_id": self.run, "key": self.MARK, "value": 1, "timestamp": 1, "step": 0}
        await ada.post(f"{API}/runs/log-metric", metric)
        made = await ada.post(f"{API}/logged-models", {"experiment_id": self.experiment, "name": self.MARK})
        self.model = made["model"]["info"]["model_id"]
        for path in (f"{self.run}/artifacts", f"models/{self.model}/artifacts"):
            url = f"/api/2.0/mlflow-artifacts/artifacts/{self.experiment}/{path}/{self.MARK}"
            assert (await ada.request("PUT", url, content=self.MARK.encode())).status_code == 200
        info = {
            "trace_id": f"tr-{self.run}",
            "trace_location": {
                "type": "MLFLOW_EXPERIMENT",
                "mlflow_experiment": {"experiment_id": self.experiment},
            },
            "request_time": "2026-01-01T00:00:00Z",
            "execution_duration": "1s",
            "state": "OK",
            "tags": {"note": self.MARK},
        }
        await ada.post("/api/3.0/mlflow/traces", {"trace": {"trace_info": info}})
        self.trace = info["trace_id"]
        made = await ada.post(
            "/api/3.0/mlflow/datasets/create", {"name": self.MARK, "experiment_ids": [self.experiment]}
        )
        self.dataset = made["dataset"]["dataset_id"]
        return self

    async def request(self, person: Person, rule: Rule) -> httpx.Response:
        """A request of an operation that names everything here wherever it may be named."""
        path = rule.path
        for name, value in {
            "path:path": f"{self.experiment}/{self.run}/artifacts/{self.MARK}",
            "model_id:str": self.model,
            "trace_id:str": self.trace,
            "dataset_id:str": self.dataset,
            "assessment_id:str": "a-1",
            "tag_key:str": "note",
            "key:str": "note",
        }.items():
            path = path.replace(f"{{{name}}}", value)
        options: dict[str, Any] = {}
        if rule.method == "GET":
            options["params"] = {
                "run_id": self.run,
                "run_ids": self.run,
                "experiment_id": self.experiment,
                "experiment_ids": self.experiment,
                "trace_id": self.trace,
                "trace_ids": self.trace,
                "request_id": self.trace,
                "metric_key": self.MARK,
                "name": self.MARK,
                "path": f"{self.experiment}/{self.run}/artifacts" if "artifacts/artifacts" in path else "",
                "artifact_file_path": self.MARK,
            }
        elif rule.streams:
            options |= {"content": b"x", "params": {"run_id": self.run, "path": "x"}}
        else:
            options["json"] = self.body(rule)
        return await person.request(rule.method, f"/api/{path}", **options)

    def body(self, rule: Rule) -> dict[str, Any]:
        """A body that names everything; locations and traces have shapes of their own."""
        place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": self.experiment}}
        if rule.path == "3.0/mlflow/traces":
            return {"trace": {"trace_info": {"trace_id": "tr-new", "trace_location": place}}}
        return {
            "run_id": self.run,
            "experiment_id": self.experiment,
            "experiment_ids": [self.experiment],
            "trace_ids": [self.trace],
            "locations": [place],
            "key": self.MARK,
            "value": "1",
        }


async def test_a_stranger_learns_and_changes_nothing(ada: Person, bob: Person) -> None:
    world = await World(ada).fill()
    nobody = ada.modelyard.stranger()
    before = await seen(ada, world)
    for rule in RULES:
        assert (await world.request(nobody, rule)).status_code == 401, rule.path
        if rule.path.endswith("server-info"):  # it belongs to nobody
            continue
        reply = await world.request(bob, rule)
        assert World.MARK not in reply.text, rule.path
        is_empty = reply.status_code == 200 and rule.path.endswith("runs/search")
        assert reply.status_code == 404 or is_empty, (rule.path, reply.text)
    assert await seen(ada, world) == before


async def test_who_may_see_it_gets_it(ada: Person) -> None:
    world = await World(ada).fill()
    denied = []
    for rule in RULES:
        if rule.method == "GET":
            reply = await world.request(ada, rule)
            if reply.status_code in {401, 403}:
                denied.append((rule.path, reply.text))
    assert denied == []


async def seen(person: Person, world: World) -> list[Any]:
    """What its owner sees of a world."""
    return [
        await person.get(f"{API}/runs/get", run_id=world.run),
        await person.get(f"{API}/logged-models/{world.model}"),
        (await person.request("GET", f"/api/3.0/mlflow/traces/{world.trace}")).json(),
        await person.get(f"/api/3.0/mlflow/datasets/{world.dataset}"),
        await person.get("/api/2.0/mlflow-artifacts/artifacts", path=f"{world.experiment}/{world.run}/artifacts"),
    ]


async def test_one_visible_experiment_among_others_does_not_open_them(ada: Person, bob: Person) -> None:
    world = await World(ada).fill()
    mine = await experiment(bob, "mine")
    listed = await bob.post(f"{API}/runs/search", {"experiment_ids": [mine, world.experiment]})
    assert listed.get("runs", []) == []
    both = {"experiment_ids": [mine, world.experiment]}
    for path in ("2.0/mlflow/logged-models/search", "3.0/mlflow/datasets/search"):
        reply = await bob.request("POST", f"/api/{path}", json=both)
        assert reply.status_code == 404
    theirs = await make_project(bob, "other")
    assert theirs
    for body in (
        {"run_id": await run(bob, mine), "run_uuid": world.run},
        {"run_id": world.run, "runId": await run(bob, mine)},
    ):
        reply = await bob.request("POST", f"{API}/runs/delete", json=body)
        assert reply.status_code in {400, 404}, reply.text
    info = (await ada.get(f"{API}/runs/get", run_id=world.run))["run"]["info"]
    assert info["lifecycle_stage"] == "active"


async def test_a_logged_model_of_others_gets_no_metrics_by_way_of_ones_own_run(ada: Person, bob: Person) -> None:
    world = await World(ada).fill()
    mine = await run(bob, await experiment(bob, "mine"))
    metric = {"key": "auc", "value": 1.0, "timestamp": 1, "model_id": world.model}
    await bob.post(f"{API}/runs/log-metric", {"run_id": mine, **metric}, expect=404)
    await bob.post(f"{API}/runs/log-batch", {"run_id": mine, "metrics": [metric]}, expect=404)
    await bob.post(f"{API}/runs/outputs", {"run_id": mine, "models": [{"model_id": world.model}]}, expect=404)
    await bob.post(f"{API}/runs/log-inputs", {"run_id": mine, "models": [{"model_id": world.model}]}, expect=404)
    renamed = {key if key != "model_id" else "modelId": value for key, value in metric.items()}
    await bob.post(f"{API}/runs/log-batch", {"run_id": mine, "metrics": [renamed]}, expect=400)
    assert "metrics" not in (await ada.get(f"{API}/logged-models/{world.model}"))["model"].get("data", {})


async def test_what_a_query_does_not_name_a_body_does_not_either(ada: Person, bob: Person) -> None:
    world = await World(ada).fill()
    for path, body in (
        ("2.0/mlflow/metrics/get-history-bulk-interval", {"run_ids": [world.run], "metric_key": World.MARK}),
        ("2.0/mlflow/runs/get", {"run_id": world.run}),
        ("3.0/mlflow/traces/batchGet", {"trace_ids": [world.trace]}),
        ("2.0/mlflow/traces", {"experiment_ids": [world.experiment]}),
    ):
        reply = await bob.request("GET", f"/api/{path}", json=body)
        assert reply.status_code in {400, 404}, path
        assert World.MARK not in reply.text


async def test_a_trace_is_not_put_elsewhere_by_another_spelling(ada: Person, bob: Person) -> None:
    theirs, mine = await experiment(ada, "theirs"), await experiment(bob, "mine")
    info, other = (
        {
            "trace_id": "tr-smuggled",
            "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": one}},
            "request_time": "2026-01-01T00:00:00Z",
        }
        for one in (mine, theirs)
    )
    for trace in ({"traceInfo": other, "trace_info": info}, {"trace_info": info, "traceInfo": other}):
        reply = await bob.request("POST", "/api/3.0/mlflow/traces", json={"trace": trace})
        assert reply.status_code == 400, reply.text


def spans(trace_id: str, name: str) -> bytes:
    """One span of a trace, as an exporter of OpenTelemetry sends it."""
    exported = ExportTraceServiceRequest()
    span = exported.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = bytes.fromhex(trace_id.removeprefix("tr-")), bytes(7) + b"1", name
    span.start_time_unix_nano, span.end_time_unix_nano = 1, 2
    return exported.SerializeToString()


async def export(person: Person, experiment_id: str, content: bytes, **headers: str) -> httpx.Response:
    sent = {"x-mlflow-experiment-id": experiment_id, "content-type": "application/x-protobuf"} | headers
    return await person.request("POST", "/v1/traces", content=content, headers=sent)


async def test_a_trace_of_others_cannot_be_written_to_by_its_id(ada: Person, bob: Person) -> None:
    world = await World(ada).fill()
    mine = await experiment(bob, "mine")
    before = await seen(ada, world)
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": mine}}
    info = {"trace_id": world.trace, "trace_location": place, "request_time": "2026-01-01T00:00:00Z"}
    await bob.post("/api/3.0/mlflow/traces", {"trace": {"trace_info": info}}, expect=404)
    assert (await export(bob, mine, spans(world.trace, "smuggled"))).status_code == 404
    assert await seen(ada, world) == before
    new = "tr-" + "a1" * 16
    assert (await export(bob, mine, spans(new, "own"))).status_code == 200
    assert (
        await export(bob, mine, gzip.compress(spans(new, "own")), **{"content-encoding": "gzip"})
    ).status_code == 200
    found = (await bob.get("/api/3.0/mlflow/traces/get", trace_id=new))["trace"]
    assert [one["name"] for one in found["spans"]] == ["own"]


async def test_spans_that_cannot_be_looked_into_are_refused(ada: Person, bob: Person) -> None:
    mine = await experiment(ada, "mine")
    one = spans("tr-" + "b2" * 16, "own")
    assert (await export(ada, mine, b"{}", **{"content-type": "application/json"})).status_code == 400
    assert (await export(ada, mine, b"\xff\xff\xff")).status_code == 400
    assert (await export(ada, mine, b"no gzip", **{"content-encoding": "gzip"})).status_code == 400
    assert (await export(ada, mine, one, **{"content-encoding": "br"})).status_code == 400
    bomb = gzip.compress(bytes(60 * 2**20))
    assert (await export(ada, mine, bomb, **{"content-encoding": "gzip"})).status_code == 413
    assert (await export(bob, mine, one)).status_code == 404
    theirs = await run(bob, "0")
    assert (await export(ada, mine, one, **{"x-mlflow-run-id": theirs})).status_code == 404
