"""Where replicas may see volumes: beside the system and the model, not over them."""

from modelyard.kit.errors import BadRequest
from modelyard.kit.safe_path import SafePath

# Folders of the root that belong to the system, or to a replica itself.
SYSTEM = frozenset({
    "bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "nix", "opt", "proc", "root", "run",
    "sbin", "sys", "tmp", "usr", "var",
})  # fmt: skip
# The model's own files are here; only beside them is there room.
_MODEL, _MODEL_FOLDER = "mnt", "mnt/model"


def checked_mount_path(path: str) -> str:
    """The path in its plain form; raises BadRequest when no volume can be there."""
    if not path.startswith("/"):
        raise BadRequest(f"mountPath: {path[:100]!r} is not absolute; give one like /data/calls.")
    plain = SafePath(path)
    if not plain or plain.partition("/")[0] in SYSTEM or plain == _MODEL or _is_within(plain, _MODEL_FOLDER):
        raise BadRequest(
            f"mountPath: /{plain[:100]} belongs to the system or to the model itself; give a path such as"
            " /data/calls, /domino/calls or /mnt/calls."
        )
    return f"/{plain}"


def overlap(one: str, other: str) -> bool:
    """Whether one of two paths is, or lies within, the other."""
    return _is_within(one, other) or _is_within(other, one)


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
