"""The life of a replica: it loads its model, says that it is ready, answers, and ends when it is told to."""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import gc
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from .answers import Model
from .async_calls import AsyncCalls
from .control import Control
from .functions import NotLoadable, load_function
from .mlflow_models import load_mlflow
from .sync_calls import SyncCalls

_LAST_LINES = 12


def live(config_path: Path) -> None:
    """Runs to the end of the process; its exit code is 1 when the model cannot be loaded."""
    config = json.loads(config_path.read_bytes())
    _set_up_output()
    control = Control(Path(config["sockets"]), config["orphan_seconds"])
    control.start()
    _set_up_signals(control)
    try:
        model = _load(config["source"])
        description = model.description()
    except BaseException as error:  # also SystemExit of the model's own code
        traceback.print_exc()
        control.failed(_why(error))
        _end(1)
    # What the model made while it was loaded is not looked at again by the collector.
    gc.collect()
    gc.freeze()
    make = AsyncCalls if model.is_async else SyncCalls
    calls = make(model, control.slots.numbers, control.activity, control.slots.give_back)
    control.ready(description, calls)
    calls.run()
    _end(0)


def _load(source: dict[str, Any]) -> Model:
    folder = Path(source["folder"])
    if source["type"] == "function":
        return load_function(folder, source["file"], source["function"])
    return load_mlflow(folder)


def _why(error: BaseException) -> str:
    """Why a model cannot be loaded, for its author: the reason first, then the end of the trace."""
    if isinstance(error, NotLoadable):
        return str(error)
    lines = "".join(traceback.format_exception(type(error), error, error.__traceback__)).rstrip().split("\n")
    return "The model cannot be loaded.\n" + "\n".join(lines[-_LAST_LINES:])


def _set_up_output() -> None:
    """Lines of the model's own output come out when they are whole; crashes leave a trace."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True, write_through=False, errors="backslashreplace")
    faulthandler.enable()


def _set_up_signals(control: Control) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: control.drain())


def _end(code: int) -> None:
    """Ends without waiting for threads that the model left."""
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code)
