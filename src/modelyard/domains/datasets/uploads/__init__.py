"""Uploads into a dataset's live files, in chunks: the protocol of the official client."""

from modelyard.domains.datasets.uploads.service import DatasetUploads

__all__ = ["DatasetUploads"]
