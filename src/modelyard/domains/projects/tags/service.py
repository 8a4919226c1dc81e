"""Rules of tags."""

from modelyard.domains.projects.queries import Project
from modelyard.domains.projects.tags import queries
from modelyard.domains.projects.tags.queries import Tag
from modelyard.domains.users import Caller
from modelyard.kit import events
from modelyard.kit.db import Transaction
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.ids import new_id


async def add_tags(tx: Transaction, caller: Caller, project: Project, names: list[str]) -> list[Tag]:
    """Tags a project; tags that it has already stay as they are. Raises BadRequest for blank names."""
    wanted = list({name.strip().lower(): name.strip() for name in names}.values())
    if not all(wanted):
        raise BadRequest("A tag is a word; give at least one character that is not white space.")
    tags = [await queries.add_tag(tx, new_id(), project.id, name, caller.id) for name in wanted]
    if tags:
        await events.record(
            tx, caller, "project.tagged", "project", project.id, project_id=project.id, tags=wanted
        )
    return tags


async def remove_tag(tx: Transaction, caller: Caller, project: Project, tag_id: str) -> None:
    """Removes a tag; raises NotFound."""
    if not await queries.remove_tag(tx, project.id, tag_id):
        raise NotFound(f"This project has no tag with the id {tag_id[:100]}.")
    await events.record(tx, caller, "project.untagged", "project", project.id, project_id=project.id, tagId=tag_id)
