"""Functions of files as models: arguments, results, and everything that can go wrong in them."""

from tests.engines.serving.models import Yard


async def test_data_are_keyword_arguments_and_parameters_positional_ones(any_yard: Yard) -> None:
    served = await any_yard.served(any_yard.function("def predict(x, y=10): return x + y"))
    assert await served.result({"data": {"x": 1}}) == 11
    assert await served.result({"data": {"x": 1, "y": 2}}) == 3
    assert await served.result({"data": [1, 2]}) == 3
    assert await served.result({"parameters": [5]}) == 15
    assert await served.result({"parameters": {"x": 1, "y": 1}}) == 2
