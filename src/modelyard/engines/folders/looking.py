"""What has changed between what is known of a folder and what is found there."""

from collections.abc import Iterable, Iterator

from modelyard.engines.folders.queries import Found


def differences(known: Iterable[Found], found: Iterable[Found]) -> Iterator[Found | str]:
    """What is new or has changed, and the paths that are gone; both sides come in the order of their paths."""
    left = iter(known)
    one = next(left, None)
    for other in found:
        while one is not None and one[0] < other[0]:
            yield one[0]
            one = next(left, None)
        if one is None or one[0] != other[0]:
            yield other
            continue
        if one != other:
            yield other
        one = next(left, None)
    while one is not None:
        yield one[0]
        one = next(left, None)
