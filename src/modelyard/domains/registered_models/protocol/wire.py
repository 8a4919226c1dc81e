"""Models and versions as MLflow's clients know them; times in epoch milliseconds, empty fields left out."""

import msgspec

from modelyard.domains.registered_models.queries import RegisteredModel
from modelyard.domains.registered_models.versions.queries import StoredVersion
from modelyard.kit.wire import milliseconds

SOME_MODELS, MOST_MODELS = 100, 1000
SOME_VERSIONS, MOST_VERSIONS = 10_000, 200_000


class TagField(msgspec.Struct):
    """A tag."""

    key: str
    value: str = ""


class AliasField(msgspec.Struct):
    """An alias and its version."""

    alias: str
    version: str


class VersionFields(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A version of a model."""

    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str
    current_stage: str
    description: str
    source: str
    run_id: str
    status: str
    run_link: str
    tags: list[TagField] = []
    aliases: list[str] = []


class ModelFields(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A model, with the latest version of each stage."""

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str
    description: str = ""
    latest_versions: list[VersionFields] = []
    tags: list[TagField] = []
    aliases: list[AliasField] = []


class ModelReply(msgspec.Struct):
    """One model."""

    registered_model: ModelFields


class ModelsReply(msgspec.Struct, omit_defaults=True):
    """A page of models; no token on the last one."""

    registered_models: list[ModelFields] = []
    next_page_token: str | None = None


class VersionReply(msgspec.Struct):
    """One version."""

    model_version: VersionFields


class VersionsReply(msgspec.Struct, omit_defaults=True):
    """A page of versions; no token on the last one."""

    model_versions: list[VersionFields] = []
    next_page_token: str | None = None


class PlaceReply(msgspec.Struct):
    """Where the files of a version are."""

    artifact_uri: str


class Nothing(msgspec.Struct):
    """The reply of operations that have nothing to say."""


class NewModelFields(msgspec.Struct):
    """What a new model is to be."""

    name: str
    description: str | None = None
    tags: list[TagField] | None = None


class NewNameField(msgspec.Struct):
    """Another name of a model."""

    new_name: str


class DescriptionField(msgspec.Struct):
    """Other words about something."""

    description: str | None = None


class AliasName(msgspec.Struct):
    """An alias."""

    alias: str


class StagesField(msgspec.Struct):
    """The stages whose latest versions are asked for; all, when there are none."""

    stages: list[str] | None = None


class NewVersionFields(msgspec.Struct, kw_only=True):
    """What a new version is to be made of."""

    source: str
    run_id: str | None = None
    model_id: str | None = None
    run_link: str | None = None
    description: str | None = None
    tags: list[TagField] | None = None


def tags_of(fields: list[TagField] | None) -> dict[str, str]:
    """Tags by their keys; of several with one key the last one counts."""
    return {field.key: field.value for field in fields or []}


def version_fields(name: str, version: StoredVersion) -> VersionFields:
    """A version as clients read it."""
    return VersionFields(
        name=name,
        version=str(version.version),
        creation_timestamp=milliseconds(version.created_at),
        last_updated_timestamp=milliseconds(version.updated_at),
        user_id=version.owner_name,
        current_stage=version.stage,
        description=version.description,
        source=version.source,
        run_id=version.run_id or "",
        status="READY",
        run_link=version.run_link,
        tags=_tag_fields(version.tags),
        aliases=version.aliases,
    )


def model_fields(model: RegisteredModel, latest: list[StoredVersion]) -> ModelFields:
    """A model as clients read it."""
    return ModelFields(
        name=model.name,
        creation_timestamp=milliseconds(model.created_at),
        last_updated_timestamp=milliseconds(model.updated_at),
        user_id=model.owner_name,
        description=model.description,
        latest_versions=[version_fields(model.name, version) for version in latest],
        tags=_tag_fields(model.tags),
        aliases=[AliasField(alias, str(version)) for alias, version in sorted(model.aliases.items())],
    )


def _tag_fields(tags: dict[str, str]) -> list[TagField]:
    return [TagField(key, value) for key, value in sorted(tags.items())]
