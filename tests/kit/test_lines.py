"""Lines that are said while something takes its time."""

import asyncio

import pytest

from modelyard.kit import lines as kit_lines
from modelyard.kit.errors import Unavailable
from modelyard.kit.lines import stored_lines


async def test_all_that_is_said_is_stored_in_order() -> None:
    stored: list[tuple[int, str]] = []

    async def store(taken: list[tuple[int, str]]) -> None:
        stored.extend(taken)

    async with stored_lines(store) as lines:
        lines.say("one")
        lines.say("two\nthree")
        lines.say("n\0ul \ud800")
    assert [text for _, text in stored] == ["one", "two", "three", "nul ?"]
    times = [time for time, _ in stored]
    assert times == sorted(set(times))


async def test_lines_are_stored_while_others_are_said() -> None:
    stored = asyncio.Event()

    async def store(_: list[tuple[int, str]]) -> None:
        stored.set()

    async with stored_lines(store) as lines:
        lines.say("early")
        await asyncio.wait_for(stored.wait(), 5)


async def test_a_store_that_is_away_is_tried_again() -> None:
    tries: list[str] = []

    async def store(taken: list[tuple[int, str]]) -> None:
        tries.append(taken[0][1])
        if len(tries) == 1:
            raise Unavailable("The database is away.")

    async with stored_lines(store) as lines:
        lines.say("patient")
    assert tries == ["patient", "patient"]


async def test_nobody_waits_for_ever_for_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kit_lines, "LAST_TRIES", 1)

    async def store(_: list[tuple[int, str]]) -> None:
        raise Unavailable("The database is away.")

    async with asyncio.timeout(20), stored_lines(store) as lines:
        lines.say("lost")
