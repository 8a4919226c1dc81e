"""How many bytes live files may have."""

import msgspec

from modelyard.kit.errors import BadRequest


class Quota(msgspec.Struct, frozen=True):
    """A limit on bytes, how many of them are used, and whose limit it is, as in "the dataset churn"."""

    whose: str
    limit_bytes: int
    used_bytes: int

    @property
    def room_bytes(self) -> int:
        """How many bytes more there may be."""
        return self.limit_bytes - self.used_bytes

    def demand(self, more_bytes: int, *, may_replace: bool = False) -> None:
        """Raises BadRequest when so many bytes more do not fit.

        With `may_replace` nobody knows yet how much of what is there will go: only what would not even fit into
        empty folders is refused.
        """
        if more_bytes > (self.limit_bytes if may_replace else self.room_bytes) and more_bytes > 0:
            raise BadRequest(
                f"The upload's {more_bytes:,} bytes do not fit: the quota of {self.whose} is"
                f" {self.limit_bytes:,} bytes, of which {self.used_bytes:,} are used."
                " Remove files that are not needed, or ask an administrator for a larger quota."
            )
