"""Shapes of models and project endpoints on the private routes; times are epoch milliseconds."""

from typing import Self

import msgspec
from msgspec import UNSET, UnsetType

from modelyard.domains.model_apis.queries import ModelApi
from modelyard.domains.model_apis.versions.queries import Version
from modelyard.domains.model_apis.versions.wire import ModelApiSource, ModelApiVersionCreationRequest
from modelyard.kit.wire import Wire, milliseconds, present

UNPUBLISHED = "Unpublished"


class PublishVersion(Wire):
    """Body of the route that adds a version; an empty environment is the one that is used when none is named."""

    project_id: str
    file: str
    function: str
    description: str | None = None
    environment_id: str | None = None
    # Clients have sent one name by itself, too.
    exclude_files: list[str] | str | None = None

    def version(self) -> ModelApiVersionCreationRequest:
        """The version that is asked for, as the public operations have it."""
        excluded = [self.exclude_files] if isinstance(self.exclude_files, str) else self.exclude_files
        return ModelApiVersionCreationRequest(
            project_id=self.project_id,
            source=_file_source(self.file, self.function, excluded),
            log_http_request_response=False,
            monitoring_enabled=False,
            description=self.description,
            environment_id=self.environment_id or None,
        )


class PublishModel(PublishVersion, kw_only=True):
    """Body of the route that makes a model API with its first version."""

    name: str


class PublishedModel(Wire):
    """A model API."""

    id: str
    object_id: str = msgspec.field(name="_id")
    name: str
    description: str
    project_id: str
    created: int
    last_modified: int
    active_version_id: str | UnsetType = UNSET
    active_version_number: int | UnsetType = UNSET
    active_version_status: str | UnsetType = UNSET

    @classmethod
    def of(cls, stored: ModelApi) -> Self:
        """A stored model API."""
        active = stored.active_version
        return cls(
            id=stored.id,
            object_id=stored.id,
            name=stored.name,
            description=stored.description,
            project_id=stored.project_id,
            created=milliseconds(stored.created_at),
            last_modified=milliseconds(stored.modified_at),
            active_version_id=active.id if active else UNSET,
            active_version_number=active.number if active else UNSET,
            active_version_status=active.status if active else UNSET,
        )


class PublishedModelEnvelope(Wire):
    """A model API that has been published."""

    data: PublishedModel


class PublishedModels(Wire):
    """The model APIs of a project."""

    object_type: str
    url: str
    data: list[PublishedModel]


class PublishedVersionMetadata(Wire):
    """Which version it is, and when and by whom it was made."""

    number: int
    created: int
    created_by: str


class PublishedVersion(Wire):
    """A version of a model API."""

    id: str
    object_id: str = msgspec.field(name="_id")
    model_id: str
    project_id: str
    number: int
    description: str
    status: str
    commit_id: str
    environment_revision_id: str
    metadata: PublishedVersionMetadata
    file: str | UnsetType = UNSET
    function: str | UnsetType = UNSET

    @classmethod
    def of(cls, stored: Version) -> Self:
        """A stored version."""
        return cls(
            id=stored.id,
            object_id=stored.id,
            model_id=stored.model_api_id,
            project_id=stored.project_id,
            number=stored.number,
            description=stored.description,
            status=stored.status,
            commit_id=stored.commit_id,
            environment_revision_id=stored.environment_revision_id,
            metadata=PublishedVersionMetadata(
                number=stored.number,
                created=milliseconds(stored.created_at),
                created_by=stored.created_by_id,
            ),
            file=present(stored.source.file),
            function=present(stored.source.function),
        )


class PublishedVersions(Wire):
    """The versions of a model API, newest first."""

    object_type: str
    url: str
    data: list[PublishedVersion]


class ExportImage(Wire):
    """Body of the routes that would export an image; the password is not looked at."""

    registry_url: str | None = None
    repository: str | None = None
    tag: str | None = None


class ExportStatus(Wire):
    """How far an export is."""

    export_id: str
    status: str


class ExportLogs(Wire):
    """What an export said."""

    logs: str


class BindingDefinition(Wire):
    """The function that a project's endpoint calls."""

    file: str
    function: str


class PublishRelease(Wire):
    """Body of the route that publishes a project's endpoint; its commit is the newest unless named."""

    binding_definition: BindingDefinition
    commit_id: str | None = None

    def version(self, project_id: str) -> ModelApiVersionCreationRequest:
        """The version that is asked for, as the public operations have it."""
        return ModelApiVersionCreationRequest(
            project_id=project_id,
            source=_file_source(self.binding_definition.file, self.binding_definition.function, None),
            log_http_request_response=False,
            monitoring_enabled=False,
            commit_id=self.commit_id or None,
        )


class Release(Wire):
    """The version that a project's endpoint is known by."""

    version: int
    commit_id: str
    file: str | UnsetType = UNSET
    function: str | UnsetType = UNSET

    @classmethod
    def of(cls, version: Version) -> Self:
        """A stored version."""
        return cls(
            version=version.number,
            commit_id=version.commit_id,
            file=present(version.source.file),
            function=present(version.source.function),
        )


class EndpointState(Wire):
    """How the endpoint of a project is; one that is not there is not published."""

    is_published: bool
    status: str
    model_id: str | UnsetType = UNSET
    release: Release | UnsetType = UNSET

    @classmethod
    def of(cls, endpoint: ModelApi | None, version: Version | None) -> Self:
        """A stored endpoint, if there is one, by the version that it is known by."""
        if endpoint is None or version is None:
            return cls(is_published=False, status=UNPUBLISHED)
        return cls(
            is_published=version.is_wanted,
            status=version.status,
            model_id=endpoint.id,
            release=Release.of(version),
        )


def _file_source(file: str, function: str, exclude_files: list[str] | None) -> ModelApiSource:
    """A function in a file; the first generation writes paths with a slash in front."""
    return ModelApiSource(
        type="File", file=file.lstrip("/"), function=function, exclude_files=exclude_files or None
    )
