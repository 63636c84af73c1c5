"""Kubernetes objects by their paths; calls that fail are retried until the deadline of a wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote

from provider.kubernetes.api import Api, is_retryable
from provider.kubernetes.api_errors import check_shape
from provider.operation import Operation
from provider.waiting import Wait

T = TypeVar("T")
Content = Mapping[str, Any]

_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_INVALID: Final = 422


@dataclass(frozen=True)
class Objects:
    """The objects of one API within one wait. Every call raises the errors it cannot retry."""

    operation: Operation
    api: Api
    wait: Wait

    def get(self, path: str) -> Content | None:
        """The object; None when there is none."""
        status, content = self._call("GET", path, accept=(_NOT_FOUND,))
        return content if status != _NOT_FOUND else None

    def listed(self, path: str, selector: str) -> Sequence[Content]:
        """The objects with these labels."""
        _, content = self._call("GET", f"{path}?labelSelector={quote(selector, safe='')}")
        with check_shape():
            return [{**each, "metadata": {**each["metadata"]}} for each in content["items"]]

    def create(self, path: str, content: Content) -> None:
        """Creates an object; an existing one of its name is kept."""
        self._call("POST", path.rpartition("/")[0], content, accept=(_CONFLICT,))

    def merge(self, path: str, content: Content) -> None:
        """Merges the content into an existing object."""
        self._call("PATCH", path, content)

    def put(self, path: str, content: Content) -> None:
        """Creates or replaces an object; deletes it first if it cannot be changed in place."""
        status, _ = self._call("PUT", path, content, accept=(_NOT_FOUND, _INVALID))
        if status == _INVALID:
            self.delete(path)
        if status in (_NOT_FOUND, _INVALID):
            self.create(path, content)

    def delete(self, path: str) -> None:
        """Deletes an object, if it exists."""
        self._call("DELETE", path, accept=(_NOT_FOUND,))

    def until(self, call: Callable[[], T]) -> T:
        """The first result of `call`, repeated while it is Pending or may be retried."""
        return self.wait.until(call, retry=is_retryable, seen=self.operation.report_progress)

    def _call(
        self, method: str, path: str, content: Any = None, accept: Sequence[int] = ()
    ) -> tuple[int, Any]:
        def call() -> tuple[int, Any]:
            response = self.api.call(method, path, content, accept)
            return response.status, response.json()

        return self.until(lambda: self.wait.run(call))
