"""`modelyard events`."""

import re
import time
from datetime import datetime
from typing import Annotated, Any

import typer

from modelyard.cli.connection import CommandError, Server
from modelyard.cli.finding import find_project
from modelyard.cli.options import Json
from modelyard.cli.output import as_json, lines

_DURATION = re.compile(r"(\d{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def events(
    project: Annotated[
        str | None, typer.Option(help="Project, as name or owner/name; for administrators everything by default.")
    ] = None,
    actor: Annotated[str | None, typer.Option(help="Who did it, by name.")] = None,
    event: Annotated[str | None, typer.Option(help="What was done, such as project.archived.")] = None,
    since: Annotated[str | None, typer.Option(help="How far to look back, such as 30m, 2h, 3d.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of the newest.")] = 50,
    json: Json = False,
) -> None:
    """Show who did what to which object, the newest last."""
    start = _ago(since) if since else None
    server = Server.find()
    found = server.get(
        "/api/audittrail/v1/auditevents",
        withinProjectId=find_project(server, project)["id"] if project else None,
        actorName=actor,
        event=event,
        startTimestamp=start,
        limit=limit,
    )["events"][::-1]
    if json:
        as_json(found)
    else:
        lines(["TIME", "WHO", "WHAT", "OBJECT", "PROJECT", "FROM"], map(_row, found))


def _ago(duration: str) -> int:
    """The moment so long ago, in epoch milliseconds; raises CommandError."""
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise CommandError(f"--since {duration}: give a number and a unit, such as 30m, 2h, 3d or 1w.")
    seconds = int(match[1]) * _SECONDS[match[2]]
    return max(0, int((time.time() - seconds) * 1000))


def _row(event: dict[str, Any]) -> list[str]:
    entity = event["targets"][0]["entity"]
    moment = datetime.fromtimestamp(event["timestamp"] / 1000).astimezone()
    runs = "".join(f" (job {run.get('name', run['id'])})" for run in event["action"]["using"])
    return [
        moment.strftime("%Y-%m-%d %H:%M:%S"),
        event["actor"]["name"] + runs,
        event["action"]["eventName"],
        f"{entity['entityType']} {entity.get('name', entity['id'])}",
        event.get("in", {}).get("name", ""),
        event["metadata"].get("remoteAddress", ""),
    ]
