"""Copies of projects: files with their history, settings, goals and tags; whole or not at all."""

from modelyard.domains.projects.copying.service import Copying, UncopiedDataset, on_project_copied, settle_copies

__all__ = ["Copying", "UncopiedDataset", "on_project_copied", "settle_copies"]
