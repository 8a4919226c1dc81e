"""Goals: what a project is to reach, and whether it has."""
