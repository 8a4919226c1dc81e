"""Records of calls of models: spooled where the calls are answered, turned into Parquet files apart from that.

Whoever answers calls appends records to segments, files in a spool folder of this machine. What is in a segment
outlives the process that wrote it. A child process turns closed segments into Parquet files, so that no process of
the platform itself holds the library.
"""

from modelyard.engines.call_records.records import CallRecord, Head
from modelyard.engines.call_records.spool import ClosedSegment, OpenSegment, Spool
from modelyard.engines.call_records.turning import NotTurned, Part, Turn, turned

__all__ = [
    "CallRecord",
    "ClosedSegment",
    "Head",
    "NotTurned",
    "OpenSegment",
    "Part",
    "Spool",
    "Turn",
    "turned",
]
