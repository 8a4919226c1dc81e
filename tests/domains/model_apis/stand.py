"""Model APIs whose versions run: real replicas in the place of those that a runner would start."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from modelyard.domains.model_apis.queries import announce
from modelyard.engines.compute.local import LocalCompute
from modelyard.engines.serving import MlflowSource
from modelyard.engines.serving.local import LocalReplica
from modelyard.kit.db import Database
from tests.client import Person
from tests.domains.model_apis.conftest import make_model_api, version_of
from tests.domains.model_apis.served import put_down
from tests.engines.serving.models import Yard


class Stand:
    """Makes model APIs and serves their versions."""

    def __init__(self, db: Database, yard: Yard) -> None:
        self.db = db
        self.yard = yard

    async def makes(
        self, person: Person, project: dict[str, Any], *, version: dict[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        """A model API whose version nobody deploys but this stand."""
        made = await make_model_api(person, project, version={"shouldDeploy": False} | (version or {}), **more)
        await self.db.execute("DELETE FROM work WHERE kind = 'model_apis.serve'")
        return made

    async def adds(self, person: Person, model_api: dict[str, Any], project: dict[str, Any]) -> dict[str, Any]:
        """Another version."""
        path = f"/api/modelServing/v1/modelApis/{model_api['id']}/versions"
        made: dict[str, Any] = await person.post(path, version_of(project, shouldDeploy=False), expect=201)
        await self.db.execute("DELETE FROM work WHERE kind = 'model_apis.serve'")
        return made

    async def serves(self, version_id: str, code: str | MlflowSource, replicas: int = 1) -> list[LocalReplica]:
        """Has a version run with the function `predict` of some code, or with an MLflow model."""
        source = self.yard.function(code) if isinstance(code, str) else code
        started = [self.yard.start(self.yard.program(source)) for _ in range(replicas)]
        said = [await replica.ready(60) for replica in started]
        await put_down(self.db, version_id, said[0], [replica.address for replica in started])
        return started

    async def stops(self, version_id: str) -> None:
        """Has a version not run any more."""
        async with self.db.transaction() as tx:
            await tx.execute("UPDATE model_replicas SET state = 'ended' WHERE version_id = $1", version_id)
            model_api_id = await tx.value(
                "UPDATE model_api_versions SET status = 'Stopped' WHERE id = $1 RETURNING model_api_id",
                version_id,
            )
            await announce(tx, model_api_id)


@asynccontextmanager
async def standing(db: Database) -> AsyncIterator[Stand]:
    """A stand whose replicas end with the block."""
    with TemporaryDirectory(prefix="stand-") as folder:
        yard = Yard(Path(folder), LocalCompute("none"))
        try:
            yield Stand(db, yard)
        finally:
            await yard.close()
