"""Tags that clients give to models and versions."""

from collections.abc import Mapping

from modelyard.domains.experiments import refuse_reserved
from modelyard.kit.errors import BadRequest

LONGEST_KEY, LONGEST_VALUE, MOST = 250, 100_000, 1000


def checked_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags from a client; raises BadRequest for reserved ones, and those that are too long or too many."""
    refuse_reserved(tags)
    if len(tags) > MOST:
        raise BadRequest(f"There are at most {MOST:,} tags, these are {len(tags):,}.")
    for key, value in tags.items():
        if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
            raise BadRequest(f"A tag's key has 1 to {LONGEST_KEY} printable characters; '{key[:50]}' has not.")
        if len(value) > LONGEST_VALUE:
            raise BadRequest(f"The value of the tag {key} has more than {LONGEST_VALUE:,} characters.")
    return dict(tags)
