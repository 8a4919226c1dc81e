"""`modelyard org`: accounts that several people share."""

from typing import Annotated, Any, Literal

import typer

from modelyard.cli.connection import Server
from modelyard.cli.finding import account_names, find_account, find_organization
from modelyard.cli.options import Json
from modelyard.cli.output import as_json, say, table

app = typer.Typer(no_args_is_help=True, help="Organizations: accounts that several people share.")

PATH = "/api/organizations/v1/organizations"
OrganizationName = Annotated[str, typer.Argument(metavar="ORGANIZATION", help="Organization, by name.")]
PersonName = Annotated[str, typer.Argument(metavar="PERSON", help="Person, by name.")]
Admins = Annotated[
    list[str] | None, typer.Option(metavar="PERSON", help="Another admin; may be given more than once.")
]
Members = Annotated[
    list[str] | None, typer.Option(metavar="PERSON", help="A member; may be given more than once.")
]


@app.command("list")
def list_organizations(
    everything: Annotated[bool, typer.Option("--all", help="All there are, for administrators.")] = False,
    json: Json = False,
) -> None:
    """List the organizations that you are in."""
    found = list(Server.find().pages(f"{PATH}/all" if everything else PATH, "orgs"))
    if json:
        as_json(found)
    else:
        table(["NAME", "MEMBERS", "ID"], ([one["name"], str(len(one["members"])), one["id"]] for one in found))


@app.command("create")
def create(name: str, admin: Admins = None, member: Members = None, json: Json = False) -> None:
    """Make an organization; you are one of its admins."""
    server = Server.find()
    members = [_member(server, who, role) for role, people in (("admin", admin), ("member", member))
               for who in people or []]  # fmt: skip
    made = server.post(PATH, {"name": name, "members": members})["org"]
    if json:
        as_json(made)
    else:
        say(f"Made the organization {made['name']}: {made['id']}")


@app.command("show")
def show(organization: OrganizationName, json: Json = False) -> None:
    """List the members of an organization."""
    server = Server.find()
    found = find_organization(server, organization)
    names = account_names(server)
    if json:
        named = [one | {"userName": names.get(one["userId"])} for one in found["members"]]
        as_json(found | {"members": named})
        return
    rows = ([names.get(one["userId"], ""), one["organizationRole"], one["userId"]] for one in found["members"])
    table(["PERSON", "ROLE", "ID"], sorted(rows))


@app.command("add")
def add(
    organization: OrganizationName,
    person: PersonName,
    role: Annotated[
        Literal["admin", "member"],
        typer.Option(case_sensitive=False, help="Admins choose who is in the organization."),
    ] = "member",
) -> None:
    """Add a person to an organization, or give a member another role."""
    server = Server.find()
    found = find_organization(server, organization)
    server.put(f"{PATH}/{found['id']}/user", _member(server, person, role))
    say(f"{person} is {role} of {found['name']}.")


@app.command("remove")
def remove(organization: OrganizationName, person: PersonName) -> None:
    """Take a person out of an organization, with all rights that came from it."""
    server = Server.find()
    found = find_organization(server, organization)
    server.delete(f"{PATH}/{found['id']}/user", memberToRemoveId=find_account(server, person)["id"])
    say(f"{person} is not in {found['name']} any more.")


def _member(server: Server, name: str, role: str) -> dict[str, Any]:
    return {"userId": find_account(server, name)["id"], "organizationRole": role}
