"""Shapes of stages on the wire."""

from collections.abc import Iterable
from typing import Self

from msgspec import UNSET, UnsetType

from modelyard.domains.registered_models.wire import Description
from modelyard.kit.wire import MetadataV1, Wire, metadata


class RegisteredModelVersionStageV1(Wire):
    """A stage, by its label."""

    label: str


class RegisteredModelVersionStagesV1(Wire):
    """Body of setProjectModelVersionStages: all stages, in the order of promotion."""

    items: list[RegisteredModelVersionStageV1]


class RegisteredModelVersionStagesEnvelopeV1(Wire):
    """Stages in the order of promotion."""

    items: list[RegisteredModelVersionStageV1]
    metadata: MetadataV1

    @classmethod
    def of(cls, stages: Iterable[str]) -> Self:
        """Stages by their labels."""
        return cls(items=[RegisteredModelVersionStageV1(label=stage) for stage in stages], metadata=metadata())


class UpdatedRegisteredModelVersionV1(Wire):
    """Body of updateRegisteredModelVersion; what is absent stays as it is."""

    current_stage: str | None = None
    description: Description | None = None


class RegisteredModelVersionStageValidationV1(Wire):
    """Body of validateModelVersionStageTransition."""

    target_stage: str


class RegisteredModelVersionStageValidationResultV1(Wire):
    """Whether a version can move into a stage, and why not."""

    is_valid: bool
    errors: list[str] | UnsetType = UNSET
