"""Functions of files as models: arguments, results, and everything that can go wrong in them."""

import pytest

from modelyard.engines.serving import FunctionSource, NotReady
from tests.engines.serving.models import Yard

ADD = "def predict(x, y=10):\n    return x + y"


async def test_data_are_keyword_arguments_and_parameters_positional_ones(any_yard: Yard) -> None:
    served = await any_yard.served(any_yard.function(ADD))
    assert await served.result({"data": {"x": 1}}) == 11
    assert await served.result({"data": {"x": 1, "y": 2}}) == 3
    assert await served.result({"data": [1, 2]}) == 3
    assert await served.result({"parameters": [5]}) == 15
    assert await served.result({"parameters": {"x": 1, "y": 1}}) == 2


async def test_a_model_finds_its_files_and_modules_and_may_write_only_its_own_folder(any_yard: Yard) -> None:
    source = any_yard.function(
        """
        import json, os, tempfile
        from pathlib import Path

        import frames            # as one of the worker's own modules is called
        from helpers.adding import add

        def predict(x):
            Path(tempfile.gettempdir(), "kept").write_text("kept")
            return {
                "sum": add(x, frames.ONE),
                "read": Path("data.txt").read_text(),
                "home": os.environ["HOME"] == tempfile.gettempdir(),
                "threads": os.environ["OMP_NUM_THREADS"],
                "said": os.environ["SAID"],
            }
        """,
        file="src/model.py",
    )
    (source.folder / "data.txt").write_text("hello")
    (source.folder / "frames.py").write_text("ONE = 1")
    (source.folder / "helpers").mkdir()
    (source.folder / "helpers" / "adding.py").write_text("def add(x, y): return x + y")
    served = await any_yard.served(source, cores=1.0, variables={"SAID": "yes"})
    result = await served.result({"data": {"x": 1}})
    assert result == {"sum": 2, "read": "hello", "home": True, "threads": "1", "said": "yes"}
    assert (served.programs[0].folder / "tmp" / "kept").read_text() == "kept"


async def test_an_isolated_model_cannot_change_its_files(any_yard: Yard) -> None:
    if not any_yard.compute.isolated:
        pytest.skip("only isolation keeps files as they are")
    served = await any_yard.served(any_yard.function("def predict(): open('model.py', 'w')"))
    assert "Read-only file system" in await served.refusal({"data": {}}, 500)


async def test_a_model_may_be_called_as_a_module_of_python(yard: Yard) -> None:
    served = await yard.served(yard.function("import json\ndef predict(x): return json.dumps(x)", file="json.py"))
    assert await served.result({"data": {"x": [1]}}) == "[1]"


async def test_what_is_described_is_what_the_signature_says(yard: Yard) -> None:
    code = """
    from typing import Any, Literal, Optional

    def predict(
        x: int, ys: list[float], kind: Literal["a", "b"], label: Optional[str] = None, anything=3, *more, **others
    ): return 1
    """
    _, said = await yard.ready(yard.program(yard.function(code)))
    assert (said.concurrency, said.max_batch_size, said.pure) == (1, 1, False)
    assert said.inputs == {
        "x": {"type": "integer"},
        "ys": {"type": "array", "items": {"type": "number"}},
        "kind": {"enum": ["a", "b"]},
        "label": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "anything": {"type": "integer", "default": 3},
    }
    assert said.example == {"data": {"x": 1, "ys": [1.0], "kind": "a", "label": None, "anything": 3}}


@pytest.mark.parametrize(
    "code",
    [
        "def predict(x: int, y: str = 'a'): return [x, y]",
        "def predict(x, /): return x",
        "def predict(rows: 'list[dict[str, float]]', *, flag: bool): return rows",
        "def predict(): return 1",
        "class Model:\n    def __call__(self, when: str): return when\npredict = Model()",
        "predict = max.__class__.__call__ and (lambda x: x)",
        "import math\npredict = math.hypot",
    ],
)
async def test_the_example_fits(yard: Yard, code: str) -> None:
    served = await yard.served(yard.function(code))
    example = served.description.example
    if example is not None:
        assert (await served.answer(example)).status == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"data": {}}, "missing a required argument: 'x'"),
        ({"data": {"x": 1, "z": 1}}, "unexpected keyword argument 'z'. It takes: x, y."),
        ({"data": [1, 2, 3]}, "too many positional arguments"),
        ({"data": 5}, '"data" must be an object'),
        ({}, 'either "data" or "parameters"'),
        ({"data": {"x": 1}, "parameters": [1]}, 'either "data" or "parameters"'),
        ([1], "must be an object"),
        (b"", "not valid JSON"),
        (b'{"data": {"x": 1}', "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"data": {"x": ' + b"9" * 5_000 + b"}}", "not valid JSON"),
        (b'{"data": {"x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}}", "nested too deeply"),
    ],
)
async def test_bodies_that_do_not_fit_are_refused(yard: Yard, body: object, said: str) -> None:
    served = await yard.served(yard.function(ADD))
    assert said in await served.refusal(body, 400)
    assert await served.result({"data": {"x": 1}}) == 11


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("raise ValueError('no such city')", "ValueError: no such city"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt: "),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("raise MemoryError", "MemoryError: "),
        ("return predict(x)", "RecursionError: "),
        ("return int('9' * 5000)", "ValueError: Exceeds the limit"),
        ("return 10 ** 5000", "The model's result is no JSON"),
        ("return object()", "a value of the type object cannot be written as JSON"),
        ("a = []; a.append(a); return a", "contains itself"),
        ("raise Odd", "Odd: its message cannot be shown"),
        ("import signal; signal.alarm(1); signal.pause()", "TimeoutError: too long"),
        ("len(x)", "TypeError: object of type 'int' has no len()"),
    ],
)
async def test_what_a_function_raises_is_said_and_does_not_end_the_replica(
    yard: Yard, raised: str, said: str
) -> None:
    code = f"""
class Odd(Exception):
    def __str__(self): raise ValueError

def too_late(*_): raise TimeoutError("too long")

import os, signal
signal.signal(signal.SIGALRM, too_late)

def predict(x):
    {raised}

def pid(): return os.getpid()
"""
    served = await yard.served(yard.function(code))
    assert said in await served.refusal({"data": {"x": 1}}, 500)
    assert said in await served.refusal({"data": {"x": 1}}, 500)
    assert (await served.replicas[0].health(5)).served == 2


async def test_the_trace_is_in_the_log_with_the_request(any_yard: Yard) -> None:
    served = await any_yard.served(
        any_yard.function(
            "def predict(x):\n    print('asked', x)\n    return helper(x)\ndef helper(x): return 1 / x"
        )
    )
    await served.answer({"data": {"x": 0}}, request_id="0123456789abcdef")
    out, error = served.log()
    assert out == "asked 0\n"
    assert error.startswith("Request 0123456789abcdef failed.\nTraceback (most recent call last):\n")
    assert "line 4, in helper" in error
    assert "ZeroDivisionError: division by zero" in error
    assert "answers.py" not in error


async def test_an_alarm_between_requests_does_not_end_the_replica(yard: Yard) -> None:
    code = """
    import signal

    def ring(*_): raise TimeoutError("nobody waits")

    signal.signal(signal.SIGALRM, ring)

    def predict(seconds):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        return True
    """
    served = await yard.served(yard.function(code))
    for _ in range(5):
        assert await served.result({"data": {"seconds": 0.001}})
        assert (await served.replicas[0].health(5)).busy_seconds == 0
    assert await served.result({"data": {"seconds": 0}})


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("def other(): pass", "model.py has no function predict."),
        ("predict = 5", "predict in model.py is not a function."),
        ("def predict(:", "SyntaxError"),
        ("raise SystemExit(7)", "SystemExit: 7"),
        ("import os; os._exit(9)", "It ended with the exit code 9"),
        ("import os; os.kill(os.getpid(), 11)", "Segmentation fault"),
        ("def predict(): pass\npredict.max_batch_size = 'many'", "max_batch_size of the function must be"),
    ],
)
async def test_what_cannot_be_loaded_says_why(any_yard: Yard, code: str, said: str) -> None:
    replica = any_yard.start(any_yard.program(any_yard.function(code)))
    with pytest.raises(NotReady) as refused:
        await replica.ready(30)
    assert said in str(refused.value)
    assert (await replica.wait()).code != 0


async def test_a_missing_file_is_said(any_yard: Yard) -> None:
    there = any_yard.function(ADD)
    source = FunctionSource(folder=there.folder, file="gone.py", function="predict")
    replica = any_yard.start(any_yard.program(source))
    with pytest.raises(NotReady, match=r"There is no file gone\.py"):
        await replica.ready(30)
