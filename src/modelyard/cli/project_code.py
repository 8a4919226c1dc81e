"""`modelyard project`: what the jobs of a project use, and its git repositories."""

from typing import Annotated

import typer

from modelyard.cli.connection import CommandError, Server
from modelyard.cli.finding import (
    find_credential,
    find_environment,
    find_project,
    find_repository,
    full_name,
    ref_words,
    reference,
    repositories,
)
from modelyard.cli.options import Credential, Json, ProjectName, Reference
from modelyard.cli.output import as_json, fields, say, table

app = typer.Typer()

ENVIRONMENT, REVISION, TIER = "defaultEnvironmentId", "defaultEnvironmentRevisionSpec", "defaultHardwareTierId"


@app.command("defaults")
def defaults(
    project: ProjectName,
    environment: Annotated[str | None, typer.Option(help="Environment, by name or id.")] = None,
    tier: Annotated[str | None, typer.Option(help="Hardware tier, by id or name.")] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Go back to the platform's own first.")] = False,
    json: Json = False,
) -> None:
    """Show or set what the jobs of a project use that name nothing themselves."""
    server = Server.find()
    found = find_project(server, project)
    path = f"/v4/projects/{found['id']}/settings"
    now = wanted = server.get(path)
    if reset:
        wanted = {}
    if environment is not None:
        wanted = {name: value for name, value in wanted.items() if name != REVISION}
        wanted |= {ENVIRONMENT: find_environment(server, environment)["id"]}
    if tier is not None:
        wanted = wanted | {TIER: tier}
    if wanted != now:
        now = server.put(path, wanted)
    if json:
        as_json(now)
        return
    shown = _environment_name(server, now[ENVIRONMENT]) if now.get(ENVIRONMENT) else "the platform's default"
    if now.get(REVISION):
        shown += f", {now[REVISION]}"
    fields({"Environment": shown, "Hardware tier": now.get(TIER, "the platform's default")})


@app.command("repositories")
def list_repositories(project: ProjectName, json: Json = False) -> None:
    """List the git repositories of a project, the main one first."""
    server = Server.find()
    found = repositories(server, find_project(server, project)["id"])
    if json:
        as_json(found)
        return
    rows = (
        [one["name"], "main" if one["isMain"] else "imported", ref_words(one), one["uri"], one["id"]]
        for one in found
    )
    table(["NAME", "KIND", "REF", "URI", "ID"], rows, flexible=["REF", "URI"])


@app.command("add-repository")
def add_repository(
    project: ProjectName,
    uri: str,
    name: Annotated[str | None, typer.Option(help="Its folder in jobs; from the URI when left out.")] = None,
    ref: Reference = None,
    credential: Credential = None,
    json: Json = False,
) -> None:
    """Import a git repository into a project; later jobs find it beside the project's files."""
    server = Server.find()
    found = find_project(server, project)
    body = {
        "uri": uri,
        "name": name,
        "defaultRef": reference(ref),
        "gitCredentialId": find_credential(server, credential)["id"] if credential else None,
    }
    added = server.post(f"/api/projects/v1/projects/{found['id']}/repositories", body)["repository"]
    if json:
        as_json(added)
    else:
        say(f"{full_name(found)} imports {added['uri']} ({ref_words(added)}) as {added['name']}.")


@app.command("change-repository")
def change_repository(
    project: ProjectName, name: str, ref: Reference = None, credential: Credential = None
) -> None:
    """Change what later jobs take of a git repository, or the credential of yours that your jobs fetch it with."""
    if ref is None and credential is None:
        raise CommandError("Give --ref, --credential or both.")
    server = Server.find()
    found = find_project(server, project)
    repository = find_repository(server, found["id"], name)
    path = f"/v4/projects/{found['id']}/repositories/{repository['id']}"
    if ref is not None:
        body = {"defaultRef": reference(ref)}
        repository = server.put(f"{path}/defaultRef", body)["repository"]
        say(f"Jobs of {full_name(found)} take {ref_words(repository)} of {repository['name']}.")
    if credential is not None:
        server.put(f"{path}/credential", {"gitCredentialId": find_credential(server, credential)["id"]})
        say(f"Your jobs fetch {repository['name']} with the credential {credential}.")


@app.command("remove-repository")
def remove_repository(project: ProjectName, name: str) -> None:
    """Take an imported git repository out of a project."""
    server = Server.find()
    found = find_project(server, project)
    repository = find_repository(server, found["id"], name)
    server.delete(f"/api/projects/v1/projects/{found['id']}/repositories/{repository['id']}")
    say(f"{full_name(found)} imports {repository['name']} no more.")


def _environment_name(server: Server, environment_id: str) -> str:
    """The name of an environment, its id where one may not see it."""
    try:
        return str(find_environment(server, environment_id)["name"])
    except CommandError:
        return environment_id
