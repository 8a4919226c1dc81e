"""Every operation that MLflow's server has is either served behind a guard or refused for a reason."""

import json
import re
import subprocess
import sys

import pytest

from modelyard.app import OPERATIONS
from modelyard.domains.experiments.refused import REFUSED, reason_against
from modelyard.domains.experiments.rules import RULES
from tests.client import Person

# Prints what MLflow's server would answer, Flask's routes and FastAPI's, without starting it.
_LIST = """
import json
from mlflow.server import app as flask_app
from mlflow.server.fastapi_app import app
def walk(routes):
    for route in routes:
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        if inner is not None and hasattr(inner, "routes"):
            prefix = getattr(getattr(route, "include_context", None), "prefix", "") or ""
            for methods, path in walk(inner.routes):
                yield methods, prefix + path
        elif getattr(route, "methods", None):
            yield sorted(route.methods), route.path
found = [(method, rule.rule) for rule in flask_app.url_map.iter_rules() for method in rule.methods]
found += [(method, path) for methods, path in walk(app.routes) for method in methods]
print(json.dumps(sorted({one for one in found if one[0] not in ("HEAD", "OPTIONS")})))
"""
# Below other addresses than those that clients use; none of them is routed.
_ELSEWHERE = ("/static-files", "/gateway", "/v1/traces", "/docs", "/openapi", "/redoc", "/ajax-api/3.0/jobs")
_PAGES = {"/", "/get-artifact", "/graphql", "/health", "/model-versions/get-artifact", "/version", "/build/{}"}


@pytest.fixture(scope="module")
def routes() -> list[tuple[str, str]]:
    done = subprocess.run([sys.executable, "-c", _LIST], capture_output=True, text=True, check=True)
    return [(method, _plain(path)) for method, path in json.loads(done.stdout.splitlines()[-1])]


def _plain(path: str) -> str:
    """A path with its parameters unnamed, whoever's way of writing them."""
    return re.sub(r"<[^>]*>|\{[^}]*\}", "{}", path)


def _below_api(path: str) -> str | None:
    found = re.fullmatch(r"/(?:ajax-)?api/([23]\.0/?mlflow.*)", path)
    return found and found[1]


SERVED = {(str(handler.opt["method"]), _plain(next(iter(handler.paths)))) for handler in OPERATIONS}


def test_every_route_of_mlflow_is_served_or_refused_for_a_reason(routes: list[tuple[str, str]]) -> None:
    assert len(routes) > 300
    unknown = []
    for method, path in routes:
        below = _below_api(path)
        if below is None:
            if path not in _PAGES and not path.startswith(_ELSEWHERE):
                unknown.append((method, path))
        elif (method, f"/api/{below}") not in SERVED and reason_against(below) is None:
            unknown.append((method, path))
    assert unknown == []


def test_no_rule_and_no_reason_is_stale(routes: list[tuple[str, str]]) -> None:
    there = {(method, below) for method, path in routes if (below := _below_api(path))}
    assert [rule.path for rule in RULES if (rule.method, _plain(rule.path)) not in there] == []
    assert [start for start in REFUSED if not any(below.startswith(start) for _, below in there)] == []


async def test_what_mlflow_may_add_one_day_is_refused(ada: Person) -> None:
    for method, path in (
        ("POST", "3.0/mlflow/runs/teleport"),
        ("GET", "2.0/mlflow/unheard"),
        ("DELETE", "2.0/mlflow/runs/get"),
    ):
        reply = await ada.request(method, f"/mlflow/api/{path}")
        assert (reply.status_code, reply.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


async def test_who_asks_for_a_refused_part_is_told_why(ada: Person) -> None:
    said = await ada.post("/ajax-api/3.0/mlflow/gateway/secrets/create", {}, expect=404)
    assert "own gateway" in said["message"]
