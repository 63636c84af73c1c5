"""The resource type Identity."""

from typing import Final

IN_SYNC: Final = "in sync"
"""The output `rbacStatus` while the objects in the cluster are those of the inputs."""
