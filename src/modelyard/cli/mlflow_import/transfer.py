"""What all parts of an import share: the two servers, what is made from what, and the tags that say so."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from hashlib import blake2b
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from modelyard.cli.connection import CommandError, Unreachable
from modelyard.cli.mlflow_import.queries import Ledger
from modelyard.cli.mlflow_import.report import Report
from modelyard.cli.mlflow_import.rest import Json, Rest

SOURCE, STATE, DIGEST, MADE = "import.source", "import.state", "import.digest", "import.made"
OURS = {SOURCE, STATE, DIGEST, MADE}
# Tags that only the target sets, about what runs there; and one that it keeps with its registered models.
RESERVED = ("mlflow.domino.", "modelyard.")
LINKED_VERSIONS = "mlflow.modelVersions"
STARTED, COMPLETE = "started", "complete"
WITHOUT = " without "
# How many runs, models or files are on their way at a time.
AT_ONCE = 8

Item = TypeVar("Item")


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants of a source."""

    experiments: tuple[str, ...] = ()
    artifacts: bool = True
    models: bool = True
    deleted: bool = False
    dry: bool = False

    @property
    def left_out(self) -> list[str]:
        """What is left out although runs have it."""
        return [name for name, wanted in (("artifacts", self.artifacts), ("models", self.models)) if not wanted]


class Transfer:
    """One import on its way."""

    def __init__(self, source: Rest, target: Rest, ledger: Ledger, report: Report, choice: Choice) -> None:
        self.source, self.target, self.ledger = source, target, ledger
        self.report, self.choice = report, choice
        self.name = source_name(source.url)

    def link(self, *steps: str) -> str:
        """Something of the source by its place in the source's own pages; what `import.source` says."""
        return f"{self.name}/#/{'/'.join(quote(step, safe='') for step in steps)}"

    def linked(self, mark: str, *steps: str) -> str | None:
        """What stands in a mark behind the last of these steps, when it is one of this source."""
        before = self.link(*steps) + "/"
        return mark.removeprefix(before) if mark.startswith(before) else None

    def digest(self, *facts: Any) -> str:
        """A short hash over what somebody sees of a thing, and what of it is left out."""
        found = blake2b(msgspec.json.encode(facts), digest_size=16).hexdigest()
        left_out = self.choice.left_out
        return found + WITHOUT + ", ".join(left_out) if left_out else found

    def is_done(self, recorded: str, wanted: str) -> bool:
        """Whether what was complete once is so now: nothing has changed, and nothing wanted was left out."""
        (digest, _, without), now = recorded.partition(WITHOUT), wanted.partition(WITHOUT)[0]
        return digest == now and set(filter(None, without.split(", "))) <= set(self.choice.left_out)

    async def each(
        self, items: AsyncIterable[Item] | Iterable[Item], work: Callable[[Item], Awaitable[None]]
    ) -> None:
        """Works on all items, some at a time; the first failure ends it."""
        room = asyncio.Semaphore(AT_ONCE)

        async def one(item: Item) -> None:
            try:
                await work(item)
            finally:
                room.release()

        try:
            async with asyncio.TaskGroup() as group:
                async for item in _async(items):
                    await room.acquire()
                    group.create_task(one(item))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def attempt(self, kind: str, name: str, work: Awaitable[object]) -> None:
        """Does something; when it is refused it is left behind, and the import goes on."""
        try:
            await work
        except Unreachable:
            raise
        except CommandError as error:
            self.report.left_behind(kind, name, error)


def source_name(url: str) -> str:
    """A server's URL as it may be written down: without credentials, always in one spelling."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    shown = f"[{host}]" if ":" in host else host
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme.lower()}://{shown}{port}{quote(parts.path.rstrip('/'))}"


def tags_of(entity: Json) -> dict[str, str]:
    """The tags of something of MLflow's."""
    return {tag["key"]: tag.get("value", "") for tag in entity.get("tags", ())}


def foreign(tags: dict[str, str]) -> dict[str, str]:
    """Tags as they are carried over.

    Those of an import are left out: what is imported may have been imported before. Those that the target sets
    itself are kept under names of their own.
    """
    kept = {key: value for key, value in tags.items() if key not in OURS and key != LINKED_VERSIONS}
    return {f"import.{key}" if key.startswith(RESERVED) else key: value for key, value in kept.items()}


def pairs(values: dict[str, str]) -> list[Json]:
    """Tags or parameters as MLflow has them."""
    return [{"key": key, "value": value} for key, value in values.items()]


async def _async(items: AsyncIterable[Item] | Iterable[Item]) -> AsyncIterable[Item]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
