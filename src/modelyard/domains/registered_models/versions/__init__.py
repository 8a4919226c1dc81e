"""Versions of registered models: each a model that a run made, with what was known of the run."""
