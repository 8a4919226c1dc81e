"""Reviews of model versions: people are asked whether a version may come into a stage, and all must approve."""
