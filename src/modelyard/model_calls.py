"""Composition of what the API and the runner share for calls of models."""

from pathlib import Path

from modelyard.domains.model_apis.predictions.service import PredictionLimits
from modelyard.domains.model_apis.recording.recorder import CallRecorder, Limits
from modelyard.kit.db import Database
from modelyard.settings import Settings


def prediction_limits(settings: Settings) -> PredictionLimits:
    """What may be asked of asynchronous models."""
    return PredictionLimits(
        max_bytes=settings.async_prediction_max_bytes,
        max_open=settings.async_prediction_max_open,
        keep_seconds=settings.async_prediction_keep_seconds,
    )


def spool_folder(settings: Settings) -> Path:
    """Where recorded calls wait for their dataset."""
    return settings.home_path / "models" / "spool"


def call_recorder(db: Database, settings: Settings) -> CallRecorder:
    """The recorder of a process."""
    limits = Limits(
        body_bytes=settings.model_record_max_bytes,
        seconds=settings.model_record_seconds,
        spool_bytes=settings.model_record_spool_bytes,
    )
    return CallRecorder(db, spool_folder(settings), limits)
