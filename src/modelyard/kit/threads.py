"""Threads for what takes long."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_AT_ONCE = 16
_apart = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="apart")


async def apart(work: Callable[[], T]) -> T:
    """Runs what may take long, or wait for another process, apart from the threads of quick work.

    Those are few, and everything that reads a file needs one: they must not all wait for one lock.
    """
    return await asyncio.get_running_loop().run_in_executor(_apart, work)
