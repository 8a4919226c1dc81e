"""Frames on a stream: they come out as they went in, however the stream is cut."""

import random

import pytest

from modelyard.engines.serving.worker.frames import (
    LONGEST_REQUEST,
    BrokenStream,
    Inbox,
    read_reply,
    read_request,
    reply,
    reply_inbox,
    request,
    request_inbox,
)


def _received(inbox: Inbox, stream: bytes, cuts: random.Random) -> list[bytes]:
    """The frames that come out when the stream arrives in pieces of any size."""
    frames, position = [], 0
    while position < len(stream):
        room = inbox.room()
        count = min(len(room), len(stream) - position, cuts.choice([1, 2, 3, 7, 50, 5_000, 100_000]))
        room[:count] = stream[position : position + count]
        position += count
        frames += [bytes(frame) for frame in inbox.took(count)]
    return frames


@pytest.mark.parametrize("seed", range(20))
def test_requests_survive_any_cutting(seed: int) -> None:
    chance = random.Random(seed)
    sent = [
        (number, chance.randbytes(chance.choice([0, 1, 24, 255])), chance.randbytes(chance.choice([0, 9, 70_000])))
        for number in range(1, 40)
    ]
    stream = b"".join(request(*one) for one in sent)
    frames = _received(request_inbox(), stream, chance)
    assert [read_request(memoryview(frame)) for frame in frames] == sent


def test_replies_carry_status_time_and_json() -> None:
    stream = reply(7, 200, 1_500, b'{"a":1}') + reply(8, 500, 2**40, b"")
    first, second = _received(reply_inbox(), stream, random.Random(0))
    assert read_reply(memoryview(first)) == (7, 200, 1_500, b'{"a":1}')
    assert read_reply(memoryview(second)) == (8, 500, 2**32 - 1, b"")


def test_a_large_frame_does_not_leave_a_large_room() -> None:
    inbox = request_inbox()
    usual = len(inbox.room())
    stream = request(1, b"id", bytes(3_000_000)) + request(2, b"id", b"x")
    assert [len(frame) for frame in _received(inbox, stream, random.Random(1))] == [3_000_011, 12]
    assert len(inbox.room()) == usual


@pytest.mark.parametrize("length", [0, 8, LONGEST_REQUEST + 1])
def test_what_cannot_be_a_frame_breaks_the_stream(length: int) -> None:
    inbox = request_inbox()
    stream = length.to_bytes(4, "little") + bytes(20)
    inbox.room()[: len(stream)] = stream
    with pytest.raises(BrokenStream):
        inbox.took(len(stream))
