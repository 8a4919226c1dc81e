"""Calls of model APIs on record: sampled, bounded, redacted, as Parquet files in a dataset of the project."""
