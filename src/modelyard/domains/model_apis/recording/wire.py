"""Shapes of what is chosen of the recording of calls."""

from typing import Annotated

from msgspec import Meta

from modelyard.kit.wire import Wire

FieldName = Annotated[str, Meta(min_length=1, max_length=200)]


class Recording(Wire):
    """The share of the calls that is recorded, and the names of fields whose values are left out of them."""

    sample_rate: Annotated[float, Meta(ge=0, le=1)]
    redacted_fields: Annotated[list[FieldName], Meta(max_length=200)]
