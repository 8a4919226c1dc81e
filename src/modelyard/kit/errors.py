"""Failures by meaning. One exception handler renders them all; the message is shown to the caller.

A message says what was wrong, where, and what to do. It never holds a path of the server, a secret or
the name of something the caller may not see.
"""


class Failure(Exception):
    """A request that cannot be answered as asked; subclasses carry the HTTP status of their meaning."""

    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def reason_of(error: Failure | OSError) -> str:
    """Why something failed, without the paths that errors of the system name."""
    return error.message if isinstance(error, Failure) else str(error.strerror)


class BadRequest(Failure):
    """The request contradicts itself or the state of what it names. Also used for conflicts: never 409."""

    status = 400


class Unauthenticated(Failure):
    """No credentials, or credentials that are not (or no longer) valid."""

    status = 401


class Forbidden(Failure):
    """The caller sees the object but may not do this with it."""

    status = 403


class NotFound(Failure):
    """There is no such object, or the caller may not see it; both look the same."""

    status = 404


class RequestTimeout(Failure):
    """The client sent its request too slowly."""

    status = 408


class TooLarge(Failure):
    """A body or file is over its limit."""

    status = 413


class Unprocessable(Failure):
    """The request is well formed, but its content cannot be worked on."""

    status = 422


class TooManyRequests(Failure):
    """A limit on rate or number is reached; the same request may pass later."""

    status = 429


class Unavailable(Failure):
    """Something the server needs is away for the moment; the same request may pass later."""

    status = 503
