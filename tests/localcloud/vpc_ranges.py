"""Ranges for the VPCs of tests: the networks of machines on one host must not overlap."""

from __future__ import annotations

import os
from itertools import count

# Beside what demos (10.64 to 10.127) and measurements (10.48, 10.49, 10.128 to 10.143) have, and
# below 10.200, where an example has its pods.
FIRST, NUMBER = 144, 56

_taken = count()


def take() -> str:
    """The next range of this process; those of 28 stacks before are in use no more."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return of_process(next(_taken), worker, processes)


def of_process(number: int, worker: int, processes: int) -> str:
    """The range with the number, counted from 0, in the share of one of the processes."""
    share = NUMBER // processes
    return f"10.{FIRST + worker * share + number % share}.0.0/16"
