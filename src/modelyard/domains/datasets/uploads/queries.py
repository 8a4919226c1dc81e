"""SQL of what uploads ask about datasets."""

import msgspec

from modelyard.kit.db import Executor


class LiveDataset(msgspec.Struct, frozen=True):
    """A dataset that is not deleted, and its project."""

    id: str
    project_id: str


async def uploaded_datasets(db: Executor) -> list[LiveDataset]:
    """The datasets that are not deleted and that uploads were ever begun into."""
    return await db.rows(
        LiveDataset,
        "SELECT d.id, d.project_id FROM datasets d WHERE d.deleted_at IS NULL AND EXISTS (SELECT FROM events e"
        " WHERE e.target_kind = 'dataset' AND e.target_id = d.id AND e.action = 'dataset.uploadStarted')",
    )
