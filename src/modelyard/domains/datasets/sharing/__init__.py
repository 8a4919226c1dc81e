"""Shared datasets: those of other projects that a project uses."""
