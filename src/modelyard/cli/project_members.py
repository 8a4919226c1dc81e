"""`modelyard project`: who works in a project."""

from typing import Annotated

import typer

from modelyard.cli.connection import Server
from modelyard.cli.finding import find_account, find_project, full_name
from modelyard.cli.options import ROLES, AccountName, Json, ProjectName, RoleName
from modelyard.cli.output import as_json, say, table

app = typer.Typer()


@app.command("members")
def members(project: ProjectName, json: Json = False) -> None:
    """List the owner of a project and its collaborators with their roles."""
    server = Server.find()
    found = find_project(server, project)
    collaborators = server.get(f"/{full_name(found)}/collaborators")
    if json:
        as_json(collaborators)
        return
    rows = [[one["username"], one["projectRole"], one["kind"], one["fullName"]] for one in collaborators]
    owner = [found["ownerUsername"], "owner", "", ""]
    table(["ACCOUNT", "ROLE", "KIND", "FULL NAME"], [owner, *rows], flexible=["FULL NAME"])


@app.command("add")
def add(
    project: ProjectName,
    account: AccountName,
    role: Annotated[RoleName, typer.Option(case_sensitive=False, help=f"What the account is to be: {ROLES}")],
) -> None:
    """Give a person or an organization a role in a project, or another one."""
    server = Server.find()
    found, who = find_project(server, project), find_account(server, account)
    server.post(f"/api/projects/v1/projects/{found['id']}/collaborators", {"id": who["id"], "role": role})
    say(f"{who['userName']} is {role} in {full_name(found)}.")


@app.command("remove")
def remove(project: ProjectName, account: AccountName) -> None:
    """Take the role of a person or an organization in a project away."""
    server = Server.find()
    found, who = find_project(server, project), find_account(server, account)
    server.delete(f"/api/projects/v1/projects/{found['id']}/collaborators/{who['id']}")
    say(f"{who['userName']} has no role of its own in {full_name(found)} any more.")


@app.command("request-access")
def request_access(
    project: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="Project, as owner/name.")],
    role: Annotated[RoleName, typer.Option(case_sensitive=False, help=f"The role that you wish for: {ROLES}")] = (
        "contributor"
    ),
    message: Annotated[str, typer.Option(help="A word to the owner.")] = "",
) -> None:
    """Ask the owner of a project for a role in it; the owner finds the request with `modelyard events`."""
    server = Server.find()
    found = find_project(server, project)
    body = {"projectRole": role, "message": message}
    server.post(f"/v4/projects/{found['id']}/accessRequests", body)
    say(f"You have asked to be {role} in {full_name(found)}; the owner finds that among its events.")
