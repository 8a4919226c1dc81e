"""No operation is born unguarded."""

import inspect

from modelyard.app import OPERATIONS
from modelyard.kit.access import Guard

PUBLIC = {
    "getApiDescription",
    "getApiPage",
    "getLiveness",
    "getLoginPage",
    "getMetrics",
    "getModelApiPage",
    "getReadiness",
    "getVersion",
    "logInToPages",
}


def test_every_operation_has_one_guard_or_is_public_on_purpose() -> None:
    unguarded = {str(handler.operation_id) for handler in OPERATIONS if handler.opt["guard"] is None}
    assert unguarded == PUBLIC


def test_every_guard_is_taken_by_its_function() -> None:
    for handler in OPERATIONS:
        guard = handler.opt["guard"]
        if isinstance(guard, Guard):
            assert guard.provides in inspect.signature(handler.fn).parameters, handler.operation_id


def test_operation_ids_are_unique() -> None:
    ids = [handler.operation_id for handler in OPERATIONS]
    assert sorted(set(ids)) == sorted(ids)
