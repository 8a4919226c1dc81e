"""What uploads send and get."""

import msgspec

from modelyard.engines.uploads import Collision, Landed
from modelyard.kit.wire import Wire


class NewUpload(Wire):
    """How an upload is to be done; `filePaths` may be empty, for files are known by their chunks."""

    file_paths: list[str] = msgspec.field(default_factory=list)
    file_collision_setting: Collision = Collision.IGNORE


class EndedUpload(Wire):
    """What an upload brought: its files and bytes, how many files were left out, how many got another name."""

    files: int
    bytes: int
    ignored_files: int
    renamed_files: int

    @classmethod
    def of(cls, landed: Landed) -> "EndedUpload":
        """The reply about what landed."""
        return cls(
            files=landed.files, bytes=landed.bytes, ignored_files=landed.ignored, renamed_files=landed.renamed
        )
