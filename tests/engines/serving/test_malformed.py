"""A thousand bodies that make no sense: all are refused, and the same process goes on."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from modelyard.engines.serving import FunctionSource, MlflowSource
from tests.engines.serving.mlflow_models import save_sum, signature_of
from tests.engines.serving.models import Yard

COUNT = 1_000
_VALID = b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1.0, 2.0]]}}'


def _malformed(chance: random.Random) -> bytes:
    kind = chance.randrange(8)
    if kind == 0:
        return chance.randbytes(chance.randrange(200))
    if kind == 1:
        return _VALID[: chance.randrange(1, len(_VALID))]
    if kind == 2:
        depth = chance.randrange(2_000, 100_000)
        return b'{"data": ' + b'[{"a":' * depth
    if kind == 3:
        depth = chance.randrange(2_000, 50_000)
        return b'{"data": ' + b"[" * depth + b"]" * depth + b"}"
    if kind == 4:
        spoilt = bytearray(_VALID)
        spoilt[chance.randrange(len(spoilt))] = chance.choice(b"\x00\x80\xff\\")
        return bytes(spoilt) + b"}"
    if kind == 5:
        return b'{"data": {"a": ' + b"9" * chance.randrange(5_000, 50_000) + b"}}"
    if kind == 6:
        wrong: Any = chance.choice(
            [None, 5, "text", True, [], [1], [[]], {}, {"data": 5}, {"data": None}, {"x": 1}]
        )
        return json.dumps(wrong).encode()
    value: Any = chance.choice([None, "text", {"c": 1}, [["x"]], [{"a": {"b": 1}}], [1, 2, 3]])
    form = chance.choice(["data", "dataframe_split", "dataframe_records", "parameters"])
    return json.dumps({form: value}).encode()


@pytest.fixture(params=["function", "mlflow", "async"])
def source(request: pytest.FixtureRequest, yard: Yard, tmp_path: Path) -> FunctionSource | MlflowSource:
    if request.param == "mlflow":
        return MlflowSource(folder=save_sum(tmp_path, signature=signature_of("doubles")))
    prefix = "async " if request.param == "async" else ""
    return yard.function(f"{prefix}def predict(*, a: float, b: float): return a + b")


async def test_a_thousand_malformed_bodies(yard: Yard, source: FunctionSource | MlflowSource) -> None:
    served = await yard.served(source)
    chance = random.Random(6)
    for _ in range(COUNT):
        body = _malformed(chance)
        answer = await served.answer(body)
        assert answer.status == 400, (body[:200], answer)
        assert json.loads(answer.body), body[:200]
    fine = await served.answer({"data": {"a": 1.0, "b": 2.0}})
    assert fine.status == 200
    health = await served.replicas[0].health(5)
    assert health.served == COUNT + 1  # by one process: it counts from its start
