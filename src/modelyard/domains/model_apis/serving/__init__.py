"""Serving versions on a runner: built, started, watched, replaced, drained and stopped."""
