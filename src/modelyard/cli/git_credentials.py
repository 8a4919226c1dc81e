"""`modelyard git-credential`: what opens git repositories elsewhere. No secret is ever an argument."""

from typing import Annotated, Literal, get_args

import typer

from modelyard.cli.asking import file_text, secret
from modelyard.cli.connection import CommandError, Server
from modelyard.cli.finding import credentials, find_credential, myself
from modelyard.cli.options import Json
from modelyard.cli.output import as_json, say, table

app = typer.Typer(no_args_is_help=True, help="Your credentials for git repositories elsewhere.")

PROVIDERS = {"bitbucket.org": "Bitbucket", "github.com": "Github", "gitlab.com": "GitLab"}
Provider = Literal[
    "Bitbucket", "BitbucketServer", "Github", "GithubEnterprise", "GitLab", "GitLabEnterprise", "Unknown"
]
SecretFile = Annotated[str | None, typer.Option(metavar="FILE", help="File to read it from; - is standard input.")]
KeyFile = Annotated[str | None, typer.Option(metavar="FILE", help="Private SSH key; - is standard input.")]


@app.command("list")
def list_credentials(json: Json = False) -> None:
    """List your git credentials; their secrets are never shown."""
    found = credentials(Server.find())
    if json:
        as_json(found)
        return
    rows = ([one["name"], one["domain"], one["protocol"], one["id"], one["fingerprint"]] for one in found)
    table(["NAME", "HOST", "PROTOCOL", "ID", "FINGERPRINT"], rows, flexible=["FINGERPRINT"])


@app.command("add")
def add(
    name: str,
    host: Annotated[str, typer.Option(help="The one host that it is sent to, such as github.com.")],
    username: Annotated[str | None, typer.Option(help="The name that a password belongs to.")] = None,
    token_file: SecretFile = None,
    password_file: SecretFile = None,
    key_file: KeyFile = None,
    ask_passphrase: Annotated[
        bool, typer.Option("--ask-passphrase", help="The SSH key has a passphrase: ask for it.")
    ] = False,
    passphrase_file: SecretFile = None,
    provider: Annotated[
        Provider | None,
        typer.Option(
            case_sensitive=False,
            metavar="PROVIDER",
            help=f"Who serves it: {', '.join(get_args(Provider))}. From the host when left out.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Add a git credential: an access token, a password with --username, or an SSH key with --key-file.

    Secrets are asked for without echo, or read from a file; they are never part of the command.
    """
    body = {
        "name": name,
        "domain": host,
        "gitServiceProvider": provider or PROVIDERS.get(host.lower(), "Unknown"),
        **_secret(username, token_file, password_file, key_file),
    }
    if ask_passphrase or passphrase_file:
        body["passphrase"] = secret("passphrase", "--passphrase-file", passphrase_file)
    server = Server.find()
    added = server.post(f"/v4/accounts/{myself(server)['id']}/gitcredentials", body)["credential"]
    if json:
        as_json(added)
    else:
        say(f"Added the git credential {name} for {added['domain']} over {added['protocol']}.")


@app.command("remove")
def remove(name: Annotated[str, typer.Argument(help="Git credential, by name or id.")]) -> None:
    """Forget a git credential; jobs cannot use it any more."""
    server = Server.find()
    found = find_credential(server, name)
    server.delete(f"/v4/accounts/{myself(server)['id']}/gitcredentials/{found['id']}")
    say(f"Forgot the git credential {found['name']}.")


def _secret(
    username: str | None, token_file: str | None, password_file: str | None, key_file: str | None
) -> dict[str, str]:
    if sum(file is not None for file in (token_file, password_file, key_file)) > 1:
        raise CommandError("Give one of --token-file, --password-file and --key-file.")
    if key_file is not None:
        return {"key": file_text(key_file, "--key-file")}
    if password_file is not None and username is None:
        raise CommandError("--password-file: a password needs the name that it belongs to, as --username.")
    if username is None or token_file is not None:
        return {"token": secret("access token", "--token-file", token_file)}
    return {"username": username, "password": secret("password", "--password-file", password_file)}
