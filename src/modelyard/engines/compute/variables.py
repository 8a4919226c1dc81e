"""The environment variables of programs that run in a virtual environment."""

from pathlib import Path

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def defaults(cores: float | None) -> dict[str, str]:
    """What a program begins with, and may be told otherwise: threads are as many as its cores."""
    threads = dict.fromkeys(_THREADS, str(max(1, int(cores)))) if cores is not None else {}
    return {"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", **threads}


def places(environment: Path, temporary_dir: str) -> dict[str, str]:
    """Where a program finds its Python, and where it may write; paths are those that it sees."""
    return {
        "PATH": f"{environment}/bin:/usr/local/bin:/usr/bin:/bin",
        "VIRTUAL_ENV": str(environment),
        "HOME": temporary_dir,
        "TMPDIR": temporary_dir,
    }
