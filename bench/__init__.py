"""Measured comparisons: each against a peer or a floor in the same run, interleaved, as medians and ratios."""
