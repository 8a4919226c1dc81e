"""Mounts: what runs see of datasets, and what that tells about both afterwards."""
