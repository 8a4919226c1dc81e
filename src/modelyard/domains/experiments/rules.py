"""Which operations of MLflow's protocol are handed on to the tracker, and behind which guard.

What stands neither here nor among the operations that are served from our own tables is refused.
"""

import re
from typing import Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler

from modelyard.domains.experiments.access import READ, WRITE
from modelyard.domains.experiments.asked import At, HttpRequest, Place
from modelyard.domains.experiments.forwarding import Stream, handed_on
from modelyard.domains.experiments.guards import (
    TRACE_LOCATIONS,
    Allowed,
    all_belonging_at,
    anybody,
    artifact_at,
    belonging_at,
    evaluation_data_at,
    experiment_at,
    experiments_at,
    new_in,
    new_trace_in,
    run_at,
    runs_at,
)
from modelyard.domains.experiments.protocol import protocol_operation
from modelyard.domains.experiments.written import run_was_written
from modelyard.engines.tracker import Belonging, Tracker
from modelyard.kit.access import Guard
from modelyard.kit.db import Database

MODEL, TRACE = Belonging.LOGGED_MODEL, Belonging.TRACE


class Rule(msgspec.Struct, frozen=True):
    """One operation that is handed on.

    `path` is below `/api/`. `streams` is for bodies of any size; `ajax` for what the tracker has only at the
    address of its own pages.
    """

    method: str
    path: str
    guard: Guard
    streams: bool = False
    ajax: bool = False


def body(name: str, alias: str | None = None) -> At:
    """A name in the JSON body."""
    return At(Place.BODY, name, alias)


def query(name: str, alias: str | None = None) -> At:
    """A name in the query."""
    return At(Place.QUERY, name, alias)


def path(name: str) -> At:
    """A name in the path."""
    return At(Place.PATH, name)


_RUN = body("run_id", "run_uuid")
_RUN_IN_QUERY = query("run_id", "run_uuid")
_EXPERIMENTS = experiments_at(body("experiment_ids"), required=True)
_V2, _V3 = "2.0/mlflow", "3.0/mlflow"
_ARTIFACTS = "2.0/mlflow-artifacts"

RUNS = [
    Rule("GET", f"{_V2}/runs/get", run_at(_RUN_IN_QUERY, READ)),
    Rule("POST", f"{_V2}/runs/search", experiments_at(body("experiment_ids"))),
    *(
        Rule("POST", f"{_V2}/runs/{verb}", run_at(_RUN, WRITE))
        for verb in (
            "delete", "delete-tag", "log-batch", "log-metric", "log-model", "log-parameter",
            "outputs", "restore", "set-tag", "update",
        )
    ),
    Rule("POST", f"{_V2}/runs/log-inputs", run_at(_RUN, WRITE, models=READ)),
    Rule("GET", f"{_V2}/metrics/get-history", run_at(_RUN_IN_QUERY, READ)),
    Rule("GET", f"{_V2}/metrics/get-history-bulk", runs_at(query("run_id")), ajax=True),
    Rule("GET", f"{_V2}/metrics/get-history-bulk-interval", runs_at(query("run_ids"))),
    Rule("POST", f"{_V2}/experiments/search-datasets", _EXPERIMENTS, ajax=True),
]  # fmt: skip

FILES = [
    Rule("GET", f"{_V2}/artifacts/list", run_at(_RUN_IN_QUERY, READ)),
    Rule("GET", f"{_ARTIFACTS}/artifacts", artifact_at(query("path"), READ)),
    Rule("DELETE", f"{_ARTIFACTS}/artifacts/{{path:path}}", artifact_at(path("path"), WRITE)),
    Rule("POST", f"{_V2}/upload-artifact", run_at(_RUN_IN_QUERY, WRITE), streams=True, ajax=True),
    *(
        Rule(
            "GET", f"{version}/get-trace-artifact", belonging_at(TRACE, query("request_id"), READ),
            streams=True, ajax=True,
        )
        for version in (_V2, _V3)
    ),
    Rule(
        "GET", f"{_V2}/logged-models/{{model_id:str}}/artifacts/files",
        belonging_at(MODEL, path("model_id"), READ), streams=True, ajax=True,
    ),
]  # fmt: skip

LOGGED_MODELS = [
    Rule("POST", f"{_V2}/logged-models", experiment_at(body("experiment_id"), WRITE)),
    Rule("POST", f"{_V2}/logged-models/search", _EXPERIMENTS),
    Rule("GET", f"{_V2}/logged-models/{{model_id:str}}", belonging_at(MODEL, path("model_id"), READ)),
    Rule("PATCH", f"{_V2}/logged-models/{{model_id:str}}", belonging_at(MODEL, path("model_id"), WRITE)),
    Rule("DELETE", f"{_V2}/logged-models/{{model_id:str}}", belonging_at(MODEL, path("model_id"), WRITE)),
    Rule("POST", f"{_V2}/logged-models/{{model_id:str}}/params", belonging_at(MODEL, path("model_id"), WRITE)),
    Rule("PATCH", f"{_V2}/logged-models/{{model_id:str}}/tags", belonging_at(MODEL, path("model_id"), WRITE)),
    Rule(
        "DELETE", f"{_V2}/logged-models/{{model_id:str}}/tags/{{tag_key:str}}",
        belonging_at(MODEL, path("model_id"), WRITE),
    ),
    Rule(
        "GET", f"{_V2}/logged-models/{{model_id:str}}/artifacts/directories",
        belonging_at(MODEL, path("model_id"), READ),
    ),
]  # fmt: skip

TRACES = [
    Rule("POST", f"{_V2}/traces", experiment_at(body("experiment_id"), WRITE)),
    Rule("GET", f"{_V2}/traces", experiments_at(query("experiment_ids"), required=True)),
    Rule("PATCH", f"{_V2}/traces/{{trace_id:str}}", belonging_at(TRACE, path("trace_id"), WRITE)),
    Rule("GET", f"{_V2}/traces/{{trace_id:str}}/info", belonging_at(TRACE, path("trace_id"), READ)),
    Rule("PATCH", f"{_V2}/traces/{{trace_id:str}}/tags", belonging_at(TRACE, path("trace_id"), WRITE)),
    Rule("DELETE", f"{_V2}/traces/{{trace_id:str}}/tags", belonging_at(TRACE, path("trace_id"), WRITE)),
    Rule("POST", f"{_V2}/traces/delete-traces", experiment_at(body("experiment_id"), WRITE)),
    Rule("POST", f"{_V2}/traces/link-to-run", all_belonging_at(TRACE, body("trace_ids"), WRITE, _RUN)),
    Rule(
        "POST", f"{_V3}/traces",
        new_trace_in(
            body("trace.trace_info.trace_location.mlflow_experiment.experiment_id"),
            body("trace.trace_info.trace_id"),
        ),
    ),
    Rule("GET", f"{_V3}/traces/get", belonging_at(TRACE, query("trace_id"), READ)),
    Rule("GET", f"{_V3}/traces/batchGet", all_belonging_at(TRACE, query("trace_ids"), READ)),
    Rule("POST", f"{_V3}/traces/batchGetInfos", all_belonging_at(TRACE, body("trace_ids"), READ)),
    Rule("POST", f"{_V3}/traces/search", experiments_at(TRACE_LOCATIONS, required=True)),
    Rule("POST", f"{_V3}/traces/delete-traces", experiment_at(body("experiment_id"), WRITE)),
    Rule("POST", f"{_V3}/traces/metrics", _EXPERIMENTS),
    Rule(
        "POST", f"{_V3}/traces/calculate-filter-correlation",
        _EXPERIMENTS,
    ),
    Rule("GET", f"{_V3}/traces/{{trace_id:str}}", belonging_at(TRACE, path("trace_id"), READ)),
    Rule("PATCH", f"{_V3}/traces/{{trace_id:str}}/tags", belonging_at(TRACE, path("trace_id"), WRITE)),
    Rule("DELETE", f"{_V3}/traces/{{trace_id:str}}/tags", belonging_at(TRACE, path("trace_id"), WRITE)),
    Rule("POST", f"{_V3}/traces/{{trace_id:str}}/assessments", belonging_at(TRACE, path("trace_id"), WRITE)),
    *(
        Rule(
            method, f"{_V3}/traces/{{trace_id:str}}/assessments/{{assessment_id:str}}",
            belonging_at(TRACE, path("trace_id"), READ if method == "GET" else WRITE),
        )
        for method in ("GET", "PATCH", "DELETE")
    ),
]  # fmt: skip

_DATASET = path("dataset_id")
_DATASETS = f"{_V3}/datasets"

EVALUATION = [
    Rule("POST", f"{_DATASETS}/create", new_in(body("experiment_ids"))),
    Rule("POST", f"{_DATASETS}/search", _EXPERIMENTS),
    Rule("GET", f"{_DATASETS}/search", experiments_at(query("experiment_ids"), required=True)),
    Rule("GET", f"{_DATASETS}/{{dataset_id:str}}", evaluation_data_at(_DATASET, READ)),
    Rule("DELETE", f"{_DATASETS}/{{dataset_id:str}}", evaluation_data_at(_DATASET, WRITE)),
    Rule(
        "GET", f"{_DATASETS}/{{dataset_id:str}}/experiment-ids",
        evaluation_data_at(_DATASET, READ, names_all=True),
    ),
    Rule("GET", f"{_DATASETS}/{{dataset_id:str}}/records", evaluation_data_at(_DATASET, READ)),
    Rule("POST", f"{_DATASETS}/{{dataset_id:str}}/records", evaluation_data_at(_DATASET, WRITE)),
    Rule("DELETE", f"{_DATASETS}/{{dataset_id:str}}/records", evaluation_data_at(_DATASET, WRITE)),
    Rule("PATCH", f"{_DATASETS}/{{dataset_id:str}}/tags", evaluation_data_at(_DATASET, WRITE)),
    Rule("DELETE", f"{_DATASETS}/{{dataset_id:str}}/tags/{{key:str}}", evaluation_data_at(_DATASET, WRITE)),
    Rule(
        "POST", f"{_DATASETS}/{{dataset_id:str}}/add-experiments",
        evaluation_data_at(_DATASET, WRITE, body("experiment_ids")),
    ),
    Rule(
        "POST", f"{_DATASETS}/{{dataset_id:str}}/remove-experiments",
        evaluation_data_at(_DATASET, WRITE, body("experiment_ids")),
    ),
    Rule("POST", f"{_V3}/scorers/register", experiment_at(body("experiment_id"), WRITE)),
    Rule("GET", f"{_V3}/scorers/list", experiment_at(query("experiment_id"), READ)),
    Rule("GET", f"{_V3}/scorers/versions", experiment_at(query("experiment_id"), READ)),
    Rule("GET", f"{_V3}/scorers/get", experiment_at(query("experiment_id"), READ)),
]  # fmt: skip

ABOUT = [
    Rule("GET", f"{_V3}/server-info", anybody()),
]

RULES = [*RUNS, *FILES, *LOGGED_MODELS, *TRACES, *EVALUATION, *ABOUT]


def handler_of(rule: Rule) -> HTTPRouteHandler:
    """The operation of a rule."""

    async def hand_on(allowed: Allowed, request: HttpRequest, tracker: Tracker, db: Database) -> Response[Any]:
        """An operation of MLflow's protocol that is handed on to the tracker."""
        changed = allowed.changed
        if rule.ajax:
            there = request.scope["path"].replace("/api/", "/ajax-api/", 1)
            changed = msgspec.structs.replace(changed, path=there)
        if rule.streams:
            return Stream(request, tracker, changed)
        reply = await handed_on(request, tracker, changed)
        if allowed.registered_run is not None and reply.status_code == 200:
            await run_was_written(db, await tracker.run(allowed.registered_run))
        return reply

    options: dict[str, Any] = {"request_max_body_size": None} if rule.streams and rule.method != "GET" else {}
    return protocol_operation(
        rule.method, rule.path, guard=rule.guard, operation_id=_name(rule), failures=(), **options
    )(hand_on)


def _name(rule: Rule) -> str:
    words = re.findall(r"[a-z0-9]+", re.sub(r":(str|path)", "", rule.path.lower()))
    return "mlflow" + "".join(word.capitalize() for word in [*words, rule.method.lower()])


HANDLERS = [handler_of(rule) for rule in RULES]
