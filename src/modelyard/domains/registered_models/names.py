"""What a registered model may be called, and what may be said about it."""

import re

from modelyard.kit.errors import BadRequest

LONGEST, LONGEST_DESCRIPTION, LONGEST_LINK = 250, 100_000, 2000

# They stand in the place of a name in addresses.
RESERVED = frozenset({"names", "ui", "access", "versionstages"})

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def checked_name(name: str) -> str:
    """The name itself; raises BadRequest when no model can have it."""
    if not 1 <= len(name) <= LONGEST:
        raise BadRequest(f"A model's name has 1 to {LONGEST} characters, this one has {len(name)}.")
    if _CONTROL.search(name):
        raise BadRequest("A model's name cannot have control characters or line breaks.")
    if name != name.strip() or not name.strip("."):
        raise BadRequest("A model's name cannot begin or end with blanks, or be only dots.")
    if name in RESERVED:
        raise BadRequest(
            f"'{name}' cannot be the name of a model: {', '.join(sorted(RESERVED))} have a meaning in addresses."
        )
    return name


def checked_description(words: str) -> str:
    """The words themselves; raises BadRequest when they are too many."""
    if len(words) > LONGEST_DESCRIPTION:
        raise BadRequest(f"A description has at most {LONGEST_DESCRIPTION:,} characters, this one {len(words):,}.")
    return words


def checked_link(link: str) -> str:
    """The address of a run elsewhere, if any; raises BadRequest for what a browser would not open as a page."""
    if link and not (
        link.startswith(("http://", "https://")) and link.isprintable() and len(link) <= LONGEST_LINK
    ):
        raise BadRequest(f"run_link is an address that begins with http:// or https://, not '{link[:100]}'.")
    return link
