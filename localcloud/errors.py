"""
What can go wrong with the local cloud and be put right by its operator.

    LocalCloudError
    ├── MachineError        Docker or the network of this host did not do what a machine needs
    └── MachineImageError   the machine image could not be built

The text of each is the whole message: what, where, and the way out.
"""

from __future__ import annotations


class LocalCloudError(Exception):
    """Something the operator can put right; its text is the whole message."""


class MachineError(LocalCloudError):
    """A machine could not be made, reached or changed."""


class MachineImageError(LocalCloudError):
    """The machine image could not be built."""
