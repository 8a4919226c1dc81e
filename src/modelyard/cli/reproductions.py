"""`modelyard reproduce`."""

import sys
import time
from typing import Annotated, Any
from urllib.parse import quote

import typer

from modelyard.cli.connection import CommandError, Server
from modelyard.cli.jobs import POLL_SECONDS, follow_job
from modelyard.cli.options import Json
from modelyard.cli.output import as_json, count_of, err, say, table

# How an output of the reproduction is to that of the original, in words.
_WORDS = {"notCompared": "not compared"}
_KINDS = {"resultFile": "file"}
_SHOWN = 24


def reproduce(
    name: Annotated[str, typer.Argument(metavar="MODEL/VERSION", help="A version of a registered model.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show the log of the job meanwhile.")] = False,
    all_outputs: Annotated[bool, typer.Option("--all", help="List identical outputs, too.")] = False,
    json: Json = False,
) -> None:
    """Do again the job that made a version of a model, and compare what comes out.

    The job has the same code, environment, command, hardware tier and data. The exit status is 0 only when all
    outputs are identical.
    """
    server = Server.find()
    url = _url(name)
    started = server.work("POST", url)
    say(
        f"Job #{started['jobNumber']} does job #{started['originalJobNumber']} again, which made {name}:"
        f" {started['jobId']}"
    )
    if follow:
        follow_job(server, started["jobId"])
    found = _when_over(server, f"{url}/{started['jobId']}")
    if json:
        as_json(found)
    else:
        _show(found, all_outputs=all_outputs)
    sys.exit(0 if found["isIdentical"] else 1)


def _url(name: str) -> str:
    model, _, version = name.rpartition("/")
    if not model or not version.isdecimal():
        raise CommandError("Name a version as MODEL/VERSION, such as churn/3.")
    return f"/api/registeredmodels/v1/{quote(model, safe='')}/versions/{version}/reproductions"


def _when_over(server: Server, url: str) -> dict[str, Any]:
    """The reproduction when its job has ended; outputs are compared while we wait."""
    with err.status("Waiting for the job ..."):
        while True:
            found: dict[str, Any] = server.work("GET", url)
            if found["isCompleted"]:
                return found
            time.sleep(POLL_SECONDS)


def _show(found: dict[str, Any], *, all_outputs: bool) -> None:
    outputs = found["outputs"]
    shown = [one for one in outputs if all_outputs or one["verdict"] != "identical"]
    if shown:
        table(
            ["OUTPUT", "OF", "NAME", "VERDICT", "ORIGINAL", "REPRODUCTION"],
            (
                [
                    _KINDS.get(one["kind"], one["kind"]),
                    one.get("of", ""),
                    one["name"],
                    _WORDS.get(one["verdict"], one["verdict"]),
                    _short(one.get("original")),
                    _short(one.get("reproduction")),
                ]
                for one in shown
            ),
            flexible=["NAME", "ORIGINAL", "REPRODUCTION"],
        )
    for note in found["notes"]:
        err.print(note, style="dim", markup=False, highlight=False, soft_wrap=True)
    same = sum(1 for one in outputs if one["verdict"] == "identical")
    say(f"{count_of(same, 'output')} of {len(outputs):,} identical.")


def _short(value: str | None) -> str:
    """A value as a table has room for it: of hashes the beginning is enough."""
    text = value or ""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
