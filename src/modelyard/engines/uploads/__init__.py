"""Uploads: files that come in chunks, in any order and side by side, and land in a live folder all at once.

A session is a folder below the live folder's staging area. Chunks are written straight to their places in its
files; what was received is known by logs beside them, also after a process was killed. At the end the files are
moved into the live folder, all or none.
"""

from modelyard.engines.uploads.body import Body
from modelyard.engines.uploads.chunk import Chunk, SentFile
from modelyard.engines.uploads.landing import Landed
from modelyard.engines.uploads.plan import Collision
from modelyard.engines.uploads.quota import Quota
from modelyard.engines.uploads.sessions import Settle, UploadSessions

__all__ = [
    "Body",
    "Chunk",
    "Collision",
    "Landed",
    "Quota",
    "SentFile",
    "Settle",
    "UploadSessions",
]
