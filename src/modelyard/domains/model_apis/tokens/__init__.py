"""Access tokens: what opens one model API to programs that have no account."""
