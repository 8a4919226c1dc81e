"""The environments of a fresh installation."""

from modelyard.domains.environments import queries
from modelyard.domains.environments.queries import NewRevision
from modelyard.kit import events
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Database
from modelyard.kit.ids import new_id

STANDARD = "Modelyard Standard Environment"
PLAIN = "Plain Python"

_STACK = (
    "RUN pip install numpy pandas scipy scikit-learn matplotlib seaborn"
    " pyarrow polars requests joblib tqdm ipykernel"
)


async def seed_environments(db: Database, vault: Vault) -> None:
    """Makes the default environment with the everyday scientific stack, and one with Python alone.

    Neither is built before it is first used.
    """
    if not await queries.is_empty(db):
        return
    async with db.transaction() as tx:
        if not await queries.is_empty(tx):
            return
        for name, instructions, is_default in ((STANDARD, _STACK, True), (PLAIN, "", False)):
            environment_id = new_id()
            await queries.add_environment(tx, environment_id, name, None, "global", is_default=is_default)
            await queries.add_revision(
                tx,
                NewRevision(
                    id=new_id(),
                    environment_id=environment_id,
                    image="python",
                    instructions=instructions,
                    sealed_variables=vault.seal("{}"),
                    scripts={},
                    summary="Made with the installation",
                    tags=[],
                    supported_clusters=[],
                    workspace_tools=[],
                    skip_cache=False,
                    created_by_id=None,
                ),
            )
            await events.record(tx, None, "environment.created", "environment", environment_id, name=name)
