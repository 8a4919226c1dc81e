"""Snapshots: taken at once or in the background, told what used them, deleted, and their bytes given back."""
