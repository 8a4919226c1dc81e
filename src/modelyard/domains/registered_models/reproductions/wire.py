"""Shapes of reproductions on the wire."""

from typing import Self

from msgspec import UNSET, UnsetType

from modelyard.domains.registered_models.reproductions.artifacts import MOST_BYTES, MOST_FILES
from modelyard.domains.registered_models.reproductions.comparing import Kind, Output, Verdict
from modelyard.domains.registered_models.reproductions.service import MOST_RUNS, Reproduction
from modelyard.kit.wire import Wire, present

_HOW = (
    "Result files are compared by their git object, artifacts by their SHA-256; of the descriptions of models"
    " (MLmodel) run_id, model_id, model_uuid, utc_time_created and artifact_path are left out, which are new every"
    " time. Metrics of the machine (system/...) are not compared."
)
_LIMITS = (
    f"Not everything was compared: at most {MOST_RUNS} runs, {MOST_FILES:,} artifacts and"
    f" {MOST_BYTES // 2**30} GiB of them are."
)


class ReproductionOutput(Wire):
    """An output of either job, and how it is: `original` and `reproduction` say what each of them has there."""

    kind: str
    name: str
    verdict: str
    of: str | UnsetType = UNSET
    original: str | UnsetType = UNSET
    reproduction: str | UnsetType = UNSET

    @classmethod
    def of_output(cls, output: Output) -> Self:
        """A comparison."""
        return cls(
            kind=output.kind.value,
            name=output.name,
            verdict=output.verdict.value,
            of=present(output.of),
            original=present(output.original),
            reproduction=present(output.reproduction),
        )


class ModelVersionReproduction(Wire):
    """A job that does again what made a version; with `outputs` and `isIdentical` when it is over."""

    model_name: str
    model_version: int
    project_id: str
    original_job_id: str
    original_job_number: int
    job_id: str
    job_number: int
    status: str
    is_completed: bool
    notes: list[str]
    outputs: list[ReproductionOutput] | UnsetType = UNSET
    is_identical: bool | UnsetType = UNSET

    @classmethod
    def of(cls, found: Reproduction) -> Self:
        """A reproduction."""
        outputs, job = found.outputs, found.job
        return cls(
            model_name=found.version.model.name,
            model_version=found.version.version,
            project_id=job.project_id,
            original_job_id=found.original.id,
            original_job_number=found.original.number,
            job_id=job.id,
            job_number=job.number,
            status=job.status,
            is_completed=job.is_completed,
            notes=[] if outputs is None else _notes(outputs),
            outputs=UNSET if outputs is None else [ReproductionOutput.of_output(one) for one in outputs],
            is_identical=UNSET if outputs is None else found.is_identical,
        )


def _notes(outputs: list[Output]) -> list[str]:
    runs = sum(1 for one in outputs if one.kind is Kind.RUN)
    limited = runs >= MOST_RUNS or any(one.verdict is Verdict.NOT_COMPARED for one in outputs)
    return [_HOW, _LIMITS] if limited else [_HOW]
