"""Volumes: datasets and snapshots that the replicas of a model API see at paths of its choice."""
