"""Web pages that the API serves as they are, without anything from other hosts."""

from importlib.resources import files


def page(name: str) -> bytes:
    """The bytes of a page."""
    return (files(__name__) / name).read_bytes()
