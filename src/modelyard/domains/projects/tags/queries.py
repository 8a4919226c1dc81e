"""SQL of tags."""

from datetime import datetime

import msgspec

from modelyard.kit.db import Executor, Transaction


class Tag(msgspec.Struct, frozen=True, kw_only=True):
    """A word that a project is found by."""

    id: str
    project_id: str
    name: str
    created_at: datetime


async def tags_of(db: Executor, project_ids: list[str]) -> list[Tag]:
    """The tags of projects, by name."""
    return await db.rows(
        Tag,
        "SELECT id, project_id, name, created_at FROM project_tags WHERE project_id = ANY($1)"
        " ORDER BY lower(name)",
        project_ids,
    )


async def find_tag(db: Executor, tag_id: str) -> Tag | None:
    """The tag with this id, of whatever project."""
    return await db.row(Tag, "SELECT id, project_id, name, created_at FROM project_tags WHERE id = $1", tag_id)


async def add_tag(tx: Transaction, tag_id: str, project_id: str, name: str, creator_id: str) -> Tag:
    """Tags a project; a tag that it has, whatever the case, stays as it is and is returned."""
    tag = await tx.row(
        Tag,
        "INSERT INTO project_tags (id, project_id, name, creator_id) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (project_id, lower(name)) DO UPDATE SET name = project_tags.name"
        " RETURNING id, project_id, name, created_at",
        tag_id, project_id, name, creator_id,
    )  # fmt: skip
    assert tag is not None  # noqa: S101
    return tag


async def remove_tag(tx: Transaction, project_id: str, tag_id: str) -> bool:
    """Removes a tag; False when the project has no such tag."""
    removed = await tx.execute("DELETE FROM project_tags WHERE project_id = $1 AND id = $2", project_id, tag_id)
    return removed == 1
