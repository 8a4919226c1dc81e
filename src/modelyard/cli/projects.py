"""`modelyard project`: projects themselves."""

from typing import Annotated, Any

import typer

from modelyard.cli import project_code, project_members
from modelyard.cli.asking import confirm
from modelyard.cli.connection import CommandError, Server
from modelyard.cli.finding import (
    find_account,
    find_credential,
    find_project,
    full_name,
    ref_words,
    reference,
    repositories,
)
from modelyard.cli.options import Credential, Json, ProjectName, Reference, VisibilityName, Yes
from modelyard.cli.output import as_json, brief, fields, say, table

app = typer.Typer(no_args_is_help=True, help="Projects, who works in them, and their git repositories.")
app.add_typer(project_members.app)
app.add_typer(project_code.app)

_SHOWN = ("id", "name", "ownerUsername", "ownerId", "visibility", "isRestricted", "description")


@app.command("list")
def list_projects(
    everything: Annotated[bool, typer.Option("--all", help="All that you may know of.")] = False,
    json: Json = False,
) -> None:
    """List the projects that you own or work in, newest first."""
    server = Server.find()
    if everything:
        projects = list(server.pages("/api/projects/beta/projects", "projects"))
    else:
        projects = [
            one
            for relationship in ("Owned", "Collaborating")
            for one in server.get("/v4/gateway/projects", relationship=relationship, showCompleted=True)
        ]
        projects.sort(key=lambda one: one["id"], reverse=True)
    if json:
        as_json([{name: one[name] for name in _SHOWN} for one in projects])
        return
    rows = ([full_name(one), one["visibility"], one["id"], brief(one["description"])] for one in projects)
    table(["PROJECT", "VISIBILITY", "ID", "DESCRIPTION"], rows, flexible=["DESCRIPTION"])


@app.command("create")
def create(
    name: str,
    description: Annotated[str, typer.Option(help="A few words about it.")] = "",
    visibility: Annotated[
        VisibilityName, typer.Option(case_sensitive=False, help="Who sees it: Public, Searchable or Private.")
    ] = "Private",
    owner: Annotated[str | None, typer.Option(help="An organization of yours that is to own it.")] = None,
    git: Annotated[str | None, typer.Option(metavar="URI", help="The git repository that it is about.")] = None,
    ref: Reference = None,
    credential: Credential = None,
    json: Json = False,
) -> None:
    """Make a project, with its own files, or about a git repository."""
    if git is None and (ref or credential):
        raise CommandError("--ref and --credential are for a project with --git URI.")
    server = Server.find()
    body: dict[str, Any] = {"name": name, "description": description, "visibility": visibility}
    if owner:
        body["ownerId"] = find_account(server, owner)["id"]
    if git is not None:
        body["mainRepository"] = {
            "uri": git,
            "defaultRef": reference(ref),
            "gitCredentialId": find_credential(server, credential)["id"] if credential else None,
        }
    made = server.post("/v4/projects", body)
    if json:
        as_json(made)
    else:
        say(f"Made the project {full_name(made)} ({made['visibility']}): {made['id']}")


@app.command("show")
def show(project: ProjectName, json: Json = False) -> None:
    """Show one project."""
    server = Server.find()
    found = find_project(server, project)
    code = repositories(server, found["id"])
    if json:
        as_json(found | {"repositories": code})
        return
    status = found["status"]
    main = [f"{one['uri']} ({ref_words(one)})" for one in code if one["isMain"]]
    fields(
        {
            "Project": full_name(found),
            "Description": found["description"],
            "Visibility": found["visibility"],
            "Restricted": "yes" if found["isRestricted"] else "",
            "Status": status["status"] + (", blocked" if status["isBlocked"] else ""),
            "Collaborators": str(len(found["collaborators"]) or ""),
            "Git repository": ", ".join(main),
            "Imported": ", ".join(one["name"] for one in code if not one["isMain"]),
            "Tags": ", ".join(tag["name"] for tag in found["tags"]),
            "Billing tag": found.get("billingTag", {}).get("tag", ""),
            "Id": found["id"],
        }
    )


@app.command("copy")
def copy(
    source: Annotated[str, typer.Argument(help="Project to copy, as name or owner/name.")],
    name: Annotated[str | None, typer.Option(help="Name of the copy; made from the source's if left out.")] = None,
    owner: Annotated[str | None, typer.Option(help="An organization of yours that is to own it.")] = None,
    visibility: Annotated[
        VisibilityName | None, typer.Option(case_sensitive=False, help="Its visibility; the source's if left out.")
    ] = None,
    with_datasets: Annotated[
        bool, typer.Option("--datasets", help="Copy the live files of its datasets, too.")
    ] = False,
    json: Json = False,
) -> None:
    """Copy a project with its files and their history, settings, goals, tags and git repositories."""
    server = Server.find()
    original = find_project(server, source)
    body = {
        "copyDatasets": with_datasets,
        "name": name,
        "ownerId": find_account(server, owner)["id"] if owner else None,
        "visibility": visibility,
    }
    reply = server.post(f"/api/projects/v1/projects/{original['id']}/copy-project", body)
    made, notices = reply["project"], reply["metadata"]["notices"]
    lacking = reply.get("datasetsNotCopied", [])
    if json:
        as_json({"project": made, "notices": notices, "datasetsNotCopied": lacking})
        return
    say(f"Copied {full_name(original)} as {full_name(made)} ({made['visibility']}): {made['id']}")
    for notice in notices:
        say(notice)
    for one in lacking:
        say(f"The dataset {one['datasetInfo']['name']} was not copied: {one['errorMessage']}")


@app.command("archive")
def archive(project: ProjectName, yes: Yes = False) -> None:
    """Take a project out of all lists; its name is free again. It cannot be brought back."""
    server = Server.find()
    found = find_project(server, project)
    if not yes:
        confirm(
            f"Archive {full_name(found)}? It cannot be brought back.",
            f"{full_name(found)} was not archived; answer y, or give --yes.",
        )
    server.delete(f"/v4/projects/{found['id']}")
    say(f"Archived {full_name(found)}.")


@app.command("visibility")
def visibility(
    project: ProjectName,
    visibility: Annotated[VisibilityName, typer.Argument(case_sensitive=False, metavar="VISIBILITY")],
) -> None:
    """Choose who sees a project without a role in it: Public, Searchable or Private."""
    server = Server.find()
    found = find_project(server, project)
    server.put(f"/v4/projects/{found['id']}/visibility", {"visibility": visibility})
    say(f"{full_name(found)} is {visibility}.")


@app.command("describe")
def describe(project: ProjectName, description: str) -> None:
    """Replace the description of a project."""
    server = Server.find()
    found = find_project(server, project)
    server.put(f"/v4/projects/{found['id']}/description", {"description": description})
    say(f"The description of {full_name(found)} is replaced.")
