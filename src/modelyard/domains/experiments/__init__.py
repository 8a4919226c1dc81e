"""Experiments: MLflow's tracking behind the guards of projects."""

from modelyard.domains.experiments.access import (
    ExperimentAccess,
    ExperimentRun,
    own_project,
    visible_experiment,
    visible_run,
)
from modelyard.domains.experiments.asked import project_named
from modelyard.domains.experiments.files import sent_file
from modelyard.domains.experiments.guards import artifact_experiment
from modelyard.domains.experiments.protocol import AlreadyExists, page_operation, protocol_operation
from modelyard.domains.experiments.queries import (
    Experiment,
    find_run,
    mark_registered,
    runs_of_job,
    visible_experiments,
)
from modelyard.domains.experiments.reserved_tags import PROJECT_TAG, is_reserved, origin_tags, refuse_reserved
from modelyard.domains.experiments.written import on_registered_run_written

__all__ = [
    "PROJECT_TAG",
    "AlreadyExists",
    "Experiment",
    "ExperimentAccess",
    "ExperimentRun",
    "artifact_experiment",
    "find_run",
    "is_reserved",
    "mark_registered",
    "on_registered_run_written",
    "origin_tags",
    "own_project",
    "page_operation",
    "project_named",
    "protocol_operation",
    "refuse_reserved",
    "runs_of_job",
    "sent_file",
    "visible_experiment",
    "visible_experiments",
    "visible_run",
]
