"""What has changed between what is known of a folder and what is found there."""

from collections.abc import Iterable

from modelyard.engines.folders.queries import Found


def differences(known: Iterable[Found], found: Iterable[Found]) -> tuple[list[Found], list[str]]:
    """What is new or has changed, and the paths that are gone; both sides come in the order of their paths."""
    changed: list[Found] = []
    gone: list[str] = []
    left = iter(known)
    one = next(left, None)
    for other in found:
        while one is not None and one[0] < other[0]:
            gone.append(one[0])
            one = next(left, None)
        if one is None or one[0] != other[0]:
            changed.append(other)
            continue
        if one != other:
            changed.append(other)
        one = next(left, None)
    while one is not None:
        gone.append(one[0])
        one = next(left, None)
    return changed, gone
