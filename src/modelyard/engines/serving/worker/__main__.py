"""Started as `python <this file> <config.json>`: makes itself a package whose name no model uses, and runs it.

The folder of this file leaves `sys.path`, so that a model's own modules may be called as ours are.
"""

import importlib
import importlib.util
import sys
from pathlib import Path

NAME = "_modelyard_worker"


def _run() -> None:
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if entry and Path(entry).resolve() != here]
    spec = importlib.util.spec_from_file_location(
        NAME, here / "__init__.py", submodule_search_locations=[str(here)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(NAME)
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    spec.loader.exec_module(package)
    importlib.import_module(f"{NAME}.life").live(Path(sys.argv[1]))


if __name__ == "__main__":
    _run()
