"""The end of the demonstration: the model that was trained is served, and makes a real prediction."""

import time
from typing import Any

import httpx
import msgspec

from modelyard.cli.connection import CommandError, Server
from modelyard.cli.demo_steps import done, step
from modelyard.cli.finding import MODEL_APIS, Found, api_versions
from modelyard.cli.model_apis import calling, new_token
from modelyard.cli.model_serving import until_it_runs
from modelyard.cli.output import brief, out, table

CALL_SECONDS = 60


def serve(server: Server, project: Found, environment: Found, model: str) -> Found:
    """Makes a model API of the first version of a registered model, and waits until it runs."""
    step("Serving it: a model API, in an environment of what the model itself requires")
    began = time.monotonic()
    source = {"type": "Registry", "registeredModelName": model, "registeredModelVersion": 1}
    version = {"projectId": project["id"], "source": source}
    version |= {"logHttpRequestResponse": False, "monitoringEnabled": False}
    body = {"name": model, "description": "The demonstration", "environmentId": environment["id"]}
    body |= {"isAsync": False, "strictNodeAntiAffinity": False, "environmentVariables": [], "version": version}
    made: Found = server.post(MODEL_APIS, body)
    for line in until_it_runs(server, made, api_versions(server, made)[0]):
        out.print(f"    {brief(line, 84)}", style="dim", markup=False, highlight=False)
    done(f"running after {time.monotonic() - began:.1f} s at {calling(server, made['id'])}")
    return made


def predict(server: Server, project: Found, job: Found, model_api: Found) -> None:
    """Asks the served model about patients that it has not been trained with."""
    step("A real prediction, over HTTP with an access token of the model API")
    commit = job["commitDetails"]["outputCommitId"]
    path = f"/api/projects/v1/projects/{project['id']}/files/{commit}/results/patients.json/content"
    patients = msgspec.json.decode(b"".join(server.download(path)))
    token = new_token(server, model_api["id"], "demonstration")["token"]
    answer = _answer(calling(server, model_api["id"]), patients["request"], token)
    said = [patients["labels"][place] for place in answer["result"]]
    rows = (
        [f"   {number}", *both] for number, both in enumerate(zip(said, patients["diagnoses"], strict=True), 1)
    )
    table(["   PATIENT", "THE MODEL SAYS", "THE DOCTORS SAID"], rows)
    version = answer["release"]["model_version_number"]
    done(f"version {version} answered in {answer['timing']:.1f} ms, {answer['model_time_in_ms']:.1f} in the model")


def _answer(address: str, body: Any, token: str) -> Any:
    response = httpx.post(address, json=body, auth=(token, token), timeout=CALL_SECONDS)
    if response.is_error:
        raise CommandError(f"The model did not answer; this is a fault of the demonstration.\n{response.text}")
    return response.json()
