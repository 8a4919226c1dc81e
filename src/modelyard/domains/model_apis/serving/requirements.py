"""What a registered model needs to be loaded: from the files that MLflow writes beside it to a build."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from modelyard.domains.model_apis.serving.tools import CannotServe
from modelyard.engines.builds import BuildRequest

MLMODEL, REQUIREMENTS, PYTHON = "MLmodel", "requirements.txt", "python_env.yaml"

# Files that say what a model is made of are small.
_LARGEST_BYTES = 2**20
_PYFUNC = re.compile(r"^\s+python_function:", re.MULTILINE)
_MLFLOW = re.compile(r"^mlflow_version:\s*['\"]?(\d+\.\d+\.\d+)['\"]?\s*$", re.MULTILINE)
_PYTHON = re.compile(r"^python:\s*['\"]?(3\.\d+)", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_COMMENT = re.compile(r"(^|\s)#.*$")


def build_of(folder: Path) -> BuildRequest:
    """The build that a model in a folder asks for; raises CannotServe for what is no model that can be served.

    Lines that no build can follow are left to the builder, which names them.
    """
    about = _text(folder / MLMODEL)
    if about is None:
        raise CannotServe(f"The registered version is no MLflow model: its files have no {MLMODEL} at their top.")
    if not _PYFUNC.search(about):
        raise CannotServe("The model has no python_function flavor, so that it cannot be called; log it with one.")
    lines = list(_lines(_text(folder / REQUIREMENTS) or ""))
    names = {found[0].lower().replace("_", "-") for line in lines if (found := _NAME.match(line))}
    if not names & {"mlflow", "mlflow-skinny"}:
        version = _MLFLOW.search(about)
        lines.append(f"mlflow-skinny=={version[1]}" if version else "mlflow-skinny")
    if not names & {"mlflow", "pandas"}:
        lines.append("pandas")
    python = _PYTHON.search(_text(folder / PYTHON) or "")
    return BuildRequest(
        image=f"python:{python[1]}" if python else "",
        instructions="\n".join(f"RUN {json.dumps(['pip', 'install', *words])}" for words in _by_line(lines)),
    )


def _by_line(lines: list[str]) -> Iterator[list[str]]:
    """The words of each line that names a package; options alone, such as indexes, go with the first of them."""
    options = [word for line in lines if line.startswith("-") for word in shlex.split(line)]
    for line in lines:
        if not line.startswith("-"):
            yield [*options, line]
            options = []


def _lines(text: str) -> Iterator[str]:
    """What requirements say, without comments and with continued lines as one."""
    for line in text.replace("\\\n", " ").splitlines():
        said = _COMMENT.sub("", line).strip()
        if said:
            yield said


def _text(path: Path) -> str | None:
    """A small text file; None when it is not there."""
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_BYTES).decode("utf-8", "replace")
    except (FileNotFoundError, IsADirectoryError):
        return None
