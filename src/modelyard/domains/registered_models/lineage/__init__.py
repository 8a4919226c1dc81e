"""Lineage: all that a version of a model comes from, as far as it was recorded and its reader may see it."""
