"""The command line: everything but `serve` and its kin talks to the server over the API only."""

from modelyard.cli.main import app, main

__all__ = ["app", "main"]
