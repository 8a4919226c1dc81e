"""A function of a project's file as a model: the body's data are its arguments."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .answers import Refused
from .parameters import example_of, schemas_of

ASYNC_CONCURRENCY = 64
_BUILT_IN: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset(sys.builtin_module_names))
_SHAPE = 'The body must be an object with either "data" or "parameters".'


class NotLoadable(Exception):
    """The model cannot be loaded; the message is for its author."""


def load_function(folder: Path, file: str, name: str) -> FunctionModel:
    """Imports the file with its folder as the working directory; raises NotLoadable, and what the file raises."""
    os.chdir(folder)
    path = folder / file
    if not path.is_file():
        raise NotLoadable(f"There is no file {file} in the project at this commit.")
    sys.path.insert(0, str(folder))
    if path.parent != folder:
        sys.path.insert(1, str(path.parent))
    spec = importlib.util.spec_from_file_location(_module_name(file), path)
    if spec is None or spec.loader is None:
        raise NotLoadable(f"{file} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if function is None:
        raise NotLoadable(f"{file} has no function {name}.")
    if not callable(function):
        raise NotLoadable(f"{name} in {file} is not a function.")
    return BatchFunctionModel(function) if _limit(function, "max_batch_size", 1) > 1 else FunctionModel(function)


def _module_name(file: str) -> str:
    # As an import of it would call it, so that what it defines can be pickled and found again, but for the names
    # that are taken: a project's json.py must not become everybody's.
    name = Path(file).with_suffix("").as_posix().replace("/", ".")
    return f"_model_{name}" if name in sys.modules or name in _BUILT_IN else name


def _limit(function: Callable[..., Any], name: str, default: int) -> int:
    value = getattr(function, name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise NotLoadable(f"{name} of the function must be a whole number of at least 1, not {value!r}.")
    return value


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - of an object that can be called
    )


class FunctionModel:
    """A function called with the arguments of one request."""

    max_batch_size = 1

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._name = getattr(function, "__name__", type(function).__name__)
        self.is_async = _is_async(function)
        self.concurrency = _limit(function, "max_concurrency", ASYNC_CONCURRENCY) if self.is_async else 1
        self._signature = _signature(function)
        self._required, self._named = _names(self._signature)

    def read(self, body: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and keyword arguments; raises Refused when the function does not take them."""
        given = data_of(body)
        if type(given) is dict:
            named = self._named
            if named is None or not (self._required <= given.keys() <= named):
                self._check((), given)
            return (), given
        if type(given) is list:
            self._check(tuple(given), {})
            return tuple(given), {}
        raise Refused(
            '"data" must be an object with the arguments of the function by name, or a list of them in order.'
        )

    def predict(self, asked: tuple[tuple[Any, ...], dict[str, Any]]) -> Any:
        """Calls the function."""
        return self._function(*asked[0], **asked[1])

    def predict_batch(self, asked: list[Any]) -> Any:
        """A function without batches is called one by one."""
        return [self.predict(one) for one in asked]

    def shown(self, result: Any) -> Any:
        """A result is shown as it is."""
        return result

    def description(self) -> dict[str, Any]:
        """Concurrency, and what can be known of the parameters."""
        known: dict[str, Any] = {"concurrency": self.concurrency}
        if self._signature is not None:
            known["inputs"] = schemas_of(self._function, self._signature)
            known["example"] = example_of(self._signature, known["inputs"])
        return known

    def _check(self, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        if self._signature is None:
            return
        try:
            self._signature.bind(*positional, **named)
        except TypeError as error:
            takes = ", ".join(self._signature.parameters) or "no parameters"
            raise Refused(f"{self._name}: {error}. It takes: {takes}.") from None


class BatchFunctionModel(FunctionModel):
    """A function called with a list of the data of several requests, which returns a list of their results."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self.max_batch_size = _limit(function, "max_batch_size", 1)
        self.concurrency = _limit(function, "max_concurrency", 1) if self.is_async else 1

    def read(self, body: Any) -> Any:
        """The data as they are."""
        return data_of(body)

    def predict(self, asked: Any) -> Any:
        """Calls the function with a batch of one."""
        if self.is_async:
            return self._predict_async(asked)
        return _only(self._function([asked]))

    async def _predict_async(self, asked: Any) -> Any:
        return _only(await self._function([asked]))

    def predict_batch(self, asked: list[Any]) -> Any:
        """Calls the function with the batch."""
        return self._function(asked)

    def description(self) -> dict[str, Any]:
        """Concurrency and the size of batches; what the data of a request are only the function knows."""
        return {"concurrency": self.concurrency, "max_batch_size": self.max_batch_size}


def data_of(body: Any) -> Any:
    """What a body in Domino's form holds; raises Refused."""
    if type(body) is not dict:
        raise Refused(_SHAPE)
    if ("data" in body) == ("parameters" in body):
        raise Refused(_SHAPE)
    return body["data"] if "data" in body else body["parameters"]


def _only(results: Any) -> Any:
    if not hasattr(results, "__len__") or len(results) != 1:
        raise TypeError("a batch of 1 request was not answered by as many results")
    return results[0]


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (ValueError, TypeError):
        return None  # some functions of C have none


def _names(signature: inspect.Signature | None) -> tuple[frozenset[str], frozenset[str] | None]:
    """The names that must and may be given, or None where names alone cannot tell."""
    if signature is None:
        return frozenset(), None
    kinds = inspect.Parameter
    parameters = signature.parameters.values()
    if any(one.kind not in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY) for one in parameters):
        return frozenset(), None
    required = frozenset(one.name for one in parameters if one.default is kinds.empty)
    return required, frozenset(one.name for one in parameters)
