"""The `modelyard` command and how its groups are put together."""

import sys

import typer

from modelyard import __version__
from modelyard.cli import (
    backup,
    datasets,
    demo,
    doctor,
    events,
    files,
    git_credentials,
    jobs,
    model_apis,
    model_calls,
    model_logs,
    model_reviews,
    model_serving,
    models,
    notifications,
    organizations,
    projects,
    reproductions,
    serve,
    users,
)
from modelyard.cli.connection import CommandError
from modelyard.cli.mlflow_import import command as mlflow_import
from modelyard.cli.output import error

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Modelyard: projects, jobs and models on your own machines, behind Domino's REST API.",
)
app.command("serve")(serve.serve)
app.command("run", context_settings={"ignore_unknown_options": True})(jobs.run)
app.command("logs")(jobs.logs)
app.command("jobs")(jobs.list_jobs)
app.command("reproduce")(reproductions.reproduce)
app.command("events")(events.events)
app.command("download")(files.download)
app.command("history")(files.history)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.add_typer(projects.app, name="project")
app.add_typer(datasets.app, name="datasets")
for commands in (model_serving, model_calls, model_apis, model_logs, model_reviews):
    models.app.add_typer(commands.app)
app.add_typer(models.app, name="models")
app.add_typer(organizations.app, name="org")
app.add_typer(git_credentials.app, name="git-credential")
app.add_typer(notifications.app, name="notifications")
app.add_typer(users.app, name="user")
app.add_typer(mlflow_import.app, name="import")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"modelyard {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """Take the options that stand before the command."""


def main() -> None:
    """Runs the command line; a refusal is one sentence on standard error and exit status 1."""
    try:
        app()
    except CommandError as refusal:
        error(str(refusal))
        sys.exit(1)
