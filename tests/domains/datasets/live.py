"""Live files of datasets, as programs on this machine see them, and what people do with them."""

import asyncio
import time
from pathlib import Path
from typing import Any

from tests.client import Modelyard, Person
from tests.domains.datasets.conftest import V1

PRIVATE = "/v4/datasetrw/datasets"
SECONDS = 30


class Live:
    """The live files of one dataset."""

    def __init__(self, modelyard: Modelyard, owner: Person, dataset: dict[str, Any]) -> None:
        self.modelyard, self.owner, self.id = modelyard, owner, str(dataset["id"])
        self.root = modelyard.settings.home_path / "datasets" / self.id / "live"

    @property
    def url(self) -> str:
        """Where the private routes of the dataset begin."""
        return f"{PRIVATE}/{self.id}"

    async def write(self, **files: bytes) -> None:
        """Writes files as a run does, without saying so; `__` in a name is a dot, `___` a slash."""
        for name, content in files.items():
            self.put(name.replace("___", "/").replace("__", "."), content)
        await self.change()

    def put(self, path: str, content: bytes) -> Path:
        """Writes one file."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return place

    async def change(self) -> None:
        """Has it known that files may have changed, as a run that mounts the dataset does."""
        await self.modelyard.db.execute("UPDATE datasets SET may_have_changed = true WHERE id = $1", self.id)

    async def snapshot(self, *paths: str, expect: int = 200) -> dict[str, Any]:
        """A snapshot, as it is in the reply."""
        reply = await self.owner.post(
            f"{V1}/{self.id}/snapshots", {"relativeFilePaths": list(paths)}, expect=expect
        )
        found: dict[str, Any] = reply.get("snapshot", reply)
        return found

    async def taken(self, *paths: str) -> dict[str, Any]:
        """A snapshot when it is taken, with its number and its root; for tests with a runner."""
        return await self.settled((await self.snapshot(*paths))["id"])

    async def settled(self, snapshot_id: str) -> dict[str, Any]:
        """A snapshot when it is neither pending nor being copied."""
        deadline = time.monotonic() + SECONDS
        while True:
            found: dict[str, Any] = await self.owner.get(f"/v4/datasetrw/snapshots/{snapshot_id}")
            if found["status"] not in {"pending", "copying"}:
                return found
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.02)

    async def text(self, path: str, snapshot: str | None = None, expect: int = 200, **headers: str) -> bytes:
        """The bytes of a file."""
        query = {"path": path} | ({"snapshot": snapshot} if snapshot else {})
        response = await self.owner.request("GET", f"{self.url}/file", params=query, headers=headers)
        assert response.status_code == expect, response.text
        return response.content

    async def names(self, path: str = "", **query: Any) -> list[str]:
        """What lies in a folder."""
        reply = await self.owner.get(f"{self.url}/files", path=path, **query)
        return [item["name"] + "/" * (item["kind"] == "folder") for item in reply["items"]]
