"""Git repositories elsewhere: the main one of a git-based project, and imported ones beside its files."""
