"""`modelyard import`: what other servers have, moved into this one."""

import base64
import os
from typing import Annotated
from urllib.parse import unquote, urlsplit, urlunsplit

import typer

from modelyard.cli.connection import CommandError, Server
from modelyard.cli.finding import find_project, full_name
from modelyard.cli.options import OfProject

app = typer.Typer(no_args_is_help=True, help="Move what other servers have into this one.")

TOKEN, PASSWORD = "MLFLOW_SOURCE_TOKEN", "MLFLOW_SOURCE_PASSWORD"


@app.callback()
def _group() -> None:
    """Keep the name of the command, as long as there is one."""


@app.command("mlflow")
def mlflow(
    url: Annotated[str, typer.Argument(metavar="URL", help="The MLflow server, such as http://tracking:5000.")],
    project: OfProject = None,
    experiment: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this experiment; may be given more than once.")
    ] = None,
    no_artifacts: Annotated[bool, typer.Option("--no-artifacts", help="Leave files and traces out.")] = False,
    no_models: Annotated[
        bool, typer.Option("--no-models", help="Leave logged and registered models out.")
    ] = False,
    deleted: Annotated[bool, typer.Option("--deleted", help="Take deleted experiments and runs along.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would come.")] = False,
    user: Annotated[
        str | None,
        typer.Option(
            envvar="MLFLOW_SOURCE_USER", help=f"Account on the MLflow server; its password is {PASSWORD}."
        ),
    ] = None,
) -> None:
    """Move the experiments, runs, files, models and traces of an MLflow server into a project.

    What broke off goes on with the same command, and what is there already is not taken twice. A token for the
    MLflow server is read from MLFLOW_SOURCE_TOKEN. The exit status is 1 when something was left behind.
    """
    from modelyard.cli.mlflow_import.moving import Choice, Rest, carry_over  # noqa: PLC0415 - only this needs it

    choice = Choice(
        experiments=tuple(experiment or ()),
        artifacts=not no_artifacts,
        models=not no_models,
        deleted=deleted,
        dry=dry_run,
    )
    place, headers = _source(url, user)
    server = Server.find()
    name = full_name(find_project(server, project))
    source = Rest(place, headers)
    target = Rest(f"{server.url}/mlflow/projects/{name}", {"Authorization": f"Bearer {server.key}"})
    if not carry_over(source, target, choice):
        raise typer.Exit(1)


def _source(url: str, user: str | None) -> tuple[str, dict[str, str]]:
    """The URL without credentials, and the headers that carry them; raises CommandError."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise CommandError(f"{url} is not the URL of an MLflow server; give one like http://tracking:5000.")
    place = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
    if token := os.environ.get(TOKEN):
        return place, {"Authorization": f"Bearer {token}"}
    name = user or unquote(parts.username or "")
    if not name:
        return place, {}
    password = unquote(parts.password) if parts.password else os.environ.get(PASSWORD, "")
    return place, {"Authorization": f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"}
