"""Every operation of the contract exists as the contract says, or stands in deviations.toml with a reason."""

import copy
import json
import tomllib
from contextlib import nullcontext
from typing import Any

import pytest

from modelyard.app import create_app
from modelyard.kit.description import description_of
from modelyard.settings import Settings
from tests.contract.surface import differences, operations
from tests.contract.validation import CONTRACT, contract, superset, validate_response


@pytest.fixture(scope="module")
def served() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        json.dumps(description_of(create_app(Settings(), "postgresql://")), default=str)
    )
    return document


@pytest.fixture(scope="module")
def deviations() -> dict[str, Any]:
    return tomllib.loads((CONTRACT / "deviations.toml").read_text())


def _not_built(deviations: dict[str, Any]) -> dict[str, str]:
    return {name: family["reason"] for family in deviations["not_built"] for name in family["operations"]}


def test_the_contract_has_all_159_operations() -> None:
    assert len(operations(contract())) == 159


def test_every_operation_is_served_or_named_as_not_built(
    served: dict[str, Any], deviations: dict[str, Any]
) -> None:
    missing = operations(contract()).keys() - operations(served).keys()
    assert missing == _not_built(deviations).keys()
    assert all(_not_built(deviations).values())


def test_what_is_served_differs_only_where_a_reason_is_given(
    served: dict[str, Any], deviations: dict[str, Any]
) -> None:
    names = operations(contract()).keys() & operations(served).keys()
    found = {f"{name}: {what}" for name in names for what in differences(contract(), served, name)}
    explained = {f"{one['operation']}: {one['what']}" for one in deviations.get("difference", [])}
    assert sorted(found - explained) == []
    assert sorted(explained - found) == [], "stale entries"
    assert all(one["reason"] for one in deviations.get("difference", []))


def test_rights_are_those_of_the_contract(served: dict[str, Any], deviations: dict[str, Any]) -> None:
    explained = {one["operation"] for one in deviations.get("rights", [])}
    for name, (_, _, operation) in operations(contract()).items():
        if name in operations(served) and name not in explained and operation.get("x-permissions"):
            given = operations(served)[name][2].get("x-permissions", [])
            assert given == operation["x-permissions"], name


def test_what_is_served_beyond_the_contract_is_asked_for_as_the_superset_says(served: dict[str, Any]) -> None:
    names = operations(superset()).keys() & operations(served).keys()
    assert "fetchAuditEvents" in names
    found = [f"{name}: {what}" for name in names for what in differences(superset(), served, name)]
    assert [one for one in found if " reply" not in one] == []


@pytest.mark.parametrize(
    ("path", "change", "sentence"),
    [
        (("parameters", 0, "name"), "project", "parameter projectId is missing"),
        (("parameters", 0, "required"), False, "parameter projectId: required differs"),
        (("parameters", 3, "schema", "enum"), ["number"], "parameter sortBy: enum differs"),
        (("operationId",), "listJobs", None),
    ],
)
def test_a_planted_difference_is_found(path: tuple[Any, ...], change: Any, sentence: str | None) -> None:
    changed = copy.deepcopy(contract())
    place: Any = changed["paths"]["/api/jobs/beta/jobs"]["get"]
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = change
    if sentence is None:
        assert "getJobs" not in operations(changed)
    else:
        assert sentence in differences(contract(), changed, "getJobs")


def test_a_planted_field_difference_is_found() -> None:
    changed = copy.deepcopy(contract())
    fields = changed["components"]["schemas"]["JobStatusV1"]["properties"]
    fields["isDone"] = fields.pop("isCompleted")
    found = differences(contract(), changed, "getJobs")
    assert "reply.jobs[].status.isCompleted is missing" in found
    assert "reply.jobs[].status.isDone is not in the contract" in found


@pytest.mark.parametrize("body", [b'{"user": {}}', b"[]", b'{"metadata": {"requestId": "1", "notices": []}}'])
def test_a_reply_that_breaks_the_contract_fails(body: bytes) -> None:
    with pytest.raises(AssertionError, match="getCurrentUser"):
        validate_response("GET", "/api/users/v1/self", 200, {"content-type": "application/json"}, body)


def test_a_status_that_the_contract_does_not_list_fails() -> None:
    with pytest.raises(AssertionError, match="409"):
        validate_response("GET", "/api/users/v1/self", 409, {"content-type": "application/json"}, b"{}")


@pytest.mark.parametrize(
    ("change", "is_fine"),
    [
        ({"fieldType": "scalar", "fieldName": "branch", "before": "main", "after": "isolated"}, True),
        ({"fieldType": "scalar", "fieldName": "cores", "before": 1, "after": 2}, False),
        ({"fieldType": "other", "fieldName": "branch"}, False),
    ],
)
def test_operations_of_the_superset_are_checked_against_it(change: dict[str, Any], is_fine: bool) -> None:
    target = {"entity": {"entityType": "project", "tags": []}, "fieldChanges": [change]}
    event = {"timestamp": 1, "actor": {"id": "1"}, "action": {"eventName": "x", "using": []}}
    reply = {"events": [event | {"targets": [target], "affecting": [], "metadata": {}}]}
    with nullcontext() if is_fine else pytest.raises(AssertionError, match="fetchAuditEvents"):
        path, headers = "/api/audittrail/v1/auditevents", {"content-type": "application/json"}
        validate_response("GET", path, 200, headers, json.dumps(reply).encode())
