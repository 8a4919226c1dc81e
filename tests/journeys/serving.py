"""Hands that make model APIs on a real server, and a load that knows what became of each of its calls."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import requests

from tests.journeys.running import RunningServer, wait_for

MODEL_APIS = "/api/modelServing/v1/modelApis"
DEPLOY_SECONDS = 300


class ServedModel:
    """A model API with a token of its own."""

    def __init__(self, server: RunningServer, http: httpx.Client, model_api: dict[str, Any]) -> None:
        self._server, self._http = server, http
        self.id = str(model_api["id"])
        self.token = self.made("POST", "/accessTokens", {"name": "load"})["token"]

    def made(self, method: str, rest: str, body: dict[str, Any]) -> Any:
        """One request about the model API; the reply's JSON."""
        reply = self._http.request(method, f"{MODEL_APIS}/{self.id}{rest}", json=body)
        assert reply.is_success, reply.text
        return reply.json()

    def versions(self) -> list[dict[str, Any]]:
        """Its versions, newest first; none while the server is away."""
        try:
            with self._server.http() as http:
                reply = http.get(f"{MODEL_APIS}/{self.id}/versions")
                return list(reply.json()) if reply.status_code == 200 else []
        except (httpx.HTTPError, FileNotFoundError):
            return []

    def status(self, number: int) -> str:
        """The status of a version."""
        found = (one["deployment"]["status"] for one in self.versions() if one["number"] == number)
        return next(found, "")

    def runs(self, number: int) -> dict[str, Any]:
        """Waits until a version runs; the version."""
        wait_for(lambda: self.status(number) in {"Running", "Failed"}, DEPLOY_SECONDS, lambda: self.told(number))
        assert self.status(number) == "Running", self.told(number)
        return next(one for one in self.versions() if one["number"] == number)

    def told(self, number: int) -> str:
        """What the logs of a version say."""
        version = next(one for one in self.versions() if one["number"] == number)
        texts = []
        for kind in ("buildLogs", "deploymentLogs", "instanceLogs"):
            with self._server.http() as http:
                found = http.get(f"{MODEL_APIS}/{self.id}/versions/{version['id']}/{kind}").json()
            texts += [line["log"] for line in found.get("logs", [])]
        return "\n".join([*texts, self._server.describe()])

    def url(self, which: str = "latest") -> str:
        """Where it is called."""
        return f"{self._server.url}/models/{self.id}/{which}/model"

    def call(self, body: Any, which: str = "latest", **options: Any) -> requests.Response:
        """One call as its users send it."""
        return requests.post(self.url(which), json=body, auth=(self.token, self.token), timeout=30, **options)


def file_version(project_id: str, file: str, function: str, **more: Any) -> dict[str, Any]:
    """The request for a version that serves a function."""
    source = {"type": "File", "file": file, "function": function}
    body = {"projectId": project_id, "source": source, "logHttpRequestResponse": False, "monitoringEnabled": False}
    return body | more


def serve(
    server: RunningServer, http: httpx.Client, environment_id: str, version: dict[str, Any], **more: Any
) -> ServedModel:
    """A new model API whose first version runs."""
    body = {
        "name": "model",
        "description": "",
        "environmentId": environment_id,
        "isAsync": False,
        "strictNodeAntiAffinity": False,
        "environmentVariables": [],
        "version": version,
    }
    reply = http.post(MODEL_APIS, json=body | more)
    assert reply.status_code == 201, reply.text
    served = ServedModel(server, http, reply.json())
    served.runs(1)
    return served


class Load:
    """Calls that come at a steady rate, whatever becomes of them."""

    def __init__(self, served: ServedModel, body: Any, which: str, each_seconds: float) -> None:
        self._served, self._body, self._which, self._pause = served, body, which, each_seconds
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self._over = threading.Event()

    @property
    def failures(self) -> list[tuple[int, dict[str, Any]]]:
        """The answers that were none; status 0 where there was no connection."""
        return [answer for answer in self.answers if answer[0] != 200]

    @property
    def numbers(self) -> list[int]:
        """The versions that answered, one after the other."""
        return [answer["release"]["model_version_number"] for status, answer in self.answers if status == 200]

    def answered(self, more: int) -> None:
        """Waits for so many more answers."""
        enough = len(self.answers) + more
        wait_for(lambda: len(self.answers) >= enough, 60)

    @contextmanager
    def running(self, clients: int = 4) -> Iterator["Load"]:
        """Calls during the block."""
        threads = [threading.Thread(target=self._calls) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in threads:
                thread.join(60)

    def _calls(self) -> None:
        session = requests.Session()
        session.auth = (self._served.token, self._served.token)
        while not self._over.is_set():
            began = time.monotonic()
            try:
                reply = session.post(self._served.url(self._which), json=self._body, timeout=30)
                self.answers.append((reply.status_code, reply.json()))
            except (requests.RequestException, FileNotFoundError) as error:
                self.answers.append((0, {"message": str(error)}))
            self._over.wait(max(0.0, self._pause - (time.monotonic() - began)))
