"""What a registered model may be called."""

import re

from modelyard.kit.errors import BadRequest

LONGEST = 250

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
