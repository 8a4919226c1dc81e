"""What serves registered models: the registry's questions that only model APIs can answer."""
