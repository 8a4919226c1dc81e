"""Measurements behind the records in docs/decisions."""
