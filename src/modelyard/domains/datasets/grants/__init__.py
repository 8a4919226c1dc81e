"""Grants: who has which role on a dataset, people and organizations."""
