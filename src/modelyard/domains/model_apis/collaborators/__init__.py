"""Collaborators: people and organizations with a role of their own in a model API."""
