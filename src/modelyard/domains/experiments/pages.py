"""The tracker's own pages: behind a login, at the address that is also the tracking URI."""

from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.datastructures import Cookie
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect

from modelyard.domains.experiments import graphql, otlp
from modelyard.domains.experiments.access import READ
from modelyard.domains.experiments.asked import At, HttpRequest, Place
from modelyard.domains.experiments.forwarding import Changed, Stream, handed_on, sent
from modelyard.domains.experiments.guards import Allowed, anybody, run_at
from modelyard.domains.experiments.protocol import PAGES, TAG, page_operation, render_protocol_failure
from modelyard.domains.users import SESSION_COOKIE, SESSION_SECONDS, Caller, authenticated, log_in, log_out
from modelyard.engines.tracker import Tracker
from modelyard.kit.db import Database
from modelyard.kit.errors import Failure, Unauthenticated
from modelyard.kit.failures import render_failure
from modelyard.kit.operation import operation
from modelyard.pages import page

_LOGIN = f"{PAGES}/login"
_HIDDEN: dict[str, Any] = {"tag": TAG, "include_in_schema": False, "failures": ()}


class Credentials(msgspec.Struct):
    """What somebody logs in with."""

    key: str = ""


LoginForm = Annotated[Credentials, Body(media_type=RequestEncodingType.URL_ENCODED)]


def to_login(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Who is not logged in is sent to the login; every other failure is rendered as usual."""
    if isinstance(error, Unauthenticated):
        return Redirect(_LOGIN, status_code=303, headers={"Cache-Control": "no-store"})
    return render_failure(request, error)


@operation("GET", PAGES, guard=anybody(), **_HIDDEN, exception_handlers={Exception: to_login})
async def get_tracking_page(
    allowed: Allowed,  # noqa: ARG001 - its guard is what matters
    request: HttpRequest,
    tracker: Tracker,
) -> Response[Any]:
    """The tracker's pages."""
    return Stream(request, tracker, Changed(path="/"), is_page=True)


@page_operation("GET", "static-files/{path:path}", guard=anybody())
async def get_tracking_page_file(
    allowed: Allowed,  # noqa: ARG001 - its guard is what matters
    request: HttpRequest,
    tracker: Tracker,
    path: str,
) -> Response[Any]:
    """What the tracker's pages are made of."""
    return Stream(request, tracker, Changed(path=f"/static-files{path}"), is_page=True)


@page_operation("GET", "version", guard=anybody())
async def get_tracker_version(
    allowed: Allowed,  # noqa: ARG001 - its guard is what matters
    request: HttpRequest,
    tracker: Tracker,
) -> Response[Any]:
    """MLflow's version."""
    return await handed_on(request, tracker, Changed(path="/version"))


@page_operation("GET", "get-artifact", guard=run_at(At(Place.QUERY, "run_id", "run_uuid"), READ))
async def get_run_artifact(
    allowed: Allowed,  # noqa: ARG001 - its guard is what matters
    request: HttpRequest,
    tracker: Tracker,
) -> Response[Any]:
    """A file of a run."""
    return Stream(request, tracker, Changed(path="/get-artifact"))


@page_operation("POST", "graphql", guard=graphql.answerable)
async def ask_tracker(question: graphql.Question, tracker: Tracker) -> Response[Any]:
    """A question of the tracker's pages, in GraphQL."""
    answer = await tracker.call("POST", "/graphql", body=question.body)
    return Response(msgspec.json.encode(graphql.with_own_names(answer)), media_type=MediaType.JSON)


@operation(
    "POST",
    "/v1/traces",
    guard=otlp.exportable,
    **_HIDDEN,
    exception_handlers={Exception: render_protocol_failure},
)
async def export_traces(exported: otlp.Exported, tracker: Tracker) -> Response[Any]:
    """Spans in OpenTelemetry's protocol."""
    return await sent("POST", "/v1/traces", tracker, exported.headers, exported.content)


@operation("GET", _LOGIN, guard=None, **_HIDDEN)
async def get_login_page() -> Response[Any]:
    """Where somebody logs in with an API key."""
    return _login_page(200)


@operation("POST", _LOGIN, guard=None, **_HIDDEN)
async def log_in_to_pages(
    request: HttpRequest,
    db: Database,
    data: LoginForm,
) -> Response[Any]:
    """Begins a session of a browser."""
    try:
        token = await log_in(db, data.key.strip())
    except Failure:
        return _login_page(401)
    return Redirect(f"{PAGES}/", status_code=303, cookies=[_cookie(request, token, SESSION_SECONDS)])


@operation("POST", f"{PAGES}/logout", guard=authenticated, **_HIDDEN)
async def log_out_of_pages(caller: Caller, request: HttpRequest, db: Database) -> Response[Any]:
    """Ends the session of a browser."""
    await log_out(db, caller, request.cookies.get(SESSION_COOKIE, ""))
    return Redirect(_LOGIN, status_code=303, cookies=[_cookie(request, "", 0)])


def _login_page(status: int) -> Response[Any]:
    text = page("login.html").decode().replace("{wrong}", "" if status == 200 else "That key is not valid.")
    return Response(
        text,
        status_code=status,
        media_type=MediaType.HTML,
        headers={"Cache-Control": "no-store", "X-Frame-Options": "DENY"},
    )


def _cookie(request: HttpRequest, token: str, seconds: int) -> Cookie:
    return Cookie(
        SESSION_COOKIE,
        path=PAGES,
        value=token,
        max_age=seconds,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
