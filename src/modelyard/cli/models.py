"""`modelyard models`: registered models and their versions."""

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import quote

import typer

from modelyard.cli.connection import CommandError, Refused, Server
from modelyard.cli.finding import Found, find_project, full_name
from modelyard.cli.options import Json
from modelyard.cli.output import as_json, brief, fields, moment, say, table

app = typer.Typer(no_args_is_help=True, help="Registered models, and model APIs that serve them.")

MODELS = "/api/registeredmodels/v1"
TRACKING = "/api/2.0/mlflow"

ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model, which may have slashes.")]
OrderBy = Annotated[
    str | None,
    typer.Option(metavar="KEYS", help="Such as 'last_updated_timestamp DESC, name'; by name if left out."),
]


def at(model: str) -> str:
    """The address of a model."""
    return f"{MODELS}/{quote(model, safe='')}"


@app.command("list")
def list_models(
    project: Annotated[str | None, typer.Option(metavar="NAME", help="Only those of this project.")] = None,
    order_by: OrderBy = None,
    json: Json = False,
) -> None:
    """List the models that you may know of."""
    server = Server.find()
    project_id = find_project(server, project)["id"] if project is not None else None
    _print(_found(server, projectId=project_id, orderBy=order_by), json=json)


@app.command("search")
def search(
    pattern: Annotated[
        str, typer.Argument(metavar="PATTERN", help="A part of the name, or a filter as MLflow has them.")
    ],
    order_by: OrderBy = None,
    json: Json = False,
) -> None:
    """Find models by a part of their name, or by a filter such as "name LIKE 'churn%' AND tags.team = 'a'"."""
    _print(_found(Server.find(), searchPattern=pattern, orderBy=order_by), json=json)


@app.command("show")
def show(
    model: ModelName,
    version: Annotated[int | None, typer.Argument(metavar="[VERSION]", help="Number of a version.")] = None,
    json: Json = False,
) -> None:
    """Show a model, or one of its versions with what its run measured."""
    server = Server.find()
    found = server.get(at(model) if version is None else f"{at(model)}/versions/{version}")
    if json:
        as_json(found)
    elif version is None:
        fields(_model_fields(found))
    else:
        fields(_version_fields(found))


@app.command("register")
def register(
    model: ModelName,
    run: Annotated[str, typer.Option(metavar="ID", help="Run that made the model.")],
    artifact: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="Folder or file of the run, or the model it logged; not needed for the only one."
        ),
    ] = None,
    description: Annotated[str, typer.Option(help="A few words about it.")] = "",
    json: Json = False,
) -> None:
    """Register what a run made: as a new model of the run's project, or as another version of one there is."""
    server = Server.find()
    if artifact is None:
        body = {"modelName": model, "experimentRunId": run, "discoverable": False, "description": description}
        if _is_there(server, model):
            raise CommandError(f"There is a model '{model}' already; say by --artifact what its next version is.")
        server.post(MODELS, body)
        made = server.get(f"{at(model)}/versions/1")
    else:
        if not _is_there(server, model):
            _make(server, model, run)
        body = {"description": description, "experimentRunId": run, "artifact": artifact}
        made = server.post(f"{at(model)}/versions", body)
    if json:
        as_json(made)
    else:
        say(f"Registered version {made['modelVersion']} of {model}.")


def registered_versions(server: Server, model: str, *, json: bool) -> None:
    """Prints the versions of a registered model, newest first."""
    found = list(server.pages(f"{at(model)}/versions", "items"))
    if json:
        as_json(found)
        return
    rows = (
        [str(one["modelVersion"]), moment(one["createdAt"]), one["ownerUsername"], one["experimentRunId"]]
        for one in found
    )
    table(["VERSION", "MADE", "BY", "RUN"], rows)


def _found(server: Server, **asked: Any) -> Iterator[Found]:
    token = None
    while True:
        page = server.get(MODELS, maxResults=1000, pageToken=token, **asked)
        yield from page["items"]
        token = page["metadata"].get("nextPageToken")
        if token is None:
            return


def _print(found: Iterator[Found], *, json: bool) -> None:
    if json:
        as_json(list(found))
        return
    rows = (
        [
            one["name"],
            str(one.get("latestVersion", "")),
            full_name(one["project"]),
            moment(one["updatedAt"]),
            brief(one["description"]),
        ]
        for one in found
    )
    table(["MODEL", "LATEST", "PROJECT", "CHANGED", "DESCRIPTION"], rows, flexible=["DESCRIPTION"])


def _model_fields(found: Found) -> dict[str, str]:
    return {
        "Model": found["name"],
        "Description": found["description"],
        "Project": full_name(found["project"]),
        "Owner": found["ownerUsername"],
        "Latest version": str(found.get("latestVersion", "")),
        "Found by": "everybody" if found["discoverable"] else "who may look into the project",
        "Tags": _pairs(found["tags"]),
        "Made": moment(found["createdAt"]),
        "Changed": moment(found["updatedAt"]),
    }


def _version_fields(found: Found) -> dict[str, str]:
    run = found["versionUiDetails"]["experimentRunInfo"]
    datasets = found["versionUiDetails"]["modelVersionDatasets"]
    return {
        "Model": found["modelName"],
        "Version": str(found["modelVersion"]),
        "Description": found["modelVersionDescription"],
        "Stage": found["currentStage"],
        "Owner": found["ownerUsername"],
        "Run": found["experimentRunId"],
        "At": run["runUrl"],
        "Metrics": _pairs({one["key"]: one["value"] for one in run["metrics"]}),
        "Parameters": _pairs({one["key"]: one["value"] for one in run["params"]}),
        "Datasets": ", ".join(f"{one['name']} ({one['snapshotId']})" for one in datasets),
        "Tags": _pairs(found["tags"]),
        "Made": moment(found["createdAt"]),
    }


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())


def _is_there(server: Server, model: str) -> bool:
    try:
        server.get(at(model))
    except Refused as refusal:
        if refusal.status == 404:
            return False
        raise
    return True


def _make(server: Server, model: str, run: str) -> None:
    """A model without versions in the project of a run."""
    tags = server.get(f"{TRACKING}/runs/get", run_id=run)["run"]["data"]["tags"]
    project = next(one["value"] for one in tags if one["key"] == "mlflow.domino.project_id")
    body = {"name": model, "tags": [{"key": "modelyard.project", "value": project}]}
    server.post(f"{TRACKING}/registered-models/create", body)
