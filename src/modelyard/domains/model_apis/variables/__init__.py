"""Environment variables of model APIs: secrets of theirs, which processes see and nobody reads."""
