"""Shapes of the files of datasets on the private API."""

from typing import Annotated, Literal, Self

from msgspec import UNSET, Meta, UnsetType

from modelyard.domains.datasets.files.queries import Usage
from modelyard.engines.trees import Kind
from modelyard.engines.trees.files import Item, Listing
from modelyard.engines.trees.reading import Difference
from modelyard.kit.wire import Wire, present

ItemKind = Literal["file", "link", "folder"]


class DatasetItem(Wire):
    """What lies in a folder of a dataset; `size` is a file's, in bytes."""

    name: str
    path: str
    kind: ItemKind
    size: int
    is_executable: bool

    @classmethod
    def of(cls, item: Item) -> Self:
        """An item of a listing."""
        kind: ItemKind = "folder" if item.is_folder else "link" if item.kind is Kind.LINK else "file"
        return cls(
            name=item.name,
            path=item.path,
            kind=kind,
            size=item.size,
            is_executable=item.kind is Kind.EXECUTABLE and not item.is_folder,
        )


class DatasetFolder(Wire):
    """A page of a folder; `next` is given as `after` for the page behind it."""

    path: str
    items: list[DatasetItem]
    next: str | UnsetType = UNSET

    @classmethod
    def of(cls, path: str, listing: Listing) -> Self:
        """A page of a listing."""
        return cls(path=path, items=[DatasetItem.of(item) for item in listing.items], next=present(listing.next))


class DatasetUsage(Wire):
    """What a dataset and its project take, in bytes; a quota is absent where there is no limit."""

    file_count: int
    size_bytes: int
    snapshot_count: int
    snapshot_bytes: int
    project_size_bytes: int
    quota_bytes: int | UnsetType = UNSET
    project_quota_bytes: int | UnsetType = UNSET

    @classmethod
    def of(cls, usage: Usage) -> Self:
        """A stored usage."""
        return cls(
            file_count=usage.file_count,
            size_bytes=usage.size_bytes,
            snapshot_count=usage.snapshot_count,
            snapshot_bytes=usage.snapshot_bytes,
            project_size_bytes=usage.project_size_bytes,
            quota_bytes=present(usage.quota_bytes),
            project_quota_bytes=present(usage.project_quota_bytes),
        )


class Quota(Wire):
    """A quota in bytes; null for the platform's default."""

    quota_bytes: Annotated[int, Meta(ge=0, le=2**62)] | None


class ChangedFile(Wire):
    """A path at which two versions of a dataset differ; sizes in bytes, where there is a file."""

    path: str
    change: Literal["added", "changed", "removed"]
    size_before: int | UnsetType = UNSET
    size_after: int | UnsetType = UNSET

    @classmethod
    def of(cls, one: Difference) -> Self:
        """A difference of two trees."""
        change: Literal["added", "changed", "removed"] = "changed"
        if one.before is None:
            change = "added"
        elif one.after is None:
            change = "removed"
        return cls(
            path=one.path,
            change=change,
            size_before=present(one.before.size if one.before else None),
            size_after=present(one.after.size if one.after else None),
        )


class DatasetDifference(Wire):
    """How two versions of a dataset differ, and the first of the paths at which they do."""

    added: int
    changed: int
    removed: int
    files: list[ChangedFile]
    has_more: bool
