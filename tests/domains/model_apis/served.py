"""Versions of model APIs that are served by real replicas, as the runner would leave them."""

import base64
import time
from typing import Any

import httpx
import msgspec

from modelyard.domains.model_apis import queries as model_apis
from modelyard.engines.serving import Description
from modelyard.engines.serving.local import LocalReplica
from modelyard.kit import crypto
from modelyard.kit.db import Database
from modelyard.kit.ids import new_id
from tests.client import Person
from tests.domains.model_apis.conftest import make_model_api, of_version, version_of, versions
from tests.engines.serving.models import Yard

TOKEN = "mdt_a-token-of-the-model"
SECONDS = 30


async def put_down(db: Database, version_id: str, said: Description, addresses: list[str]) -> None:
    """Puts down what a runner puts down of a version that runs, and tells whoever routes."""
    interface = msgspec.to_builtins(said) | {"input_names": list(said.inputs)}
    async with db.transaction() as tx:
        model_api_id = await tx.value(
            "UPDATE model_api_versions SET status = 'Running', built_at = now(), interface = $2 WHERE id = $1"
            " RETURNING model_api_id",
            version_id, interface,
        )  # fmt: skip
        for address in addresses:
            await tx.execute(
                "INSERT INTO model_replicas (id, version_id, node, address, state)"
                " VALUES ($1, $2, 'here', $3, 'ready')",
                new_id(), version_id, address,
            )  # fmt: skip
        await model_apis.announce(tx, model_api_id)


class Model:
    """A model API of somebody's, whose versions run in a yard."""

    def __init__(self, owner: Person, yard: Yard, model_api: dict[str, Any], project: dict[str, Any]) -> None:
        self.owner = owner
        self.modelyard = owner.modelyard
        self.yard = yard
        self.model_api = model_api
        self.project = project
        self.id = str(model_api["id"])
        self.replicas: dict[str, list[LocalReplica]] = {}

    def path(self, version: str | int = "latest") -> str:
        """The address of calls: of the latest version, `labels/prod`, or of a number."""
        return f"/models/{self.id}/{version}/model"

    async def first_version(self) -> dict[str, Any]:
        """The version that it was made with."""
        return (await versions(self.owner, self.model_api))[-1]

    async def new_version(self, **more: Any) -> dict[str, Any]:
        """Another version, which nobody serves yet."""
        address = of_version({"modelApiId": self.id, "id": ""}).rstrip("/")
        made: dict[str, Any] = await self.owner.post(address, version_of(self.project, **more), expect=201)
        return made

    async def serves(self, version: dict[str, Any], code: str, replicas: int = 1) -> dict[str, Any]:
        """Has a version run with so many replicas of a function's file, and tells whoever routes."""
        served = await self.yard.served(self.yard.function(code), replicas=replicas)
        self.replicas[version["id"]] = served.replicas
        addresses = [replica.address for replica in served.replicas]
        await put_down(self.modelyard.db, version["id"], served.description, addresses)
        return version

    async def stops(self, version: dict[str, Any], status: str = "Stopped") -> None:
        """Has the replicas of a version drain, and tells whoever routes."""
        async with self.modelyard.db.transaction() as tx:
            await tx.execute("UPDATE model_replicas SET state = 'draining' WHERE version_id = $1", version["id"])
            await tx.execute(
                "UPDATE model_api_versions SET status = $2, is_wanted = false WHERE id = $1", version["id"], status
            )
            await model_apis.announce(tx, self.id)

    async def set(self, **columns: Any) -> None:
        """Changes the model API's row, and tells whoever routes."""
        async with self.modelyard.db.transaction() as tx:
            for name, value in columns.items():
                await tx.execute(f"UPDATE model_apis SET {name} = $2 WHERE id = $1", self.id, value)
            await model_apis.announce(tx, self.id)

    async def add_token(self, token: str = TOKEN) -> str:
        """A token that opens the model API; its id."""
        token_id = new_id()
        async with self.modelyard.db.transaction() as tx:
            await tx.execute(
                "INSERT INTO model_api_access_tokens (id, model_api_id, digest, created_by_id, generated_by_id)"
                " VALUES ($1, $2, $3, $4, $4)",
                token_id, self.id, crypto.digest(token), self.owner.id,
            )  # fmt: skip
            await model_apis.announce(tx, self.id)
        return token_id

    async def call(
        self, body: Any = None, version: str | int = "latest", token: str = TOKEN, **options: Any
    ) -> httpx.Response:
        """A call with a token; `body` is sent as it is when it is bytes."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body or {"data": {"x": 1, "y": 2}})
        headers = basic(token) | options.pop("headers", {})
        return await self.modelyard.stranger().request(
            "POST", self.path(version), content=raw, headers=headers, **options
        )

    async def answers(self, body: Any = None, version: str | int = "latest") -> Any:
        """The result of a call that must succeed."""
        reply = await self.call(body, version)
        assert reply.status_code == 200, reply.text
        return reply.json()["result"]

    async def refuses(self, status: int, body: Any = None, version: str | int = "latest") -> str:
        """The message of a call that must fail with a status."""
        reply = await self.call(body, version)
        return failure(reply, status)

    async def answers_at_last(self, result: Any, version: str | int = "latest") -> None:
        """Calls until the answer is this one."""
        deadline = time.monotonic() + SECONDS
        while (last := await self.answers(version=version)) != result:
            assert time.monotonic() < deadline, last

    async def says_at_last(self, status: int, version: str | int = "latest", token: str = TOKEN) -> None:
        """Calls until the status is this one."""
        deadline = time.monotonic() + SECONDS
        while (last := await self.call(version=version, token=token)).status_code != status:
            assert time.monotonic() < deadline, last.text


def basic(name: str, password: str | None = None) -> dict[str, str]:
    """The header of basic authentication, with a token as user and password unless told otherwise."""
    text = f"{name}:{name if password is None else password}"
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def failure(reply: httpx.Response, status: int) -> str:
    """The message of a failure of this status, in the platform's envelope."""
    assert reply.status_code == status, reply.text
    envelope = reply.json()
    assert set(envelope) == {"requestId", "errors", "error", "message"}
    assert envelope["requestId"] == reply.headers["x-request-id"]
    return str(envelope["message"])


async def new_model(
    owner: Person, yard: Yard, project: dict[str, Any], code: str = "", version: Any = None, **more: Any
) -> Model:
    """A model API with a token, whose first version runs when there is code."""
    model = Model(owner, yard, await make_model_api(owner, project, version=version, **more), project)
    await model.add_token()
    if code:
        await model.serves(await model.first_version(), code)
    return model
