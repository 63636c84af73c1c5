"""The errors of a call of the Kubernetes API, and which of them are worth another attempt."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class ApiError(Exception):
    """A request failed; where `retryable`, another attempt may succeed."""

    retryable = True


class UntrustedServerError(ApiError):
    """The server's certificate is not of our authority: it is another cluster."""

    retryable = False


class InvalidCredentialsError(ApiError):
    """The certificates given for the API cannot be used with any server."""

    retryable = False


class ApiStatusError(ApiError):
    """The API responded with another HTTP status than expected."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.retryable = status == 429 or status >= 500


def is_retryable(error: Exception) -> bool:
    """For `Wait.until`: whether a request that failed so is worth another attempt."""
    return isinstance(error, ApiError) and error.retryable


@contextlib.contextmanager
def check_shape() -> Iterator[None]:
    """Around reading the content of a response: a field that is missing or of another type."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise ApiError("the response of the API does not have the fields it should") from error
