"""The few questions in GraphQL that the tracker's pages ask, and which experiments they are about."""

import re
from typing import Any

import msgspec

from modelyard.domains.experiments.access import READ, demand_experiments, demand_runs
from modelyard.domains.experiments.asked import HttpRequest, json_body
from modelyard.domains.users import Caller
from modelyard.engines.tracker import Tracker
from modelyard.kit.access import Guard
from modelyard.kit.db import Database
from modelyard.kit.errors import BadRequest, Forbidden

# The fields that may be asked for, by the name of the ids in their input.
_EXPERIMENTS = ("experimentId", "experimentIds")
_RUNS = ("runId", "runUuid", "runIds")
_NEEDED = {
    "mlflowGetExperiment": _EXPERIMENTS,
    "mlflowSearchRuns": _EXPERIMENTS,
    "mlflowSearchDatasets": _EXPERIMENTS,
    "mlflowGetRun": _RUNS,
    "mlflowListArtifacts": _RUNS,
    "mlflowGetMetricHistoryBulkInterval": _RUNS,
}
_LONGEST = 20_000
# What the tracker calls an experiment begins with the project.
_TRACKER_NAME = re.compile(r"[0-9a-f]{24}/")


class Question(msgspec.Struct, frozen=True):
    """A question that may be asked."""

    body: dict[str, Any]


async def _load(request: HttpRequest, db: Database, tracker: Tracker, caller: Caller) -> Question:
    body = await json_body(request)
    experiments, runs = asked_about(body)
    await demand_experiments(db, caller, experiments, READ)
    await demand_runs(db, tracker, caller, sorted(runs), READ)
    return Question(body)


answerable = Guard("question", _load, rights=(READ,), scope="experiment")


def asked_about(body: dict[str, Any]) -> tuple[set[str], set[str]]:
    """The experiments and the runs that a question is about; raises Forbidden for what may not be asked."""
    # Only who looks at the pages needs the parser.
    from graphql import GraphQLError, parse, value_from_ast_untyped  # noqa: PLC0415
    from graphql.language import FieldNode, OperationDefinitionNode  # noqa: PLC0415

    text, variables = body.get("query"), body.get("variables") or {}
    if not isinstance(text, str) or len(text) > _LONGEST or not isinstance(variables, dict):
        raise BadRequest("A question has a query, and variables as an object.")
    try:
        document = parse(text, max_tokens=2000)
    except (GraphQLError, RecursionError) as error:
        raise BadRequest(f"The query cannot be read: {error}.") from None
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    if len(operations) != 1:
        raise BadRequest("Ask one question at a time.")
    experiments: set[str] = set()
    runs: set[str] = set()
    for field in operations[0].selection_set.selections:
        if not isinstance(field, FieldNode) or field.name.value not in _NEEDED or len(field.arguments) != 1:
            raise Forbidden("This cannot be asked here.")
        given = value_from_ast_untyped(field.arguments[0].value, variables)
        if not isinstance(given, dict):
            raise BadRequest(f"{field.name.value} has an input.")
        needed = _NEEDED[field.name.value]
        named = [one for key in needed for one in _listed(given.get(key))]
        if not named or not all(isinstance(one, str) for one in named):
            raise BadRequest(f"The input of {field.name.value} names {' or '.join(needed)}.")
        (experiments if needed is _EXPERIMENTS else runs).update(named)
    return experiments, runs


def with_own_names(answer: Any) -> Any:
    """An answer in which experiments have the names that they have in their projects."""
    if isinstance(answer, list):
        return [with_own_names(one) for one in answer]
    if not isinstance(answer, dict):
        return answer
    return {
        key: _own_name(value) if key == "experiment" and isinstance(value, dict) else with_own_names(value)
        for key, value in answer.items()
    }


def _own_name(experiment: dict[str, Any]) -> dict[str, Any]:
    name = experiment.get("name")
    return experiment | {"name": _TRACKER_NAME.sub("", name, count=1)} if isinstance(name, str) else experiment


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
