"""Kubernetes objects by their paths, asked for patiently: until they answer, or the deadline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from provider.kubernetes.api import Api, ApiError
from provider.protocol.resource import Operation
from provider.waiting import Wait

Content = Mapping[str, Any]

POLL_SECONDS: Final = 0.5
_GONE: Final = 404
_THERE: Final = 409
_INVALID: Final = 422


class Objects:
    """The objects of one API within one wait. Every call raises what can not pass by waiting."""

    def __init__(self, operation: Operation, api: Api, wait: Wait) -> None:
        self._operation = operation
        self._api = api
        self.wait = wait

    def get(self, path: str) -> Content | None:
        """The object; nothing when there is none."""
        status, content = self._ask("GET", path, accept=(_GONE,))
        return content if status != _GONE else None

    def listed(self, path: str, selector: str) -> Sequence[Content]:
        """The objects with these labels."""
        _, content = self._ask("GET", f"{path}?labelSelector={quote(selector, safe='')}")
        items: Sequence[Content] = content["items"]
        return items

    def create(self, path: str, content: Content) -> None:
        """Makes an object; one of its name that is there already stays."""
        self._ask("POST", path.rpartition("/")[0], content, accept=(_THERE,))

    def merge(self, path: str, content: Content) -> None:
        """Merges the content into an object that is there."""
        self._ask("PATCH", path, content)

    def put(self, path: str, content: Content) -> None:
        """Makes the object what it should be; what can not be changed in place is made anew."""
        status, _ = self._ask("PUT", path, content, accept=(_GONE, _INVALID))
        if status == _INVALID:
            self.delete(path)
        if status in (_GONE, _INVALID):
            self.create(path, content)

    def delete(self, path: str) -> None:
        """Removes an object; fine when there is none."""
        self._ask("DELETE", path, accept=(_GONE,))

    def wait_for(self, what: str) -> None:
        """Lets a moment pass, and says what for."""
        self.wait.seen = what
        self._operation.report_progress(what)
        self.wait.pause(POLL_SECONDS)

    def _ask(
        self, method: str, path: str, content: Any = None, accept: Sequence[int] = ()
    ) -> tuple[int, Any]:
        while True:
            try:
                answer = self.wait.run(lambda: self._api.call(method, path, content, accept))
                return answer.status, answer.json()
            except ApiError as error:
                if not error.retryable:
                    raise
                last = str(error)
            self.wait_for(last)
