"""The content of k3s's config.yaml on a machine, as the boot program makes it of node.json."""

from __future__ import annotations

import json
import sys
from typing import Any

from cluster import boot_program

# tests/conftest.py has it in the path, as a machine gets it; `make golden` has not.
sys.path.append(str(boot_program.SOURCE.parent))

from boot import k3s
from boot.environment import Environment
from boot.machine import Machine, parse_node

INSTANCE = "i-0123456789abcdef0"


def config_yaml(node_file: str) -> dict[str, Any]:
    """The configuration of the instance INSTANCE with this text of node.json."""
    unused: Any = None
    node = parse_node(json.loads(node_file))
    return k3s.config(Machine(Environment(), node, INSTANCE, unused, unused, unused))
