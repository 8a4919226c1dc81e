"""`modelyard models call`: a prediction of a model API, printed."""

import sys
import time
from typing import Annotated, Any

import msgspec
import typer

from modelyard.cli.asking import file_text
from modelyard.cli.connection import CommandError, Server
from modelyard.cli.finding import Found, find_model_api
from modelyard.cli.model_apis import ApiName, ApiProject, example_of
from modelyard.cli.output import as_json, err
from modelyard.kit.ids import is_id

# These are commands of `modelyard models`.
app = typer.Typer()

FIRST_POLL, LONGEST_POLL = 0.1, 2.0


@app.command("call")
def call(
    api: ApiName,
    data: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="The arguments: an object by name, or a list by place."),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A file with the whole body, or - to read it here, as without --data."),
    ] = None,
    example: Annotated[bool, typer.Option("--example", help="Ask what the model's own example asks.")] = False,
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", help="A version; the newest that runs when left out.")
    ] = None,
    prod: Annotated[bool, typer.Option("--prod", help="The version in production.")] = False,
    token: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="An access token, instead of your key.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Print the whole answer.")] = False,
    project: ApiProject = None,
) -> None:
    """Call a model API and print its result; an asynchronous one is waited for."""
    if sum((data is not None, file is not None, example)) > 1:
        raise CommandError("Give one of --data, --file and --example.")
    if prod and version is not None:
        raise CommandError("Give --version or --prod.")
    server = Server.find()
    found = _model_api(server, api, project, token)
    caller = server if token is None else Server(server.url, token)
    body = _example(caller, found) if example else _body(data, file, found)
    if found.get("isAsync"):
        answer = _waited_for(caller, found["id"], body)
    else:
        choice = "labels/prod" if prod else str(version or "latest")
        answer = caller.work("POST", f"/models/{found['id']}/{choice}/model", body)
    as_json(answer if raw else answer.get("result"))


def _model_api(server: Server, api: str, project: str | None, token: str | None) -> Found:
    """The model API; of one that only a token opens no more than its id is known."""
    try:
        return find_model_api(server, api, project)
    except CommandError:
        if token is None or not is_id(api):
            raise
        return {"id": api}


def _example(server: Server, model_api: Found) -> Any:
    found = example_of(server, model_api["id"])
    if found is None:
        raise CommandError(f"Nothing is known of what {model_api.get('name', 'it')} takes; give --data.")
    return found


def _body(data: str | None, file: str | None, model_api: Found) -> Any:
    """What is sent: arguments as their kind of body has them, or a body as it was written."""
    if data is None:
        if file is None and sys.stdin.isatty():
            raise CommandError("Give the arguments by --data JSON, or the whole body by --file FILE.")
        return _decoded(file_text("-" if file is None else file, "--file"), "The body")
    arguments = _decoded(data, "--data")
    if isinstance(arguments, dict):
        return {"parameters" if model_api.get("isAsync") else "data": arguments}
    return {"parameters": arguments if isinstance(arguments, list) else [arguments]}


def _decoded(text: str, what: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise CommandError(f"{what} is not JSON: {error}.") from None


def _waited_for(server: Server, model_api_id: str, body: Any) -> Any:
    """The answer to an asynchronous prediction when it is there; raises CommandError when it failed."""
    path = f"/api/modelApis/async/v1/{model_api_id}"
    asked = server.post(path, body)["asyncPredictionId"]
    pause = FIRST_POLL
    with err.status(f"Prediction {asked} is on its way ..."):
        while True:
            answer = server.get(f"{path}/{asked}")
            if answer["status"] == "Succeeded":
                return answer
            if answer["status"] == "Failed":
                raise CommandError("; ".join(answer.get("errors", [])) or f"The prediction {asked} failed.")
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_POLL)
