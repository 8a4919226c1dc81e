"""`modelyard notifications`: what one was told."""

from typing import Annotated, Any

import typer

from modelyard.cli.connection import CommandError, Server
from modelyard.cli.options import Json
from modelyard.cli.output import as_json, count_of, line, lines, moment, say

app = typer.Typer(no_args_is_help=True, help="What you were told: of reviews, and whatever else concerns you.")

PATH = "/v4/notifications"


@app.command("list")
def list_notifications(
    unread: Annotated[bool, typer.Option("--unread", help="Only what you have not read.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of the newest.")] = 50,
    json: Json = False,
) -> None:
    """List what you were told, the newest first."""
    found = Server.find().get(PATH, unreadOnly=unread, limit=limit)["notifications"]
    if json:
        as_json(found)
    else:
        lines(["TIME", "READ", "SUBJECT", "ID"], map(_row, found))


@app.command("read")
def read(
    notification: Annotated[
        list[str] | None, typer.Argument(metavar="[NOTIFICATION]...", help="Notifications, by their ids.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them, without showing them.")] = False,
) -> None:
    """Show notifications and note that you have read them."""
    if everything == bool(notification):
        raise CommandError("Give the ids of notifications, or --all.")
    server = Server.find()
    if everything:
        say(f"{count_of(server.post(f'{PATH}/readAll')['count'], 'notification')} read.")
    for one in notification or []:
        _show(server.post(f"{PATH}/{one}/read"))


def _row(one: dict[str, Any]) -> list[str]:
    return [moment(one["createdAt"]), "yes" if "readAt" in one else "", one["subject"], one["id"]]


def _show(one: dict[str, Any]) -> None:
    line(f"{moment(one['createdAt'])}  {one['subject']}")
    for text in one["message"].splitlines():
        line(f"    {text}")
