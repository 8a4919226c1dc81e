"""The processes that an exchange with a git server consists of."""

import psutil


def exchanging() -> list[psutil.Process]:
    """Those below this process that are git or ssh; a test process has others, such as its PostgreSQL."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if child.name().startswith("git") or child.name() == "ssh"]
