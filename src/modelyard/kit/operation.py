"""How an operation is declared: method, literal URL, one guard, its name from the contract."""

import inspect
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from litestar.datastructures import ResponseHeader
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from modelyard.kit.access import Guard
from modelyard.kit.db import Database
from modelyard.kit.wire import FailureEnvelopeV1, camel_case

FAILURES = {
    400: "The request is malformed or contradicts the state of what it names",
    401: "No valid credentials",
    403: "Visible, but not allowed",
    404: "No such object, or not visible to the caller",
    500: "Unexpected failure; the log has the request id",
}

_REQUEST_ID = ResponseHeader(
    name="X-Request-Id", description="Id of this request in the log", documentation_only=True
)


def operation(
    method: str,
    url: str,
    *,
    guard: Guard | None,
    tag: str,
    operation_id: str | None = None,
    rights: Sequence[str] = (),
    documented: str | None = None,
    status: int = 200,
    failures: Sequence[int] = (400, 401, 403, 404, 500),
    **options: Any,
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Declares an operation.

    The operation id is the function's name in camel case unless `operation_id` says otherwise. `guard` is
    None only for the few public operations. `rights` names what the function itself asks, where the object
    is named in the body. `documented` is the URL that clients use where it cannot be routed as such. Raises
    TypeError when the function does not take what its guard provides: an untaken guard would never run.
    """

    def declare(function: Callable[..., Any]) -> HTTPRouteHandler:
        name = operation_id or camel_case(function.__name__)
        asked = tuple(rights) or (guard.rights if guard else ())
        return HTTPRouteHandler(
            url,
            http_method=method,  # type: ignore[arg-type]
            status_code=status,
            operation_id=name,
            name=name,
            tags=[tag],
            summary=(function.__doc__ or "").partition("\n")[0].rstrip("."),
            dependencies=_dependencies(guard, function),
            responses={code: _failure(code) for code in failures},
            response_headers=[_REQUEST_ID],
            opt={"guard": guard, "rights": asked, "method": method, "documented": documented},
            **options,
        )(_in_transaction(function))

    return declare


def _in_transaction(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that takes `tx` gets a transaction that is opened when its guard has let it pass.

    Not a dependency: those of one request are resolved side by side, and one that fails would leave the
    connection of another behind. The transaction commits before the reply is sent.
    """
    signature = inspect.signature(function)
    if "tx" not in signature.parameters:
        return function
    takes_db = "db" in signature.parameters

    async def run(**arguments: Any) -> Any:
        db: Database = arguments["db"] if takes_db else arguments.pop("db")
        async with db.transaction() as tx:
            return await function(tx=tx, **arguments)

    parameters = {name: one for name, one in signature.parameters.items() if name != "tx"}
    parameters["db"] = inspect.Parameter("db", inspect.Parameter.KEYWORD_ONLY, annotation=Database)
    ordered = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters.values()]
    run.__signature__ = signature.replace(parameters=ordered)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in ordered} | {"return": signature.return_annotation}
    run.__name__, run.__doc__, run.__module__ = function.__name__, function.__doc__, function.__module__
    return run


def _dependencies(guard: Guard | None, function: Callable[..., Any]) -> dict[str, Provide]:
    if guard is None:
        return {}
    if guard.provides not in inspect.signature(function).parameters:
        raise TypeError(f"{function.__name__} must take {guard.provides!r}, or its guard never runs")
    return {guard.provides: Provide(guard.load)}


def operations_of(*modules: ModuleType) -> list[HTTPRouteHandler]:
    """Every operation that the modules declare."""
    return [value for module in modules for value in vars(module).values() if isinstance(value, HTTPRouteHandler)]


def _failure(code: int) -> ResponseSpec:
    return ResponseSpec(
        data_container=FailureEnvelopeV1,
        description=FAILURES.get(code, "Failed"),
        generate_examples=False,
    )
