"""Predictions that are asked for now and made when a model has room; their results are kept for a while."""
