"""What versions are served with on one node, and what of it cannot be done."""

from pathlib import Path

import msgspec

from modelyard.domains.datasets import DatasetMounter
from modelyard.engines.builds import Builder
from modelyard.engines.git import GitStore
from modelyard.engines.logs import LogStore
from modelyard.engines.serving import Serving
from modelyard.engines.tracker import Artifacts
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Database


class ServingTools(msgspec.Struct, frozen=True, kw_only=True):
    """What versions are served with; `models` and `runs` are the folders of versions and of replicas."""

    db: Database
    git: GitStore
    logs: LogStore
    serving: Serving
    builder: Builder
    vault: Vault
    datasets: DatasetMounter
    artifacts: Artifacts
    isolated: bool
    node: str
    models: Path
    runs: Path
    start_timeout_seconds: float
    request_timeout_seconds: float
    stop_grace_seconds: float
    max_log_bytes: int


class CannotServe(Exception):
    """A version cannot be built or a replica of it cannot be started; the message is for the model's author."""
