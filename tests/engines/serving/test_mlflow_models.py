"""MLflow models: what arrives at them is what MLflow's own server would have given them."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelyard.engines.serving import MlflowSource, NotReady
from tests.engines.serving.mlflow_models import ScoringServer, save_echo, save_hinted, save_sum
from tests.engines.serving.models import Served, Yard, bare_environment

NAN = float("nan")
SPLIT, RECORDS = "dataframe_split", "dataframe_records"


def _split(columns: list[Any], *rows: list[Any]) -> dict[str, Any]:
    return {SPLIT: {"columns": columns, "data": list(rows)}}


AB = ["a", "b"]
FRAMES: list[dict[str, Any]] = [
    _split(AB, [1.0, 2.0]),
    _split(AB, [1.0, 2.0], [3.5, -0.0]),
    _split(AB, [1, 2]),
    _split(AB, [1, 2.5]),
    _split(AB, [0, 1], [1, 0]),
    _split(AB, [None, 1.0]),
    _split(AB, [None, None]),
    _split(AB, [NAN, 1.0]),
    _split(AB, [True, False]),
    _split(AB, ["1.5", "2"]),
    _split(AB, ["one", "two"]),
    _split(AB, [2**60 + 1, 2**53 + 1]),
    _split(AB, [2**70, 1]),
    _split(AB, [10**400, 1]),
    _split(AB, [[1.0], [2.0]]),
    _split(AB, [1.0]),
    _split(AB, [1.0, 2.0, 3.0]),
    _split(AB, [1.0, 2.0], [3.0]),
    _split(AB),
    _split([], []),
    _split(["b", "a"], [1.0, 2.0]),
    _split(["b", "a"], [1.0, 2.0], [3.0]),
    _split(["a", "b", "c"], [1.0, 2.0, 3.0]),
    _split(["a"], [1.0]),
    _split(["a", "a"], [1.0, 2.0]),
    _split([1, 2], [1.0, 2.0]),
    _split([1.0, True], [1.0, 2.0]),
    _split([["a"], ["b"]], [1.0, 2.0]),
    {SPLIT: {"data": [[1.0, 2.0]]}},
    {SPLIT: {"columns": "ab", "data": [[1.0, 2.0]]}},
    {SPLIT: {"columns": AB, "data": [[1.0, 2.0]], "index": [7]}},
    {SPLIT: {"columns": AB, "data": [[1.0, 2.0]], "more": 1}},
    {SPLIT: {"columns": AB, "data": {"a": 1}}},
    {SPLIT: {"columns": AB}},
    {SPLIT: [[1.0, 2.0]]},
    {RECORDS: [{"a": 1.0, "b": 2.0}]},
    {RECORDS: [{"b": 1.0, "a": 2.0}, {"a": 3.0, "b": 4.0}]},
    {RECORDS: [{"a": 1, "b": 2}]},
    {RECORDS: [{"a": 1.0, "b": 2.0, "c": 3.0}]},
    {RECORDS: [{"a": 1.0}, {"b": 2.0}]},
    {RECORDS: [{"a": 1.0, "b": None}]},
    {RECORDS: []},
    {RECORDS: [{}]},
    {RECORDS: {"a": 1.0, "b": 2.0}},
    {RECORDS: {"a": [1.0], "b": [2.0]}},
    {RECORDS: [[1.0, 2.0]]},
    {RECORDS: "text"},
    {"instances": [{"a": 1.0, "b": 2.0}]},
    {"instances": [[1.0, 2.0]]},
    {"instances": [1.0, 2.0]},
    {"inputs": {"a": [1.0], "b": [2.0]}},
    {"inputs": [[1.0, 2.0]]},
    {"inputs": {"a": 1.0, "b": 2.0}},
    {"inputs": "text"},
    {"inputs": {"x": [[1.0, 2.0]], "y": [1]}},
    {"inputs": [1], "instances": [1]},
    {"messages": [{"role": "user", "content": "hello"}]},
    {"prompt": "hello", "top": 2},
    {**_split(AB, [1.0, 2.0]), "params": {"top": 5}},
    {**_split(["a"], [1.0]), "params": {"top": 5}},
    {**_split(["a"], [1.0]), "params": {"top": "many"}},
    {**_split(["a"], [1.0]), "params": 5},
    {"unknown": 1},
    _split(["amount", "count", "city", "open"], [1.5, 2, "Paris", True]),
    _split(["amount", "count", "city", "open"], [1.5, 2, "Paris", True], [None, 3, "Rome", False]),
    _split(["amount", "count", "city", "open"], [1, 2, None, True]),
    _split(["amount", "count", "city", "open"], [1, 2.0, "Oslo", True]),
    _split(["amount", "count", "city", "open"], [1, 2**63, "Oslo", True]),
    _split(["amount", "count", "city", "open"], [1, 2, 3, True]),
    _split(["amount", "count", "city", "open"], [1, 2, "3", 1]),
    _split(["open", "city", "amount", "count"], [True, "Paris", 1.5, 2]),
    {RECORDS: [{"amount": 1.5, "count": 2, "city": "2025-01-02", "open": False}]},
    {RECORDS: [{"when": "2025-01-02T03:04:05", "raw": "AAE=", "small": 3, "half": 0.1}]},
    {RECORDS: [{"when": "2025-01-02", "raw": "AAE=", "small": 3}]},
    {RECORDS: [{"when": "never", "raw": "AAE=", "small": 3}]},
    {RECORDS: [{"when": "2025-01-02", "raw": "AAE=", "small": 2**40}]},
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for models."""
    return tmp_path_factory.mktemp("models")


async def _served(yard: Yard, place: Path) -> Served:
    return await yard.served(MlflowSource(folder=place))


@pytest.mark.parametrize(
    "name", ["plain", "doubles", "longs", "mixed", "others", "unnamed", "params", "tensor", "tensors"]
)
async def test_frames_are_those_of_the_scoring_server(yard: Yard, saved: Path, name: str) -> None:
    place = save_echo(saved, name)
    served, peer = await _served(yard, place), ScoringServer(place)
    passed = 0
    for body in FRAMES:
        answer = await served.answer(json.dumps(body).encode())
        status, result = peer.answer(body)
        if status == 200:
            assert (answer.status, json.loads(answer.body)) == (200, result), body
            passed += 1
        else:
            assert (answer.status, status) == (400, 400), (body, answer)
    assert passed


@pytest.mark.parametrize(
    ("body", "as_frame"),
    [
        ({"data": {"a": 1.0, "b": 2.0}}, _split(AB, [1.0, 2.0])),
        ({"data": {"b": 2, "a": 1.5}}, _split(AB, [1.5, 2])),
        ({"data": {"a": [1.0, 3.0], "b": [2.0, None]}}, _split(AB, [1.0, 2.0], [3.0, None])),
        ({"data": [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}]}, _split(AB, [1.0, 2.0], [3.0, 4.0])),
        ({"data": [[1.0, 2.0], [3.0, 4.0]]}, _split(AB, [1.0, 2.0], [3.0, 4.0])),
        ({"parameters": [1.0, 2.0]}, _split(AB, [1.0, 2.0])),
        ({"parameters": {"a": 1.0, "b": 2.0}}, _split(AB, [1.0, 2.0])),
    ],
)
async def test_dominos_forms_are_frames_too(yard: Yard, saved: Path, body: Any, as_frame: Any) -> None:
    served = await _served(yard, save_echo(saved / str(abs(hash(str(body)))), "doubles"))
    assert await served.result(body) == await served.result(as_frame)


async def test_what_does_not_fit_the_signature_is_refused_with_the_reason(any_yard: Yard, saved: Path) -> None:
    served = await _served(any_yard, save_echo(saved / f"refused-{any_yard.compute.isolated}", "doubles"))
    assert "Model is missing inputs ['b']" in await served.refusal(_split(["a"], [1.0]), 400)
    assert "must have 2 values: a, b" in await served.refusal({"data": [[1.0, 2.0, 3.0]]}, 400)
    assert "different numbers of values" in await served.refusal({"data": {"a": [1.0], "b": []}}, 400)
    assert "exactly one of" in await served.refusal({"data": {}, **_split(AB, [1.0, 2.0])}, 400)
    assert "could not convert string" in await served.refusal({"data": {"a": "x", "b": "y"}}, 400)
    assert "a record, an object of columns" in await served.refusal({"data": 5}, 400)


async def test_what_a_model_raises_is_said_and_traced(yard: Yard, saved: Path) -> None:
    served = await _served(yard, save_sum(saved / "raising"))
    assert await served.refusal({"data": {"a": -1.0, "b": 2.0}}, 500) == "RuntimeError: a is negative"
    assert "Request a-request failed." in served.log()[1]
    assert "KeyError: 'a'" in await served.refusal({"data": {"c": -1.0}}, 500)


@pytest.mark.parametrize(
    "result",
    [
        "model_input['a'] + model_input['b']",
        "model_input.rename(columns={'a': 'x'})",
        "(model_input['a'] + model_input['b']).to_numpy()",
        "(model_input['a'] + model_input['b']).tolist()",
        "{'sum': 1, 'frame': model_input.to_numpy()}",
        "model_input.assign(when=__import__('pandas').Timestamp('2025-01-02'))",
    ],
)
async def test_results_are_in_the_form_of_the_scoring_server(yard: Yard, saved: Path, result: str) -> None:
    place = save_sum(saved / str(abs(hash(result))), result)
    served, peer = await _served(yard, place), ScoringServer(place)
    body = _split(AB, [1.0, 2.0], [3.0, 4.0])
    assert await served.result(body) == peer.answer(body)[1]


async def test_models_with_type_hints_take_what_the_hints_say(yard: Yard, saved: Path) -> None:
    place = save_hinted(saved)
    served, peer = await _served(yard, place), ScoringServer(place)
    messages = [{"role": "user", "content": "hello"}]
    for body in ({"inputs": messages}, {"inputs": [{"role": 5}]}, {"inputs": 5}, _split(AB, [1, 2])):
        answer, (status, result) = await served.answer(body), peer.answer(body)
        assert answer.status == status, body
        assert status != 200 or json.loads(answer.body) == result
    assert await served.result({"data": messages}) == ["user: hello"]


async def test_what_is_described_is_what_the_signature_says(yard: Yard, saved: Path) -> None:
    served = await _served(yard, save_echo(saved / "described", "mixed"))
    said = served.description
    assert (said.concurrency, said.max_batch_size, said.pure) == (1, 1, True)
    assert said.inputs == {
        "amount": {"type": "number"},
        "count": {"type": "integer"},
        "city": {"type": "string"},
        "open": {"type": "boolean"},
    }
    assert said.example == _split(["amount", "count", "city", "open"], [1.0, 1, "text", True])


@pytest.mark.parametrize("name", ["doubles", "mixed", "others", "unnamed", "params", "tensor", "tensors"])
async def test_the_example_fits_the_signature(yard: Yard, saved: Path, name: str) -> None:
    served = await _served(yard, save_echo(saved / f"example-{name}", name))
    assert await served.result(served.description.example)


async def test_the_example_that_was_logged_is_shown(yard: Yard, saved: Path) -> None:
    place = save_sum(saved / "logged", input_example={"a": 1.5, "b": 2.5})
    served = await _served(yard, place)
    assert await served.result(served.description.example) == [{"0": 4.0}]
    assert "1.5" in json.dumps(served.description.example)


async def test_a_name_that_a_model_gives_its_columns_is_not_the_next_ones(yard: Yard, saved: Path) -> None:
    result = "[str(model_input.columns.name), setattr(model_input.columns, 'name', 'kept')][:1]"
    served = await _served(yard, save_sum(saved / "naming", result))
    for _ in range(2):
        assert await served.result(_split(AB, [1.0, 2.0])) == ["None"]


async def test_an_environment_without_mlflow_says_what_is_missing(yard: Yard, saved: Path, tmp_path: Path) -> None:
    program = yard.program(MlflowSource(folder=save_sum(saved / "bare")))
    replica = yard.start(msgspec.structs.replace(program, environment=bare_environment(tmp_path)))
    with pytest.raises(NotReady, match="Add mlflow"):
        await replica.ready(30)
