"""The files of datasets: the live ones, and those of snapshots; listed, sent, compared, restored and deleted."""
