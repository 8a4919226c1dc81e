"""`modelyard models apis`, `versions`, `promote`, `tokens`, ...: what is served, and which version of it."""

from typing import Annotated, Any

import typer

from modelyard.cli.asking import confirm
from modelyard.cli.connection import CommandError, Refused, Server
from modelyard.cli.finding import (
    MODEL_APIS,
    Found,
    api_versions,
    find_api_version,
    find_model_api,
    find_project,
)
from modelyard.cli.models import registered_versions
from modelyard.cli.options import Json, Yes
from modelyard.cli.output import as_json, count_of, moment_at, out, say, table

# These are commands of `modelyard models`.
app = typer.Typer()

ApiName = Annotated[str, typer.Argument(metavar="API", help="A model API, by name or id.")]
ApiProject = Annotated[
    str | None,
    typer.Option("--project", metavar="NAME", help="Its project, when several have a model API of that name."),
]
ApiVersion = Annotated[int | None, typer.Option("--version", metavar="N", help="Number of the version.")]


def path_of(version: Found) -> str:
    """The address of a version."""
    return f"{MODEL_APIS}/{version['modelApiId']}/versions/{version['id']}"


def calling(server: Server, model_api_id: str, version: str = "latest") -> str:
    """Where a model API is called: `latest`, `labels/prod`, or the number of a version."""
    return f"{server.url}/models/{model_api_id}/{version}/model"


def example_of(server: Server, model_api_id: str) -> Any:
    """A body that the newest version takes, as far as that can be known; None when it cannot."""
    paths = server.get(f"/models/{model_api_id}/openapi.json")["paths"]
    post = paths.get(f"/models/{model_api_id}/latest/model", {}).get("post", {})
    return post.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")


@app.command("apis")
def apis(
    project: Annotated[str | None, typer.Option(metavar="NAME", help="Only those of this project.")] = None,
    json: Json = False,
) -> None:
    """List the model APIs that you may see, by name."""
    server = Server.find()
    project_id = find_project(server, project)["id"] if project is not None else None
    found = list(server.pages(MODEL_APIS, "items", projectId=project_id, orderBy="name"))
    if json:
        as_json(found)
        return
    columns = ["MODEL API", "VERSION", "STATUS", "REPLICAS", "CALLED BY", "CHANGED", "ID"]
    table(columns, map(_row, found), flexible=["MODEL API"])


@app.command("versions")
def versions(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A registered model, or a model API by name or id.")],
    api: Annotated[
        bool, typer.Option("--api", help="The versions of the model API, though a model has that name, too.")
    ] = False,
    project: ApiProject = None,
    json: Json = False,
) -> None:
    """List the versions of a registered model, newest first; if there is none of that name, of a model API."""
    server = Server.find()
    if not api and project is None:
        try:
            registered_versions(server, name, json=json)
        except Refused as refusal:
            if refusal.status != 404:
                raise
        else:
            return
    found = api_versions(server, find_model_api(server, name, project))
    if json:
        as_json(found)
        return
    table(["VERSION", "STATUS", "LABEL", "SERVES", "MADE", "ID"], map(_version_row, found), flexible=["SERVES"])


@app.command("promote")
def promote(
    api: ApiName,
    version: Annotated[int, typer.Argument(metavar="N", help="Number of a version that runs.")],
    project: ApiProject = None,
) -> None:
    """Put a version into production; to roll back, promote the one before."""
    server = Server.find()
    found = find_model_api(server, api, project)
    server.put(f"{path_of(find_api_version(server, found, version))}/productionLabel", {"isProd": True})
    say(f"Version {version} of {found['name']} is in production: {calling(server, found['id'], 'labels/prod')}")


@app.command("demote")
def demote(api: ApiName, project: ApiProject = None) -> None:
    """Take the version in production out of it; it goes on running."""
    server = Server.find()
    found = find_model_api(server, api, project)
    labelled = [one for one in api_versions(server, found) if one["labels"]]
    if not labelled:
        raise CommandError(f"No version of {found['name']} is in production.")
    server.put(f"{path_of(labelled[0])}/productionLabel", {"isProd": False})
    say(f"Version {labelled[0]['number']} of {found['name']} is not in production any more.")


@app.command("start")
def start(api: ApiName, version: ApiVersion = None, project: ApiProject = None) -> None:
    """Start a version that was stopped or has failed, the newest unless named; others go on as they are."""
    server = Server.find()
    found = find_model_api(server, api, project)
    wanted = find_api_version(server, found, version)
    server.put(f"{path_of(wanted)}/targetState", {"isRunning": True})
    say(f"Version {wanted['number']} of {found['name']} starts.")


@app.command("stop")
def stop(api: ApiName, version: ApiVersion = None, project: ApiProject = None) -> None:
    """Stop a version, or all of them; requests that have begun are answered."""
    server = Server.find()
    found = find_model_api(server, api, project)
    if version is not None:
        stopping = [find_api_version(server, found, version)]
    else:
        stopping = [one for one in api_versions(server, found) if _goes_on(one)]
    for one in stopping:
        server.put(f"{path_of(one)}/targetState", {"isRunning": False})
    say(f"{count_of(len(stopping), 'version')} of {found['name']} stopped.")


@app.command("archive")
def archive(api: ApiName, project: ApiProject = None, yes: Yes = False) -> None:
    """End a model API for good: its versions stop, its calls are refused, and lists leave it out."""
    server = Server.find()
    found = find_model_api(server, api, project)
    if not yes:
        confirm(f"{found['name']} ({found['id']}) will not answer any more. Archive it?", "It was not archived.")
    server.delete(f"{MODEL_APIS}/{found['id']}")
    say(f"Archived {found['name']}.")


@app.command("tokens")
def tokens(
    api: ApiName,
    new: Annotated[str | None, typer.Option(metavar="NAME", help="Make one and print it, this once.")] = None,
    renew: Annotated[str | None, typer.Option(metavar="ID", help="Replace its secret and print it.")] = None,
    delete: Annotated[str | None, typer.Option(metavar="ID", help="Delete it; it opens nothing any more.")] = None,
    project: ApiProject = None,
    json: Json = False,
) -> None:
    """List the access tokens of a model API, make one, replace one, or delete one."""
    if sum(one is not None for one in (new, renew, delete)) > 1:
        raise CommandError("Give one of --new, --renew and --delete.")
    server = Server.find()
    found = find_model_api(server, api, project)
    path = f"{MODEL_APIS}/{found['id']}/accessTokens"
    if new is not None:
        print_token(new_token(server, found["id"], new), found["name"], json=json)
    elif renew is not None:
        print_token(server.put(f"{path}/{renew}", {}), found["name"], json=json)
    elif delete is not None:
        server.delete(f"{path}/{delete}")
        say(f"Deleted the token {delete} of {found['name']}.")
    elif json:
        as_json(server.get(path))
    else:
        rows = ([one.get("name", ""), moment_at(one["lastGenerated"]), one["id"]] for one in server.get(path))
        table(["NAME", "MADE", "ID"], rows, flexible=["NAME"])


def new_token(server: Server, model_api_id: str, name: str) -> Found:
    """A new access token of a model API, with its secret."""
    made: Found = server.post(f"{MODEL_APIS}/{model_api_id}/accessTokens", {"name": name})
    return made


def print_token(made: Found, api_name: str, *, json: bool = False) -> None:
    """A token with its secret, which is not shown again."""
    if json:
        as_json(made)
        return
    say(f"Token {made['id']} of {api_name}, shown only now:")
    out.print(made["token"], highlight=False, soft_wrap=True)


def source_words(version: Found) -> str:
    """What a version serves, in a few words."""
    source = version["source"]
    if source["type"] == "Registry":
        return f"{source['registeredModelName']}/{source['registeredModelVersion']}"
    return f"{source['file']}:{source['function']} at {version['commitId'][:10]}"


def _goes_on(version: Found) -> bool:
    deployment = version["deployment"]
    return bool(deployment["isPending"]) or deployment["status"] == "Running"


def _row(found: Found) -> list[str]:
    active = found.get("activeVersion", {})
    return [
        found["name"],
        str(active.get("number", "")),
        active.get("deployment", {}).get("status", ""),
        str(found["replicas"]),
        "everybody" if found["access"]["isPublic"] else count_of(len(found["access"]["accessTokens"]), "token"),
        moment_at(found["metadata"]["lastModified"]),
        found["id"],
    ]


def _version_row(version: Found) -> list[str]:
    return [
        str(version["number"]),
        version["deployment"]["status"],
        " ".join(version["labels"]),
        source_words(version),
        moment_at(version["metadata"]["created"]),
        version["id"],
    ]
