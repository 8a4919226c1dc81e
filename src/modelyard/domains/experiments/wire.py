"""Experiments on the wire, as MLflow's clients know them."""

import msgspec

from modelyard.domains.experiments.queries import Experiment
from modelyard.kit.wire import milliseconds


class TagField(msgspec.Struct):
    """A tag of something."""

    key: str
    value: str = ""


class ExperimentFields(msgspec.Struct, kw_only=True):
    """An experiment; times in epoch milliseconds."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str
    creation_time: int
    last_update_time: int
    tags: list[TagField]


class ExperimentReply(msgspec.Struct):
    """One experiment."""

    experiment: ExperimentFields


class ExperimentsReply(msgspec.Struct, omit_defaults=True):
    """A page of experiments; no token on the last one."""

    experiments: list[ExperimentFields]
    next_page_token: str | None = None


class ExperimentCreated(msgspec.Struct):
    """The id of a new experiment."""

    experiment_id: str


class Nothing(msgspec.Struct):
    """The reply of operations that have nothing to say."""


class NewExperiment(msgspec.Struct, kw_only=True):
    """What a new experiment is to be."""

    name: str
    artifact_location: str | None = None
    tags: list[TagField] | None = None


class ExperimentSearch(msgspec.Struct, kw_only=True):
    """Which experiments are asked for."""

    max_results: int = 1000
    page_token: str | None = None
    filter: str | None = None
    order_by: list[str] | None = None
    view_type: str | None = None


class NewName(msgspec.Struct):
    """Another name of an experiment."""

    new_name: str


def experiment_fields(experiment: Experiment) -> ExperimentFields:
    """An experiment as clients read it."""
    return ExperimentFields(
        experiment_id=experiment.id,
        name=experiment.name,
        artifact_location=experiment.artifact_location,
        lifecycle_stage=experiment.lifecycle_stage,
        creation_time=milliseconds(experiment.created_at),
        last_update_time=milliseconds(experiment.updated_at),
        tags=[TagField(key, value) for key, value in sorted(experiment.tags.items())],
    )
