"""MLflow's replies, as far as the platform reads them."""

import msgspec

from modelyard.engines.tracker import Metric, Param, TrackerRefused


def refusal(status: int, content: bytes) -> TrackerRefused:
    """What the tracker's failed reply says."""
    try:
        said = msgspec.json.decode(content, type=Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = Refusal()
    return TrackerRefused(status, said.error_code, said.message)


class Refusal(msgspec.Struct):
    """What MLflow says of what it cannot do."""

    error_code: str = "INTERNAL_ERROR"
    message: str = "The tracker failed; its log says why."


class RunInfo(msgspec.Struct):
    """The part of a run that is not logged to it."""

    run_id: str
    experiment_id: str
    status: str
    lifecycle_stage: str
    artifact_uri: str = ""
    run_name: str = ""
    start_time: int | None = None
    end_time: int | None = None


class Tag(msgspec.Struct):
    """A tag."""

    key: str
    value: str = ""


class RunData(msgspec.Struct):
    """What was logged to a run."""

    metrics: list[Metric] = []
    params: list[Param] = []
    tags: list[Tag] = []


class ModelId(msgspec.Struct):
    """A logged model."""

    model_id: str


class Inputs(msgspec.Struct):
    """What a run has used."""

    model_inputs: list[ModelId] = []


class Outputs(msgspec.Struct):
    """What a run has made."""

    model_outputs: list[ModelId] = []


class Run(msgspec.Struct):
    """A run."""

    info: RunInfo
    data: RunData = msgspec.field(default_factory=RunData)
    inputs: Inputs = msgspec.field(default_factory=Inputs)
    outputs: Outputs = msgspec.field(default_factory=Outputs)


class RunReply(msgspec.Struct):
    """One run."""

    run: Run


class ModelInfo(msgspec.Struct):
    """The part of a logged model that is asked for."""

    model_id: str
    experiment_id: str
    name: str
    status: str
    artifact_uri: str
    source_run_id: str = ""


class Model(msgspec.Struct):
    """A logged model."""

    info: ModelInfo


class ModelReply(msgspec.Struct):
    """One logged model."""

    model: Model


class Place(msgspec.Struct):
    """An experiment."""

    experiment_id: str


class TraceLocation(msgspec.Struct):
    """Where a trace is."""

    mlflow_experiment: Place


class TraceInfo(msgspec.Struct):
    """The part of a trace that is asked for."""

    trace_location: TraceLocation


class Trace(msgspec.Struct):
    """A trace."""

    trace_info: TraceInfo


class TraceReply(msgspec.Struct):
    """One trace."""

    trace: Trace
