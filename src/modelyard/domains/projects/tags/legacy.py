"""Private routes on tags."""

from modelyard.domains.projects.access import project_by_id, project_with
from modelyard.domains.projects.queries import Project
from modelyard.domains.projects.tags import queries, service
from modelyard.domains.projects.tags.queries import Tag
from modelyard.domains.projects.tags.wire import ProjectTag, TagDetails, TagNames
from modelyard.domains.users import Caller, Right
from modelyard.kit.access import Guard
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import NotFound
from modelyard.kit.operation import operation
from modelyard.kit.wire import DeleteEnvelopeV1, deleted

TAG = "Projects (private)"


async def _load_tag(caller: Caller, db: Database, tagId: str) -> Tag:
    tag = await queries.find_tag(db, tagId)
    missing = NotFound(f"There is no tag with the id {tagId[:100]}, or you may not see its project.")
    if tag is None:
        raise missing
    try:
        await project_by_id(db, caller, tag.project_id, Right.LIST_PROJECT)
    except NotFound:
        raise missing from None
    return tag


_found_tag = Guard("tag", _load_tag, rights=(Right.LIST_PROJECT,), scope="project")


@operation("POST", "/v4/projects/{projectId:str}/tags", guard=project_with(Right.EDIT), tag=TAG)
async def add_tags(project: Project, caller: Caller, tx: Transaction, data: TagNames) -> list[ProjectTag]:
    """Tag a project; tags that it has already stay as they are."""
    return [ProjectTag.of(tag) for tag in await service.add_tags(tx, caller, project, data.tag_names)]


@operation("DELETE", "/v4/projects/{projectId:str}/tags/{tagId:str}", guard=project_with(Right.EDIT), tag=TAG)
async def remove_tag(project: Project, caller: Caller, tx: Transaction, tagId: str) -> DeleteEnvelopeV1:
    """Remove a tag from a project."""
    await service.remove_tag(tx, caller, project, tagId)
    return deleted()


@operation("GET", "/projectTags/{tagId:str}", guard=_found_tag, tag=TAG)
async def get_project_tag(tag: Tag) -> TagDetails:
    """One tag by its id."""
    return TagDetails.of(tag)
