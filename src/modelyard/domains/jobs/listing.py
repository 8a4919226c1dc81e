"""Which page of a project's jobs is asked for."""

import msgspec

from modelyard.kit.paging import Page

PHASES: dict[str, tuple[str, ...]] = {
    "all": ("queued", "running", "completed"),
    "archived": ("queued", "running", "completed"),
    "queued": ("queued",),
    "running": ("running",),
    "completed": ("completed",),
    "active": ("queued", "running"),
}


class JobFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Filter, order and window of a list of jobs, in the contract's words."""

    page: Page
    sort_by: str = "number"
    ascending: bool = False
    status: str = "all"
    show_archived: bool = False
    tag: str | None = None
    stat: str | None = None

    @property
    def phases(self) -> tuple[str, ...]:
        """The phases whose jobs are shown."""
        return PHASES[self.status]

    @property
    def archived(self) -> tuple[bool, ...]:
        """Whether archived jobs, others, or both are shown."""
        if self.status == "archived":
            return (True,)
        return (False, True) if self.show_archived else (False,)
