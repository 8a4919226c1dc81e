"""Stages of model versions: which there are in a project, and how a version moves from one to another."""
