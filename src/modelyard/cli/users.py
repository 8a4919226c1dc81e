"""`modelyard user`: accounts and their keys."""

from datetime import datetime
from typing import Annotated

import typer

from modelyard.cli.connection import Server
from modelyard.cli.finding import find_account
from modelyard.cli.options import Json
from modelyard.cli.output import as_json, out, say, table

app = typer.Typer(no_args_is_help=True, help="Accounts and their API keys.")


@app.command("create")
def create(
    name: str,
    email: Annotated[str, typer.Option(help="E-mail address.")],
    admin: Annotated[bool, typer.Option("--admin", help="Make an administrator.")] = False,
    json: Json = False,
) -> None:
    """Make an account and print its API key, this once."""
    created = Server.find().post("/v4/users", {"userName": name, "email": email, "isAdmin": admin})
    if json:
        as_json({"id": created["user"]["id"], "userName": name, "apiKey": created["apiKey"]})
    else:
        say(f"Made the account {name}. Its API key, shown only now:")
        out.print(created["apiKey"], highlight=False)


@app.command("list")
def list_users(json: Json = False) -> None:
    """List all accounts."""
    users = Server.find().get("/v4/users")
    if json:
        as_json(users)
    else:
        table(
            ["NAME", "KIND", "FULL NAME", "E-MAIL", "ID"],
            (
                [user["userName"], user["kind"], user["fullName"], user.get("email", ""), user["id"]]
                for user in users
            ),
            flexible=["FULL NAME", "E-MAIL"],
        )


@app.command("keys")
def keys(name: str, json: Json = False) -> None:
    """List the live API keys of an account, with their last use."""
    server = Server.find()
    found = server.get(f"/v4/users/{find_account(server, name)['id']}/apiKeys")
    if json:
        as_json(found)
    else:
        rows = ([key["id"], key["label"], _moment(key.get("lastUsedAt"))] for key in found)
        table(["ID", "LABEL", "LAST USED"], rows, flexible=["LABEL"])


@app.command("new-key")
def new_key(name: str, label: Annotated[str, typer.Option(help="What the key is for.")] = "") -> None:
    """Make another API key and print it, this once."""
    server = Server.find()
    created = server.post(f"/v4/users/{find_account(server, name)['id']}/apiKeys", {"label": label})
    out.print(created["apiKey"], highlight=False)


@app.command("revoke-key")
def revoke_key(name: str, key_id: str) -> None:
    """End an API key at once."""
    server = Server.find()
    server.delete(f"/v4/users/{find_account(server, name)['id']}/apiKeys/{key_id}")
    say(f"The key {key_id} is ended.")


def _moment(epoch_ms: int | None) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000).astimezone().isoformat(" ", "minutes") if epoch_ms else "never"
