"""Jobs: a command run at a commit of a project, in an environment, on a hardware tier, with its results."""

from modelyard.domains.jobs.queries import Job, find_job
from modelyard.domains.jobs.results import changed_files, files_at
from modelyard.domains.jobs.service import reproduce

__all__ = ["Job", "changed_files", "files_at", "find_job", "reproduce"]
