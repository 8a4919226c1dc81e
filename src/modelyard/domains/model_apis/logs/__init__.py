"""Logs of versions: how they were built and deployed, and what their replicas print."""
