"""The work of the reconciler: one job at a time for each subject, such as an instance."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from localcloud.errors import MachineError

log = logging.getLogger("localcloud.jobs")

AT_ONCE = 8

Action = Callable[[], bool | None]
"""It gives False where it has to be repeated."""


class Jobs:
    """A pool of threads; `after` is called when a job has done what it should."""

    def __init__(self, after: Callable[[], None]) -> None:
        self._after = after
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="machine")
        self._under_way: dict[str, Future[bool]] = {}
        self.failures: dict[str, str] = {}
        """Why the last job of a subject failed; what has succeeded since is not in it."""

    @property
    def under_way(self) -> set[str]:
        """The subjects whose job had not ended at `forget_ended`, or was submitted since."""
        return set(self._under_way)

    def forget_ended(self) -> None:
        """Lets the subjects whose job has ended be submitted again."""
        self._under_way = {key: job for key, job in self._under_way.items() if not job.done()}

    def submit(self, subject: str, action: Action) -> None:
        """Starts the action."""
        job = self._pool.submit(self._do, subject, action)
        job.add_done_callback(self._look_again)
        self._under_way[subject] = job

    def end(self) -> None:
        """Finishes what is under way, and takes nothing more."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _look_again(self, job: Future[bool]) -> None:
        # What failed is tried again in the next round, and no sooner.
        if not job.cancelled() and job.result():
            self._after()

    def _do(self, subject: str, action: Action) -> bool:
        """One action; gives whether it was done."""
        try:
            done = action()
        except MachineError as error:
            log.error("%s: %s", subject, error)
            self.failures[subject] = str(error)
        except Exception as error:
            log.exception("%s: unexpected", subject)
            self.failures[subject] = f"unexpected: {error}"
        else:
            self.failures.pop(subject, None)
            return done is not False
        return False
