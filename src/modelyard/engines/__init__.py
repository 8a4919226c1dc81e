"""The outside world, a folder per capability: a Protocol in its front door, adapters beside it."""
