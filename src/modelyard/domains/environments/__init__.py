"""Environments: what a job's command finds installed; numbered revisions, built into virtual environments."""

from modelyard.domains.environments.builds import (
    BuildState,
    BuiltRevision,
    built_revision,
    ensure_building,
    finished_builds,
    place_of,
)
from modelyard.domains.environments.choice import RevisionChoice, environment_for_job
from modelyard.domains.environments.queries import BuildLine, RevisionIdentity, build_lines, identity_of
from modelyard.domains.environments.seeds import seed_environments
from modelyard.domains.environments.work import build_kind

__all__ = [
    "BuildLine",
    "BuildState",
    "BuiltRevision",
    "RevisionChoice",
    "RevisionIdentity",
    "build_kind",
    "build_lines",
    "built_revision",
    "ensure_building",
    "environment_for_job",
    "finished_builds",
    "identity_of",
    "place_of",
    "seed_environments",
]
