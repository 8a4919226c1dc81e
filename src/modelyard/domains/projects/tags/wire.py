"""Shapes of tags on the wire."""

from typing import Annotated, Self

import msgspec
from msgspec import Meta, UnsetType

from modelyard.domains.projects.tags.queries import Tag
from modelyard.kit.wire import Wire, epoch_ms


class TagNames(Wire):
    """Body of tagging."""

    tag_names: Annotated[list[Annotated[str, Meta(min_length=1, max_length=100)]], Meta(max_length=100)]


class ProjectTag(Wire):
    """A word that a project is found by."""

    id: str
    name: str

    @classmethod
    def of(cls, tag: Tag) -> Self:
        """A stored tag."""
        return cls(id=tag.id, name=tag.name)


class TagDetails(Wire):
    """One tag; `lastAdded` in epoch milliseconds."""

    id: str = msgspec.field(name="_id")
    name: str
    project_id: str
    last_added: int | UnsetType

    @classmethod
    def of(cls, tag: Tag) -> Self:
        """A stored tag."""
        return cls(id=tag.id, name=tag.name, project_id=tag.project_id, last_added=epoch_ms(tag.created_at))
