"""`modelyard models stages`, `move` and `review`: how versions of models come into stages."""

from typing import Annotated, Any, Literal

import typer

from modelyard.cli.connection import CommandError, Server
from modelyard.cli.finding import find_account
from modelyard.cli.models import MODELS, at
from modelyard.cli.options import Json
from modelyard.cli.output import as_json, fields, say, table

# These are commands of `modelyard models`.
app = typer.Typer()
review = typer.Typer(no_args_is_help=True, help="Reviews: all reviewers approve, then the version moves.")
app.add_typer(review, name="review")

DECISIONS = {"approve": "Approved", "request-changes": "RequestChanges"}

Version = Annotated[str, typer.Argument(metavar="MODEL/VERSION", help="A version of a model, such as churn/3.")]
Stage = Annotated[str, typer.Argument(help="The stage to come into.")]
Notes = Annotated[str | None, typer.Option(help="Words for those who read the review.")]


@app.command("stages")
def stages(version: Version, json: Json = False) -> None:
    """List the stages of a version's project, in the order of promotion."""
    server = Server.find()
    found = server.get(_path(version))
    path = f"{MODELS}/versionstages/{found['project']['id']}"
    listed = [one["label"] for one in server.get(path, includeDefaults=True)["items"]]
    current = found["currentStage"]
    known = listed if current in listed else [current, *listed]
    if json:
        as_json({"currentStage": current, "stages": known})
    else:
        table(["STAGE", "VERSION"], ([one, version if one == current else ""] for one in known))


@app.command("move")
def move(version: Version, stage: Stage) -> None:
    """Move a version into a stage without a review; for those in charge of the model."""
    moved = Server.find().patch(_path(version), {"currentStage": stage})
    say(f"{version} is in the stage {moved['currentStage']}.")


@review.command("open")
def open_review(
    version: Version,
    stage: Stage,
    reviewer: Annotated[
        list[str], typer.Option(metavar="PERSON", help="Who is asked, by name; may be given more than once.")
    ],
    notes: Notes = None,
    json: Json = False,
) -> None:
    """Ask people whether a version may come into a stage."""
    server = Server.find()
    people = [{"userId": find_account(server, name)["id"]} for name in reviewer]
    made = server.post(f"{_path(version)}/reviews", _said(notes) | {"targetStage": stage, "reviewers": people})
    if json:
        as_json(made)
    else:
        say(f"Asked {', '.join(reviewer)} to review {version}: {made['modelReviewId']}")


@review.command("answer")
def answer(
    version: Version,
    decision: Annotated[Literal["approve", "request-changes"], typer.Argument(case_sensitive=False)],
    notes: Notes = None,
) -> None:
    """Answer the newest review of a version; an earlier answer of yours is replaced."""
    server = Server.find()
    found = _newest(server, version)
    body = _said(notes) | {"decision": DECISIONS[decision]}
    answered = server.post(f"{_path(version)}/reviews/{found['modelReviewId']}/responses", body)
    approved = answered["status"] == "Approved"
    say(
        f"The review is {answered['status']}" + (f"; {version} is in {found['targetStage']}." if approved else ".")
    )


@review.command("cancel")
def cancel(version: Version, notes: Notes = None) -> None:
    """End the newest review of a version without a decision."""
    server = Server.find()
    found = _newest(server, version)
    server.patch(f"{_path(version)}/reviews/{found['modelReviewId']}", _said(notes) | {"status": "CANCELED"})
    say(f"Canceled the review of {version} for {found['targetStage']}.")


@review.command("show")
def show(version: Version, json: Json = False) -> None:
    """Show the newest review of a version, with the answers so far."""
    found = _newest(Server.find(), version)
    if json:
        as_json(found)
        return
    fields({
        "review": found["modelReviewId"],
        "status": found["status"],
        "stage": found["targetStage"],
        "notes": found["notes"],
    })  # fmt: skip
    table(["REVIEWER", "ANSWER", "NOTES"], map(_row, found["reviewerResponses"]), flexible=["NOTES"])


def _path(version: str) -> str:
    """The address of a version; raises CommandError."""
    model, _, number = version.rpartition("/")
    if not model or not number.isdecimal():
        raise CommandError(f"'{version}' names no version of a model; give MODEL/VERSION, such as churn/3.")
    return f"{at(model)}/versions/{int(number)}"


def _newest(server: Server, version: str) -> dict[str, Any]:
    found: dict[str, Any] | None = server.get(_path(version)).get("reviewSummary")
    if found is None:
        raise CommandError(f"There was no review of {version} yet.")
    return found


def _said(notes: str | None) -> dict[str, Any]:
    return {} if notes is None else {"notes": notes}


def _row(response: dict[str, Any]) -> list[str]:
    return [response["reviewer"]["username"], response.get("decision", ""), response.get("notes", "")]
