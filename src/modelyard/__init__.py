"""Modelyard: an open, self-hosted MLOps platform that speaks Domino Data Lab's public REST API."""

from importlib.metadata import version

__version__ = version("modelyard")
